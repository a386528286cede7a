/* The table of simulated systems: opening, closing, finding. */
#include <stdio.h>
#include <string.h>

#include "sim.h"

static sim_system systems[XSP3_MAX_PATH];
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER; /* taken before that of a system */
static pthread_once_t locks_made = PTHREAD_ONCE_INIT;
static _Thread_local int fault_code; /* of the last sim_acquire in this thread */

static void make_locks(void)
{
    for (int i = 0; i < XSP3_MAX_PATH; i++)
        pthread_mutex_init(&systems[i].lock, NULL);
}

static sim_system *lock_system(int path, const char *call)
{
    pthread_once(&locks_made, make_locks);
    pthread_mutex_lock(&systems[path].lock);
    systems[path].call = call;
    return &systems[path];
}

sim_system *sim_try_acquire(int path, const char *call)
{
    if (path < 0 || path >= XSP3_MAX_PATH)
        return NULL;
    sim_system *sys = lock_system(path, call);
    if (sys->is_open) {
        sim_run_update(sys);
        return sys;
    }
    sim_release(sys);
    return NULL;
}

sim_system *sim_acquire(int path, const char *call)
{
    fault_code = XSP3_OK;
    sim_system *sys = sim_try_acquire(path, call);
    if (sys == NULL) {
        sim_fail_in(call, XSP3_INVALID_PATH, "invalid path %d", path);
        return NULL;
    }
    fault_code = sim_fault_on_call(sys);
    if (fault_code == XSP3_OK)
        return sys;
    sim_release(sys);
    return NULL;
}

int sim_refused(int invalid_path)
{
    return fault_code < 0 ? fault_code : invalid_path;
}

void sim_release(sim_system *sys)
{
    pthread_mutex_unlock(&sys->lock);
}

int sim_check_chan(const sim_system *sys, int chan)
{
    if (chan >= 0 && chan < sys->n_channels)
        return XSP3_OK;
    return sim_fail(sys, XSP3_RANGE_CHECK, "chan=%d out of range 0..%d", chan, sys->n_channels - 1);
}

int sim_check_card_or_all(const sim_system *sys, int card)
{
    if (card >= -1 && card < sys->arguments.n_cards)
        return XSP3_OK;
    return sim_fail(sys, XSP3_ILLEGAL_CARD, "illegal card specified (%d)", card);
}

int sim_check_card(const sim_system *sys, int card)
{
    if (card >= 0)
        return sim_check_card_or_all(sys, card);
    return sim_fail(sys, XSP3_ILLEGAL_CARD, "illegal card specified (%d)", card);
}

int sim_chans_per_card(const sim_system *sys)
{
    return (sys->about.channels + sys->arguments.n_cards - 1) / sys->arguments.n_cards;
}

int sim_revision_major(const sim_system *sys)
{
    return sys->about.generation == XSP3_GEN_3 ? 1 : sys->about.generation == XSP3_GEN_MINI ? 32 : 48;
}

double sim_clock_period(const sim_system *sys)
{
    return sys->about.generation == XSP3_GEN_4 ? 10e-9 : 12.5e-9;
}

bool sim_is_circular(const sim_system *sys)
{
    return (sys->run_flags & XSP3_RUN_FLAGS_CIRCULAR_BUFFER) != 0;
}

/* ---- opening ---- */

static bool same_arguments(const sim_arguments *a, const sim_arguments *b)
{
    return a->n_cards == b->n_cards && a->num_tf == b->num_tf && a->base_port == b->base_port &&
           a->n_chan == b->n_chan && a->create_module == b->create_module && a->debug == b->debug &&
           a->card_index == b->card_index && strcmp(a->base_ip, b->base_ip) == 0 &&
           strcmp(a->base_mac, b->base_mac) == 0 && strcmp(a->module_name, b->module_name) == 0;
}

static bool same_cards(const sim_arguments *a, const sim_arguments *b)
{
    return a->card_index == b->card_index && a->n_cards == b->n_cards;
}

static bool share_a_card(const sim_arguments *a, const sim_arguments *b)
{
    return a->card_index < b->card_index + b->n_cards && b->card_index < a->card_index + a->n_cards;
}

static int check_arguments(const char *call, const sim_arguments *args)
{
    if (args->n_cards < 1 || args->n_cards > XSP3_MAX_CARDS)
        return sim_fail_in(call, XSP3_ERROR, "invalid number of ncards=%d, allowed is 1..%d", args->n_cards,
                           XSP3_MAX_CARDS);
    if (args->card_index < 0 || args->card_index > XSP3_MAX_CARD_INDEX)
        return sim_fail_in(call, XSP3_ERROR, "card_index=%d out of range 0 to %d", args->card_index,
                           XSP3_MAX_CARD_INDEX);
    if (args->card_index + args->n_cards > XSP3_MAX_CARD_INDEX)
        return sim_fail_in(call, XSP3_ERROR, "card_index=%d with ncards=%d goes beyond %d", args->card_index,
                           args->n_cards, XSP3_MAX_CARD_INDEX);
    if (args->num_tf < 1 || args->num_tf > SIM_MAX_NUM_TF)
        return sim_fail_in(call, XSP3_RANGE_CHECK, "num_tf=%d out of range 1..%d", args->num_tf, SIM_MAX_NUM_TF);
    return XSP3_OK;
}

