/* What is set before a run: flags, clocks, settings directories, format, windows, trigger parameters. */
#include "sim.h"

XSP3_API int xsp3_set_run_flags(int path, int flags)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return XSP3_INVALID_PATH;
    sys->run_flags = flags;
    sim_release(sys);
    return XSP3_OK;
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
        return XSP3_INVALID_PATH;
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

XSP3_API int xsp3_restore_settings(int path, char *dir_name, int force_mismatch)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return XSP3_INVALID_PATH;
    int rc = restore_settings(sys, dir_name, force_mismatch != 0);
    sim_release(sys);
    return rc;
}

/* ---- format ---- */

static int64_t frames_that_fit(const sim_system *sys, int bits_eng)
{
    int64_t n_frames = (int64_t)sys->arguments.num_tf << (XSP3_MAX_BITS_ENG - bits_eng);
    return n_frames < SIM_MAX_RING ? n_frames : SIM_MAX_RING;
}

int64_t sim_ring_frames(const sim_system *sys)
{
    int most_bits = 0;
    for (int chan = 0; chan < sys->n_channels; chan++)
        if (sys->bits_eng[chan] > most_bits)
            most_bits = sys->bits_eng[chan];
    return frames_that_fit(sys, most_bits);
}

static int format_run(sim_system *sys, int chan, int nbits_eng)
{
    int rc = chan == -1 ? XSP3_OK : sim_check_chan(sys, chan);
    if (rc < 0)
        return rc;
    if (nbits_eng < 0 || nbits_eng > XSP3_MAX_BITS_ENG)
        return sim_fail(sys, XSP3_ERROR, "nbits_eng=%d out of range 0..%d", nbits_eng, XSP3_MAX_BITS_ENG);
    int64_t ring_before = sim_ring_frames(sys);
    for (int i = 0; i < sys->n_channels; i++)
        if (chan == -1 || chan == i)
            sys->bits_eng[i] = nbits_eng;
    if (sim_ring_frames(sys) != ring_before)
        sim_run_forget(sys); /* the places of the ring are no longer where they were */
    return (int)frames_that_fit(sys, nbits_eng);
}

XSP3_API int xsp3_format_run(int path, int chan, int aux1_mode, int res_thres, int aux2_cont, int disables,
                             int aux2_mode, int nbits_eng)
{
    (void)res_thres;
    (void)disables;
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return XSP3_INVALID_PATH;
    int rc;
    if (aux1_mode != 0 || aux2_cont != 0 || aux2_mode != 0)
        rc = sim_fail(sys, XSP3_ERROR, "aux1_mode=%d aux2_cont=%d aux2_mode=%d: the simulator has no auxiliary axes",
                      aux1_mode, aux2_cont, aux2_mode);
    else
        rc = format_run(sys, chan, nbits_eng);
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
        return XSP3_INVALID_PATH;
    int rc = set_window(sys, chan, win, low, high);
    sim_release(sys);
    return rc;
}

XSP3_API int xsp3_get_window(int path, int chan, int win, uint32_t *low, uint32_t *high)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return XSP3_INVALID_PATH;
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

/* ---- trigger parameters ---- */

XSP3_API int xsp3_get_trigger_b(int path, int chan, Xspress3_TriggerB *trig_b)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return XSP3_INVALID_PATH;
    int rc = sim_check_chan(sys, chan);
    if (rc == XSP3_OK && trig_b == NULL)
        rc = sim_fail(sys, XSP3_ERROR, "trig_b is NULL");
    if (rc == XSP3_OK)
        *trig_b = (Xspress3_TriggerB){.enable = 1, .event_time = sys->settings.event_width[chan]};
    sim_release(sys);
    return rc;
}
