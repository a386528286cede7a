/* Reading frames out of the ring: which frame is in the place asked for, then its content from the source. */
#include <string.h>

#include "acquire.h"
#include "errors.h"
#include "fault_effects.h"
#include "progress.h"
#include "read.h"
#include "roi.h"
#include "slots.h"
#include "source.h"
#include "system.h"
#include "xsp3_api.h"

/* Frames first..first+n of an index space of `size`; when circular, first wraps and only n counts. */
static bool frames_fit(const sim_system *sys, unsigned first, unsigned n)
{
    uint64_t size = (uint64_t)sim_ring_frames(sys);
    return sim_is_circular(sys) ? n <= size : (uint64_t)first + n <= size;
}

/* Bins that all channels asked for have; 0 when there is no such channel. */
static unsigned common_bins(const sim_system *sys, const sim_region *want)
{
    unsigned common = XSP3_BINS_PER_MCA;
    if ((uint64_t)want->chan + want->n_chan > (uint64_t)sys->n_channels)
        return 0;
    for (unsigned i = 0; i < want->n_chan; i++)
        if (sim_n_bins(sys, want->chan + i) < common)
            common = sim_n_bins(sys, want->chan + i);
    return common;
}

int sim_check_region(const sim_system *sys, const void *buffer, const sim_region *want, bool is_aux_valid)
{
    unsigned bins = common_bins(sys, want);
    bool is_empty = want->n_eng == 0 || want->n_chan == 0 || want->n_tf == 0;
    bool is_outside = (uint64_t)want->eng + want->n_eng > bins || !frames_fit(sys, want->tf, want->n_tf);
    if (is_empty || is_outside || !is_aux_valid)
        return sim_fail(sys, XSP3_RANGE_CHECK,
                        "from (%u, %u, %u) size (%u, %u, %u)%s DOES NOT FIT IN (eng, auxXchan, tf) = (%u, %d, %lld)",
                        want->eng, want->chan, want->tf, want->n_eng, want->n_chan, want->n_tf,
                        is_aux_valid ? "" : " aux outside 0..0", bins ? bins : sim_n_bins(sys, 0), sys->n_channels,
                        (long long)sim_ring_frames(sys));
    if (buffer == NULL)
        return sim_fail(sys, XSP3_ERROR, "no buffer given");
    return XSP3_OK;
}

int64_t sim_stored_frame(const sim_system *sys, unsigned index)
{
    if (sys->slots.ring == 0)
        return -1;
    int64_t frame = sim_slots_frame(&sys->slots, index % sys->slots.ring, sys->run.begun);
    return frame >= sys->run.first && frame < sys->run.complete ? frame : -1;
}

/* Nothing there, not on this channel, or cleared? */
static bool is_blank(const sim_system *sys, unsigned chan, int64_t frame)
{
    return frame < 0 || frame >= sim_complete(sys, (int)chan) ||
           sim_slots_is_cleared(&sys->slots, (int)chan, frame % sys->slots.ring, frame);
}

/* ---- spectra ---- */

/* Bins of a channel with fewer than 4096: each the sum of its neighbours. */
static void fill_merged(sim_system *sys, int64_t frame, unsigned chan, const sim_region *want, uint32_t *out)
{
    unsigned width = XSP3_BINS_PER_MCA >> sys->bits_eng[chan];
    unsigned n_full = want->n_eng * width;
    uint32_t full[XSP3_BINS_PER_MCA];
    sys->source->fill(sys, frame, (int)chan, 1, want->eng * width, n_full, full);
    for (unsigned i = 0; i < want->n_eng; i++) {
        out[i] = 0;
        for (unsigned k = 0; k < width; k++)
            out[i] += full[i * width + k];
    }
}

