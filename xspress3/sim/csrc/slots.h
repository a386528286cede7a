/* The places of the ring, by arithmetic instead of memory. */
#ifndef SIM_SLOTS_H
#define SIM_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "xsp3_api.h"

typedef struct {
    int64_t oldest;  /* frames below are acknowledged or overwritten */
    int64_t n_ahead; /* frames from oldest on that are acknowledged already */
    int64_t n_overrun, first_overrun;
} sim_slots_channel;

typedef struct {
    int n_channels;
    int64_t ring; /* places per channel; 0 before the first run */
    sim_slots_channel channel[XSP3_MAX_CHANS];
    int64_t *acked;   /* [channel][ring] fills of a place at its last acknowledge; NULL: not circular */
    int64_t *cleared; /* [channel][ring] frames below are cleared; NULL: none was */
    int64_t *left;    /* [channel + 1][ring] uses from before the numbers started again, in the last row the frames
                         that the places held then; NULL: they did not start again */
    int64_t first;    /* with left: number that they started at */
} sim_slots;

/* Forget everything. Returns false when memory lacks; slots is then empty but valid. */
bool sim_slots_reset(sim_slots *slots, int n_channels, int64_t ring, bool is_circular);
void sim_slots_free(sim_slots *slots);

/* Frame that a place holds when begun frames have begun, perhaps from before a restart; -1 when none. */
int64_t sim_slots_frame(const sim_slots *slots, int64_t slot, int64_t begun);

/* Frames begun in the place since its last acknowledge. */
int64_t sim_slots_uses(const sim_slots *slots, int chan, int64_t slot, int64_t begun);

/* Frames from..to-1 begin: count what they overwrite. O(1) per channel while acknowledges are in order. */
void sim_slots_advance(sim_slots *slots, int64_t from, int64_t to);

/* Forget all but the memory; the first frame to come is `first`, those below it were never there. */
void sim_slots_rewind(sim_slots *slots, int64_t first);

/* The numbers start again at `first` after `begun` frames; what the places hold is in them still. */
void sim_slots_restart(sim_slots *slots, int64_t first, int64_t begun);

/* Frame from `begun` on that would overwrite one that is not acknowledged. O(ring) after a restart. */
int64_t sim_slots_room(const sim_slots *slots, int64_t begun);

/* Acknowledge what n_slots places from slot on (modulo ring) hold. O(n_slots). */
void sim_slots_ack(sim_slots *slots, int chan, int64_t slot, int64_t n_slots, int64_t begun);

/* Lowest frame that some channel has not acknowledged. */
int64_t sim_slots_oldest(const sim_slots *slots);

/* Clear what n_slots places from slot on hold of the complete frames. False when memory lacks. */
bool sim_slots_clear(sim_slots *slots, int chan, int64_t slot, int64_t n_slots, int64_t complete);
bool sim_slots_is_cleared(const sim_slots *slots, int chan, int64_t slot, int64_t frame);

#endif
