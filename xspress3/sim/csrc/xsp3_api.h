/* What the simulated library exports: the C ABI of the detector's SDK, and the controls of the simulator.
 *
 * Every xsp3_ function returns a negative number on failure and leaves a text, which
 * xsp3_get_error_message gives. That text is one buffer for the whole process, is not cleared by a
 * success, and is replaced by the next failure of any thread.
 *
 * card -1 means all cards and chan -1 all channels where a function says so. Buffers belong to the
 * caller; none is kept. All functions may be called from any thread.
 */
#ifndef XSP3_API_H
#define XSP3_API_H

#include <stdint.h>

#define XSP3_API __attribute__((visibility("default")))

#define XSP3_OK 0
#define XSP3_ERROR (-1)
#define XSP3_INVALID_PATH (-2)
#define XSP3_ILLEGAL_CARD (-3)
#define XSP3_INVALID_DMA_STREAM (-5)
#define XSP3_RANGE_CHECK (-6)
#define XSP3_OUT_OF_MEMORY (-8)
#define XSP3_FILE_WRITE_FAILED (-12)

#define XSP3_MAX_CARDS 16
#define XSP3_MAX_CARD_INDEX 62
#define XSP3_MAX_PATH 34
#define XSP3_MAX_CHANS 16
#define XSP3_MAX_MSG_LEN 1024
#define XSP3_BINS_PER_MCA 4096
#define XSP3_MAX_BITS_ENG 12
#define XSP3_SW_NUM_SCALERS 9
#define XSP3_MAX_ITFG_FRAMES 0xFFFFFF

enum { XSP3_RUN_FLAGS_SCALERS = 0x4, XSP3_RUN_FLAGS_HIST = 0x8, XSP3_RUN_FLAGS_CIRCULAR_BUFFER = 0x100 };
enum { XSP3_GEN_3 = 0, XSP3_GEN_MINI = 2, XSP3_GEN_4 = 3 };
enum { XSP3_DTC_OMIT_CHANNEL = 1, XSP3_DTC_USE_GOOD_EVENT = 2 };
enum { XSP3_ERRFLAG_CIRC_OVERRUN = 0x10000 };

enum {
    XSP3_SCALER_CLOCK_TICKS,
    XSP3_SCALER_RESET_TICKS,
    XSP3_SCALER_RESET_COUNT,
    XSP3_SCALER_ALL_EVENTS,
    XSP3_SCALER_ALL_GOOD,
    XSP3_SCALER_IN_WINDOW0,
    XSP3_SCALER_IN_WINDOW1,
    XSP3_SCALER_PILEUP,
    XSP3_SCALER_TOTAL_TICKS
};

/* Global timing register A */
enum {
    XSP3_TIME_A_SOURCE = 0x7,
    XSP3_TIME_A_SOFTWARE = 0,
    XSP3_TIME_A_ITFG = 1,
    XSP3_TIME_A_IDC = 3,
    XSP3_TIME_A_TTL_VETO_ONLY = 4,
    XSP3_TIME_A_TTL_BOTH = 5,
    XSP3_TIME_A_LVDS_VETO_ONLY = 6,
    XSP3_TIME_A_LVDS_BOTH = 7,
    XSP3_TIME_A_F0_INV = 1 << 3,
    XSP3_TIME_A_VETO_INV = 1 << 4,
    XSP3_TIME_A_LOOP_IO = 1 << 7,
    XSP3_TIME_A_SW_MARKERS_SHIFT = 12,
    XSP3_TIME_A_FROM_RADIAL = 1 << 15,
    XSP3_TIME_A_DEBOUNCE_SHIFT = 16,
    XSP3_TIME_A_COUNT_ENB = 1 << 29
};
#define XSP3_TIME_A_RUN 0x80000000u