/* Bins of a channel with regions. */
static void fill_regions(sim_system *sys, int64_t frame, unsigned chan, const sim_region *want, uint32_t *out)
{
    uint32_t full[XSP3_BINS_PER_MCA], all[XSP3_BINS_PER_MCA];
    sys->source->fill(sys, frame, (int)chan, 1, 0, XSP3_BINS_PER_MCA, full);
    sim_roi_fill(&sys->roi[chan], full, all);
    memcpy(out, all + want->eng, want->n_eng * sizeof *out);
}

void sim_read_spectrum(sim_system *sys, int64_t frame, unsigned chan, const sim_region *want, uint32_t *out)
{
    if (is_blank(sys, chan, frame))
        memset(out, 0, want->n_eng * sizeof *out);
    else if (sys->roi[chan].place != NULL)
        fill_regions(sys, frame, chan, want, out);
    else if (sim_n_bins(sys, chan) == XSP3_BINS_PER_MCA)
        sys->source->fill(sys, frame, (int)chan, 1, want->eng, want->n_eng, out);
    else
        fill_merged(sys, frame, chan, want, out);
}

/* All channels of one frame; in one go when nothing sets them apart. */
static void fill_frame(sim_system *sys, int64_t frame, const sim_region *want, uint32_t *out)
{
    bool is_plain = sys->slots.cleared == NULL;
    for (unsigned chan = want->chan; chan < want->chan + want->n_chan; chan++)
        is_plain = is_plain && sys->roi[chan].place == NULL && sys->bits_eng[chan] == XSP3_MAX_BITS_ENG &&
                   frame < sim_complete(sys, (int)chan);
    if (is_plain) {
        sys->source->fill(sys, frame, (int)want->chan, (int)want->n_chan, want->eng, want->n_eng, out);
        return;
    }
    for (unsigned i = 0; i < want->n_chan; i++)
        sim_read_spectrum(sys, frame, want->chan + i, want, out + (size_t)i * want->n_eng);
}

static int read_region(int path, const char *call, uint32_t *buffer, const sim_region *want, bool is_aux_valid)
{
    sim_system *sys = sim_acquire(path, call);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = sim_check_region(sys, buffer, want, is_aux_valid);
    size_t words = (size_t)want->n_chan * want->n_eng;
    for (unsigned i = 0; rc == XSP3_OK && i < want->n_tf; i++) {
        if (i == want->n_tf / 2)
            sim_fault_race(sys);
        int64_t frame = sim_stored_frame(sys, want->tf + i);
        if (frame < 0)
            memset(buffer + i * words, 0, words * sizeof *buffer);
        else
            fill_frame(sys, frame, want, buffer + i * words);
    }
    sim_release(sys);
    return rc;
}

XSP3_API int xsp3_histogram_read3d(int path, uint32_t *buffer, unsigned x, unsigned y, unsigned t, unsigned dx,
                                   unsigned dy, unsigned dt)
{
    sim_region want = {.eng = x, .chan = y, .tf = t, .n_eng = dx, .n_chan = dy, .n_tf = dt};
    return read_region(path, __func__, buffer, &want, true);
}

XSP3_API int xsp3_histogram_read_chan(int path, uint32_t *buffer, unsigned chan, unsigned eng, unsigned aux,
                                      unsigned tf, unsigned num_eng, unsigned num_aux, unsigned num_tf)
{
    sim_region want = {.eng = eng, .chan = chan, .tf = tf, .n_eng = num_eng, .n_chan = 1, .n_tf = num_tf};
    return read_region(path, __func__, buffer, &want, aux == 0 && num_aux == 1);
}

XSP3_API int xsp3_histogram_read4d(int path, uint32_t *buffer, unsigned eng, unsigned aux, unsigned chan, unsigned tf,
                                   unsigned num_eng, unsigned num_aux, unsigned num_chan, unsigned num_tf)
{
    sim_region want = {.eng = eng, .chan = chan, .tf = tf, .n_eng = num_eng, .n_chan = num_chan, .n_tf = num_tf};
    return read_region(path, __func__, buffer, &want, aux == 0 && num_aux == 1);
}

