/* Frames that last as long as something is on: the software (source 0), or a gate (sources 4 to 7).
 *
 * A gate counts once COUNT_ENB has been raised in the run; pause does not touch it then.
 */
#include "gates.h"
#include "run_frames.h"
#include "system.h"
#include "timing_source.h"
#include "xsp3_api.h"

bool sim_gates_is_open(const sim_system *sys, int input)
{
    bool is_inverted = (sys->run.time_a & XSP3_TIME_A_VETO_INV) != 0;
    return sys->inputs.input[input].settled != is_inverted;
}

/* Does the frame-zero input say that the number starts again? */
static bool is_frame_zero(const sim_system *sys)
{
    const sim_run *run = &sys->run;
    int source = sim_run_source(run);
    bool is_inverted = (run->time_a & XSP3_TIME_A_F0_INV) != 0;
    bool has_input = source == XSP3_TIME_A_TTL_BOTH || source == XSP3_TIME_A_LVDS_BOTH;
    return has_input && sys->inputs.input[sim_is_lvds(run) ? SIM_LVDS_F0 : SIM_TTL_F0].settled != is_inverted;
}

static bool is_on(const sim_system *sys)
{
    if (sim_is_gate(&sys->run))
        return sys->run.was_enabled && sim_gates_is_open(sys, sim_run_input(&sys->run));
    return sys->run.count_enabled;
}

static void begin(sim_system *sys)
{
    sim_run *run = &sys->run;
    if (is_frame_zero(sys) && run->begun > run->first)
        sim_run_rewind(sys);
    if (run->next < run->limit)
        sim_run_open_frame(sys, sys->time);
}

void sim_gates_follow(sim_system *sys)
{
    sim_run *run = &sys->run;
    if (!run->is_running || (!sim_is_gate(run) && sim_run_source(run) != XSP3_TIME_A_SOFTWARE))
        return;
    if (is_on(sys) && run->phase == SIM_WAITING)
        begin(sys);
    else if (!is_on(sys) && run->phase == SIM_OPEN)
        sim_run_close_frame(sys);
}
