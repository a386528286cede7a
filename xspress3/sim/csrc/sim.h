/* Inside of the simulator: one struct per simulated system, and who may do what to it.
 *
 *   API functions     system.c information.c settings.c timing.c generator.c sync.c progress.c markers.c read.c
 *                     control.c
 *   what is simulated describe.c
 *   a run             run.c (RUN and COUNT_ENB, clock), itfg.c and gates.c (what makes frames), frames.c (their
 *                     lengths and markers), slots.c (ring: fills, acknowledges, overruns, clears)
 *   inputs            inputs.c (levels, debounce, pulses), triggers.c (commands), socket.c (from other processes)
 *   frame content     source_physics.c source_pattern.c source_playback.c over random.c, npz.c and zip.c
 *   texts             errors.c; settings directories: settings_files.c
 *
 * "Locked" below means: the caller holds sys->lock, that is, stands between sim_acquire and sim_release.
 * Times are int64_t in units of 0.5 ns, in which ticks of 12.5 ns and of 10 ns are whole numbers.
 */
#ifndef SIM_H
#define SIM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "npz.h"
#include "random.h"
#include "xsp3_api.h"

#define SIM_PATH_CHARS 1024
#define SIM_SOCKET_CHARS 108 /* as in struct sockaddr_un */
#define SIM_MAX_NUM_TF (1 << 20)
#define SIM_MAX_RING (1 << 24) /* the hardware counts frames in 24 bits */
#define SIM_UNLIMITED (INT64_MAX / 4)

typedef struct sim_system sim_system;

/* ---- errors.c ---- */