/* ---- scalers ---- */

int sim_check_scalers(const sim_system *sys, const void *dest, unsigned scaler, unsigned n_scalers,
                      const sim_region *want)
{
    bool is_outside = (uint64_t)scaler + n_scalers > XSP3_SW_NUM_SCALERS ||
                      (uint64_t)want->chan + want->n_chan > (uint64_t)sys->n_channels ||
                      !frames_fit(sys, want->tf, want->n_tf);
    if (is_outside)
        return sim_fail(sys, XSP3_RANGE_CHECK,
                        "from (%u, %u, %u) size (%u, %u, %u) DOES NOT FIT IN (scaler, chan, tf) = (%d, %d, %lld)",
                        scaler, want->chan, want->tf, n_scalers, want->n_chan, want->n_tf, XSP3_SW_NUM_SCALERS,
                        sys->n_channels, (long long)sim_ring_frames(sys));
    if (dest == NULL)
        return sim_fail(sys, XSP3_ERROR, "no buffer given");
    return XSP3_OK;
}

void sim_read_scalers(sim_system *sys, int64_t frame, unsigned chan, uint32_t *nine)
{
    if (is_blank(sys, chan, frame)) {
        memset(nine, 0, XSP3_SW_NUM_SCALERS * sizeof *nine);
        return;
    }
    sys->source->scalers(sys, frame, (int)chan, nine);
    uint32_t lost = sim_fault_ticks((int)chan, frame), *live = &nine[XSP3_SCALER_CLOCK_TICKS];
    *live -= lost < *live ? lost : *live;
}

static void read_scalers(sim_system *sys, uint32_t *dest, unsigned scaler, unsigned n_scalers, const sim_region *want)
{
    for (unsigned t = 0; t < want->n_tf; t++) {
        int64_t frame = sim_stored_frame(sys, want->tf + t);
        for (unsigned i = 0; i < want->n_chan; i++, dest += n_scalers) {
            uint32_t nine[XSP3_SW_NUM_SCALERS];
            sim_read_scalers(sys, frame, want->chan + i, nine);
            memcpy(dest, nine + scaler, n_scalers * sizeof *dest);
        }
    }
}

static int scaler_path(int path, const char *call, uint32_t *dest, unsigned scaler, unsigned n_scalers,
                       const sim_region *want, bool is_sub_frame_valid)
{
    sim_system *sys = sim_acquire(path, call);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = n_scalers == 0 ? XSP3_OK : sim_check_scalers(sys, dest, scaler, n_scalers, want);
    if (rc == XSP3_OK && !is_sub_frame_valid)
        rc = sim_fail(sys, XSP3_RANGE_CHECK, "the simulator has no sub-frames: allowed is first_sf 0, n_sf 1");
    if (rc == XSP3_OK && n_scalers > 0)
        read_scalers(sys, dest, scaler, n_scalers, want);
    sim_release(sys);
    return rc;
}

XSP3_API int xsp3_scaler_read(int path, uint32_t *dest, unsigned scaler, unsigned chan, unsigned t,
                              unsigned n_scalers, unsigned n_chan, unsigned dt)
{
    sim_region want = {.chan = chan, .tf = t, .n_chan = n_chan, .n_tf = dt};
    return scaler_path(path, __func__, dest, scaler, n_scalers, &want, true);
}

XSP3_API int xsp3_scaler_read_sf(int path, uint32_t *dest, unsigned scaler, unsigned first_sf, unsigned chan,
                                 unsigned t, unsigned n_scalers, unsigned n_sf, unsigned n_chan, unsigned dt)
{
    sim_region want = {.chan = chan, .tf = t, .n_chan = n_chan, .n_tf = dt};
    return scaler_path(path, __func__, dest, scaler, n_scalers, &want, first_sf == 0 && n_sf == 1);
}
