/* Systems by their handles: locked, brought up to now, let go. */
#ifndef SIM_ACQUIRE_H
#define SIM_ACQUIRE_H

#include "system.h"

/* Lock the system of a handle and bring its run up to now; NULL with the text of XSP3_INVALID_PATH. */
sim_system *sim_acquire(int path, const char *call);
/* The same, NULL without a text when the handle is not open. */
sim_system *sim_try_acquire(int path, const char *call);
void sim_release(sim_system *sys);

/* What to return when sim_acquire gave NULL in this thread: the code of a fault on request, else invalid_path. */
int sim_refused(int invalid_path);

/* For those who open and close. Lock the place of a handle 0..XSP3_MAX_PATH-1, open or not, as it is. */
sim_system *sim_lock(int path, const char *call);

/* That place, not locked. is_open and arguments change with table_lock of lifetime.c held, and may be read so. */
const sim_system *sim_system_at(int path);

#endif
