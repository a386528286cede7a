/* Who times the frames of a run: the source in its timing register. */
#ifndef SIM_TIMING_SOURCE_H
#define SIM_TIMING_SOURCE_H

#include <stdbool.h>

#include "system.h"

int sim_run_source(const sim_run *run); /* XSP3_TIME_A_SOURCE of the run */
int sim_run_input(const sim_run *run);  /* the input that a gate uses, also the ITFG's */
bool sim_is_gate(const sim_run *run);   /* sources 4 to 7 */
bool sim_is_lvds(const sim_run *run);   /* sources 6 and 7 */

#endif