/* Keep "call: text" for xsp3_get_error_message and return code. */
int sim_fail_in(const char *call, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same in the name of the API call that locked sys. */
#define sim_fail(sys, ...) sim_fail_in((sys)->call, __VA_ARGS__)

/* ---- describe.c ---- */

typedef enum { SIM_PHYSICS, SIM_PATTERN, SIM_PLAYBACK } sim_source_kind;
typedef enum { SIM_CLOCK_REAL, SIM_CLOCK_DEMAND, SIM_CLOCK_MANUAL } sim_clock_kind;

typedef struct {
    int channels; /* 0: not said */
    int cards;
    int generation;
    uint64_t seed;
    sim_source_kind source;
    sim_clock_kind clock;
    char playback[SIM_PATH_CHARS]; /* empty: none */
    double rate[XSP3_MAX_CHANS];
    int n_rates;
    int event_width;
    bool is_absent;
    int itfg_code;                /* what xsp3_has_itfg says */
    bool is_cut_reported;
    char socket[SIM_SOCKET_CHARS]; /* empty: none */
} sim_description;

/* Read what shall be simulated. 0, or -1 with a text in the name of call. */
int sim_describe(const char *call, sim_description *about);

/* xsp3sim_set, see xsp3_api.h. */
int sim_describe_set(const char *call, const char *key, const char *value);

/* True input rate of a channel in 1/s. */
double sim_rate(const sim_description *about, int chan);

/* ---- slots.c: the places of the ring, by arithmetic instead of memory ---- */

typedef struct {
    int64_t oldest;  /* frames below are acknowledged or overwritten */
    int64_t n_ahead; /* frames from oldest on that are acknowledged already */
    int64_t n_overrun, first_overrun;
} sim_slots_channel;

typedef struct {
    int n_channels;
    int64_t ring; /* places per channel; 0 before the first run */
    sim_slots_channel channel[XSP3_MAX_CHANS];
    int64_t *acked;   /* [channel][ring] fills of a place at its last acknowledge; NULL: not circular */
    int64_t *cleared; /* [channel][ring] frames below are cleared; NULL: none was */
} sim_slots;

/* Forget everything. Returns false when memory lacks; slots is then empty but valid. */
bool sim_slots_reset(sim_slots *slots, int n_channels, int64_t ring, bool is_circular);
void sim_slots_free(sim_slots *slots);

/* Frame that a place holds when begun frames have begun; -1 when none. */
int64_t sim_slots_frame(const sim_slots *slots, int64_t slot, int64_t begun);

/* Frames begun in the place since its last acknowledge. */
int64_t sim_slots_uses(const sim_slots *slots, int chan, int64_t slot, int64_t begun);

/* Frames from..to-1 begin: count what they overwrite. O(1) per channel while acknowledges are in order. */
void sim_slots_advance(sim_slots *slots, int64_t from, int64_t to);

/* Forget all but the memory; the first frame to come is `first`, those below it were never there. */
void sim_slots_rewind(sim_slots *slots, int64_t first);

/* Acknowledge what n_slots places from slot on (modulo ring) hold. O(n_slots). */
void sim_slots_ack(sim_slots *slots, int chan, int64_t slot, int64_t n_slots, int64_t begun);

/* Lowest frame that some channel has not acknowledged. */
int64_t sim_slots_oldest(const sim_slots *slots);

/* Clear what n_slots places from slot on hold of the complete frames. False when memory lacks. */
bool sim_slots_clear(sim_slots *slots, int chan, int64_t slot, int64_t n_slots, int64_t complete);
bool sim_slots_is_cleared(const sim_slots *slots, int chan, int64_t slot, int64_t frame);

/* ---- frames.c: what of a frame is not the same for all of a run ---- */

typedef struct {
    int64_t number; /* frame + 1; 0: none */
    uint32_t ticks;
} sim_length;

typedef struct {
    int64_t ring;
    sim_length *length;     /* [ring] of frames that have not the collection time */
    unsigned char *markers; /* [ring] */
    int64_t n_marked;       /* frames below have their markers */
} sim_frames;

/* Forget everything. False when memory lacks; frames is then empty but valid. */
bool sim_frames_reset(sim_frames *frames, int64_t ring);
void sim_frames_free(sim_frames *frames);

/* A frame lasted this time. */
void sim_frames_note(sim_system *sys, int64_t frame, int64_t half_ns);

/* Ticks of a frame; of one that is not there, the collection time. */
uint32_t sim_frame_ticks(const sim_system *sys, int64_t frame);

/* Give those frames that began since the last call the present markers; to be called before these change. */
void sim_frames_mark(sim_system *sys);
int sim_frame_markers(sim_system *sys, int chan, int64_t frame);

/* ---- inputs.c ---- */

enum { SIM_TTL_F0, SIM_TTL_VETO, SIM_TTL_MARKER_0, SIM_TTL_MARKER_1, SIM_LVDS_F0 = 8, SIM_LVDS_VETO, SIM_N_INPUTS };

typedef struct {
    bool level;      /* on the wire */
    bool settled;    /* behind the debounce */
    int64_t changed; /* time of the last change on the wire */
} sim_input;

/* Pulses on TTL 1: away from the level that it has for `away`, back for `back`. */
typedef struct {
    int64_t n_left, next, away, back;
    bool is_away, idle;
} sim_pulses;

typedef struct {
    sim_input input[SIM_N_INPUTS];
    sim_pulses pulses;
} sim_inputs;

/* All locked. Time of the next event, not before sys->time; SIM_UNLIMITED when there is none. */
int64_t sim_inputs_next(const sim_system *sys);
void sim_inputs_step(sim_system *sys); /* the event that is due at sys->time */
void sim_inputs_set(sim_system *sys, int input, bool level);
void sim_inputs_pulse(sim_system *sys, int64_t n, int64_t away, int64_t back);

/* ---- triggers.c: the commands `edges N PERIOD`, `gate HIGH LOW N`, `ttl INPUT LEVEL` ---- */

typedef struct {
    char text[160];
} sim_answer;

/* Do what a line says. 0, or -1; the answer is what to tell the sender. Writes no error text. */
int sim_command(int path, char *line, sim_answer *answer);

/* ---- socket.c ---- */

typedef struct sim_socket sim_socket;

/* Listen at a path of less than SIM_SOCKET_CHARS bytes for commands to system `path`: NULL with text, or to be closed. */
sim_socket *sim_socket_open(const char *call, const char *where, int path);
void sim_socket_close(sim_socket *socket); /* not locked: its thread may wait for the lock; NULL does nothing */

/* ---- run.c ---- */

typedef enum { SIM_EDGE_SOFTWARE, SIM_EDGE_TTL } sim_edge_kind;

typedef struct {
    int64_t num_tf;    /* frames, 0 until stopped */
    uint32_t col_time; /* ticks; triggers when these are counted */
    int trig_mode;
    int gap_mode;
    int gap_ticks;
    int acq_in_pause;
    int marker_period, marker_frame; /* period 0: none */
} sim_itfg;

typedef enum {
    SIM_WAITING, /* for a trigger, a gate, the next count enable */
    SIM_SEGMENT, /* frames of the collection time with gaps between: a burst, or the one frame of a trigger */
    SIM_OPEN,    /* a frame until something ends it */
    SIM_ENDED    /* the generator was stopped */
} sim_phase;

typedef struct {
    bool is_running;    /* RUN */
    bool count_enabled; /* COUNT_ENB: its rising edge is the software trigger */
    bool was_enabled;   /* once in this run: hardware triggers and gates count from there on */
    bool is_circular;
    uint32_t time_a; /* timing register A of card 0 */
    uint32_t marker_mode;
    sim_itfg itfg;
    int64_t first;    /* number of the first frame */
    int64_t limit;    /* frames from here on are not taken */
    sim_phase phase;
    int64_t since;    /* time when the segment or the open frame began */
    int64_t segment_first;
    int64_t next;     /* number of the frame after the segment or open frame, of the next one else */
    int64_t ready;    /* time before which triggers are ignored, while they are counted */
    int64_t n_triggers, n_wanted; /* in the open frame, and those that end it */
    int64_t begun, complete; /* frames below these, as of sys->time; 0 before the first one */
} sim_run;

/* All locked. begin: 0 or XSP3_OUT_OF_MEMORY; also restarts a run that is on. */
int sim_run_begin(sim_system *sys, bool count_enable);
void sim_run_continue(sim_system *sys);
void sim_run_pause(sim_system *sys);
void sim_run_stop(sim_system *sys);
void sim_run_forget(sim_system *sys); /* stop, and nothing is stored any more */

int sim_run_source(const sim_run *run); /* XSP3_TIME_A_SOURCE of the run */

/* A trigger at sys->time: starts what the timing waits for, or is lost. */
void sim_run_edge(sim_system *sys, sim_edge_kind kind);

/* A debounced input has changed. */
void sim_run_input(sim_system *sys, int input);

/* Bring time, inputs, begun, complete and the overrun counts up to now; sim_acquire does it. */
void sim_run_update(sim_system *sys);

/* What makes frames, at sys->time. */
void sim_run_begin_segment(sim_system *sys, int64_t n_frames);
void sim_run_open_frame(sim_system *sys, int64_t since);
void sim_run_close_frame(sim_system *sys);
void sim_run_cut(sim_system *sys, bool is_kept); /* end the frame that counts, if one does */
void sim_run_rewind(sim_system *sys);            /* the next frame is the first one again */
bool sim_run_is_counting(const sim_system *sys);

/* Frames that this run may take at most when there shall be n. */
int64_t sim_run_limit(const sim_system *sys, int64_t n);

/* Any thread. */
void sim_clock_advance(int64_t half_ns);

/* ---- itfg.c ---- */

void sim_itfg_begin(sim_system *sys);   /* wait for the first trigger; frames are numbered on */
void sim_itfg_trigger(sim_system *sys); /* an edge of the kind that its mode listens to */
bool sim_itfg_listens(const sim_run *run, sim_edge_kind kind);
bool sim_itfg_is_finished(const sim_system *sys);

/* ---- gates.c ---- */

bool sim_is_gate(const sim_run *run);              /* sources 4 to 7 */
int sim_gates_input(const sim_run *run);           /* its input, also the ITFG's */
bool sim_gates_is_open(const sim_system *sys, int input); /* is its level the active one? */
void sim_gates_follow(sim_system *sys); /* begin or end a frame as the gate says */

/* ---- sources ---- */

typedef struct {
    /* Write bins first..first+n-1 of channels chan..chan+n_chan-1 of frame, 4096 bins in full, [n_chan][n]. */
    void (*fill)(sim_system *sys, int64_t frame, int chan, int n_chan, unsigned first, unsigned n, uint32_t *out);
    /* Write the nine scalers of one channel. */
    void (*scalers)(sim_system *sys, int64_t frame, int chan, uint32_t *out);
    /* Make and release sys->source_data. open: 0 or a negative code with its text. */
    int (*open)(sim_system *sys);
    void (*close)(sim_system *sys);
} sim_source;

extern const sim_source sim_source_physics, sim_source_pattern, sim_source_playback;

/* Channels in the playback file (at least 1), or a negative code with its text. Not locked. */
int sim_playback_channels(const char *call, const char *path);

/* Counts in window 0 or 1 of a full spectrum, with the present limits. */
uint32_t sim_window_sum(const sim_system *sys, int chan, int win, const uint32_t *spectrum);

/* ---- settings_files.c ---- */

typedef struct {
    int flags;
    double all_event_offset, all_event_gradient; /* s, s/keV */
    double in_window_offset, in_window_gradient;
} sim_dtc;

typedef struct {
    int revision_major;
    int event_width[XSP3_MAX_CHANS];
    sim_dtc dtc[XSP3_MAX_CHANS];
} sim_settings;

/* Read a settings directory over what settings holds. 0, or -1 with its text; settings is then not to be used. */
int sim_settings_read(const char *call, const char *directory, sim_settings *settings);

/* ---- system.c ---- */

typedef struct {
    int n_cards, num_tf, base_port, n_chan, create_module, debug, card_index;
    char base_ip[64], base_mac[64], module_name[128];
} sim_arguments;

typedef struct {
    uint32_t low, high; /* inclusive bins */
} sim_window;

struct sim_system {
    pthread_mutex_t lock;
    const char *call; /* API function that holds the lock */
    bool is_open;
    sim_arguments arguments;
    sim_description about;
    int n_channels;
    int64_t tick; /* in 0.5 ns */
    int run_flags;
    int bits_eng[XSP3_MAX_CHANS];
    sim_window window[XSP3_MAX_CHANS][2];
    sim_settings settings; /* event widths, dead-time parameters */
    uint32_t time_a[XSP3_MAX_CARDS], time_fixed[XSP3_MAX_CARDS];
    int sync_mode; /* -1: not said */
    sim_itfg itfg;
    int64_t time, leap; /* last brought up to; CLOCK=demand: how far ahead of the real clock */
    sim_inputs inputs;
    sim_run run;
    sim_slots slots;
    sim_frames frames;
    sim_socket *socket;
    const sim_source *source;
    void *source_data;
    uint32_t scratch[XSP3_BINS_PER_MCA];
};

/* Lock the system of a handle and bring its run up to now; NULL with the text of XSP3_INVALID_PATH. */
sim_system *sim_acquire(int path, const char *call);
void sim_release(sim_system *sys);

/* The same, NULL without a text when the handle is not open. */
sim_system *sim_try_acquire(int path, const char *call);

/* All locked. 0, or XSP3_RANGE_CHECK with its text. */
int sim_check_chan(const sim_system *sys, int chan);

/* 0, or XSP3_ILLEGAL_CARD with its text; -1 (all) is allowed. */
int sim_check_card_or_all(const sim_system *sys, int card);

/* 0, or XSP3_ILLEGAL_CARD with its text. */
int sim_check_card(const sim_system *sys, int card);

int sim_revision_major(const sim_system *sys);
double sim_clock_period(const sim_system *sys);
bool sim_is_circular(const sim_system *sys);

/* ---- settings.c ---- */

/* Frames that the buffer holds with the present format: that of the channel with fewest. */
int64_t sim_ring_frames(const sim_system *sys);

#endif
