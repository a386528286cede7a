/* What of a full spectrum counts, with the present good threshold and windows; all locked. */
#ifndef SIM_GOOD_COUNTS_H
#define SIM_GOOD_COUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "system.h"

/* Counts in window 0 or 1 of a full spectrum, with the present limits. */
uint32_t sim_window_sum(const sim_system *sys, int chan, int win, const uint32_t *spectrum);

/* Is an event in this bin above the good threshold? A threshold of 0 lets all pass, bin 0 too. */
bool sim_is_good(const sim_system *sys, int chan, uint32_t bin);

/* Take what is not good out of a full spectrum; returns how much that was. */
uint32_t sim_keep_good(const sim_system *sys, int chan, uint32_t *spectrum);

#endif
