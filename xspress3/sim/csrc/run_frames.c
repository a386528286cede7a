/* Frames of a run: what begins one, what ends it, and how many that makes by now.
 *
 * What makes frames says when: as a segment, frames of the collection time with gaps between, that end by
 * themselves; or each by itself, open until it is closed.
 */
#include "describe.h"
#include "followers.h"
#include "frames.h"
#include "mini.h"
#include "run_frames.h"
#include "sizes.h"
#include "slots.h"
#include "system.h"
#include "timing_source.h"

/* ---- counting ---- */

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t sim_run_room(const sim_system *sys)
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
    int64_t n = smaller(sys->run.next, sim_run_room(sys));
    if (n > sys->run.segment_first)
        count(sys, n, n);
}

void sim_run_step_to(sim_system *sys, int64_t time)
{
    sys->time = time;
    if (!sys->run.is_running || sys->run.phase != SIM_SEGMENT)
        return;
    if (sys->about.clock == SIM_CLOCK_DEMAND)
        count_on_demand(sys);
    else
        count_segment(sys);
}

/* ---- beginning and ending ---- */

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
    sim_run_step_to(sys, sys->time);
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
