/* Timing registers and run control. */
#include "acquire.h"
#include "errors.h"
#include "followers.h"
#include "frames.h"
#include "itfg.h"
#include "run.h"
#include "run_frames.h"
#include "system.h"
#include "timing_source.h"
#include "xsp3_api.h"

#define LIVE_BITS (XSP3_TIME_A_RUN | XSP3_TIME_A_COUNT_ENB)

/* ---- registers ---- */

static void write_cards(uint32_t *registers, int n_cards, int card, uint32_t value)
{
    for (int i = 0; i < n_cards; i++)
        if (card == -1 || card == i)
            registers[i] = value;
}

/* RUN and COUNT_ENB of card 0 do what they say; nothing begins by writing them. */
static void obey_live_bits(sim_system *sys, uint32_t value)
{
    if ((value & XSP3_TIME_A_RUN) == 0)
        sim_run_stop(sys);
    else if ((value & XSP3_TIME_A_COUNT_ENB) == 0)
        sim_run_pause(sys);
    else
        sim_run_continue(sys);
}

/* The whole register is written, its RUN bit too: without it, a run of card 0 ends. */
static int set_time_a(sim_system *sys, int card, uint32_t value)
{
    int rc = sim_check_card_or_all(sys, card);
    if (rc < 0)
        return rc;
    sim_frames_mark(sys);
    write_cards(sys->time_a, sys->arguments.n_cards, card, value);
    if (card <= 0)
        obey_live_bits(sys, value);
    sim_followers_set(sys, card, (value & XSP3_TIME_A_RUN) != 0);
    sim_run_update(sys); /* the debounce may be another one now */
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

/* ---- reading registers; COUNT_ENB is that of the first card ---- */

static uint32_t time_a(const sim_system *sys, int card)
{
    bool is_running = card == 0 ? sys->run.is_running : sys->follower[card].is_running;
    uint32_t live = (is_running ? XSP3_TIME_A_RUN : 0) |
                    (sys->run.count_enabled ? (uint32_t)XSP3_TIME_A_COUNT_ENB : 0);
    return (sys->time_a[card] & ~LIVE_BITS) | live;
}

static uint32_t time_fixed(const sim_system *sys, int card)
{
    return sys->time_fixed[card];
}

static uint32_t status(const sim_system *sys, int card)
{
    (void)card;
    const sim_run *run = &sys->run;
    bool is_counting = sim_run_is_counting(sys);
    bool is_itfg = sim_run_source(run) == XSP3_TIME_A_ITFG, is_finished = is_itfg && sim_itfg_is_finished(sys);
    int64_t frame = is_counting ? run->begun - 1 : run->complete > run->first ? run->complete : run->first;
    uint32_t word = (uint32_t)frame & XSP3_STAT_A_FRAME;
    if (!run->is_running)
        return word;
    bool is_paused = is_itfg && !is_finished && (run->phase == SIM_WAITING || run->complete == run->next);
    return word | XSP3_STAT_A_RUNNING | (is_counting ? XSP3_STAT_A_COUNTING : 0) |
           (is_paused ? XSP3_STAT_A_PAUSED : 0) | (is_finished ? XSP3_STAT_A_FINISHED : 0);
}

static int get(int path, const char *call, int card, uint32_t *word, uint32_t (*read)(const sim_system *sys, int card))
{
    sim_system *sys = sim_acquire(path, call);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = sim_check_card(sys, card);
    if (rc == XSP3_OK && word == NULL)
        rc = sim_fail(sys, XSP3_ERROR, "time is NULL");
    if (rc == XSP3_OK)
        *word = read(sys, card);
    sim_release(sys);
    return rc;
}

XSP3_API int xsp3_get_glob_timeA(int path, int card, uint32_t *time)
{
    return get(path, __func__, card, time, time_a);
}

XSP3_API int xsp3_get_glob_timeFixed(int path, int card, uint32_t *time)
{
    return get(path, __func__, card, time, time_fixed);
}

XSP3_API int xsp3_get_glob_time_statA(int path, int card, uint32_t *time)
{
    return get(path, __func__, card, time, status);
}

/* ---- run control: card 0 is the master, the others follow it ---- */

typedef enum { START, ARM, CONTINUE, PAUSE, STOP } command;

static int control_first(sim_system *sys, command what)
{
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

/* The others run before the first one begins, and until it has stopped. */
static int control(sim_system *sys, int card, command what)
{
    int rc = sim_check_card_or_all(sys, card);
    if (rc == XSP3_OK && (what == START || what == ARM))
        sim_followers_set(sys, card, true);
    if (rc == XSP3_OK && card <= 0)
        rc = control_first(sys, what);
    if (rc == XSP3_OK && what == STOP)
        sim_followers_set(sys, card, false);
    return rc;
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
