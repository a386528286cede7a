/* Faults on request: reading what xsp3sim_fault and FAULTS ask for, and keeping the list. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "api_names.h"
#include "errors.h"
#include "faults.h"
#include "sizes.h"
#include "xsp3_api.h"

#define MAX_SECONDS 60.0

static pthread_mutex_t faults_lock = PTHREAD_MUTEX_INITIALIZER; /* guards faults and n_faults; taken last of all */
static sim_fault faults[SIM_MAX_FAULTS];
static _Atomic size_t n_faults; /* looked at without the lock, so that calls cost nothing when there are none */
static char described[SIM_FAULTS_CHARS]; /* list taken up last; guarded by table_lock of lifetime.c */

sim_fault *sim_faults_lock(size_t *n)
{
    if (atomic_load(&n_faults) == 0)
        return NULL;
    pthread_mutex_lock(&faults_lock);
    *n = atomic_load(&n_faults);
    return faults;
}

void sim_faults_unlock(void)
{
    pthread_mutex_unlock(&faults_lock);
}

/* ---- words ---- */

/* The whole number low..high that *at begins with; moves *at on, or makes it NULL when there is none. */
static int64_t take_number(const char **at, int64_t low, int64_t high)
{
    char *end = NULL;
    if (*at == NULL)
        return 0;
    errno = 0;
    long long number = strtoll(*at, &end, 10);
    bool is_valid = end != *at && (*end == ' ' || *end == '\0') && errno == 0 && number >= low && number <= high;
    *at = is_valid ? end : NULL;
    return is_valid ? number : 0;
}

static bool is_end(const char *at)
{
    return at != NULL && at[strspn(at, " ")] == '\0';
}

static int hex_digit(char letter)
{
    const char *digits = "0123456789abcdef";
    const char *found = letter == '\0' ? NULL : strchr(digits, letter >= 'A' && letter <= 'F' ? letter + 32 : letter);
    return found == NULL ? -1 : (int)(found - digits);
}

/* One byte of a text, \xNN being one too; 0 when it is none. */
static char take_byte(const char **at)
{
    const char *from = *at;
    if (from[0] != '\\' || from[1] != 'x') {
        *at += 1;
        return from[0];
    }
    int high = hex_digit(from[2]), low = high < 0 ? -1 : hex_digit(from[3]);
    if (low < 0)
        return '\0';
    *at += 4;
    return (char)(high * 16 + low);
}

/* The rest of the line behind one space, not empty. */
static bool take_text(const char *at, char *text)
{
    size_t n = 0;
    if (at == NULL || at[0] != ' ' || at[1] == '\0')
        return false;
    for (at++; *at != '\0';) {
        char byte = take_byte(&at);
        if (byte == '\0' || n == SIM_FAULT_TEXT_CHARS - 1)
            return false;
        text[n++] = byte;
    }
    text[n] = '\0';
    return true;
}

/* ---- one fault ---- */

static bool parse_fail(sim_fault *fault, const char *at)
{
    char name[64];
    at += strspn(at, " ");
    size_t length = strcspn(at, " ");
    if (length == 0 || length >= sizeof name)
        return false;
    memcpy(name, at, length);
    name[length] = '\0';
    at += length;
    fault->function = sim_find_api(name);
    fault->n = take_number(&at, 1, INT64_MAX);
    fault->code = (int)take_number(&at, INT32_MIN, -1);
    return fault->function != NULL && take_text(at, fault->text);
}

static bool parse_drop(sim_fault *fault, const char *at)
{
    fault->chan = (int)take_number(&at, 0, XSP3_MAX_CHANS - 1);
    fault->frame = take_number(&at, 0, SIM_UNLIMITED);
    fault->n = take_number(&at, 1, SIM_UNLIMITED);
    fault->ticks = take_number(&at, 1, UINT32_MAX);
    return is_end(at);
}

static bool parse_stick(sim_fault *fault, const char *at)
{
    fault->chan = (int)take_number(&at, 0, XSP3_MAX_CHANS - 1);
    fault->frame = take_number(&at, 0, SIM_UNLIMITED);
    return is_end(at);
}

static bool parse_slow_clear(sim_fault *fault, const char *at)
{
    char *end;
    fault->seconds = strtod(at, &end);
    return end != at && is_end(end) && fault->seconds >= 0 && fault->seconds <= MAX_SECONDS;
}

static bool parse_race(sim_fault *fault, const char *at)
{
    fault->n = take_number(&at, 1, SIM_UNLIMITED);
    return is_end(at);
}

static bool parse_lose_link(sim_fault *fault, const char *at)
{
    fault->frame = take_number(&at, 0, SIM_UNLIMITED);
    return is_end(at);
}

static bool parse_refuse_config(sim_fault *fault, const char *at)
{
    return take_text(at, fault->text);
}

