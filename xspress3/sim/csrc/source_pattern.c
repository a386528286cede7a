/* Frames whose every number says where it belongs; the formula stands in xsp3_api.h. */
#include "frames.h"
#include "source.h"
#include "system.h"
#include "xsp3_api.h"

static uint32_t base_of(int64_t frame, int chan)
{
    return ((uint32_t)frame & 0xFFFFu) << 16 | ((uint32_t)chan & 0xFu) << 12;
}

/* The full spectrum has a loop of its own, with a count that the compiler knows and can vectorise. */
static void fill_full(uint32_t base, uint32_t *restrict out)
{
    for (uint32_t bin = 0; bin < XSP3_BINS_PER_MCA; bin++)
        out[bin] = base | bin;
}

static void fill(sim_system *sys, int64_t frame, int chan, int n_chan, unsigned first, unsigned n, uint32_t *out)
{
    (void)sys;
    for (int i = 0; i < n_chan; i++, out += n) {
        uint32_t base = base_of(frame, chan + i);
        if (n == XSP3_BINS_PER_MCA)
            fill_full(base, out);
        else
            for (unsigned k = 0; k < n; k++)
                out[k] = base | (first + k);
    }
}

/* Sum over low..high of base | bin, modulo 2^32. */
static uint32_t window_sum(const sim_window *window, uint32_t base)
{
    if (window->low > window->high)
        return 0;
    uint32_t n = window->high - window->low + 1;
    return n * base + n * (window->low + window->high) / 2;
}

static void scalers(sim_system *sys, int64_t frame, int chan, uint32_t *out)
{
    uint32_t base = base_of(frame, chan), events = (uint32_t)frame & 0xFFFFFFu;
    uint32_t pileup = (uint32_t)chan < events ? (uint32_t)chan : events;
    out[XSP3_SCALER_CLOCK_TICKS] = out[XSP3_SCALER_TOTAL_TICKS] = sim_frame_ticks(sys, frame);
    out[XSP3_SCALER_RESET_TICKS] = out[XSP3_SCALER_RESET_COUNT] = 0;
    out[XSP3_SCALER_ALL_EVENTS] = events;
    out[XSP3_SCALER_ALL_GOOD] = events - pileup;
    out[XSP3_SCALER_PILEUP] = pileup;
    out[XSP3_SCALER_IN_WINDOW0] = window_sum(&sys->window[chan][0], base);
    out[XSP3_SCALER_IN_WINDOW1] = window_sum(&sys->window[chan][1], base);
}

static int open(sim_system *sys)
{
    (void)sys;
    return XSP3_OK;
}

static void close(sim_system *sys)
{
    (void)sys;
}

const sim_source sim_source_pattern = {fill, scalers, open, close};
