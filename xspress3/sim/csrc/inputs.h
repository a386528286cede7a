/* Levels and pulses at the inputs; all locked. Who calls brings the run up to now afterwards. */
#ifndef SIM_INPUTS_H
#define SIM_INPUTS_H

#include <stdbool.h>
#include <stdint.h>

#include "system.h"

/* Time of the next event, not before sys->time; SIM_UNLIMITED when there is none. */
int64_t sim_inputs_next(const sim_system *sys);

/* Let the event happen that is due at sys->time. The input whose debounced level it changed, or -1. */
int sim_inputs_step(sim_system *sys);

void sim_inputs_set(sim_system *sys, int input, bool level);
void sim_inputs_pulse(sim_system *sys, int64_t n, int64_t away, int64_t back);

#endif
