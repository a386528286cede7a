/* The table of simulated systems: opening, closing, finding. */
#include <stdio.h>
#include <string.h>

#include "sim.h"

static sim_system systems[XSP3_MAX_PATH];
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER; /* one open or close at a time; taken before a system's */
static pthread_once_t locks_made = PTHREAD_ONCE_INIT;

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
    sim_system *sys = sim_try_acquire(path, call);
    if (sys == NULL)
        sim_fail_in(call, XSP3_INVALID_PATH, "invalid path %d", path);
    return sys;
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
    if (card >= 0 && card < sys->arguments.n_cards)
        return XSP3_OK;
    return sim_fail(sys, XSP3_ILLEGAL_CARD, "illegal card specified (%d)", card);
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

/* Like the real library: what is no dotted quad is taken as 0.0.0.0. */
static uint32_t parse_address(const char *text)
{
    unsigned part[4];
    char rest;
    if (sscanf(text, "%3u.%3u.%3u.%3u%c", &part[0], &part[1], &part[2], &part[3], &rest) != 4)
        return 0;
    for (int i = 0; i < 4; i++)
        if (part[i] > 255)
            return 0;
    return part[0] << 24 | part[1] << 16 | part[2] << 8 | part[3];
}

static int fail_no_answer(const char *call, const sim_arguments *args, int card)
{
    uint32_t address = parse_address(args->base_ip) + 1u + (uint32_t)card;
    return sim_fail_in(call, XSP3_ERROR, "Cannot initialise Fem %u.%u.%u.%u on port %d", address >> 24,
                       address >> 16 & 255, address >> 8 & 255, address & 255,
                       args->base_port < 0 ? 30123 : args->base_port);
}

/* Settle how many channels the hardware has: said, or recorded, or 4. */
static int settle_channels(const char *call, sim_description *about)
{
    int most = XSP3_MAX_CHANS;
    if (about->source == SIM_PLAYBACK)
        most = sim_playback_channels(call, about->playback);
    if (most < 0)
        return most;
    if (about->channels == 0)
        about->channels = about->source == SIM_PLAYBACK ? most : 4;
    if (about->channels > most)
        return sim_fail_in(call, XSP3_ERROR, "CHANNELS=%d, but %.256s has %d", about->channels, about->playback, most);
    if (about->n_rates > 1 && about->n_rates != about->channels)
        return sim_fail_in(call, XSP3_ERROR, "RATE has %d numbers: allowed is 1, or one for each of %d channels",
                           about->n_rates, about->channels);
    return XSP3_OK;
}

/* Find out what hardware there is, as connecting to it would. */
static int connect_hardware(const char *call, const sim_arguments *args, sim_description *about)
{
    int rc = sim_describe(call, about);
    if (rc < 0)
        return rc;
    if (about->is_absent)
        return fail_no_answer(call, args, 0);
    if (args->n_cards > about->cards)
        return fail_no_answer(call, args, about->cards);
    rc = settle_channels(call, about);
    if (rc < 0)
        return rc;
    if (args->n_chan == 0 || args->n_chan < -1 || args->n_chan > about->channels)
        return sim_fail_in(call, XSP3_RANGE_CHECK, "nchan=%d, but the number of channels found is %d", args->n_chan,
                           about->channels);
    return XSP3_OK;
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
        sys->settings.event_width[chan] = about->event_width;
    }
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
    int rc = connect_hardware(call, args, &about);
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
static int config(const char *call, const sim_arguments *args)
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

static void copy_text(char *to, size_t size, const char *from, const char *when_null)
{
    snprintf(to, size, "%s", from != NULL ? from : when_null);
}

XSP3_API int xsp3_config(int ncards, int num_tf, char *baseIPaddress, int basePort, char *baseMACaddress, int nchan,
                         int createmodule, char *modname, int debug, int card_index)
{
    sim_arguments args = {.n_cards = ncards,
                          .num_tf = num_tf,
                          .base_port = basePort,
                          .n_chan = nchan,
                          .create_module = createmodule,
                          .debug = debug,
                          .card_index = card_index == -1 ? 0 : card_index};
    copy_text(args.base_ip, sizeof args.base_ip, baseIPaddress, "192.168.0.1");
    copy_text(args.base_mac, sizeof args.base_mac, baseMACaddress, "02.00.00.00.00.00");
    copy_text(args.module_name, sizeof args.module_name, modname, "xsp3_scope0");
    pthread_mutex_lock(&table_lock);
    int rc = config(__func__, &args);
    pthread_mutex_unlock(&table_lock);
    return rc;
}

XSP3_API int xsp3_close(int path, int unlink_what)
{
    (void)unlink_what; /* no shared memory was made */
    if (path < 0 || path >= XSP3_MAX_PATH)
        return sim_fail_in(__func__, XSP3_INVALID_PATH, "invalid path %d", path);
    pthread_mutex_lock(&table_lock);
    sim_system *sys = lock_system(path, __func__);
    sim_socket *socket = NULL;
    if (sys->is_open) {
        sys->is_open = false;
        sys->source->close(sys);
        sim_slots_free(&sys->slots);
        sim_frames_free(&sys->frames);
        socket = sys->socket;
    }
    sim_release(sys);
    sim_socket_close(socket);
    pthread_mutex_unlock(&table_lock);
    return XSP3_OK;
}
