/* The run: RUN and COUNT_ENB bits, and time.
 *
 *     IDLE --arm--> ARMED --continue--> RUNNING --pause--> PAUSED --continue--> RUNNING ...
 *      ^ \------------start---------------^
 *      +------------- stop, from anywhere; start and arm begin anew, from anywhere
 *
 * Nothing happens between calls: every API call first works off what happened at the inputs and counts
 * the frames, up to its own time.
 */
#include "clock.h"
#include "describe.h"
#include "errors.h"
#include "followers.h"
#include "frames.h"
#include "gates.h"
#include "inputs.h"
#include "itfg.h"
#include "run.h"
#include "run_frames.h"
#include "sizes.h"
#include "slots.h"
#include "system.h"
#include "timing_source.h"
#include "xsp3_api.h"

/* ---- triggers ---- */

/* A trigger at sys->time: starts what the timing waits for, or is lost. */
static void trigger(sim_system *sys, sim_edge_kind kind)
{
    if (sys->run.is_running && sim_itfg_listens(&sys->run, kind))
        sim_itfg_trigger(sys);
}

/* A debounced input has changed; -1: none has. */
static void follow_input(sim_system *sys, int input)
{
    sim_run *run = &sys->run;
    if (!run->is_running || !run->was_enabled || input != sim_run_input(run))
        return;
    if (sim_is_gate(run))
        sim_gates_follow(sys);
    else if (sim_gates_is_open(sys, input))
        trigger(sys, SIM_EDGE_TTL);
}

/* ---- time ---- */

/* On demand the inputs are held up while the ring has no room for the frame that they may begin. */
static bool is_held_up(const sim_system *sys)
{
    const sim_run *run = &sys->run;
    bool can_only_end_one = run->phase == SIM_OPEN && sim_is_gate(run);
    bool may_begin_one = run->next < run->limit && run->phase != SIM_ENDED && !can_only_end_one;
    return run->is_running && may_begin_one && run->begun >= sim_run_room(sys);
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
    int64_t until = sim_clock_now(sys);
    while (next_event(sys, &until)) {
        sim_run_step_to(sys, sim_inputs_next(sys));
        follow_input(sys, sim_inputs_step(sys));
    }
    sim_run_step_to(sys, until > sys->time ? until : sys->time);
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
    trigger(sys, SIM_EDGE_SOFTWARE);
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