/* The handle that was given for these arguments, -1 with text when others hold a card, or XSP3_MAX_PATH: none. */
static int find_open(const char *call, const sim_arguments *args)
{
    for (int path = 0; path < XSP3_MAX_PATH; path++) {
        if (!systems[path].is_open)
            continue;
        if (same_arguments(&systems[path].arguments, args))
            return path;
        if (share_a_card(&systems[path].arguments, args))
            return sim_fail_in(call, XSP3_ERROR, "card_index=%d with ncards=%d conflicts with saved path %d",
                               args->card_index, args->n_cards, path);
    }
    return XSP3_MAX_PATH;
}

static int find_free(const char *call)
{
    for (int path = 0; path < XSP3_MAX_PATH; path++)
        if (!systems[path].is_open)
            return path;
    return sim_fail_in(call, XSP3_ERROR, "all %d paths are in use", XSP3_MAX_PATH);
}

static const sim_source *source_of(const sim_description *about)
{
    static const sim_source *const sources[] = {&sim_source_physics, &sim_source_pattern, &sim_source_playback};
    return sources[about->source];
}

/* Put a system into the state of hardware just configured; all but its lock is overwritten. */
static void initialise(sim_system *sys, const sim_arguments *args, const sim_description *about)
{
    memset((char *)sys + sizeof sys->lock, 0, sizeof *sys - sizeof sys->lock);
    sys->arguments = *args;
    sys->about = *about;
    sys->n_channels = args->n_chan < 0 ? about->channels : args->n_chan;
    sys->tick = about->generation == XSP3_GEN_4 ? 20 : 25;
    sys->run_flags = XSP3_RUN_FLAGS_SCALERS | XSP3_RUN_FLAGS_HIST;
    sys->sync_mode = -1;
    sys->itfg = (sim_itfg){.num_tf = 1, .col_time = 80000, .gap_ticks = 2};
    sys->source = source_of(about);
    for (int chan = 0; chan < XSP3_MAX_CHANS; chan++) {
        sys->bits_eng[chan] = XSP3_MAX_BITS_ENG;
        sys->settings.trigger_b[chan] = (Xspress3_TriggerB){.enable = 1, .event_time = about->event_width};
    }
    sim_fan_reset(sys);
}

/* Frames, and whoever sends triggers. Both or none. */
static int open_parts(sim_system *sys, int path)
{
    int rc = sys->source->open(sys);
    if (rc < 0 || sys->about.socket[0] == '\0')
        return rc;
    sys->socket = sim_socket_open(sys->call, sys->about.socket, path);
    if (sys->socket != NULL)
        return XSP3_OK;
    sys->source->close(sys);
    return XSP3_ERROR;
}

static int open_system(const char *call, int path, const sim_arguments *args)
{
    sim_description about;
    int rc = sim_connect(call, args, &about);
    if (rc < 0)
        return rc;
    sim_system *sys = lock_system(path, call);
    initialise(sys, args, &about);
    sys->call = call;
    rc = open_parts(sys, path);
    sys->is_open = rc == XSP3_OK;
    sim_release(sys);
    return rc < 0 ? rc : path;
}

/* With table_lock held. */
static int open_or_find(const char *call, const sim_arguments *args)
{
    int rc = check_arguments(call, args);
    if (rc < 0)
        return rc;
    rc = find_open(call, args);
    if (rc < XSP3_MAX_PATH)
        return rc;
    rc = find_free(call);
    return rc < 0 ? rc : open_system(call, rc, args);
}

int sim_open(const char *call, const sim_arguments *args)
{
    pthread_mutex_lock(&table_lock);
    int rc = open_or_find(call, args);
    pthread_mutex_unlock(&table_lock);
    return rc;
}

int sim_attach(const char *call, const sim_arguments *args)
{
    int rc = XSP3_MAX_PATH;
    pthread_mutex_lock(&table_lock);
    for (int path = XSP3_MAX_PATH - 1; path >= 0; path--)
        if (systems[path].is_open && same_cards(&systems[path].arguments, args))
            rc = path;
    pthread_mutex_unlock(&table_lock);
    if (rc < XSP3_MAX_PATH)
        return rc;
    return sim_fail_in(call, XSP3_ERROR, "do_init=0, and no system with card_index=%d ncards=%d is open here",
                       args->card_index, args->n_cards);
}

XSP3_API int xsp3_close(int path, int unlink_what)
{
    (void)unlink_what; /* no shared memory was made */
    if (path < 0 || path >= XSP3_MAX_PATH)
        return sim_fail_in(__func__, XSP3_INVALID_PATH, "invalid path %d", path);
    int rc = sim_fault_on_close(__func__);
    if (rc < 0)
        return rc;
    pthread_mutex_lock(&table_lock);
    sim_system *sys = lock_system(path, __func__);
    sim_socket *socket = NULL;
    if (sys->is_open) {
        sys->is_open = false;
        sys->source->close(sys);
        sim_slots_free(&sys->slots);
        sim_roi_free(sys);
        sim_frames_free(&sys->frames);
        socket = sys->socket;
    }
    sim_release(sys);
    sim_socket_close(socket);
    pthread_mutex_unlock(&table_lock);
    return XSP3_OK;
}
