/* What of a full spectrum counts: within a window, and above the good threshold. */
#include "good_counts.h"
#include "system.h"
#include "xsp3_api.h"

uint32_t sim_window_sum(const sim_system *sys, int chan, int win, const uint32_t *spectrum)
{
    const sim_window *window = &sys->window[chan][win];
    uint32_t sum = 0;
    for (uint32_t bin = window->low; bin <= window->high; bin++)
        sum += spectrum[bin];
    return sum;
}

bool sim_is_good(const sim_system *sys, int chan, uint32_t bin)
{
    return sys->good_thres[chan] == 0 || bin > sys->good_thres[chan];
}

uint32_t sim_keep_good(const sim_system *sys, int chan, uint32_t *spectrum)
{
    uint32_t poor = 0;
    for (uint32_t bin = 0; bin < XSP3_BINS_PER_MCA && !sim_is_good(sys, chan, bin); bin++) {
        poor += spectrum[bin];
        spectrum[bin] = 0;
    }
    return poor;
}
