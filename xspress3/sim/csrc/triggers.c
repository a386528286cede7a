/* What comes in from outside: pulses and levels, as calls to all systems or as text to one. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acquire.h"
#include "errors.h"
#include "inputs.h"
#include "run.h"
#include "system.h"
#include "triggers.h"
#include "xsp3_api.h"

#define MIN_TIME 1e-9
#define MAX_TIME 1e6
#define MAX_WORDS 4

/* One thing to do with the inputs. */
typedef struct {
    bool is_pulses;
    int input, level;    /* else */
    int n;
    double away, back; /* s */
} action;

static int say(sim_answer *answer, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int say(sim_answer *answer, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(answer->text, sizeof answer->text, format, values);
    va_end(values);
    return XSP3_ERROR;
}

/* ---- doing ---- */

static bool is_time(double seconds)
{
    return seconds >= MIN_TIME && seconds <= MAX_TIME;
}

static int check(const action *what, sim_answer *answer)
{
    bool is_input = (what->input >= 0 && what->input <= 3) || what->input == SIM_LVDS_F0 || what->input == SIM_LVDS_VETO;
    if (!what->is_pulses && !is_input)
        return say(answer, "input=%d: allowed is 0..3 (TTL), 8 and 9 (LVDS)", what->input);
    if (!what->is_pulses && what->level != 0 && what->level != 1)
        return say(answer, "level=%d: allowed is 0, 1", what->level);
    if (what->is_pulses && (what->n < 0 || what->n > XSP3_MAX_ITFG_FRAMES))
        return say(answer, "n=%d out of range 0..%d", what->n, XSP3_MAX_ITFG_FRAMES);
    if (what->is_pulses && (!is_time(what->away) || !is_time(what->back)))
        return say(answer, "high=%g low=%g out of range %g..%g s", what->away, what->back, MIN_TIME, MAX_TIME);
    return XSP3_OK;
}

/* Locked. */
static void act(sim_system *sys, const action *what)
{
    if (what->is_pulses)
        sim_inputs_pulse(sys, what->n, llround(what->away * 2e9), llround(what->back * 2e9));
    else
        sim_inputs_set(sys, what->input, what->level != 0);
    sim_run_update(sys);
}

/* ---- calls ---- */

static int act_on_all(const char *call, const action *what)
{
    sim_answer answer;
    int n_systems = 0;
    if (check(what, &answer) < 0)
        return sim_fail_in(call, XSP3_ERROR, "%s", answer.text);
    for (int path = 0; path < XSP3_MAX_PATH; path++) {
        sim_system *sys = sim_try_acquire(path, call);
        if (sys == NULL)
            continue;
        act(sys, what);
        sim_release(sys);
        n_systems++;
    }
    return n_systems > 0 ? XSP3_OK : sim_fail_in(call, XSP3_ERROR, "no system is open");
}

XSP3_API int xsp3sim_ttl(int input, int level)
{
    return act_on_all(__func__, &(action){.input = input, .level = level});
}

XSP3_API int xsp3sim_edges(int n, double period)
{
    return act_on_all(__func__, &(action){.is_pulses = true, .n = n, .away = period / 2, .back = period / 2});
}

XSP3_API int xsp3sim_gates(double high, double low, int n)
{
    return act_on_all(__func__, &(action){.is_pulses = true, .n = n, .away = high, .back = low});
}

/* ---- text ---- */

static bool read_int(const char *word, int *value)
{
    char *end;
    errno = 0;
    long number = strtol(word, &end, 10);
    *value = (int)number;
    return end != word && *end == '\0' && errno == 0 && number == *value;
}

static bool read_time(const char *word, double *seconds)
{
    char *end;
    *seconds = strtod(word, &end);
    return end != word && *end == '\0';
}

/* Number of words in a line, which is cut up; MAX_WORDS + 1 when there are more. */
static int split(char *line, char *words[MAX_WORDS])
{
    int n = 0;
    char *rest = line;
    for (;;) {
        rest += strspn(rest, " \t\r\n");
        if (*rest == '\0' || n == MAX_WORDS)
            return n + (*rest != '\0');
        words[n++] = rest;
        rest += strcspn(rest, " \t\r\n");
        if (*rest != '\0')
            *rest++ = '\0';
    }
}

static bool parse(char *line, action *what)
{
    char *words[MAX_WORDS];
    int n = split(line, words);
    *what = (action){.is_pulses = true};
    if (n == 3 && strcmp(words[0], "edges") == 0) {
        bool is_valid = read_int(words[1], &what->n) && read_time(words[2], &what->away);
        what->away = what->back = what->away / 2;
        return is_valid;
    }
    if (n == 4 && strcmp(words[0], "gate") == 0)
        return read_time(words[1], &what->away) && read_time(words[2], &what->back) && read_int(words[3], &what->n);
    what->is_pulses = false;
    return n == 3 && strcmp(words[0], "ttl") == 0 && read_int(words[1], &what->input) &&
           read_int(words[2], &what->level);
}

int sim_command(int path, char *line, sim_answer *answer)
{
    action what;
    if (!parse(line, &what))
        return say(answer, "allowed is: edges N PERIOD, gate HIGH LOW N, ttl INPUT LEVEL");
    if (check(&what, answer) < 0)
        return XSP3_ERROR;
    sim_system *sys = sim_try_acquire(path, __func__);
    if (sys == NULL)
        return say(answer, "the detector is closed");
    act(sys, &what);
    sim_release(sys);
    return XSP3_OK;
}
