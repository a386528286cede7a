/* What detector is simulated: one table of keys, filled from xsp3sim_set, the environment, or defaults. */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "describe.h"
#include "errors.h"
#include "faults.h"
#include "xsp3_api.h"

#define PREFIX "XSPRESS3_SIM_"
#define MAX_RATE 1e7

static bool parse_int(const char *value, int low, int high, int *out)
{
    char *end;
    errno = 0;
    long number = strtol(value, &end, 10);
    if (end == value || *end != '\0' || errno != 0 || number < low || number > high)
        return false;
    *out = (int)number;
    return true;
}

/* Index of value among names, which ends with NULL; -1 when it is none of them. */
static int choose(const char *value, const char *const *names)
{
    for (int i = 0; names[i] != NULL; i++)
        if (strcmp(value, names[i]) == 0)
            return i;
    return -1;
}

static bool parse_channels(sim_description *about, const char *value)
{
    return parse_int(value, 1, XSP3_MAX_CHANS, &about->channels);
}

static bool parse_cards(sim_description *about, const char *value)
{
    return parse_int(value, 1, XSP3_MAX_CARDS, &about->cards);
}

static bool parse_generation(sim_description *about, const char *value)
{
    static const char *const names[] = {"3", "mini", "4", NULL};
    static const int generations[] = {XSP3_GEN_3, XSP3_GEN_MINI, XSP3_GEN_4};
    int chosen = choose(value, names);
    if (chosen >= 0)
        about->generation = generations[chosen];
    return chosen >= 0;
}

static bool parse_seed(sim_description *about, const char *value)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(value, &end, 0);
    if (value[0] < '0' || value[0] > '9' || *end != '\0' || errno != 0)
        return false;
    about->seed = number;
    return true;
}

static bool parse_source(sim_description *about, const char *value)
{
    static const char *const names[] = {"physics", "pattern", "playback", NULL};
    int chosen = choose(value, names);
    if (chosen >= 0)
        about->source = (sim_source_kind)chosen;
    return chosen >= 0;
}

static bool parse_clock(sim_description *about, const char *value)
{
    static const char *const names[] = {"real", "demand", "manual", NULL};
    int chosen = choose(value, names);
    if (chosen >= 0)
        about->clock = (sim_clock_kind)chosen;
    return chosen >= 0;
}

static bool parse_playback(sim_description *about, const char *value)
{
    size_t length = strlen(value);
    if (length == 0 || length >= sizeof about->playback)
        return false;
    memcpy(about->playback, value, length + 1);
    return true;
}

static bool parse_rate(sim_description *about, const char *value)
{
    for (about->n_rates = 0; about->n_rates < XSP3_MAX_CHANS;) {
        char *end;
        double rate = strtod(value, &end);
        if (end == value || !(rate >= 0 && rate <= MAX_RATE))
            return false;
        about->rate[about->n_rates++] = rate;
        if (*end == '\0')
            return true;
        if (*end != ',')
            return false;
        value = end + 1;
    }
    return false;
}

static bool parse_event_width(sim_description *about, const char *value)
{
    return parse_int(value, 2, 127, &about->event_width);
}

static bool parse_itfg(sim_description *about, const char *value)
{
    static const char *const names[] = {"0", "1", "2", "3", "4", "5", "8", NULL};
    if (choose(value, names) < 0)
        return false;
    return parse_int(value, 0, 8, &about->itfg_code);
}

static bool parse_cut_frame(sim_description *about, const char *value)
{
    static const char *const names[] = {"drop", "report", NULL};
    int chosen = choose(value, names);
    about->is_cut_reported = chosen == 1;
    return chosen >= 0;
}

static bool parse_socket(sim_description *about, const char *value)
{
    size_t length = strlen(value);
    if (length == 0 || length >= sizeof about->socket)
        return false;
    memcpy(about->socket, value, length + 1);
    return true;
}

static bool parse_absent(sim_description *about, const char *value)
{
    int flag = 0;
    bool is_valid = parse_int(value, 0, 1, &flag);
    about->is_absent = flag != 0;
    return is_valid;
}

static bool parse_faults(sim_description *about, const char *value)
{
    if (!sim_faults_are_valid(value))
        return false;
    memcpy(about->faults, value, strlen(value) + 1);
    return true;
}

