/* Cards together: the timing of all in one call, and how they are wired. Card 0 makes the timing, the others follow. */
#include "acquire.h"
#include "errors.h"
#include "followers.h"
#include "run.h"
#include "system.h"
#include "xsp3_api.h"

static const uint32_t slave_debounce[] = {0, 10, 30, 70}; /* by gap mode: shorter than the gap */

static uint32_t master_time_a(const Xsp3Timing *setup)
{
    return ((uint32_t)setup->t_src & XSP3_TIME_A_SOURCE) | (setup->inv_f0 ? XSP3_TIME_A_F0_INV : 0u) |
           (setup->inv_veto ? XSP3_TIME_A_VETO_INV : 0u) | (setup->loop_io ? XSP3_TIME_A_LOOP_IO : 0u) |
           (uint32_t)setup->debounce << XSP3_TIME_A_DEBOUNCE_SHIFT | setup->card0_a_extra;
}

static uint32_t slave_time_a(const sim_system *sys, const Xsp3Timing *setup)
{
    uint32_t value = sys->sync_mode == XSP3_SYNC_IDC ? XSP3_TIME_A_IDC : XSP3_TIME_A_TTL_VETO_ONLY;
    if (sys->sync_mode == XSP3_SYNC_MIDPLANE)
        value |= XSP3_TIME_A_FROM_RADIAL;
    uint32_t debounce = setup->t_src == XSP3_TIME_A_ITFG ? slave_debounce[sys->itfg.gap_mode] : 0;
    if (setup->override_debounce_other > 0)
        debounce = (uint32_t)setup->override_debounce_other;
    return value | debounce << XSP3_TIME_A_DEBOUNCE_SHIFT | setup->cardn_a_extra;
}

static int set_timing(sim_system *sys, const Xsp3Timing *setup)
{
    if (setup == NULL)
        return sim_fail(sys, XSP3_ERROR, "setup is NULL");
    if (setup->debounce < 0 || setup->debounce > 255)
        return sim_fail(sys, XSP3_ERROR, "debounce=%d out of range 0..255", setup->debounce);
    if (setup->override_debounce_other > 255)
        return sim_fail(sys, XSP3_ERROR, "override_debounce_other=%d out of range 0..255",
                        setup->override_debounce_other);
    sim_run_stop(sys); /* RUN is not among what is written */
    sim_followers_set(sys, -1, false);
    sys->time_a[0] = master_time_a(setup);
    for (int card = 1; card < sys->arguments.n_cards; card++)
        sys->time_a[card] = slave_time_a(sys, setup);
    for (int card = 0; card < sys->arguments.n_cards; card++)
        sys->time_fixed[card] = setup->fixed;
    sim_run_update(sys); /* the debounce may be another one now */
    return XSP3_OK;
}

XSP3_API int xsp3_set_timing(int path, Xsp3Timing *setup)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = set_timing(sys, setup);
    sim_release(sys);
    return rc;
}

static int set_sync_mode(sim_system *sys, int sync_mode, bool has_global_reset, int card)
{
    if (sync_mode < 0 || sync_mode > XSP3_SYNC_LAST)
        return sim_fail(sys, XSP3_ERROR, "sync_mode=%d out of range 0..%d", sync_mode, XSP3_SYNC_LAST);
    int rc = has_global_reset ? sim_check_card(sys, card) : XSP3_OK;
    if (rc == XSP3_OK)
        sys->sync_mode = sync_mode;
    return rc;
}

XSP3_API int xsp3_set_sync_mode(int path, int sync_mode, int enb_global_reset, int gr_card)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = set_sync_mode(sys, sync_mode, enb_global_reset != 0, gr_card);
    sim_release(sys);
    return rc;
}
