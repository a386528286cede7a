/* Cards after the first one; all locked. */
#ifndef SIM_FOLLOWERS_H
#define SIM_FOLLOWERS_H

#include <stdbool.h>
#include <stdint.h>

#include "system.h"

/* Frames frame..frame+n_frames-1 of the first card, in half ns. */
typedef struct {
    int64_t frame, n_frames;
    int64_t length, before, between; /* of each; of the gap before the first one, of those between them */
} sim_pulse;

void sim_followers_begin(sim_system *sys);                                /* a run of the first card begins */
void sim_followers_see(sim_system *sys, const sim_pulse *pulse);          /* it makes frames */
void sim_followers_set(sim_system *sys, int card, bool is_running);       /* card -1: all of them */
int64_t sim_follower_frames(const sim_system *sys, int chan);

#endif
