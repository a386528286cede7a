/* Levels of the inputs, the debounce, and pulses on the input that the timing source looks at.
 *
 *     wire     ___|^^^^^|_|^^^^^^^^^^|___________|^|____
 *     settled  _______|^^^^^^^^^^^^^^^^^^|______________   each edge later by the debounce; what is shorter is gone
 *
 * There is no thread: events are worked off, in the order of their times, when somebody calls.
 */
#include "frames.h"
#include "inputs.h"
#include "sizes.h"
#include "system.h"
#include "timing_source.h"
#include "xsp3_api.h"

/* Those that the timing looks at; markers are taken as they are. In this order at the same time. */
static const int debounced[] = {SIM_TTL_F0, SIM_LVDS_F0, SIM_TTL_VETO, SIM_LVDS_VETO};
#define N_DEBOUNCED (sizeof debounced / sizeof debounced[0])

static int64_t settles_at(const sim_system *sys, const sim_input *input)
{
    int64_t debounce = sys->time_a[0] >> XSP3_TIME_A_DEBOUNCE_SHIFT & 0xFF;
    return input->level != input->settled ? input->changed + debounce * sys->tick : SIM_UNLIMITED;
}

int64_t sim_inputs_next(const sim_system *sys)
{
    int64_t next = sys->inputs.pulses.n_left > 0 ? sys->inputs.pulses.next : SIM_UNLIMITED;
    for (size_t i = 0; i < N_DEBOUNCED; i++) {
        int64_t time = settles_at(sys, &sys->inputs.input[debounced[i]]);
        if (time < next)
            next = time;
    }
    return next > sys->time ? next : sys->time;
}

static void change(sim_system *sys, int input, bool level)
{
    sim_input *wire = &sys->inputs.input[input];
    if (wire->level == level)
        return;
    if (input == SIM_TTL_MARKER_0 || input == SIM_TTL_MARKER_1)
        sim_frames_mark(sys);
    wire->level = level;
    wire->changed = sys->time;
}

static void step_pulses(sim_system *sys)
{
    sim_pulses *pulses = &sys->inputs.pulses;
    pulses->is_away = !pulses->is_away;
    pulses->next = sys->time + (pulses->is_away ? pulses->away : pulses->back);
    if (!pulses->is_away)
        pulses->n_left--;
    change(sys, pulses->input, pulses->idle != pulses->is_away);
}

int sim_inputs_step(sim_system *sys)
{
    for (size_t i = 0; i < N_DEBOUNCED; i++) {
        sim_input *input = &sys->inputs.input[debounced[i]];
        if (settles_at(sys, input) <= sys->time) {
            input->settled = input->level;
            return debounced[i];
        }
    }
    if (sys->inputs.pulses.n_left > 0 && sys->inputs.pulses.next <= sys->time)
        step_pulses(sys);
    return -1;
}

void sim_inputs_set(sim_system *sys, int input, bool level)
{
    if (input == sys->inputs.pulses.input)
        sys->inputs.pulses = (sim_pulses){0};
    change(sys, input, level);
}

void sim_inputs_pulse(sim_system *sys, int64_t n, int64_t away, int64_t back)
{
    sim_pulses *pulses = &sys->inputs.pulses;
    int input = sim_run_input(&sys->run);
    if (pulses->is_away && (n == 0 || pulses->input != input))
        change(sys, pulses->input, pulses->idle);
    bool goes_on = pulses->is_away && pulses->input == input;
    bool idle = goes_on ? pulses->idle : sys->inputs.input[input].level;
    *pulses = (sim_pulses){
        .n_left = n, .next = sys->time, .away = away, .back = back, .input = input, .idle = idle};
}