/* Register Fixed, and the status word */
enum { XSP3_TIME_FIXED_FRAME = 0xFFFFFF, XSP3_TIME_FIXED_MARKERS_SHIFT = 30 };
enum { XSP3_MARKERS_TTL = 0, XSP3_MARKERS_SOFTWARE = 1, XSP3_MARKERS_ITFG = 2 };
enum {
    XSP3_STAT_A_FRAME = 0xFFFFFF,
    XSP3_STAT_A_COUNTING = 1 << 24,
    XSP3_STAT_A_RUNNING = 1 << 25,
    XSP3_STAT_A_PAUSED = 1 << 26,
    XSP3_STAT_A_FINISHED = 1 << 27
};

/* How cards are wired together */
enum { XSP3_SYNC_NONE = 0, XSP3_SYNC_IDC = 3, XSP3_SYNC_MIDPLANE = 4, XSP3_SYNC_LAST = 5 };

enum {
    XSP3_ITFG_BURST = 0,
    XSP3_ITFG_SOFTWARE = 1,
    XSP3_ITFG_HARDWARE = 2,
    XSP3_ITFG_SOFTWARE_ONLY_FIRST = 5,
    XSP3_ITFG_HARDWARE_ONLY_FIRST = 6
};

typedef struct {
    int state;          /* circular: frames begun in the slot since its last acknowledge; else 0 */
    int64_t time_frame; /* circular: frame that the slot holds; else the one asked for */
    int markers;        /* bits 0 and 1: TTL inputs 2 and 3, or what else was chosen, when the frame began */
} Xsp3TFStatus;

typedef struct {
    int avemode, two_over_mode, enable, enb_otd_split, disable_split, combined, scaled_thres_mode;
    int arm_thres, end_thres, rearm_thres, sep1, sep2, data_delay;
    int event_time; /* ticks lost per event, 2..127 */
    int over_thres_delay, over_thres_stretch, over_thres_trim, enb_fast_otd, fast_avemode;
    int fast_sep1, fast_align, fast_arm_thres, fast_end_thres, enb_variable_width;
    int variable_width_delay, enb_split_touching, enb_fast_diff2;
} Xspress3_TriggerB;

typedef struct {
    int lhs, rhs; /* inclusive bins */
    int out_bins; /* a divisor of rhs - lhs + 1 */
} XSP3Roi;

typedef struct {
    int t_src;
    uint32_t fixed;
    int inv_f0, inv_veto, loop_io;
    int debounce; /* 0..255 ticks */
    int override_debounce_other; /* of the other cards; 0 or less: by gap mode */
    uint32_t card0_a_extra, cardn_a_extra;
    int padding[2];
} Xsp3Timing;

/* Configuration and information. config: handle >= 0, the same one for the same arguments. config_init: with
 * do_init 0 the handle of the system that this process has open on these cards; dummy_system 0 only. */
XSP3_API int xsp3_config(int ncards, int num_tf, char *baseIPaddress, int basePort, char *baseMACaddress, int nchan,
                         int createmodule, char *modname, int debug, int card_index);
XSP3_API int xsp3_config_init(int ncards, int num_tf, char *baseIPaddress, int basePort, char *baseMACaddress,
                              int num_chan, int create_module, char *modname, int debug, int card_index, int do_init,
                              int xsp3m_readout, int dummy_system);
XSP3_API int xsp3_close(int path, int unlink_what);
XSP3_API char *xsp3_get_error_message(void);
XSP3_API int xsp3_get_revision(int path);
XSP3_API int xsp3_get_generation(int path, int card);
XSP3_API int xsp3_get_num_chan(int path);
XSP3_API int xsp3_get_max_num_chan(int path);
XSP3_API int xsp3_get_num_cards(int path);
XSP3_API int xsp3_get_chans_per_card(int path);
XSP3_API int xsp3_get_num_chan_used(int path, int card);
XSP3_API int xsp3_get_bins_per_mca(int path);
XSP3_API double xsp3_get_clock_period(int path, int card);
XSP3_API int xsp3_measure_clock_frequency(int path, int card);

