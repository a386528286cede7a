/* Commands from other processes. */
#ifndef SIM_SOCKET_H
#define SIM_SOCKET_H

typedef struct sim_socket sim_socket;

/* Listen at a path of less than SIM_SOCKET_CHARS bytes for commands to system `path`. NULL with its text, or to be
   closed. */
sim_socket *sim_socket_open(const char *call, const char *where, int path);
void sim_socket_close(sim_socket *socket); /* not locked: its thread may wait for the lock; NULL does nothing */

#endif
