/* Inside of the simulator: one struct per simulated system, and who may do what to it.
 *
 *   API functions     system.c information.c settings.c timing.c progress.c read.c control.c
 *   what is simulated describe.c
 *   a run             run.c (state machine, clock), slots.c (ring: fills, acknowledges, overruns, clears)
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

/* Acknowledge what n_slots places from slot on (modulo ring) hold. O(n_slots). */
void sim_slots_ack(sim_slots *slots, int chan, int64_t slot, int64_t n_slots, int64_t begun);

/* Lowest frame that some channel has not acknowledged. */
int64_t sim_slots_oldest(const sim_slots *slots);

/* Clear what n_slots places from slot on hold of the complete frames. False when memory lacks. */
bool sim_slots_clear(sim_slots *slots, int chan, int64_t slot, int64_t n_slots, int64_t complete);
bool sim_slots_is_cleared(const sim_slots *slots, int chan, int64_t slot, int64_t frame);

/* ---- run.c ---- */

typedef enum { SIM_EDGE_SOFTWARE, SIM_EDGE_TTL } sim_edge_kind;

typedef struct {
    int64_t num_tf;    /* frames, 0 until stopped */
    uint32_t col_time; /* ticks */
    int trig_mode;
    int gap_ticks;
} sim_itfg;

/* Frames come in segments: a burst is one, each software trigger is one of one frame. */
typedef struct {
    bool is_running;    /* RUN */
    bool count_enabled; /* COUNT_ENB: its rising edge is the software trigger */
    bool is_circular;
    int source; /* bits 2..0 of timing register A of card 0 */
    sim_itfg itfg;
    int64_t limit;  /* frames at most in this run */
    int64_t closed; /* frames of the segments before this one */
    bool has_segment;
    int64_t segment_start; /* time */
    int64_t segment_frames;
    int64_t begun, complete; /* frames, as of the last sim_run_update */
} sim_run;

/* All locked. begin: 0 or XSP3_OUT_OF_MEMORY; also restarts a run that is on. */
int sim_run_begin(sim_system *sys, bool count_enable);
void sim_run_continue(sim_system *sys);
void sim_run_pause(sim_system *sys);
void sim_run_stop(sim_system *sys);
void sim_run_forget(sim_system *sys); /* stop, and nothing is stored any more */

/* A trigger: starts what the timing waits for, or is lost. */
void sim_run_edge(sim_system *sys, sim_edge_kind kind);

/* Bring begun, complete and the overrun counts up to now; sim_acquire does it. */
void sim_run_update(sim_system *sys);

/* Collection time of the last run, else of itfg_setup. */
uint32_t sim_run_col_time(const sim_system *sys);

/* Any thread. */
void sim_clock_advance(int64_t half_ns);

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
    sim_itfg itfg;
    sim_run run;
    sim_slots slots;
    const sim_source *source;
    void *source_data;
    uint32_t scratch[XSP3_BINS_PER_MCA];
};

/* Lock the system of a handle and bring its run up to now; NULL with the text of XSP3_INVALID_PATH. */
sim_system *sim_acquire(int path, const char *call);
void sim_release(sim_system *sys);

/* All locked. 0, or XSP3_RANGE_CHECK with its text. */
int sim_check_chan(const sim_system *sys, int chan);

/* 0, or XSP3_ILLEGAL_CARD with its text; -1 (all) is allowed. */
int sim_check_card_or_all(const sim_system *sys, int card);

int sim_revision_major(const sim_system *sys);
double sim_clock_period(const sim_system *sys);
bool sim_is_circular(const sim_system *sys);

/* ---- settings.c ---- */

/* Frames that the buffer holds with the present format: that of the channel with fewest. */
int64_t sim_ring_frames(const sim_system *sys);

#endif
