/* The rules of a Mini; all locked. */
#ifndef SIM_MINI_H
#define SIM_MINI_H

#include <stdint.h>

#include "system.h"

/* Stop a circular run at the first frame that would overwrite one, and note the overrun. */
void sim_mini_limit(sim_system *sys, int64_t *begun, int64_t *complete);

/* May these places be acknowledged? 0, or XSP3_ERROR with its text. */
int sim_mini_check_ack(const sim_system *sys, unsigned chan, unsigned tf, unsigned num_chan, unsigned num_tf);

/* 0, or XSP3_ERROR with its text before the first arm. */
int sim_mini_check_progress(const sim_system *sys);

#endif
