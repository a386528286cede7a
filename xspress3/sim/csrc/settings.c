/* What is set before a run: flags, clocks, settings directories, windows, thresholds, trigger parameters. */
#include "acquire.h"
#include "errors.h"
#include "settings_files.h"
#include "settings_save.h"
#include "system.h"
#include "xsp3_api.h"

XSP3_API int xsp3_set_run_flags(int path, int flags)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    sys->run_flags = flags;
    sim_release(sys);
    return XSP3_OK;
}

XSP3_API int xsp3_get_run_flags(int path)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int flags = sys->run_flags;
    sim_release(sys);
    return flags;
}

/* ---- clocks ---- */

static bool is_clock_source(int generation, int clk_src)
{
    bool is_card_synthesiser = clk_src == 0x10 || clk_src == 0x11;
    bool is_midplane = clk_src == 0x20 || clk_src == 0x21;
    if (generation == XSP3_GEN_3)
        return clk_src >= 0 && clk_src <= 3;
    return is_card_synthesiser || (generation == XSP3_GEN_4 && is_midplane);
}

static int clocks_setup(const sim_system *sys, int card, int clk_src)
{
    int rc = sim_check_card_or_all(sys, card);
    if (rc < 0)
        return rc;
    if (!is_clock_source(sys->about.generation, clk_src))
        return sim_fail(sys, XSP3_RANGE_CHECK, "invalid clk_src %d for generation %d", clk_src,
                        sys->about.generation);
    if (sys->about.generation == XSP3_GEN_3)
        return XSP3_OK;
    return sys->about.generation == XSP3_GEN_4 ? 100000000 : 80000000;
}

XSP3_API int xsp3_clocks_setup(int path, int card, int clk_src, int flags, int tp_type)
{
    (void)flags;
    (void)tp_type;
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = clocks_setup(sys, card, clk_src);
    sim_release(sys);
    return rc;
}

/* ---- settings directory ---- */

static int restore_settings(sim_system *sys, const char *directory, bool is_forced)
{
    sim_settings settings = sys->settings;
    if (directory == NULL)
        return sim_fail(sys, XSP3_ERROR, "no directory given");
    int rc = sim_settings_read(sys->call, directory, &settings);
    if (rc < 0)
        return rc;
    if (settings.revision_major != sim_revision_major(sys) && !is_forced)
        return sim_fail(sys, XSP3_ERROR, "settings are of major revision %d, the firmware has %d",
                        settings.revision_major, sim_revision_major(sys));
    sys->settings = settings;
    return XSP3_OK;
}

static int restore_path(int path, const char *call, const char *directory, int force_mismatch)
{
    sim_system *sys = sim_acquire(path, call);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = restore_settings(sys, directory, force_mismatch != 0);
    sim_release(sys);
    return rc;
}

XSP3_API int xsp3_restore_settings(int path, char *dir_name, int force_mismatch)
{
    return restore_path(path, __func__, dir_name, force_mismatch);
}

/* No clock is saved, so it stays as it is. */
XSP3_API int xsp3_restore_settings_and_clock(int path, char *dir_name, int force_mismatch)
{
    return restore_path(path, __func__, dir_name, force_mismatch);
}

XSP3_API int xsp3_save_settings(int path, char *dir_name)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    sim_settings settings = sys->settings;
    settings.revision_major = sim_revision_major(sys);
    int rc = dir_name == NULL ? sim_fail(sys, XSP3_ERROR, "no directory given")
                              : sim_settings_save(sys->call, dir_name, &settings, sys->n_channels);
    sim_release(sys);
    return rc;
}

/* ---- windows ---- */

static int check_window(const sim_system *sys, int win)
{
    if (win == 0 || win == 1)
        return XSP3_OK;
    return sim_fail(sys, XSP3_ERROR, "win=%d out of range 0..1", win);
}