static const struct {
    const char *name, *allowed;
    bool (*parse)(sim_description *about, const char *value);
} keys[] = {
    {"CHANNELS", "1..16", parse_channels},
    {"CARDS", "1..16", parse_cards},
    {"GENERATION", "3, mini, 4", parse_generation},
    {"SEED", "0..18446744073709551615", parse_seed},
    {"SOURCE", "physics, pattern, playback", parse_source},
    {"CLOCK", "real, demand, manual", parse_clock},
    {"PLAYBACK", "a path of 1..1023 bytes", parse_playback},
    {"RATE", "0..1e7 per second, or up to 16 of them with commas between", parse_rate},
    {"EVENT_WIDTH", "2..127", parse_event_width},
    {"ABSENT", "0, 1", parse_absent},
    {"FAULTS", "what xsp3sim_fault takes but clear, with ; between, up to 1023 bytes", parse_faults},
    {"ITFG", "0, 1, 2, 3, 4, 5, 8", parse_itfg},
    {"CUT_FRAME", "drop, report", parse_cut_frame},
    {"SOCKET", "a path of 1..107 bytes", parse_socket},
};
#define N_KEYS (sizeof keys / sizeof keys[0])

static pthread_mutex_t overrides_lock = PTHREAD_MUTEX_INITIALIZER; /* guards overrides */
static char *overrides[N_KEYS];                                    /* from xsp3sim_set; NULL: none */

static int fail_unknown_key(const char *call, const char *key)
{
    char names[256];
    size_t used = 0;
    for (size_t i = 0; i < N_KEYS && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", keys[i].name);
    return sim_fail_in(call, XSP3_ERROR, "unknown key %.64s: allowed is %s", key, names);
}

static int replace_override(size_t i, const char *value)
{
    char *copy = NULL;
    if (value != NULL) {
        size_t size = strlen(value) + 1;
        copy = malloc(size);
        if (copy == NULL)
            return XSP3_OUT_OF_MEMORY;
        memcpy(copy, value, size);
    }
    pthread_mutex_lock(&overrides_lock);
    free(overrides[i]);
    overrides[i] = copy;
    pthread_mutex_unlock(&overrides_lock);
    return XSP3_OK;
}

int sim_describe_set(const char *call, const char *key, const char *value)
{
    if (key == NULL)
        return sim_fail_in(call, XSP3_ERROR, "key is NULL");
    for (size_t i = 0; i < N_KEYS; i++) {
        if (strcmp(key, keys[i].name) != 0)
            continue;
        sim_description scratch;
        if (value != NULL && !keys[i].parse(&scratch, value))
            return sim_fail_in(call, XSP3_ERROR, "%s=%.128s: allowed is %s", key, value, keys[i].allowed);
        return replace_override(i, value);
    }
    return fail_unknown_key(call, key);
}

/* Parse one key out of override or environment. Called with overrides_lock held. */
static int describe_key(const char *call, size_t i, sim_description *about)
{
    char name[64];
    snprintf(name, sizeof name, PREFIX "%s", keys[i].name);
    const char *value = overrides[i] != NULL ? overrides[i] : getenv(name);
    if (value == NULL || value[0] == '\0' || keys[i].parse(about, value))
        return XSP3_OK;
    return sim_fail_in(call, XSP3_ERROR, "%s=%.128s: allowed is %s", name, value, keys[i].allowed);
}

int sim_describe(const char *call, sim_description *about)
{
    *about = (sim_description){
        .cards = 1, .generation = XSP3_GEN_3, .seed = 1, .rate = {100000.0}, .n_rates = 1, .event_width = 6,
        .itfg_code = 5};
    int rc = XSP3_OK;
    pthread_mutex_lock(&overrides_lock);
    for (size_t i = 0; i < N_KEYS && rc == XSP3_OK; i++)
        rc = describe_key(call, i, about);
    pthread_mutex_unlock(&overrides_lock);
    return rc;
}

double sim_rate(const sim_description *about, int chan)
{
    if (about->n_rates > 1)
        return about->rate[chan];
    return about->rate[0] * (1.0 - 0.1 * (chan % 4));
}
