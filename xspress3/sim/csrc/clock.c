/* The time that a system has: the real one, one that leaps, or that of tests. */
#define _POSIX_C_SOURCE 200809L

#include <stdatomic.h>
#include <time.h>

#include "clock.h"
#include "describe.h"
#include "system.h"

static _Atomic int64_t manual_time; /* of all systems with CLOCK=manual */

void sim_clock_advance(int64_t half_ns)
{
    atomic_fetch_add(&manual_time, half_ns);
}

int64_t sim_clock_now(const sim_system *sys)
{
    struct timespec time;
    if (sys->about.clock == SIM_CLOCK_MANUAL)
        return atomic_load(&manual_time);
    clock_gettime(CLOCK_MONOTONIC, &time);
    return ((int64_t)time.tv_sec * 1000000000 + time.tv_nsec) * 2 + sys->leap;
}
