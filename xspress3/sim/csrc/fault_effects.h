/* What faults on request do to calls, frames and times. */
#ifndef SIM_FAULT_EFFECTS_H
#define SIM_FAULT_EFFECTS_H

#include <stdint.h>

#include "system.h"

/* 0, or the code of a fault with its text. on_call: locked, in the name of sys->call. */
int sim_fault_on_call(sim_system *sys);
int sim_fault_on_config(const char *call, const char *list);
int sim_fault_on_close(const char *call);

/* Locked. Frames that a channel may have complete at most: SIM_UNLIMITED without a fault. */
int64_t sim_fault_frames(int chan);

/* Locked. Ticks that dropped packets take from a frame, and frames below complete that lost some. */
uint32_t sim_fault_ticks(int chan, int64_t frame);
int64_t sim_fault_dropped(int chan, int64_t complete);

/* Locked, within a read: let the ring run on if that was asked for. */
void sim_fault_race(sim_system *sys);

/* Not locked: wait as long as was asked for. */
void sim_fault_slow_clear(void);

#endif
