/* Reading frames out of the ring: which frame is in the place asked for, then its content from the source. */
#include <string.h>

#include "sim.h"

/* What the caller asks for; n_* >= 1 and within range once checked. */
typedef struct {
    unsigned eng, chan, tf;
    unsigned n_eng, n_chan, n_tf;
} region;

/* Frames first..first+n of an index space of `size`; when circular, first wraps and only n counts. */
static bool frames_fit(const sim_system *sys, unsigned first, unsigned n)
{
    uint64_t size = (uint64_t)sim_ring_frames(sys);
    return sim_is_circular(sys) ? n <= size : (uint64_t)first + n <= size;
}

static unsigned n_bins(const sim_system *sys, unsigned chan)
{
    return 1u << sys->bits_eng[chan];
}

/* Bins that all channels asked for have; 0 when there is no such channel. */
static unsigned common_bins(const sim_system *sys, const region *want)
{
    unsigned common = XSP3_BINS_PER_MCA;
    if ((uint64_t)want->chan + want->n_chan > (uint64_t)sys->n_channels)
        return 0;
    for (unsigned i = 0; i < want->n_chan; i++)
        if (n_bins(sys, want->chan + i) < common)
            common = n_bins(sys, want->chan + i);
    return common;
}

static int check_region(const sim_system *sys, const uint32_t *buffer, const region *want, bool is_aux_valid)
{
    unsigned bins = common_bins(sys, want);
    bool is_empty = want->n_eng == 0 || want->n_chan == 0 || want->n_tf == 0;
    bool is_outside = (uint64_t)want->eng + want->n_eng > bins || !frames_fit(sys, want->tf, want->n_tf);
    if (is_empty || is_outside || !is_aux_valid)
        return sim_fail(sys, XSP3_RANGE_CHECK,
                        "from (%u, %u, %u) size (%u, %u, %u)%s DOES NOT FIT IN (eng, auxXchan, tf) = (%u, %d, %lld)",
                        want->eng, want->chan, want->tf, want->n_eng, want->n_chan, want->n_tf,
                        is_aux_valid ? "" : " aux outside 0..0", bins ? bins : n_bins(sys, 0), sys->n_channels,
                        (long long)sim_ring_frames(sys));
    if (buffer == NULL)
        return sim_fail(sys, XSP3_ERROR, "no buffer given");
    return XSP3_OK;
}

/* Complete frame in the place with this index, or -1: nothing there, not yet, or not of this format. */
static int64_t stored_frame(const sim_system *sys, unsigned index)
{
    if (sys->slots.ring == 0)
        return -1;
    int64_t frame = sim_slots_frame(&sys->slots, index % sys->slots.ring, sys->run.begun);
    return frame >= sys->run.first && frame < sys->run.complete ? frame : -1;
}

static bool is_cleared(const sim_system *sys, unsigned chan, int64_t frame)
{
    return sim_slots_is_cleared(&sys->slots, (int)chan, frame % sys->slots.ring, frame);
}

/* ---- spectra ---- */

/* Bins of a channel with fewer than 4096: each the sum of its neighbours. */
static void fill_merged(sim_system *sys, int64_t frame, unsigned chan, const region *want, uint32_t *out)
{
    unsigned width = XSP3_BINS_PER_MCA / n_bins(sys, chan);
    unsigned n_full = want->n_eng * width;
    uint32_t full[XSP3_BINS_PER_MCA];
    sys->source->fill(sys, frame, (int)chan, 1, want->eng * width, n_full, full);
    for (unsigned i = 0; i < want->n_eng; i++) {
        out[i] = 0;
        for (unsigned k = 0; k < width; k++)
            out[i] += full[i * width + k];
    }
}

static void fill_channel(sim_system *sys, int64_t frame, unsigned chan, const region *want, uint32_t *out)
{
    if (is_cleared(sys, chan, frame))
        memset(out, 0, want->n_eng * sizeof *out);
    else if (n_bins(sys, chan) == XSP3_BINS_PER_MCA)
        sys->source->fill(sys, frame, (int)chan, 1, want->eng, want->n_eng, out);
    else
        fill_merged(sys, frame, chan, want, out);
}

