/* Who times the frames of a run: the source in its timing register, and the input that this looks at. */
#include "system.h"
#include "timing_source.h"
#include "xsp3_api.h"

int sim_run_source(const sim_run *run)
{
    return (int)(run->time_a & XSP3_TIME_A_SOURCE);
}

bool sim_is_gate(const sim_run *run)
{
    return sim_run_source(run) >= XSP3_TIME_A_TTL_VETO_ONLY;
}

bool sim_is_lvds(const sim_run *run)
{
    return sim_run_source(run) >= XSP3_TIME_A_LVDS_VETO_ONLY;
}

int sim_run_input(const sim_run *run)
{
    return sim_is_lvds(run) ? SIM_LVDS_VETO : SIM_TTL_VETO;
}