/* Run flags, clocks, settings. clocks_setup: 0 on generation 3, the frequency in Hz on the others. save_settings:
 * into a directory that is there. */
XSP3_API int xsp3_set_run_flags(int path, int flags);
XSP3_API int xsp3_get_run_flags(int path);
XSP3_API int xsp3_clocks_setup(int path, int card, int clk_src, int flags, int tp_type);
XSP3_API int xsp3_restore_settings(int path, char *dir_name, int force_mismatch);
XSP3_API int xsp3_restore_settings_and_clock(int path, char *dir_name, int force_mismatch);
XSP3_API int xsp3_save_settings(int path, char *dir_name);

/* Format, windows, trigger parameters. format_run: number of frames that then fit. set_roi: total of output
 * bins, which become the energy axis in the order of the regions. Events up to good_thres are not good, but all are
 * for 0; windows, thresholds and regions act when a frame is read. Pointers for results may be NULL. */
XSP3_API int xsp3_format_run(int path, int chan, int aux1_mode, int res_thres, int aux2_cont, int disables,
                             int aux2_mode, int nbits_eng);
XSP3_API int xsp3_get_format(int path, int chan, int *nbins_eng, int *nbins_aux1, int *nbins_aux2, int *nbins_tf);
XSP3_API int xsp3_read_format(int path, int chan, int diag_hist, int *num_used_chanP, int *nbins_eng, int *nbins_aux1,
                              int *nbins_aux2, int *nbins_tf);
XSP3_API int xsp3_format_sub_frames(int path, int chan, int just_good, int just_good_thres, int flags, int nbits_eng,
                                    int num_sub_frames, int ts_divide);
XSP3_API int xsp3_set_window(int path, int chan, int win, int low, int high);
XSP3_API int xsp3_get_window(int path, int chan, int win, uint32_t *low, uint32_t *high);
XSP3_API int xsp3_set_good_thres(int path, int chan, uint32_t good_thres);
XSP3_API int xsp3_get_good_thres(int path, int chan, uint32_t *good_thres);
XSP3_API int xsp3_init_roi(int path, int chan);
XSP3_API int xsp3_set_roi(int path, int chan, int num_roi, XSP3Roi *roi);
XSP3_API int xsp3_has_roi(int path, int chan);
XSP3_API int xsp3_get_trigger_b(int path, int chan, Xspress3_TriggerB *trig_b);
XSP3_API int xsp3_set_trigger_b(int path, int detector, Xspress3_TriggerB *trig_b);

/* Timing */
XSP3_API int xsp3_set_glob_timeA(int path, int card, uint32_t time);
XSP3_API int xsp3_get_glob_timeA(int path, int card, uint32_t *time);
XSP3_API int xsp3_set_glob_timeFixed(int path, int card, uint32_t time);
XSP3_API int xsp3_get_glob_timeFixed(int path, int card, uint32_t *time);
XSP3_API int xsp3_get_glob_time_statA(int path, int card, uint32_t *time);
XSP3_API int xsp3_set_timing(int path, Xsp3Timing *setup);
XSP3_API int xsp3_set_sync_mode(int path, int sync_mode, int enb_global_reset, int gr_card);
XSP3_API int xsp3_has_itfg(int path, int card);
XSP3_API int xsp3_itfg_setup(int path, int card, int num_tf, uint32_t col_time, int trig_mode, int gap_mode);
XSP3_API int xsp3_itfg_setup2(int path, int card, int num_tf, uint32_t col_time, int trig_mode, int gap_mode,
                              int acq_in_pause, int marker_period, int marker_frame);
XSP3_API int xsp3_itfg_get_setup(int path, int card, int *num_tf, uint32_t *col_time, int *trig_mode, int *gap_mode);
XSP3_API int xsp3_itfg_stop(int path, int card);
XSP3_API int xsp3_itfg_start(int path, int card);

