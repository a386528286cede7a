/* The run: RUN and COUNT_ENB bits, and time; all locked. */
#ifndef SIM_RUN_H
#define SIM_RUN_H

#include <stdbool.h>

#include "system.h"

/* 0 or XSP3_OUT_OF_MEMORY; also restarts a run that is on. */
int sim_run_begin(sim_system *sys, bool count_enable);
void sim_run_continue(sim_system *sys);
void sim_run_pause(sim_system *sys);
void sim_run_stop(sim_system *sys);
void sim_run_forget(sim_system *sys); /* stop, and nothing is stored any more */

/* Bring time, inputs, begun, complete and the overrun counts up to now; sim_acquire does it. */
void sim_run_update(sim_system *sys);

#endif
