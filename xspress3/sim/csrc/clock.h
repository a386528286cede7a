/* The time that a system has; the clock of tests. */
#ifndef SIM_CLOCK_H
#define SIM_CLOCK_H

#include <stdint.h>

#include "system.h"

int64_t sim_clock_now(const sim_system *sys);

/* Move the clock of all systems with CLOCK=manual. Any thread. */
void sim_clock_advance(int64_t half_ns);

#endif