/* All channels of one frame; in one go when nothing sets them apart. */
static void fill_frame(sim_system *sys, int64_t frame, const region *want, uint32_t *out)
{
    bool is_plain = sys->slots.cleared == NULL;
    for (unsigned i = 0; i < want->n_chan; i++)
        is_plain = is_plain && n_bins(sys, want->chan + i) == XSP3_BINS_PER_MCA;
    if (is_plain) {
        sys->source->fill(sys, frame, (int)want->chan, (int)want->n_chan, want->eng, want->n_eng, out);
        return;
    }
    for (unsigned i = 0; i < want->n_chan; i++)
        fill_channel(sys, frame, want->chan + i, want, out + (size_t)i * want->n_eng);
}

static int read_region(int path, const char *call, uint32_t *buffer, const region *want, bool is_aux_valid)
{
    sim_system *sys = sim_acquire(path, call);
    if (sys == NULL)
        return XSP3_INVALID_PATH;
    int rc = check_region(sys, buffer, want, is_aux_valid);
    size_t words = (size_t)want->n_chan * want->n_eng;
    for (unsigned i = 0; rc == XSP3_OK && i < want->n_tf; i++) {
        int64_t frame = stored_frame(sys, want->tf + i);
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
    region want = {.eng = x, .chan = y, .tf = t, .n_eng = dx, .n_chan = dy, .n_tf = dt};
    return read_region(path, __func__, buffer, &want, true);
}

XSP3_API int xsp3_histogram_read4d(int path, uint32_t *buffer, unsigned eng, unsigned aux, unsigned chan, unsigned tf,
                                   unsigned num_eng, unsigned num_aux, unsigned num_chan, unsigned num_tf)
{
    region want = {.eng = eng, .chan = chan, .tf = tf, .n_eng = num_eng, .n_chan = num_chan, .n_tf = num_tf};
    return read_region(path, __func__, buffer, &want, aux == 0 && num_aux == 1);
}

/* ---- scalers ---- */

static int check_scalers(const sim_system *sys, const uint32_t *dest, unsigned scaler, unsigned n_scalers,
                         const region *want)
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

static void scalers_of(sim_system *sys, int64_t frame, unsigned chan, uint32_t *nine)
{
    if (frame < 0 || is_cleared(sys, chan, frame))
        memset(nine, 0, XSP3_SW_NUM_SCALERS * sizeof *nine);
    else
        sys->source->scalers(sys, frame, (int)chan, nine);
}

static void read_scalers(sim_system *sys, uint32_t *dest, unsigned scaler, unsigned n_scalers, const region *want)
{
    for (unsigned t = 0; t < want->n_tf; t++) {
        int64_t frame = stored_frame(sys, want->tf + t);
        for (unsigned i = 0; i < want->n_chan; i++, dest += n_scalers) {
            uint32_t nine[XSP3_SW_NUM_SCALERS];
            scalers_of(sys, frame, want->chan + i, nine);
            memcpy(dest, nine + scaler, n_scalers * sizeof *dest);
        }
    }
}

XSP3_API int xsp3_scaler_read(int path, uint32_t *dest, unsigned scaler, unsigned chan, unsigned t,
                              unsigned n_scalers, unsigned n_chan, unsigned dt)
{
    region want = {.chan = chan, .tf = t, .n_chan = n_chan, .n_tf = dt};
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return XSP3_INVALID_PATH;
    int rc = n_scalers == 0 ? XSP3_OK : check_scalers(sys, dest, scaler, n_scalers, &want);
    if (rc == XSP3_OK && n_scalers > 0)
        read_scalers(sys, dest, scaler, n_scalers, &want);
    sim_release(sys);
    return rc;
}

uint32_t sim_window_sum(const sim_system *sys, int chan, int win, const uint32_t *spectrum)
{
    const sim_window *window = &sys->window[chan][win];
    uint32_t sum = 0;
    for (uint32_t bin = window->low; bin <= window->high; bin++)
        sum += spectrum[bin];
    return sum;
}
