/* Systems by their handles: locked, brought up to now, let go. */
#include <pthread.h>

#include "acquire.h"
#include "errors.h"
#include "fault_effects.h"
#include "run.h"
#include "system.h"
#include "xsp3_api.h"

static sim_system systems[XSP3_MAX_PATH];
static pthread_once_t locks_made = PTHREAD_ONCE_INIT;
static _Thread_local int fault_code; /* of the last sim_acquire in this thread */

static void make_locks(void)
{
    for (int i = 0; i < XSP3_MAX_PATH; i++)
        pthread_mutex_init(&systems[i].lock, NULL);
}

sim_system *sim_lock(int path, const char *call)
{
    pthread_once(&locks_made, make_locks);
    pthread_mutex_lock(&systems[path].lock);
    systems[path].call = call;
    return &systems[path];
}

const sim_system *sim_system_at(int path)
{
    return &systems[path];
}

sim_system *sim_try_acquire(int path, const char *call)
{
    if (path < 0 || path >= XSP3_MAX_PATH)
        return NULL;
    sim_system *sys = sim_lock(path, call);
    if (sys->is_open) {
        sim_run_update(sys);
        return sys;
    }
    sim_release(sys);
    return NULL;
}

sim_system *sim_acquire(int path, const char *call)
{
    fault_code = XSP3_OK;
    sim_system *sys = sim_try_acquire(path, call);
    if (sys == NULL) {
        sim_fail_in(call, XSP3_INVALID_PATH, "invalid path %d", path);
        return NULL;
    }
    fault_code = sim_fault_on_call(sys);
    if (fault_code == XSP3_OK)
        return sys;
    sim_release(sys);
    return NULL;
}

int sim_refused(int invalid_path)
{
    return fault_code < 0 ? fault_code : invalid_path;
}

void sim_release(sim_system *sys)
{
    pthread_mutex_unlock(&sys->lock);
}
