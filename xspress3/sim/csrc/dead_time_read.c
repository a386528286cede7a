/* Reading frames with the dead-time correction applied. */
#include "acquire.h"
#include "dead_time.h"
#include "fault_effects.h"
#include "read.h"
#include "system.h"
#include "xsp3_api.h"

/* The raw scalers as doubles, three of them corrected; those of an omitted channel stay as they are or are 0. */
static void correct_scalers(const sim_correction *done, const uint32_t *nine, double *out)
{
    for (int i = 0; i < XSP3_SW_NUM_SCALERS; i++)
        out[i] = nine[i];
    if (!done->is_omitted)
        out[done->scaler] = done->input;
    out[XSP3_SCALER_IN_WINDOW0] *= done->factor;
    out[XSP3_SCALER_IN_WINDOW1] *= done->factor;
}

static void read_channel(sim_system *sys, int64_t frame, unsigned chan, const sim_region *want, double *bins,
                         double *scalers)
{
    uint32_t nine[XSP3_SW_NUM_SCALERS], raw[XSP3_BINS_PER_MCA];
    sim_read_scalers(sys, frame, chan, nine);
    sim_read_spectrum(sys, frame, chan, want, raw);
    sim_correction done = sim_correct(sys, (int)chan, nine);
    for (unsigned bin = 0; bin < want->n_eng; bin++)
        bins[bin] = raw[bin] * done.factor;
    if (scalers != NULL)
        correct_scalers(&done, nine, scalers);
}

static int read_region(int path, const char *call, double *bins, double *scalers, const sim_region *want,
                       bool is_aux_valid)
{
    sim_system *sys = sim_acquire(path, call);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = sim_check_region(sys, bins, want, is_aux_valid);
    for (unsigned t = 0; rc == XSP3_OK && t < want->n_tf; t++) {
        if (t == want->n_tf / 2)
            sim_fault_race(sys);
        int64_t frame = sim_stored_frame(sys, want->tf + t);
        for (unsigned i = 0; i < want->n_chan; i++, bins += want->n_eng) {
            read_channel(sys, frame, want->chan + i, want, bins, scalers);
            if (scalers != NULL)
                scalers += XSP3_SW_NUM_SCALERS;
        }
    }
    sim_release(sys);
    return rc;
}

XSP3_API int xsp3_hist_dtc_read4d(int path, double *hist_buff, double *scal_buff, unsigned eng, unsigned aux,
                                  unsigned chan, unsigned tf, unsigned num_eng, unsigned num_aux, unsigned num_chan,
                                  unsigned num_tf)
{
    sim_region want = {.eng = eng, .chan = chan, .tf = tf, .n_eng = num_eng, .n_chan = num_chan, .n_tf = num_tf};
    return read_region(path, __func__, hist_buff, scal_buff, &want, aux == 0 && num_aux == 1);
}

XSP3_API int xsp3_hist_dtc_read3d(int path, double *hist_buff, unsigned eng, unsigned y, unsigned tf, unsigned num_eng,
                                  unsigned dy, unsigned num_tf)
{
    sim_region want = {.eng = eng, .chan = y, .tf = tf, .n_eng = num_eng, .n_chan = dy, .n_tf = num_tf};
    return read_region(path, __func__, hist_buff, NULL, &want, true);
}

static void read_scalers(sim_system *sys, double *dest, unsigned scaler, unsigned n_scalers, const sim_region *want)
{
    for (unsigned t = 0; t < want->n_tf; t++) {
        int64_t frame = sim_stored_frame(sys, want->tf + t);
        for (unsigned i = 0; i < want->n_chan; i++) {
            uint32_t nine[XSP3_SW_NUM_SCALERS];
            double corrected[XSP3_SW_NUM_SCALERS];
            sim_read_scalers(sys, frame, want->chan + i, nine);
            sim_correction done = sim_correct(sys, (int)(want->chan + i), nine);
            correct_scalers(&done, nine, corrected);
            for (unsigned k = 0; k < n_scalers; k++)
                *dest++ = corrected[scaler + k];
        }
    }
}

XSP3_API int xsp3_scaler_dtc_read(int path, double *dest, unsigned scaler, unsigned chan, unsigned t,
                                  unsigned n_scalers, unsigned n_chan, unsigned dt)
{
    sim_region want = {.chan = chan, .tf = t, .n_chan = n_chan, .n_tf = dt};
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = n_scalers == 0 ? XSP3_OK : sim_check_scalers(sys, dest, scaler, n_scalers, &want);
    if (rc == XSP3_OK && n_scalers > 0)
        read_scalers(sys, dest, scaler, n_scalers, &want);
    sim_release(sys);
    return rc;
}
