/* API of the internal timing generator (ITFG). What it does in a run: itfg.c. */
#include "acquire.h"
#include "errors.h"
#include "itfg.h"
#include "run_frames.h"
#include "system.h"
#include "timing_source.h"
#include "xsp3_api.h"

static int gap_ticks(int gap_mode)
{
    static const int ticks[] = {2, 16, 40, 80};
    return ticks[gap_mode & 3];
}

/* All cards at once only where they are said not to be wired together. */
static bool is_all(const sim_system *sys, int card)
{
    return card == -1 && sys->sync_mode == XSP3_SYNC_NONE;
}

static int check_card(const sim_system *sys, int card)
{
    if (!is_all(sys, card) && (card < 0 || card >= sys->arguments.n_cards))
        return sim_fail(sys, XSP3_ERROR, "illegal card specified (%d)", card);
    if (sys->about.itfg_code == 0)
        return sim_fail(sys, XSP3_ERROR, "no ITFG in this firmware");
    return XSP3_OK;
}

static int check_extras(const sim_system *sys, const sim_itfg *itfg)
{
    int code = sys->about.itfg_code;
    if (itfg->acq_in_pause < 0 || itfg->acq_in_pause > 2)
        return sim_fail(sys, XSP3_ERROR, "acq_in_pause=%d out of range 0..2", itfg->acq_in_pause);
    if (itfg->acq_in_pause != 0 && code < 2)
        return sim_fail(sys, XSP3_ERROR, "acq_in_pause=%d, but this ITFG (code %d) has none", itfg->acq_in_pause, code);
    if (itfg->marker_period < 0)
        return sim_fail(sys, XSP3_ERROR, "marker_period=%d is negative", itfg->marker_period);
    if (itfg->marker_period == 0)
        return XSP3_OK;
    if (code != 3 && code != 5 && code != 8)
        return sim_fail(sys, XSP3_ERROR, "marker_period=%d, but this ITFG (code %d) has no markers",
                        itfg->marker_period, code);
    if (itfg->marker_frame < 0 || itfg->marker_frame >= itfg->marker_period)
        return sim_fail(sys, XSP3_ERROR, "marker_frame=%d out of range 0..%d", itfg->marker_frame,
                        itfg->marker_period - 1);
    return XSP3_OK;
}

/* As in the real one, what has a register is cut to its width, not checked. In force at the next start. */
static int setup(int path, const char *call, int card, sim_itfg itfg)
{
    sim_system *sys = sim_acquire(path, call);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = check_card(sys, card);
    if (rc == XSP3_OK)
        rc = check_extras(sys, &itfg);
    if (rc == XSP3_OK && card <= 0) {
        itfg.num_tf &= XSP3_MAX_ITFG_FRAMES;
        itfg.trig_mode &= 7;
        itfg.gap_mode &= 3;
        itfg.gap_ticks = gap_ticks(itfg.gap_mode);
        sys->itfg = itfg;
    }
    sim_release(sys);
    return rc;
}

XSP3_API int xsp3_itfg_setup(int path, int card, int num_tf, uint32_t col_time, int trig_mode, int gap_mode)
{
    sim_itfg itfg = {.num_tf = num_tf, .col_time = col_time, .trig_mode = trig_mode, .gap_mode = gap_mode};
    return setup(path, __func__, card, itfg);
}

XSP3_API int xsp3_itfg_setup2(int path, int card, int num_tf, uint32_t col_time, int trig_mode, int gap_mode,
                              int acq_in_pause, int marker_period, int marker_frame)
{
    sim_itfg itfg = {.num_tf = num_tf,
                     .col_time = col_time,
                     .trig_mode = trig_mode,
                     .gap_mode = gap_mode,
                     .acq_in_pause = acq_in_pause,
                     .marker_period = marker_period,
                     .marker_frame = marker_frame};
    return setup(path, __func__, card, itfg);
}

static void put(int *to, int value)
{
    if (to != NULL)
        *to = value;
}

XSP3_API int xsp3_itfg_get_setup(int path, int card, int *num_tf, uint32_t *col_time, int *trig_mode, int *gap_mode)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = sim_check_card(sys, card) < 0 ? XSP3_ERROR : check_card(sys, card);
    if (rc == XSP3_OK) {
        put(num_tf, (int)sys->itfg.num_tf);
        put(trig_mode, sys->itfg.trig_mode);
        put(gap_mode, sys->itfg.gap_mode);
        if (col_time != NULL)
            *col_time = sys->itfg.col_time;
    }
    sim_release(sys);
    return rc;
}

XSP3_API int xsp3_has_itfg(int path, int card)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = sim_check_card(sys, card);
    if (rc == XSP3_OK)
        rc = sys->about.itfg_code;
    sim_release(sys);
    return rc;
}

/* ---- stop and start within a run ---- */

static bool is_generating(const sim_system *sys)
{
    return sys->run.is_running && sim_run_source(&sys->run) == XSP3_TIME_A_ITFG;
}

static void stop(sim_system *sys)
{
    sim_run_cut(sys, sys->about.is_cut_reported);
    sys->run.phase = SIM_ENDED;
}

/* From the state after arm; a burst does not wait when counting is enabled. */
static void restart(sim_system *sys)
{
    sim_itfg_begin(sys);
    if (sys->run.itfg.trig_mode == XSP3_ITFG_BURST && sys->run.count_enabled)
        sim_itfg_trigger(sys);
}

XSP3_API int xsp3_itfg_stop(int path, int card)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = check_card(sys, card);
    if (rc == XSP3_OK && card <= 0 && is_generating(sys))
        stop(sys);
    sim_release(sys);
    return rc;
}

XSP3_API int xsp3_itfg_start(int path, int card)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = check_card(sys, card);
    if (rc == XSP3_OK && card <= 0 && is_generating(sys) && sim_itfg_is_finished(sys))
        restart(sys);
    sim_release(sys);
    return rc;
}