/* Run control */
XSP3_API int xsp3_histogram_clear(int path, int first_chan, int num_chan, int first_frame, int num_frames);
XSP3_API int xsp3_histogram_start(int path, int card);
XSP3_API int xsp3_histogram_arm(int path, int card);
XSP3_API int xsp3_histogram_continue(int path, int card);
XSP3_API int xsp3_histogram_pause(int path, int card);
XSP3_API int xsp3_histogram_stop(int path, int card);
XSP3_API int xsp3_histogram_is_busy(int path, int chan);
XSP3_API int xsp3_histogram_is_any_busy(int path);

/* Progress, circular buffer, status */
XSP3_API int xsp3_scaler_check_progress(int path);
XSP3_API int64_t xsp3_scaler_check_progress_details(int path, uint32_t *flagsP, int quiet, int64_t *furthest_frame);
XSP3_API int xsp3_scaler_check_desc(int path, int card);
XSP3_API int xsp3_scaler_get_num_tf(int path);
XSP3_API int xsp3_histogram_circ_ack(int path, unsigned chan, unsigned tf, unsigned num_chan, unsigned num_tf);
XSP3_API int64_t xsp3_histogram_get_circ_overrun(int path, int chan, int64_t *firstP);
XSP3_API int xsp3_histogram_get_dropped(int path, int chan);
XSP3_API int xsp3_histogram_get_tf_status(int path, int chan, unsigned tf, Xsp3TFStatus *tf_status);
XSP3_API int xsp3_histogram_get_tf_status_block(int path, int chan, unsigned tf, unsigned ntf,
                                                Xsp3TFStatus *tf_status);
XSP3_API int xsp3_histogram_get_tf_markers(int path, int chan, unsigned tf, unsigned num_tf, int *markers);

/* Reading: histogram [num_tf][num_chan][num_aux][num_eng], scalers [dt][n_chan][n_scalers] */
XSP3_API int xsp3_histogram_read3d(int path, uint32_t *buffer, unsigned x, unsigned y, unsigned t, unsigned dx,
                                   unsigned dy, unsigned dt);
XSP3_API int xsp3_histogram_read4d(int path, uint32_t *buffer, unsigned eng, unsigned aux, unsigned chan, unsigned tf,
                                   unsigned num_eng, unsigned num_aux, unsigned num_chan, unsigned num_tf);
XSP3_API int xsp3_histogram_read_chan(int path, uint32_t *buffer, unsigned chan, unsigned eng, unsigned aux,
                                      unsigned tf, unsigned num_eng, unsigned num_aux, unsigned num_tf);
XSP3_API int xsp3_scaler_read(int path, uint32_t *dest, unsigned scaler, unsigned chan, unsigned t,
                              unsigned n_scalers, unsigned n_chan, unsigned dt);
XSP3_API int xsp3_scaler_read_sf(int path, uint32_t *dest, unsigned scaler, unsigned first_sf, unsigned chan,
                                 unsigned t, unsigned n_scalers, unsigned n_sf, unsigned n_chan, unsigned dt);

/* Dead-time corrected reading: doubles in the order of the plain reads; formulas in dead_time.c. scal_buff may
 * be NULL. chan < 0 sets the parameters of all channels. Energies are keV, offsets s, gradients s/keV. */
XSP3_API int xsp3_hist_dtc_read4d(int path, double *hist_buff, double *scal_buff, unsigned eng, unsigned aux,
                                  unsigned chan, unsigned tf, unsigned num_eng, unsigned num_aux, unsigned num_chan,
                                  unsigned num_tf);
XSP3_API int xsp3_hist_dtc_read3d(int path, double *hist_buff, unsigned eng, unsigned y, unsigned tf, unsigned num_eng,
                                  unsigned dy, unsigned num_tf);
XSP3_API int xsp3_scaler_dtc_read(int path, double *dest, unsigned scaler, unsigned chan, unsigned t,
                                  unsigned n_scalers, unsigned n_chan, unsigned dt);
XSP3_API int xsp3_calculateDeadtimeCorrectionFactors(int path, uint32_t *hardwareScalerReadings, double *dtcFactors,
                                                     double *inpEst, int num_tf, int first_chan, int num_chan);
