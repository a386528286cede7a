/* Spectrum format: energy bins, and the frames that then fit. There are no auxiliary axes and no sub-frames. */
#include "acquire.h"
#include "errors.h"
#include "run.h"
#include "system.h"
#include "xsp3_api.h"

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
    return (int)sim_frames_that_fit(sys, nbits_eng);
}

XSP3_API int xsp3_format_run(int path, int chan, int aux1_mode, int res_thres, int aux2_cont, int disables,
                             int aux2_mode, int nbits_eng)
{
    (void)res_thres;
    (void)disables;
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc;
    if (aux1_mode != 0 || aux2_cont != 0 || aux2_mode != 0)
        rc = sim_fail(sys, XSP3_ERROR, "aux1_mode=%d aux2_cont=%d aux2_mode=%d: the simulator has no auxiliary axes",
                      aux1_mode, aux2_cont, aux2_mode);
    else
        rc = format_run(sys, chan, nbits_eng);
    sim_release(sys);
    return rc;
}

/* A single sub-frame without a good threshold of its own is the plain format. */
XSP3_API int xsp3_format_sub_frames(int path, int chan, int just_good, int just_good_thres, int flags, int nbits_eng,
                                    int num_sub_frames, int ts_divide)
{
    (void)just_good_thres;
    (void)flags;
    (void)ts_divide;
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc;
    if (num_sub_frames != 1 || just_good != 0)
        rc = sim_fail(sys, XSP3_ERROR, "num_sub_frames=%d just_good=%d: there are no sub-frames, allowed is 1 and 0",
                      num_sub_frames, just_good);
    else
        rc = format_run(sys, chan, nbits_eng);
    sim_release(sys);
    return rc;
}

/* ---- reading it back ---- */

static void put(int *to, int value)
{
    if (to != NULL)
        *to = value;
}

static int get_format(const sim_system *sys, int chan, int *eng, int *aux1, int *aux2, int *tf)
{
    int rc = sim_check_chan(sys, chan);
    if (rc < 0)
        return rc;
    put(eng, (int)sim_n_bins(sys, (unsigned)chan));
    put(aux1, 1);
    put(aux2, 1);
    put(tf, (int)sim_ring_frames(sys));
    return XSP3_OK;
}

XSP3_API int xsp3_get_format(int path, int chan, int *nbins_eng, int *nbins_aux1, int *nbins_aux2, int *nbins_tf)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = get_format(sys, chan, nbins_eng, nbins_aux1, nbins_aux2, nbins_tf);
    sim_release(sys);
    return rc;
}

XSP3_API int xsp3_read_format(int path, int chan, int diag_hist, int *num_used_chanP, int *nbins_eng, int *nbins_aux1,
                              int *nbins_aux2, int *nbins_tf)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = diag_hist == 0 ? get_format(sys, chan, nbins_eng, nbins_aux1, nbins_aux2, nbins_tf)
                            : sim_fail(sys, XSP3_ERROR, "diag_hist=%d: allowed is 0", diag_hist);
    if (rc == XSP3_OK)
        put(num_used_chanP, sys->n_channels);
    sim_release(sys);
    return rc;
}

XSP3_API int xsp3_scaler_get_num_tf(int path)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int n_frames = (int)sim_ring_frames(sys);
    sim_release(sys);
    return n_frames;
}
