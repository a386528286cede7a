/* What the internal timing generator does in a run; all locked. */
#ifndef SIM_ITFG_H
#define SIM_ITFG_H

#include <stdbool.h>

#include "system.h"

typedef enum { SIM_EDGE_SOFTWARE, SIM_EDGE_TTL } sim_edge_kind;

void sim_itfg_begin(sim_system *sys);   /* wait for the first trigger; frames are numbered on */
void sim_itfg_trigger(sim_system *sys); /* an edge of the kind that its mode listens to */
bool sim_itfg_listens(const sim_run *run, sim_edge_kind kind);
bool sim_itfg_is_finished(const sim_system *sys);

#endif