static const struct {
    const char *name, *allowed;
    sim_fault_kind kind;
    bool (*parse)(sim_fault *fault, const char *at);
} kinds[] = {
    {"fail", "fail CALL N CODE TEXT: a function of the SDK by its full name, N >= 1, CODE < 0, 1..511 bytes or \\xNN",
     SIM_FAULT_FAIL, parse_fail},
    {"drop", "drop CHANNEL FIRST_FRAME N TICKS: 0..15, >= 0, >= 1, 1..4294967295", SIM_FAULT_DROP, parse_drop},
    {"stick", "stick CHANNEL FRAME: 0..15, >= 0", SIM_FAULT_STICK, parse_stick},
    {"slow-clear", "slow-clear SECONDS: 0..60", SIM_FAULT_SLOW_CLEAR, parse_slow_clear},
    {"race", "race FRAMES: >= 1", SIM_FAULT_RACE, parse_race},
    {"lose-link", "lose-link FRAME: >= 0", SIM_FAULT_LOSE_LINK, parse_lose_link},
    {"refuse-config", "refuse-config TEXT: 1..511 bytes or \\xNN", SIM_FAULT_REFUSE_CONFIG, parse_refuse_config},
};
#define N_KINDS (sizeof kinds / sizeof kinds[0])

/* NULL, or what would have been allowed. */
static const char *parse(const char *what, sim_fault *fault)
{
    what += strspn(what, " ");
    size_t length = strcspn(what, " ");
    for (size_t i = 0; i < N_KINDS; i++) {
        if (strlen(kinds[i].name) != length || memcmp(what, kinds[i].name, length) != 0)
            continue;
        *fault = (sim_fault){.kind = kinds[i].kind};
        return kinds[i].parse(fault, what + length) ? NULL : kinds[i].allowed;
    }
    return "fail, drop, stick, slow-clear, race, lose-link, refuse-config, clear";
}

/* ---- the list ---- */

/* Take out what has struck; with faults_lock held. A lost link stays lost. */
static void take_out_spent(void)
{
    size_t kept = 0;
    for (size_t i = 0; i < atomic_load(&n_faults); i++)
        if (!faults[i].is_spent || faults[i].kind == SIM_FAULT_LOSE_LINK)
            faults[kept++] = faults[i];
    atomic_store(&n_faults, kept);
}

static int add(const char *call, const sim_fault *fault)
{
    int rc = XSP3_OK;
    pthread_mutex_lock(&faults_lock);
    take_out_spent();
    size_t n = atomic_load(&n_faults);
    if (n < SIM_MAX_FAULTS) {
        faults[n] = *fault;
        atomic_store(&n_faults, n + 1);
    } else {
        rc = sim_fail_in(call, XSP3_ERROR, "more than %d faults at a time", SIM_MAX_FAULTS);
    }
    pthread_mutex_unlock(&faults_lock);
    return rc;
}

/* Take out those of FAULTS, or all. */
static void take_out(bool only_described)
{
    size_t kept = 0;
    pthread_mutex_lock(&faults_lock);
    for (size_t i = 0; i < atomic_load(&n_faults); i++)
        if (only_described && !faults[i].is_described)
            faults[kept++] = faults[i];
    atomic_store(&n_faults, kept);
    pthread_mutex_unlock(&faults_lock);
}

XSP3_API int xsp3sim_fault(const char *what)
{
    sim_fault fault;
    if (what == NULL)
        return sim_fail_in(__func__, XSP3_ERROR, "what is NULL");
    if (strcmp(what, "clear") == 0) {
        take_out(false);
        return XSP3_OK;
    }
    const char *allowed = parse(what, &fault);
    if (allowed != NULL)
        return sim_fail_in(__func__, XSP3_ERROR, "%.128s: allowed is %s", what, allowed);
    return add(__func__, &fault);
}

/* The next fault of a list, up to a semicolon; false at its end. */
static bool next_of(const char **list, char *what)
{
    if (**list == '\0')
        return false;
    size_t length = strcspn(*list, ";");
    memcpy(what, *list, length);
    what[length] = '\0';
    *list += length + ((*list)[length] == ';');
    return true;
}

bool sim_faults_are_valid(const char *list)
{
    char what[SIM_FAULTS_CHARS];
    sim_fault fault;
    size_t n = 0;
    if (strlen(list) >= SIM_FAULTS_CHARS)
        return false;
    while (next_of(&list, what))
        if (!is_end(what) && (parse(what, &fault) != NULL || ++n > SIM_MAX_FAULTS))
            return false;
    return true;
}

int sim_faults_describe(const char *call, const char *list)
{
    char what[SIM_FAULTS_CHARS];
    sim_fault fault;
    int rc = XSP3_OK;
    if (strcmp(list, described) == 0)
        return XSP3_OK;
    take_out(true);
    memcpy(described, list, strlen(list) + 1);
    while (rc == XSP3_OK && next_of(&list, what)) {
        if (parse(what, &fault) != NULL)
            continue; /* a blank one: the list was checked */
        fault.is_described = true;
        rc = add(call, &fault);
    }
    return rc;
}
