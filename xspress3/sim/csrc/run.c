/* The run: RUN and COUNT_ENB bits, time, and how many frames that makes by now.
 *
 *     IDLE --arm--> ARMED --continue--> RUNNING --pause--> PAUSED --continue--> RUNNING ...
 *      ^ \------------start---------------^
 *      +------------- stop, from anywhere; start and arm begin anew, from anywhere
 *
 * Nothing happens between calls: every API call first works off what happened at the inputs and counts
 * the frames, up to its own time.
 */
#define _POSIX_C_SOURCE 200809L

#include <stdatomic.h>
#include <time.h>

#include "sim.h"

/* ---- time ---- */

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
    return ((int64_t)time.tv_sec * 1000000000 + time.tv_nsec) * 2 + sys->leap;
}

/* ---- counting frames ---- */

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Frames below this one have a place, or are not held up for want of one. */
static int64_t room(const sim_system *sys)
{
    return sys->run.is_circular ? sim_slots_oldest(&sys->slots) + sys->slots.ring : SIM_UNLIMITED;
}

static void count(sim_system *sys, int64_t begun, int64_t complete)
{
    sim_run *run = &sys->run;
    sim_mini_limit(sys, &begun, &complete);
    if (begun > run->begun) {
        sim_slots_advance(&sys->slots, run->begun, begun);
        run->begun = begun;
    }
    if (complete > run->complete)
        run->complete = complete;
}

static int64_t period_of(const sim_system *sys)
{
    return ((int64_t)sys->run.itfg.col_time + sys->run.itfg.gap_ticks) * sys->tick;
}

/* Frame k of a segment counts from since + k * period until since + k * period + exposure. */
static void count_segment(sim_system *sys)
{
    sim_run *run = &sys->run;
    int64_t exposure = run->itfg.col_time * sys->tick, period = period_of(sys);
    int64_t age = sys->time - run->since, n_frames = run->next - run->segment_first;
    int64_t n_complete = age >= exposure ? smaller(n_frames, (age - exposure) / period + 1) : 0;
    count(sys, run->segment_first + smaller(n_frames, age / period + 1),
          n_complete > 0 ? run->segment_first + n_complete : 0);
}

/* On demand a frame is there as soon as it is triggered and the ring has room. */
static void count_on_demand(sim_system *sys)
{
    int64_t n = smaller(sys->run.next, room(sys));
    if (n > sys->run.segment_first)
        count(sys, n, n);
}

static void step_to(sim_system *sys, int64_t time)
{
    sys->time = time;
    if (!sys->run.is_running || sys->run.phase != SIM_SEGMENT)
        return;
    if (sys->about.clock == SIM_CLOCK_DEMAND)
        count_on_demand(sys);
    else
        count_segment(sys);
}

/* On demand the inputs are held up while the ring has no room for the frame that they may begin. */
static bool is_held_up(const sim_system *sys)
{
    const sim_run *run = &sys->run;
    bool can_only_end_one = run->phase == SIM_OPEN && sim_is_gate(run);
    bool may_begin_one = run->next < run->limit && run->phase != SIM_ENDED && !can_only_end_one;
    return run->is_running && may_begin_one && run->begun >= room(sys);
}

/* Is something due? On demand the clock leaps to the next event. */
static bool next_event(sim_system *sys, int64_t *until)
{
    int64_t event = sim_inputs_next(sys);
    if (event >= SIM_UNLIMITED)
        return false;
    if (sys->about.clock != SIM_CLOCK_DEMAND)
        return event <= *until;
    if (is_held_up(sys))
        return false;
    if (event > *until) {
        sys->leap += event - *until;
        *until = event;
    }
    return true;
}

void sim_run_update(sim_system *sys)
{
    int64_t until = now(sys);
    while (next_event(sys, &until)) {
        step_to(sys, sim_inputs_next(sys));
        sim_inputs_step(sys);
    }
    step_to(sys, until > sys->time ? until : sys->time);
}

/* ---- what makes frames ---- */

/* What the other cards see of frames from run->next on that begin at `since`, `n` of them of equal length. */
static void show_followers(sim_system *sys, int64_t frame, int64_t n, int64_t since, int64_t length)
{
    int64_t gap = sys->run.itfg.gap_ticks * sys->tick, before = since - sys->run.ended;
    bool is_squeezed = !sim_is_gate(&sys->run) && before < gap; /* on demand, or by a trigger in the gap */
    sim_followers_see(sys, &(sim_pulse){.frame = frame,
                                        .n_frames = n,
                                        .length = length,
                                        .before = is_squeezed ? gap : before,
                                        .between = gap});
    sys->run.ended = n < SIM_UNLIMITED / 2 / (length + gap + 1) ? since + n * (length + gap) - gap : SIM_UNLIMITED;
}

void sim_run_begin_segment(sim_system *sys, int64_t n_frames)
{
    sim_run *run = &sys->run;
    show_followers(sys, run->next, n_frames, sys->time, run->itfg.col_time * sys->tick);
    run->phase = SIM_SEGMENT;
    run->since = sys->time;
    run->segment_first = run->next;
    run->next += n_frames;
    step_to(sys, sys->time);
}

void sim_run_open_frame(sim_system *sys, int64_t since)
{
    sim_run *run = &sys->run;
    run->phase = SIM_OPEN;
    run->since = since;
    count(sys, ++run->next, 0);
}

