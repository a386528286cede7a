/* What faults on request do to calls, frames and times. */
#define _POSIX_C_SOURCE 200809L

#include <math.h>
#include <string.h>
#include <time.h>

#include "api_names.h"
#include "errors.h"
#include "fault_effects.h"
#include "faults.h"
#include "sizes.h"
#include "slots.h"
#include "system.h"
#include "xsp3_api.h"

/* ---- calls ---- */

/* Each counts its calls; the first that has come to its last one strikes. NULL: none does. */
static sim_fault *find_striking(sim_fault *faults, size_t n, const char *call)
{
    sim_fault *striking = NULL;
    for (size_t i = 0; i < n; i++) {
        sim_fault *fault = &faults[i];
        if (fault->kind != SIM_FAULT_FAIL || fault->is_spent || strcmp(fault->function->name, call) != 0)
            continue;
        fault->is_spent = --fault->n == 0;
        if (fault->is_spent && striking == NULL)
            striking = fault;
    }
    return striking;
}

static int strike(sim_fault *faults, size_t n, const char *call)
{
    const sim_fault *fault = find_striking(faults, n, call);
    return fault == NULL ? XSP3_OK : sim_fail_in(call, fault->code, "%s", fault->text);
}

/* Is the link lost, now that so many frames are complete? */
static bool is_link_lost(sim_fault *faults, size_t n, int64_t complete)
{
    bool is_lost = false;
    for (size_t i = 0; i < n; i++) {
        if (faults[i].kind != SIM_FAULT_LOSE_LINK)
            continue;
        faults[i].is_spent = faults[i].is_spent || complete >= faults[i].frame;
        is_lost = is_lost || faults[i].is_spent;
    }
    return is_lost;
}

static bool needs_link(const sim_system *sys)
{
    const sim_api *function = sim_find_api(sys->call);
    if (function == NULL)
        return false; /* the simulator's own */
    return function->touches == SIM_TOUCHES_BOX || (function->touches == SIM_TOUCHES_BOX_IF_MINI && sim_is_mini(sys));
}

static int fail_lost(const char *call)
{
    return sim_fail_in(call, XSP3_ERROR, "link to card 0 lost: Connection reset by peer");
}

int sim_fault_on_call(sim_system *sys)
{
    size_t n;
    sim_fault *faults = sim_faults_lock(&n);
    if (faults == NULL)
        return XSP3_OK;
    int rc = strike(faults, n, sys->call);
    bool is_lost = is_link_lost(faults, n, sys->run.complete);
    sim_faults_unlock();
    return rc == XSP3_OK && is_lost && needs_link(sys) ? fail_lost(sys->call) : rc;
}

static int refuse(const sim_fault *faults, size_t n, const char *call)
{
    for (size_t i = 0; i < n; i++)
        if (faults[i].kind == SIM_FAULT_REFUSE_CONFIG)
            return sim_fail_in(call, XSP3_ERROR, "%s", faults[i].text);
    return XSP3_OK;
}

int sim_fault_on_config(const char *call, const char *list)
{
    size_t n;
    int rc = sim_faults_describe(call, list);
    sim_fault *faults = rc < 0 ? NULL : sim_faults_lock(&n);
    if (faults == NULL)
        return rc;
    rc = strike(faults, n, call);
    if (rc == XSP3_OK)
        rc = refuse(faults, n, call);
    if (rc == XSP3_OK && is_link_lost(faults, n, 0))
        rc = fail_lost(call);
    sim_faults_unlock();
    return rc;
}

int sim_fault_on_close(const char *call)
{
    size_t n;
    sim_fault *faults = sim_faults_lock(&n);
    if (faults == NULL)
        return XSP3_OK;
    int rc = strike(faults, n, call);
    sim_faults_unlock();
    return rc;
}

/* ---- frames ---- */

int64_t sim_fault_frames(int chan)
{
    size_t n;
    int64_t least = SIM_UNLIMITED;
    const sim_fault *faults = sim_faults_lock(&n);
    if (faults == NULL)
        return least;
    for (size_t i = 0; i < n; i++) {
        bool stops_all = faults[i].kind == SIM_FAULT_LOSE_LINK;
        bool stops_this = faults[i].kind == SIM_FAULT_STICK && faults[i].chan == chan;
        if ((stops_all || stops_this) && faults[i].frame < least)
            least = faults[i].frame;
    }
    sim_faults_unlock();
    return least;
}

uint32_t sim_fault_ticks(int chan, int64_t frame)
{
    size_t n;
    int64_t ticks = 0;
    const sim_fault *faults = sim_faults_lock(&n);
    if (faults == NULL)
        return 0;
    for (size_t i = 0; i < n; i++)
        if (faults[i].kind == SIM_FAULT_DROP && faults[i].chan == chan && frame >= faults[i].frame &&
            frame - faults[i].frame < faults[i].n)
            ticks += faults[i].ticks;
    sim_faults_unlock();
    return ticks < UINT32_MAX ? (uint32_t)ticks : UINT32_MAX;
}

int64_t sim_fault_dropped(int chan, int64_t complete)
{
    size_t n;
    int64_t dropped = 0;
    const sim_fault *faults = sim_faults_lock(&n);
    if (faults == NULL)
        return 0;
    for (size_t i = 0; i < n; i++) {
        if (faults[i].kind != SIM_FAULT_DROP || faults[i].chan != chan || complete <= faults[i].frame)
            continue;
        int64_t so_far = complete - faults[i].frame;
        dropped += so_far < faults[i].n ? so_far : faults[i].n;
    }
    sim_faults_unlock();
    return dropped;
}

/* ---- races and waits ---- */

static int64_t take_race(void)
{
    size_t n;
    int64_t frames = 0;
    sim_fault *faults = sim_faults_lock(&n);
    if (faults == NULL)
        return 0;
    for (size_t i = 0; i < n; i++) {
        if (faults[i].kind != SIM_FAULT_RACE || faults[i].is_spent)
            continue;
        faults[i].is_spent = true;
        frames += faults[i].n;
    }
    sim_faults_unlock();
    return frames;
}

void sim_fault_race(sim_system *sys)
{
    sim_run *run = &sys->run;
    if (!run->is_running || !run->is_circular || sim_is_mini(sys))
        return; /* waits for a read that can be overtaken */
    int64_t n = take_race(), left = run->limit - run->begun;
    if (n > left)
        n = left;
    if (n <= 0)
        return;
    sim_slots_advance(&sys->slots, run->begun, run->begun + n);
    run->begun += n;
    run->complete += n;
}

static double slow_clear_seconds(void)
{
    size_t n;
    double seconds = 0;
    const sim_fault *faults = sim_faults_lock(&n);
    if (faults == NULL)
        return 0;
    for (size_t i = 0; i < n; i++)
        if (faults[i].kind == SIM_FAULT_SLOW_CLEAR)
            seconds = faults[i].seconds;
    sim_faults_unlock();
    return seconds;
}

void sim_fault_slow_clear(void)
{
    double seconds = slow_clear_seconds();
    if (seconds <= 0)
        return;
    struct timespec wait = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - floor(seconds)) * 1e9)};
    nanosleep(&wait, NULL);
}
