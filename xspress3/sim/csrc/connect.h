/* Who answers at the addresses of a configuration. */
#ifndef SIM_CONNECT_H
#define SIM_CONNECT_H

#include "describe.h"
#include "system.h"

/* Find out what hardware there is, as connecting to it would. 0, or a negative code with its text. */
int sim_connect(const char *call, const sim_arguments *args, sim_description *about);

#endif
