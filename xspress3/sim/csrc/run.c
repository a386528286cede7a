/* The run: RUN and COUNT_ENB bits, triggers, and how many frames that makes by now.
 *
 *     IDLE --arm--> ARMED --continue--> RUNNING --pause--> PAUSED --continue--> RUNNING ...
 *      ^ \------------start---------------^
 *      +------------- stop, from anywhere; start and arm begin anew, from anywhere
 *
 * Nothing happens between calls: every API call first counts the frames up to its own time.
 */
#define _POSIX_C_SOURCE 200809L

#include <stdatomic.h>
#include <time.h>

#include "sim.h"

static _Atomic int64_t manual_time; /* of all systems with CLOCK=manual */

void sim_clock_advance(int64_t half_ns)
{
    atomic_fetch_add(&manual_time, half_ns);
}

static int64_t now(const sim_system *sys)
{
    struct timespec time;
    if (sys->about.clock == SIM_CLOCK_MANUAL)
        return atomic_load(&manual_time);
    clock_gettime(CLOCK_MONOTONIC, &time);
    return ((int64_t)time.tv_sec * 1000000000 + time.tv_nsec) * 2;
}

/* ---- counting frames ---- */

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* On demand a frame is there as soon as it is triggered and the ring has room. */
static void count_on_demand(sim_system *sys, int64_t *begun, int64_t *complete)
{
    const sim_run *run = &sys->run;
    int64_t room = run->is_circular ? sim_slots_oldest(&sys->slots) + sys->slots.ring : SIM_UNLIMITED;
    *begun = *complete = smaller(smaller(run->segment_frames, run->limit), room);
}

/* Frame k of a segment counts from start + k * period until start + k * period + exposure. */
static void count_by_time(const sim_system *sys, int64_t *begun, int64_t *complete)
{
    const sim_run *run = &sys->run;
    int64_t exposure = run->itfg.col_time * sys->tick;
    int64_t period = exposure + run->itfg.gap_ticks * sys->tick;
    int64_t age = now(sys) - run->segment_start;
    *begun = run->closed + smaller(run->segment_frames, age / period + 1);
    *complete = run->closed;
    if (age >= exposure)
        *complete += smaller(run->segment_frames, (age - exposure) / period + 1);
}

void sim_run_update(sim_system *sys)
{
    sim_run *run = &sys->run;
    int64_t begun, complete;
    if (!run->is_running || !run->has_segment)
        return;
    if (sys->about.clock == SIM_CLOCK_DEMAND)
        count_on_demand(sys, &begun, &complete);
    else
        count_by_time(sys, &begun, &complete);
    sim_mini_limit(sys, &begun, &complete);
    if (begun > run->begun) {
        sim_slots_advance(&sys->slots, run->begun, begun);
        run->begun = begun;
    }
    if (complete > run->complete)
        run->complete = complete;
}

/* ---- triggers ---- */

static bool first_edge_suffices(int trig_mode)
{
    return trig_mode == XSP3_ITFG_BURST || (trig_mode & 4) != 0;
}

static bool listens_to(const sim_run *run, sim_edge_kind kind)
{
    if (run->source != XSP3_TIME_A_ITFG)
        return false; /* gates and software frames: not simulated yet */
    switch (run->itfg.trig_mode) {
    case XSP3_ITFG_BURST:
    case XSP3_ITFG_SOFTWARE:
    case XSP3_ITFG_SOFTWARE_ONLY_FIRST:
        return kind == SIM_EDGE_SOFTWARE;
    case XSP3_ITFG_HARDWARE:
    case XSP3_ITFG_HARDWARE_ONLY_FIRST:
        return kind == SIM_EDGE_TTL;
    default:
        return false;
    }
}

static void begin_segment(sim_system *sys, int64_t n_frames)
{
    sim_run *run = &sys->run;
    run->has_segment = true;
    run->segment_start = now(sys);
    run->segment_frames = n_frames;
}

/* One frame for this edge; lost while the frame of the edge before still counts. */
static void trigger_frame(sim_system *sys)
{
    sim_run *run = &sys->run;
    if (sys->about.clock == SIM_CLOCK_DEMAND) {
        begin_segment(sys, run->has_segment ? run->segment_frames + 1 : 1);
        return;
    }
    bool still_counts = run->has_segment && run->complete == run->closed;
    if (still_counts)
        return;
    run->closed = run->complete;
    if (run->closed < run->limit)
        begin_segment(sys, 1);
    else
        run->has_segment = false;
}

void sim_run_edge(sim_system *sys, sim_edge_kind kind)
{
    sim_run *run = &sys->run;
    if (!run->is_running || !listens_to(run, kind))
        return;
    if (!first_edge_suffices(run->itfg.trig_mode))
        trigger_frame(sys);
    else if (!run->has_segment)
        begin_segment(sys, run->limit);
    sim_run_update(sys);
}

/* ---- RUN and COUNT_ENB ---- */

static int64_t frame_limit(const sim_system *sys, int64_t ring)
{
    int64_t limit = sys->itfg.num_tf > 0 ? sys->itfg.num_tf : SIM_UNLIMITED;
    return sim_is_circular(sys) ? limit : smaller(limit, ring);
}

int sim_run_begin(sim_system *sys, bool count_enable)
{
    int64_t ring = sim_ring_frames(sys);
    sys->run = (sim_run){0};
    if (!sim_slots_reset(&sys->slots, sys->n_channels, ring, sim_is_circular(sys)))
        return sim_fail(sys, XSP3_OUT_OF_MEMORY, "no memory to keep the books of a ring of %lld frames",
                        (long long)ring);
    sys->run = (sim_run){.is_running = true,
                         .is_circular = sim_is_circular(sys),
                         .source = (int)(sys->time_a[0] & XSP3_TIME_A_SOURCE),
                         .itfg = sys->itfg,
                         .limit = frame_limit(sys, ring)};
    if (count_enable)
        sim_run_continue(sys);
    return XSP3_OK;
}

void sim_run_continue(sim_system *sys)
{
    bool rises = !sys->run.count_enabled;
    sys->run.count_enabled = sys->run.is_running;
    if (rises)
        sim_run_edge(sys, SIM_EDGE_SOFTWARE);
}

void sim_run_pause(sim_system *sys)
{
    sys->run.count_enabled = false;
}

void sim_run_stop(sim_system *sys)
{
    sys->run.is_running = sys->run.count_enabled = false;
}

void sim_run_forget(sim_system *sys)
{
    sim_slots_free(&sys->slots);
    sys->run = (sim_run){0};
}

uint32_t sim_run_col_time(const sim_system *sys)
{
    return sys->slots.ring > 0 ? sys->run.itfg.col_time : sys->itfg.col_time;
}
