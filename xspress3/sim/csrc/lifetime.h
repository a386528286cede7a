/* Opening systems, and finding those that are open. */
#ifndef SIM_LIFETIME_H
#define SIM_LIFETIME_H

#include "system.h"

/* Handle of a system with these arguments, opened if need be; or of one with the same cards that is open. */
int sim_open(const char *call, const sim_arguments *args);
int sim_attach(const char *call, const sim_arguments *args);

#endif
