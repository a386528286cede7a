/* The largest of what the simulator counts and keeps. */
#ifndef SIM_SIZES_H
#define SIM_SIZES_H

#include <stdint.h>

#define SIM_PATH_CHARS 1024
#define SIM_SOCKET_CHARS 108 /* as in struct sockaddr_un */
#define SIM_FAULTS_CHARS 1024
#define SIM_MAX_NUM_TF (1 << 20)
#define SIM_MAX_RING (1 << 24) /* the hardware counts frames in 24 bits */
#define SIM_UNLIMITED (INT64_MAX / 4)

#endif
