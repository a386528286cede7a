/* Inside of the simulator: one struct per simulated system, and who may do what to it.
 *
 *   API functions     system.c connect.c config.c information.c settings.c format.c roi.c timing.c generator.c sync.c
 *                     progress.c markers.c queues.c read.c dead_time.c dead_time_settings.c dead_time_read.c
 *                     housekeeping.c list_mode.c
 *                     control.c
 *   what is simulated describe.c
 *   a run             run.c (RUN and COUNT_ENB, clock), itfg.c and gates.c (what makes frames), followers.c (what the
 *                     other cards make of them), frames.c (their lengths and markers), slots.c (ring: fills, acknowledges, overruns, clears)
 *   inputs            inputs.c (levels, debounce, pulses), triggers.c (commands), socket.c (from other processes)
 *   frame content     source_physics.c source_pattern.c source_playback.c over random.c, npz.c and zip.c
 *   faults on request faults.c; what they do in fault_effects.c; names of functions: api_names.c
 *   texts             errors.c; settings directories: settings_files.c settings_save.c
 *   rules of a Mini   mini.c
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
#define SIM_FAULTS_CHARS 1024
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
    char faults[SIM_FAULTS_CHARS]; /* list of faults, checked */
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
    int64_t *left;    /* [channel + 1][ring] uses from before the numbers started again, in the last row the frames
                         that the places held then; NULL: they did not start again */
    int64_t first;    /* with left: number that they started at */
} sim_slots;

/* Forget everything. Returns false when memory lacks; slots is then empty but valid. */
bool sim_slots_reset(sim_slots *slots, int n_channels, int64_t ring, bool is_circular);
void sim_slots_free(sim_slots *slots);

/* Frame that a place holds when begun frames have begun, perhaps from before a restart; -1 when none. */
int64_t sim_slots_frame(const sim_slots *slots, int64_t slot, int64_t begun);

/* Frames begun in the place since its last acknowledge. */
int64_t sim_slots_uses(const sim_slots *slots, int chan, int64_t slot, int64_t begun);

/* Frames from..to-1 begin: count what they overwrite. O(1) per channel while acknowledges are in order. */
void sim_slots_advance(sim_slots *slots, int64_t from, int64_t to);

/* Forget all but the memory; the first frame to come is `first`, those below it were never there. */
void sim_slots_rewind(sim_slots *slots, int64_t first);

/* The numbers start again at `first` after `begun` frames; what the places hold is in them still. */
void sim_slots_restart(sim_slots *slots, int64_t first, int64_t begun);

/* Frame from `begun` on that would overwrite one that is not acknowledged. O(ring) after a restart. */
int64_t sim_slots_room(const sim_slots *slots, int64_t begun);

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

