/* How far a run is. */
#ifndef SIM_PROGRESS_H
#define SIM_PROGRESS_H

#include <stdint.h>

#include "system.h"

/* Locked. Frames complete on a channel. */
int64_t sim_complete(const sim_system *sys, int chan);

#endif