XSP3_API int xsp3_setDeadtimeCorrectionParameters(int path, int chan, int flags, double all_event_gradient,
                                                  double all_event_offset, double in_window_offset,
                                                  double in_window_gradient);
XSP3_API int xsp3_getDeadtimeCorrectionParameters(int path, int chan, int *flags, double *all_event_gradient,
                                                  double *all_event_offset, double *in_window_offset,
                                                  double *in_window_gradient);
XSP3_API int xsp3_setDeadtimeCorrectionParameters2(int path, int chan, int flags, double all_event_offset,
                                                   double all_event_gradient, double all_event_rate_offset,
                                                   double all_event_rate_gradient, double in_window_offset,
                                                   double in_window_gradient, double in_window_rate_offset,
                                                   double in_window_rate_gradient);
XSP3_API int xsp3_getDeadtimeCorrectionParameters2(int path, int chan, int *flags, double *all_event_offset,
                                                   double *all_event_gradient, double *all_event_rate_offset,
                                                   double *all_event_rate_gradient, double *in_window_offset,
                                                   double *in_window_gradient, double *in_window_rate_offset,
                                                   double *in_window_rate_gradient);
XSP3_API int xsp3_getDeadtimeCorrectionFlags(int path, int chan, int *flags);
XSP3_API int xsp3_setDeadtimeCalculationEnergy(int path, double energy);
XSP3_API double xsp3_getDeadtimeCalculationEnergy(int path);

/* Housekeeping. adc_temp: 4 floats, 5 on generation 4; fem_temp: 2, generation 3 only; mid_plane_temp: 3,
 * generation 4 only; xadc: words 0..10, not on generation 3; fan: words 0..15. */
XSP3_API int xsp3_i2c_read_adc_temp(int path, int card, float *temp);
XSP3_API int xsp3_i2c_read_fem_temp(int path, int card, float *temp);
XSP3_API int xsp3_i2c_read_mid_plane_temp(int path, float *temp);
XSP3_API int xsp3_i2c_set_adc_temp_limit(int path, int card, int critTemp);
XSP3_API int xsp3_read_xadc(int path, int card, int first, int num, uint32_t *data);
XSP3_API int xsp3_read_fan_cont(int path, int card, int offset, int size, uint32_t *value);
XSP3_API int xsp3_write_fan_cont(int path, int card, int offset, int size, uint32_t *value);

/* List mode: makes <root>_chNN.dat, empty */
XSP3_API int xsp3_histogram_start_list_mode(int path, int chan, char *root_name);
XSP3_API int xsp3_histogram_stop_list_mode(int path, int chan);

/* ---- Controls of the simulator --------------------------------------------------------------------
 *
 * What detector is simulated is read when xsp3_config opens it: from xsp3sim_set, else from the
 * environment variable XSPRESS3_SIM_<KEY>, else the default.
 *
 *   key          allowed                        default
 *   CHANNELS     1..16                          4, or what the playback file has
 *   CARDS        1..16                          1
 *   GENERATION   3, mini, 4                     3
 *   SEED         0..2^64-1                      1
 *   SOURCE       physics, pattern, playback     physics
 *   CLOCK        real, demand, manual           real
 *   PLAYBACK     path of an uncompressed .npz   (none)
 *   RATE         true input rate in 1/s,        100000; channel n then gets 1, 0.9, 0.8, 0.7 of it, in turn
 *                0..1e7, or a comma list of
 *                one for each channel
 *   EVENT_WIDTH  2..127                         6
 *   ABSENT       0, 1                           0; with 1 nobody answers
 *   FAULTS       faults with ; between          (none)
 *   ITFG         0, 1, 2, 3, 4, 5, 8            5; what xsp3_has_itfg says
 *   CUT_FRAME    drop, report                   drop; is an ITFG or gate frame that a stop cuts off complete?
 *   SOCKET       path of up to 107 bytes        (none); where commands for the inputs are taken
 *
 * Frame content is a pure function of seed, channel, frame number and collection time.
 *
 * Source `pattern`, for bin b of channel c in frame f:
 *   spectrum[b] = ((f & 0xFFFF) << 16) | ((c & 0xF) << 12) | b
 *   clock_ticks = total_ticks = collection time; reset_ticks = reset_count = 0
 *   all_events  = f & 0xFFFFFF
 *   pileup      = min(c, all_events)
 *   all_good    = all_events - pileup
 *   in_window*  = sum of the spectrum over the window, modulo 2^32
 */

