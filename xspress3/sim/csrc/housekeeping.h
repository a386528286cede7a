/* Fan controllers. */
#ifndef SIM_HOUSEKEEPING_H
#define SIM_HOUSEKEEPING_H

#include "system.h"

/* Locked. Put the controllers of all cards into the state of hardware just configured. */
void sim_fan_reset(sim_system *sys);

#endif