static bool is_bin(int bin)
{
    return bin >= 0 && bin < XSP3_BINS_PER_MCA;
}

static int set_window(sim_system *sys, int chan, int win, int low, int high)
{
    if (chan != -1 && sim_check_chan(sys, chan) < 0)
        return XSP3_ERROR; /* the real one says -1 here, not -6 */
    int rc = check_window(sys, win);
    if (rc < 0)
        return rc;
    if (!is_bin(low) || !is_bin(high))
        return sim_fail(sys, XSP3_ERROR, "window %d: low=%d high=%d outside 0..%d", win, low, high,
                        XSP3_BINS_PER_MCA - 1);
    for (int i = 0; i < sys->n_channels; i++)
        if (chan == -1 || chan == i)
            sys->window[i][win] = (sim_window){.low = (uint32_t)low, .high = (uint32_t)high};
    return XSP3_OK;
}

XSP3_API int xsp3_set_window(int path, int chan, int win, int low, int high)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = set_window(sys, chan, win, low, high);
    sim_release(sys);
    return rc;
}

XSP3_API int xsp3_get_window(int path, int chan, int win, uint32_t *low, uint32_t *high)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = sim_check_chan(sys, chan);
    if (rc == XSP3_OK)
        rc = check_window(sys, win);
    if (rc == XSP3_OK && low != NULL)
        *low = sys->window[chan][win].low;
    if (rc == XSP3_OK && high != NULL)
        *high = sys->window[chan][win].high;
    sim_release(sys);
    return rc;
}

/* ---- good threshold ---- */

static int set_good_thres(sim_system *sys, int chan, uint32_t good_thres)
{
    int rc = chan == -1 ? XSP3_OK : sim_check_chan(sys, chan);
    if (rc < 0)
        return rc;
    if (good_thres >= XSP3_BINS_PER_MCA)
        return sim_fail(sys, XSP3_ERROR, "good_thres=%u out of range 0..%d", good_thres, XSP3_BINS_PER_MCA - 1);
    for (int i = 0; i < sys->n_channels; i++)
        if (chan == -1 || chan == i)
            sys->good_thres[i] = good_thres;
    return XSP3_OK;
}

XSP3_API int xsp3_set_good_thres(int path, int chan, uint32_t good_thres)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = set_good_thres(sys, chan, good_thres);
    sim_release(sys);
    return rc;
}

XSP3_API int xsp3_get_good_thres(int path, int chan, uint32_t *good_thres)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = sim_check_chan(sys, chan);
    if (rc == XSP3_OK && good_thres != NULL)
        *good_thres = sys->good_thres[chan];
    sim_release(sys);
    return rc;
}

/* ---- trigger parameters ---- */

XSP3_API int xsp3_get_trigger_b(int path, int chan, Xspress3_TriggerB *trig_b)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = sim_check_chan(sys, chan);
    if (rc == XSP3_OK && trig_b == NULL)
        rc = sim_fail(sys, XSP3_ERROR, "trig_b is NULL");
    if (rc == XSP3_OK)
        *trig_b = sys->settings.trigger_b[chan];
    sim_release(sys);
    return rc;
}

static int set_trigger_b(sim_system *sys, int chan, const Xspress3_TriggerB *trig_b)
{
    int rc = sim_check_chan(sys, chan);
    if (rc < 0)
        return rc;
    if (trig_b == NULL)
        return sim_fail(sys, XSP3_ERROR, "trig_b is NULL");
    if (trig_b->event_time < 2 || trig_b->event_time > 127)
        return sim_fail(sys, XSP3_ERROR, "event_time=%d out of range 2..127", trig_b->event_time);
    sys->settings.trigger_b[chan] = *trig_b;
    return XSP3_OK;
}

XSP3_API int xsp3_set_trigger_b(int path, int detector, Xspress3_TriggerB *trig_b)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = set_trigger_b(sys, detector, trig_b);
    sim_release(sys);
    return rc;
}