/* Pulses on the input of the run's timing source: away from the level that it has for `away`, back for `back`. */
typedef struct {
    int64_t n_left, next, away, back;
    int input;
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
    int64_t ended; /* time when the last frame ended, or will when it lasts to its end; no frame: long ago */
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

/* ---- followers.c: cards after the first one; all locked ---- */

typedef struct {
    bool is_running;  /* RUN of this card */
    int64_t n_frames; /* that its channels complete at most in this run */
} sim_follower;

/* Frames frame..frame+n_frames-1 of the first card, in half ns. */
typedef struct {
    int64_t frame, n_frames;
    int64_t length, before, between; /* of each; of the gap before the first one, of those between them */
} sim_pulse;

void sim_followers_begin(sim_system *sys);                                /* a run of the first card begins */
void sim_followers_see(sim_system *sys, const sim_pulse *pulse);          /* it makes frames */
void sim_followers_set(sim_system *sys, int card, bool is_running);       /* card -1: all of them */
int64_t sim_follower_frames(const sim_system *sys, int chan);

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

/* Is an event in this bin above the good threshold? A threshold of 0 lets all pass, bin 0 too. */
bool sim_is_good(const sim_system *sys, int chan, uint32_t bin);

/* Take what is not good out of a full spectrum; returns how much that was. */
uint32_t sim_keep_good(const sim_system *sys, int chan, uint32_t *spectrum);

/* ---- settings_files.c ---- */

typedef struct {
    int flags;
    double all_event_offset, all_event_gradient; /* s, s/keV */
    double in_window_offset, in_window_gradient;
} sim_dtc;

typedef struct {
    int revision_major;
    Xspress3_TriggerB trigger_b[XSP3_MAX_CHANS]; /* event_time: 2..127 */
    sim_dtc dtc[XSP3_MAX_CHANS];
} sim_settings;

/* Read a settings directory over what settings holds. 0, or -1 with its text; settings is then not to be used. */
int sim_settings_read(const char *call, const char *directory, sim_settings *settings);

/* One int of the trigger parameters: its name in a settings directory and its place. */
typedef struct {
    const char *name;
    size_t offset;
} sim_trigger_field;

#define SIM_N_TRIGGER_FIELDS (sizeof(Xspress3_TriggerB) / sizeof(int))
extern const sim_trigger_field sim_trigger_fields[SIM_N_TRIGGER_FIELDS];

/* ---- settings_save.c ---- */

/* Write a directory that sim_settings_read reads. 0, or a negative code with its text. */
int sim_settings_save(const char *call, const char *directory, const sim_settings *settings, int n_channels);

/* ---- roi.c ---- */

typedef struct {
    uint16_t *place; /* per full bin: output bin + 1, or 0 for none; NULL: no regions, all bins as they are */
    unsigned n_bins; /* output bins */
} sim_roi;

void sim_roi_free(sim_system *sys);

/* Sum a full spectrum into the output bins of the regions. */
void sim_roi_fill(const sim_roi *roi, const uint32_t *full, uint32_t *out);

/* ---- api_names.c ---- */

typedef enum { SIM_TOUCHES_HOST, SIM_TOUCHES_BOX_IF_MINI, SIM_TOUCHES_BOX } sim_touch;

typedef struct {
    const char *name;
    sim_touch touches;
} sim_api;

/* NULL when there is no such function, or it cannot fail. */
const sim_api *sim_find_api(const char *name);

/* ---- faults.c: the list of faults, one for the process ---- */

typedef enum {
    SIM_FAULT_FAIL,
    SIM_FAULT_DROP,
    SIM_FAULT_STICK,
    SIM_FAULT_SLOW_CLEAR,
    SIM_FAULT_RACE,
    SIM_FAULT_LOSE_LINK,
    SIM_FAULT_REFUSE_CONFIG
} sim_fault_kind;

#define SIM_MAX_FAULTS 32
#define SIM_FAULT_TEXT_CHARS 512

typedef struct {
    sim_fault_kind kind;
    bool is_described; /* by the key FAULTS, not by xsp3sim_fault */
    bool is_spent;     /* has struck and will not again; of lose-link: is lost */
    const sim_api *function;
    int chan, code;
    int64_t n, frame, ticks; /* calls until it strikes, or frames; first frame; ticks lost */
    double seconds;
    char text[SIM_FAULT_TEXT_CHARS];
} sim_fault;

bool sim_faults_are_valid(const char *list);

/* Take up a list from FAULTS unless it is the one taken up last. Called with table_lock held. */
int sim_faults_describe(const char *call, const char *list);

/* The list, locked until sim_faults_unlock; NULL, and not locked, when it is empty. */
sim_fault *sim_faults_lock(size_t *n);
void sim_faults_unlock(void);

/* ---- fault_effects.c ---- */

/* 0, or the code of a fault with its text. on_call: locked, in the name of sys->call. */
int sim_fault_on_call(sim_system *sys);
int sim_fault_on_config(const char *call, const char *list);
int sim_fault_on_close(const char *call);

/* Locked. Frames that a channel may have complete at most: SIM_UNLIMITED without a fault. */
int64_t sim_fault_frames(int chan);

/* Locked. Ticks that dropped packets take from a frame, and frames below complete that lost some. */
uint32_t sim_fault_ticks(int chan, int64_t frame);
int64_t sim_fault_dropped(int chan, int64_t complete);

/* Locked, within a read: let the ring run on if that was asked for. */
void sim_fault_race(sim_system *sys);

/* Not locked: wait as long as was asked for. */
void sim_fault_slow_clear(void);

/* ---- mini.c: the rules of a Mini; all locked ---- */

bool sim_is_mini(const sim_system *sys);

/* Stop a circular run at the first frame that would overwrite one, and note the overrun. */
void sim_mini_limit(sim_system *sys, int64_t *begun, int64_t *complete);

/* May these places be acknowledged? 0, or XSP3_ERROR with its text. */
int sim_mini_check_ack(const sim_system *sys, unsigned chan, unsigned tf, unsigned num_chan, unsigned num_tf);

/* 0, or XSP3_ERROR with its text before the first arm. */
int sim_mini_check_progress(const sim_system *sys);

/* ---- housekeeping.c ---- */

#define SIM_FAN_WORDS 16

void sim_fan_reset(sim_system *sys);

/* ---- system.c ---- */

typedef struct {
    int n_cards, num_tf, base_port, n_chan, create_module, debug, card_index;
    char base_ip[64], base_mac[64], module_name[128];
} sim_arguments;

typedef struct {
    uint32_t low, high; /* inclusive bins */
} sim_window;

/* ---- connect.c ---- */

/* Find out what hardware there is, as connecting to it would. 0, or a negative code with its text. */
int sim_connect(const char *call, const sim_arguments *args, sim_description *about);

/* ---- system.c ---- */

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
    uint32_t good_thres[XSP3_MAX_CHANS]; /* bin; see sim_is_good */
    sim_roi roi[XSP3_MAX_CHANS];
    sim_settings settings; /* trigger and dead-time parameters */
    double dead_time_energy; /* keV */
    uint32_t fan[XSP3_MAX_CARDS][SIM_FAN_WORDS];
    uint32_t time_a[XSP3_MAX_CARDS], time_fixed[XSP3_MAX_CARDS];
    sim_follower follower[XSP3_MAX_CARDS]; /* [0] is not used */
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

/* What to return when sim_acquire gave NULL in this thread: the code of a fault on request, else invalid_path. */
int sim_refused(int invalid_path);

/* Handle of a system with these arguments, opened if need be; or of one with the same cards that is open. */
int sim_open(const char *call, const sim_arguments *args);
int sim_attach(const char *call, const sim_arguments *args);
/* The same, NULL without a text when the handle is not open. */
sim_system *sim_try_acquire(int path, const char *call);

/* All locked. 0, or XSP3_RANGE_CHECK with its text. */
int sim_check_chan(const sim_system *sys, int chan);

/* 0, or XSP3_ILLEGAL_CARD with its text; -1 (all) is allowed. */
int sim_check_card_or_all(const sim_system *sys, int card);

/* The same for a single card. */
int sim_check_card(const sim_system *sys, int card);

/* Channels lie on the cards in order, as many on each but perhaps the last ones. */
int sim_chans_per_card(const sim_system *sys);

int sim_revision_major(const sim_system *sys);
double sim_clock_period(const sim_system *sys);
bool sim_is_circular(const sim_system *sys);

/* ---- format.c; all locked ---- */

/* Frames that the buffer holds with the present format: that of the channel with fewest. */
int64_t sim_ring_frames(const sim_system *sys);

/* Energy bins that a channel has for its readers. */
unsigned sim_n_bins(const sim_system *sys, unsigned chan);

/* ---- progress.c ---- */

/* Locked. Frames complete on a channel. */
int64_t sim_complete(const sim_system *sys, int chan);

/* ---- read.c; all locked ---- */

/* What a reader asks for; n_* >= 1 and within range once checked. */
typedef struct {
    unsigned eng, chan, tf;
    unsigned n_eng, n_chan, n_tf;
} sim_region;

/* 0, or XSP3_RANGE_CHECK or XSP3_ERROR with its text. */
int sim_check_region(const sim_system *sys, const void *buffer, const sim_region *want, bool is_aux_valid);
int sim_check_scalers(const sim_system *sys, const void *dest, unsigned scaler, unsigned n_scalers,
                      const sim_region *want);

/* Complete frame in the place with this index, or -1: nothing there, not yet, or not of this format. */
int64_t sim_stored_frame(const sim_system *sys, unsigned index);

/* Bins eng..eng+n_eng-1 of a channel, or its nine scalers, as stored; frame -1 is all zeros. */
void sim_read_spectrum(sim_system *sys, int64_t frame, unsigned chan, const sim_region *want, uint32_t *out);
void sim_read_scalers(sim_system *sys, int64_t frame, unsigned chan, uint32_t *nine);

/* ---- dead_time.c ---- */

typedef struct {
    double factor, input; /* input: estimated counts, NaN when the channel is omitted */
    bool is_omitted;
    int scaler; /* the one that input estimates */
} sim_correction;

/* Lower solution x of y = x exp(-x); 1 for y > 1/e. */
double sim_lower_lambert(double y);

/* Locked. From nine raw scalers. */
sim_correction sim_correct(const sim_system *sys, int chan, const uint32_t *nine);

#endif
