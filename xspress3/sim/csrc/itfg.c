/* The internal timing generator: what a trigger does.
 *
 *     burst, only the first frame waits     trigger -> all frames, as one segment
 *     each frame waits                      trigger -> a segment of one frame; lost while one counts
 *     the same, acquiring in pauses         trigger -> ends a frame and begins the next one
 *
 * Acquiring in pauses, frames touch but for the gap. From feature code 4 on a frame ends with its
 * col_time-th trigger; before, with the first trigger after col_time ticks.
 */
#include "describe.h"
#include "itfg.h"
#include "run_frames.h"
#include "sizes.h"
#include "system.h"
#include "timing_source.h"
#include "xsp3_api.h"

enum { SIM_PAUSE_OFF, SIM_PAUSE_ALL };

static bool first_trigger_suffices(const sim_itfg *itfg)
{
    return itfg->trig_mode == XSP3_ITFG_BURST || (itfg->trig_mode & 4) != 0;
}

bool sim_itfg_listens(const sim_run *run, sim_edge_kind kind)
{
    if (sim_run_source(run) != XSP3_TIME_A_ITFG)
        return false;
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

static int64_t wanted_frames(const sim_system *sys)
{
    if (sys->about.itfg_code == 0)
        return 0;
    if (sys->run.itfg.num_tf > 0)
        return sys->run.itfg.num_tf;
    return sys->about.itfg_code >= 2 ? SIM_UNLIMITED : 0;
}

void sim_itfg_begin(sim_system *sys)
{
    sim_run *run = &sys->run;
    run->limit = sim_run_limit(sys, run->next + wanted_frames(sys));
    run->phase = SIM_WAITING;
    run->n_triggers = run->ready = 0;
    run->n_wanted = 1;
    if (run->itfg.acq_in_pause == SIM_PAUSE_ALL && run->itfg.trig_mode != XSP3_ITFG_BURST && run->next < run->limit)
        sim_run_open_frame(sys, sys->time);
}

/* One frame for this trigger; lost while the frame of the one before still counts. */
static void begin_one(sim_system *sys)
{
    sim_run *run = &sys->run;
    if (run->next >= run->limit)
        return;
    if (sys->about.clock == SIM_CLOCK_DEMAND && run->phase == SIM_SEGMENT)
        run->next++;
    else if (run->phase != SIM_SEGMENT || run->complete == run->next)
        sim_run_begin_segment(sys, 1);
}

/* End a frame and begin the next one, if this trigger is the one that does it. */
static void divide(sim_system *sys)
{
    sim_run *run = &sys->run;
    int64_t gap = run->phase == SIM_OPEN ? run->itfg.gap_ticks * sys->tick : 0;
    bool counts_triggers = sys->about.itfg_code >= 4;
    if (sys->time < run->ready || (run->phase == SIM_OPEN && ++run->n_triggers < run->n_wanted))
        return;
    if (run->phase == SIM_OPEN)
        sim_run_close_frame(sys);
    if (run->next >= run->limit)
        return;
    sim_run_open_frame(sys, sys->time + gap);
    run->n_triggers = 0;
    run->n_wanted = counts_triggers ? run->itfg.col_time : 1;
    run->ready = run->since + (counts_triggers ? 0 : run->itfg.col_time * sys->tick);
}

void sim_itfg_trigger(sim_system *sys)
{
    sim_run *run = &sys->run;
    if (run->phase == SIM_ENDED)
        return;
    if (first_trigger_suffices(&run->itfg)) {
        if (run->phase == SIM_OPEN)
            sim_run_close_frame(sys);
        if (run->phase == SIM_WAITING && run->next < run->limit)
            sim_run_begin_segment(sys, run->limit - run->next);
    } else if (run->itfg.acq_in_pause != SIM_PAUSE_OFF) {
        divide(sys);
    } else {
        begin_one(sys);
    }
}

bool sim_itfg_is_finished(const sim_system *sys)
{
    const sim_run *run = &sys->run;
    bool is_counting = run->phase == SIM_OPEN || (run->phase == SIM_SEGMENT && run->complete < run->next);
    return run->phase == SIM_ENDED || (!is_counting && run->next >= run->limit);
}