/* Say what shall be simulated from the next xsp3_config on. NULL: back to environment or default.
 * 0, or -1 when the key is unknown or the value not allowed. */
XSP3_API int xsp3sim_set(const char *key, const char *value);

/* Let time pass for all systems with CLOCK=manual: seconds >= 0, kept to 0.5 ns. 0 or -1. */
XSP3_API int xsp3sim_advance(double seconds);

/* Inputs of all open systems: TTL 0..3 (0 frame zero, 1 trigger and gate, 2 and 3 markers), LVDS 8 (frame
 * zero) and 9 (gate). They begin low. 0, or -1 when there is no such input or no open system. */
XSP3_API int xsp3sim_ttl(int input, int level);

/* n pulses on TTL 1, or on LVDS 9 where the run that is, or was last, looks at that, the first one now: away
 * from the level that it has for `high` s, back for `low` s. edges: half of the period each. They replace those still to come; n = 0 ends these. n 0..2^24-1, times
 * 1e-9..1e6. With CLOCK=demand they come as fast as the ring has room, and last what is said here. */
XSP3_API int xsp3sim_edges(int n, double period);
XSP3_API int xsp3sim_gates(double high, double low, int n);

/* The same to one system, from anywhere on this host: a datagram to the unix socket SOCKET, one of
 *     edges N PERIOD
 *     gate HIGH LOW N
 *     ttl INPUT LEVEL
 * is answered `ok` or `error: ...` when the sender has an address. */

/* What frame holds or will hold: spectrum 4096 bins, scalers 9, either may be NULL. Collection time is
 * its own when the frame is there and had another one than the last run, or itfg_setup before that; windows are those now in force. 0,
 * XSP3_INVALID_PATH or XSP3_RANGE_CHECK. */
XSP3_API int xsp3sim_truth(int path, int chan, int64_t frame, uint32_t *spectrum, uint32_t *scalers);

/* Ask for a fault, added to those asked for before. 0, or -1 with what is allowed.
 *
 *   fail CALL N CODE TEXT              the N-th call from now of that function (1 is the next) fails, once, with
 *                                      CODE < 0 and TEXT of 1..511 bytes, which may be written \xNN
 *   drop CHANNEL FIRST_FRAME N TICKS   these frames lost packets: live ticks are TICKS below total ticks
 *   stick CHANNEL FRAME                the channel completes frames 0..FRAME-1 and no more
 *   slow-clear SECONDS                 each histogram_clear takes 0..60 s of real time
 *   race FRAMES                        in the middle of the next histogram read from a ring, that many frames come
 *   lose-link FRAME                    once frames 0..FRAME-1 are complete no more come, and what needs the box fails
 *                                      with -1: all but reads, acknowledges and what the host knows itself; on a
 *                                      Mini these too. Configuring fails as well
 *   refuse-config TEXT                 xsp3_config fails with -1 and TEXT, until clear
 *   clear                              no faults any more, those of FAULTS included
 *
 * CALL is the full name, such as xsp3_histogram_start; of xsp3_config and xsp3_config_init those calls count that
 * come so far as to connect. Faults are for the whole process; 32 at most.
 * FAULTS, which may not hold `clear`, is taken up by a configuration that finds another list in it than
 * the one before. */
XSP3_API int xsp3sim_fault(const char *what);

#endif
