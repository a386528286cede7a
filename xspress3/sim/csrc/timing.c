/* Timing registers, the internal timing generator (ITFG), and run control. */
#include "sim.h"

static int gap_ticks(int gap_mode)
{
    static const int ticks[] = {2, 16, 40, 80};
    return ticks[gap_mode & 3];
}

/* ---- registers ---- */

static void write_cards(uint32_t *registers, int n_cards, int card, uint32_t value)
{
    for (int i = 0; i < n_cards; i++)
        if (card == -1 || card == i)
            registers[i] = value;
}

/* The whole register is written, its RUN bit too: without it, a run of card 0 ends. */
static int set_time_a(sim_system *sys, int card, uint32_t value)
{
    int rc = sim_check_card_or_all(sys, card);
    if (rc < 0)
        return rc;
    write_cards(sys->time_a, sys->arguments.n_cards, card, value);
    if (card <= 0 && (value & XSP3_TIME_A_RUN) == 0)
        sim_run_stop(sys);
    return XSP3_OK;
}

XSP3_API int xsp3_set_glob_timeA(int path, int card, uint32_t time)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = set_time_a(sys, card, time);
    sim_release(sys);
    return rc;
}

XSP3_API int xsp3_set_glob_timeFixed(int path, int card, uint32_t time)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = sim_check_card_or_all(sys, card);
    if (rc == XSP3_OK)
        write_cards(sys->time_fixed, sys->arguments.n_cards, card, time);
    sim_release(sys);
    return rc;
}

/* As in the real one, values are cut to the width of their registers, not checked. In force at the next start. */
XSP3_API int xsp3_itfg_setup(int path, int card, int num_tf, uint32_t col_time, int trig_mode, int gap_mode)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = XSP3_OK;
    if (card < 0 || card >= sys->arguments.n_cards)
        rc = sim_fail(sys, XSP3_ERROR, "illegal card specified (%d)", card);
    else if (card == 0)
        sys->itfg = (sim_itfg){.num_tf = num_tf & XSP3_MAX_ITFG_FRAMES,
                               .col_time = col_time,
                               .trig_mode = trig_mode & 7,
                               .gap_ticks = gap_ticks(gap_mode)};
    sim_release(sys);
    return rc;
}

/* ---- run control: card 0 is the master, the others follow it ---- */

typedef enum { START, ARM, CONTINUE, PAUSE, STOP } command;

static int control(sim_system *sys, int card, command what)
{
    int rc = sim_check_card_or_all(sys, card);
    if (rc < 0 || card > 0)
        return rc;
    switch (what) {
    case START:
    case ARM:
        return sim_run_begin(sys, what == START);
    case CONTINUE:
        sim_run_continue(sys);
        break;
    case PAUSE:
        sim_run_pause(sys);
        break;
    case STOP:
        sim_run_stop(sys);
        break;
    }
    return XSP3_OK;
}

static int control_path(int path, const char *call, int card, command what)
{
    sim_system *sys = sim_acquire(path, call);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = control(sys, card, what);
    sim_release(sys);
    return rc;
}

XSP3_API int xsp3_histogram_start(int path, int card)
{
    return control_path(path, __func__, card, START);
}

XSP3_API int xsp3_histogram_arm(int path, int card)
{
    return control_path(path, __func__, card, ARM);
}

XSP3_API int xsp3_histogram_continue(int path, int card)
{
    return control_path(path, __func__, card, CONTINUE);
}

XSP3_API int xsp3_histogram_pause(int path, int card)
{
    return control_path(path, __func__, card, PAUSE);
}

XSP3_API int xsp3_histogram_stop(int path, int card)
{
    return control_path(path, __func__, card, STOP);
}

XSP3_API int xsp3_histogram_is_any_busy(int path)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    sim_release(sys);
    return 0;
}