void sim_run_close_frame(sim_system *sys)
{
    sim_run *run = &sys->run;
    sim_frames_note(sys, run->next - 1, sys->time - run->since);
    show_followers(sys, run->next - 1, 1, run->since, sys->time - run->since);
    run->phase = SIM_WAITING;
    count(sys, run->next, run->next);
}

bool sim_run_is_counting(const sim_system *sys)
{
    const sim_run *run = &sys->run;
    if (run->phase == SIM_OPEN)
        return sys->time >= run->since;
    return run->phase == SIM_SEGMENT && run->begun > run->complete;
}

/* A frame of a segment ends before its time. */
static void cut_segment(sim_system *sys, bool is_kept)
{
    sim_run *run = &sys->run;
    if (is_kept && run->begun > run->complete) {
        int64_t begin = run->since + (run->begun - 1 - run->segment_first) * period_of(sys);
        sim_frames_note(sys, run->begun - 1, sys->time - begin);
        count(sys, run->begun, run->begun);
    }
    run->next = run->complete > run->segment_first ? run->complete : run->segment_first;
    run->phase = SIM_WAITING;
    run->ended = sys->time;
}

void sim_run_cut(sim_system *sys, bool is_kept)
{
    if (sys->run.phase == SIM_SEGMENT)
        cut_segment(sys, is_kept);
    if (sys->run.phase != SIM_OPEN)
        return;
    if (is_kept)
        sim_run_close_frame(sys);
    else
        sys->run.next--; /* the number is used again */
    sys->run.phase = SIM_WAITING;
}

void sim_run_rewind(sim_system *sys)
{
    sim_slots_restart(&sys->slots, sys->run.first, sys->run.begun);
    sys->run.next = sys->run.first;
    sys->run.begun = sys->run.complete = sys->frames.n_marked = 0;
}

int64_t sim_run_limit(const sim_system *sys, int64_t n)
{
    return sys->run.is_circular ? n : smaller(n, sys->slots.ring);
}

/* ---- triggers ---- */

int sim_run_source(const sim_run *run)
{
    return (int)(run->time_a & XSP3_TIME_A_SOURCE);
}

void sim_run_edge(sim_system *sys, sim_edge_kind kind)
{
    if (sys->run.is_running && sim_itfg_listens(&sys->run, kind))
        sim_itfg_trigger(sys);
}

void sim_run_input(sim_system *sys, int input)
{
    sim_run *run = &sys->run;
    if (!run->is_running || !run->was_enabled || input != sim_gates_input(run))
        return;
    if (sim_is_gate(run))
        sim_gates_follow(sys);
    else if (sim_gates_is_open(sys, input))
        sim_run_edge(sys, SIM_EDGE_TTL);
}

/* ---- RUN and COUNT_ENB ---- */

static int make_books(sim_system *sys, int64_t ring)
{
    bool is_circular = sim_is_circular(sys);
    if (!sim_slots_reset(&sys->slots, sys->n_channels, ring, is_circular) || !sim_frames_reset(&sys->frames, ring)) {
        sim_run_forget(sys);
        return sim_fail(sys, XSP3_OUT_OF_MEMORY, "no memory to keep the books of a ring of %lld frames",
                        (long long)ring);
    }
    return XSP3_OK;
}

int sim_run_begin(sim_system *sys, bool count_enable)
{
    sys->run = (sim_run){0};
    int rc = make_books(sys, sim_ring_frames(sys));
    if (rc < 0)
        return rc;
    sys->run = (sim_run){.is_running = true,
                         .is_circular = sim_is_circular(sys),
                         .time_a = sys->time_a[0],
                         .marker_mode = sys->time_fixed[0] >> XSP3_TIME_FIXED_MARKERS_SHIFT,
                         .itfg = sys->itfg,
                         .ended = -SIM_UNLIMITED,
                         .first = sys->time_fixed[0] & XSP3_TIME_FIXED_FRAME,
                         .next = sys->time_fixed[0] & XSP3_TIME_FIXED_FRAME};
    sys->run.limit = sim_run_limit(sys, SIM_UNLIMITED);
    sim_followers_begin(sys);
    if (sys->run.first > 0)
        sim_slots_rewind(&sys->slots, sys->run.first);
    if (sim_run_source(&sys->run) == XSP3_TIME_A_ITFG)
        sim_itfg_begin(sys);
    if (count_enable)
        sim_run_continue(sys);
    return XSP3_OK;
}

void sim_run_continue(sim_system *sys)
{
    sim_run *run = &sys->run;
    if (!run->is_running || run->count_enabled)
        return;
    run->count_enabled = run->was_enabled = true;
    sim_run_edge(sys, SIM_EDGE_SOFTWARE);
    sim_gates_follow(sys);
    sim_run_update(sys);
}

void sim_run_pause(sim_system *sys)
{
    sys->run.count_enabled = false;
    sim_gates_follow(sys);
}

void sim_run_stop(sim_system *sys)
{
    sim_run *run = &sys->run;
    if (run->is_running)
        sim_run_cut(sys, sys->about.is_cut_reported || sim_run_source(run) == XSP3_TIME_A_SOFTWARE);
    run->is_running = run->count_enabled = false;
}

void sim_run_forget(sim_system *sys)
{
    sim_slots_free(&sys->slots);
    sim_frames_free(&sys->frames);
    sys->run = (sim_run){0};
}
