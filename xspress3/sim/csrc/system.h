/* One simulated system: all of its state, and what follows from that.
 *
 * The simulator has floors; a file uses its own floor and those below it, never one above. From the top down:
 *
 *   a system's life    config.c (the two ways in) over lifetime.c, connect.c (who answers), socket.c (other processes)
 *   API functions      information.c settings.c format.c roi.c timing.c generator.c sync.c progress.c markers.c
 *                      queues.c read.c dead_time.c dead_time_settings.c dead_time_read.c housekeeping.c list_mode.c
 *                      control.c triggers.c (pulses and levels, called or written)
 *   a handle           acquire.c (a system locked and brought up to now)
 *   the run            run.c (RUN and COUNT_ENB bits, time)
 *   what makes frames  gates.c itfg.c inputs.c (levels, debounce, pulses)
 *   content of frames  source_physics.c source_pattern.c source_playback.c as source.h says
 *   frames of a run    run_frames.c (begun, ended, counted) over frames.c (lengths, markers), followers.c (what other
 *                      cards make of them) and mini.c (the rules of a Mini)
 *   one system         timing_source.c (who times a run), clock.c, good_counts.c, fault_effects.c, all over system.c
 *   ground             describe.c (what is simulated) over faults.c and api_names.c; settings_save.c over
 *                      settings_files.c; slots.c (ring: fills, acknowledges, overruns, clears);
 *                      random.c; npz.c over zip.c; errors.c; sizes.h; xsp3_api.h
 *
 * "Locked" means: the caller holds sys->lock, that is, stands between sim_acquire and sim_release.
 * Times are int64_t in units of 0.5 ns, in which ticks of 12.5 ns and of 10 ns are whole numbers.
 */
#ifndef SIM_SYSTEM_H
#define SIM_SYSTEM_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "describe.h"
#include "settings_files.h"
#include "slots.h"
#include "xsp3_api.h"

#define SIM_FAN_WORDS 16

/* ---- how it was opened, and what was set ---- */

typedef struct {
    int n_cards, num_tf, base_port, n_chan, create_module, debug, card_index;
    char base_ip[64], base_mac[64], module_name[128];
} sim_arguments;

typedef struct {
    uint32_t low, high; /* inclusive bins */
} sim_window;

typedef struct {
    uint16_t *place; /* per full bin: output bin + 1, or 0 for none; NULL: no regions, all bins as they are */
    unsigned n_bins; /* output bins */
} sim_roi;

typedef struct {
    int64_t num_tf;    /* frames, 0 until stopped */
    uint32_t col_time; /* ticks; triggers when these are counted */
    int trig_mode;
    int gap_mode;
    int gap_ticks;
    int acq_in_pause;
    int marker_period, marker_frame; /* period 0: none */
} sim_itfg;

/* ---- inputs ---- */

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

/* ---- a run ---- */

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

typedef struct {
    bool is_running;  /* RUN of this card */
    int64_t n_frames; /* that its channels complete at most in this run */
} sim_follower;

/* What of a frame is not the same for all of a run. */
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

/* ---- all of it ---- */

typedef struct sim_system {
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
    struct sim_socket *socket;
    const struct sim_source *source;
    void *source_data;
    uint32_t scratch[XSP3_BINS_PER_MCA];
} sim_system;

/* All that follow: locked. 0, or XSP3_RANGE_CHECK with its text. */
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
bool sim_is_mini(const sim_system *sys);

/* Frames that the buffer holds with so many bits of energy for every channel. */
int64_t sim_frames_that_fit(const sim_system *sys, int bits_eng);

/* The same with the present format: that of the channel with fewest. */
int64_t sim_ring_frames(const sim_system *sys);

/* Energy bins that a channel has for its readers. */
unsigned sim_n_bins(const sim_system *sys, unsigned chan);

#endif
