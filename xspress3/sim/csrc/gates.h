/* Frames that last as long as something is on; all locked. */
#ifndef SIM_GATES_H
#define SIM_GATES_H

#include <stdbool.h>

#include "system.h"

bool sim_gates_is_open(const sim_system *sys, int input); /* is its level the active one? */
void sim_gates_follow(sim_system *sys);                   /* begin or end a frame as the gate says */

#endif
