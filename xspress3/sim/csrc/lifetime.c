/* The life of a system: opened, found again by its arguments, closed. */
#include <pthread.h>
#include <string.h>

#include "acquire.h"
#include "connect.h"
#include "describe.h"
#include "errors.h"
#include "fault_effects.h"
#include "frames.h"
#include "housekeeping.h"
#include "lifetime.h"
#include "roi.h"
#include "sizes.h"
#include "slots.h"
#include "socket.h"
#include "source.h"
#include "system.h"
#include "xsp3_api.h"

static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER; /* taken before that of a system */

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

/* With table_lock held. Arguments of the system that is open at this handle; NULL when none is. */
static const sim_arguments *open_at(int path)
{
    const sim_system *sys = sim_system_at(path);
    return sys->is_open ? &sys->arguments : NULL;
}

/* The handle that was given for these arguments, -1 with text when others hold a card, or XSP3_MAX_PATH: none. */
static int find_open(const char *call, const sim_arguments *args)
{
    for (int path = 0; path < XSP3_MAX_PATH; path++) {
        const sim_arguments *open = open_at(path);
        if (open != NULL && same_arguments(open, args))
            return path;
        if (open != NULL && share_a_card(open, args))
            return sim_fail_in(call, XSP3_ERROR, "card_index=%d with ncards=%d conflicts with saved path %d",
                               args->card_index, args->n_cards, path);
    }
    return XSP3_MAX_PATH;
}

static int find_free(const char *call)
{
    for (int path = 0; path < XSP3_MAX_PATH; path++)
        if (open_at(path) == NULL)
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
    sim_system *sys = sim_lock(path, call);
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
        if (open_at(path) != NULL && same_cards(open_at(path), args))
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
    sim_system *sys = sim_lock(path, __func__);
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
