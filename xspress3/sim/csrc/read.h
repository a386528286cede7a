/* Frames in the ring; all locked. */
#ifndef SIM_READ_H
#define SIM_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "system.h"

/* What a reader asks for; n_* >= 1 and within range once checked. */
typedef struct {
    unsigned eng, chan, tf;
    unsigned n_eng, n_chan, n_tf;
} sim_region;

/* 0, or XSP3_RANGE_CHECK or XSP3_ERROR with its text. */
int sim_check_region(const sim_system *sys, const void *buffer, const sim_region *want, bool is_aux_valid);
int sim_check_scalers(const sim_system *sys, const void *dest, unsigned scaler, unsigned n_scalers,
                      const sim_region *want);

/* Complete frame in the place with this index, or -1: nothing there, not yet, or not of this format. */
int64_t sim_stored_frame(const sim_system *sys, unsigned index);

/* Bins eng..eng+n_eng-1 of a channel, or its nine scalers, as stored; frame -1 is all zeros. */
void sim_read_spectrum(sim_system *sys, int64_t frame, unsigned chan, const sim_region *want, uint32_t *out);
void sim_read_scalers(sim_system *sys, int64_t frame, unsigned chan, uint32_t *nine);

#endif
