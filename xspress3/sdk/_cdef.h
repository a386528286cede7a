/* Every function of the vendor's library that this package calls: the one reviewed table.
 *
 * Read by cffi (see _build.py), so: no preprocessor, no comments with backslashes, ABI types only.
 * It must hold for all library builds of the years 2019 to 2024. Two functions differ between them
 * and are declared in their longest form, which is harmless on the x86-64 System V ABI because a
 * callee ignores argument registers that it does not expect: xsp3_close (one or two arguments) and
 * xsp3_config_init (eleven or thirteen). Functions that some builds lack are looked up when used.
 *
 * Return values: negative is an error code, and xsp3_get_error_message then holds the text.
 */

typedef struct {
    int state;           /* uses of the slot since the last acknowledge: 0 free, 1 filled, 2 or more overwritten */
    int64_t time_frame;  /* number of the frame that the slot holds */
    int markers;
} Xsp3TFStatus;

typedef struct {
    int avemode, two_over_mode, enable, enb_otd_split, disable_split, combined, scaled_thres_mode;
    int arm_thres, end_thres, rearm_thres, sep1, sep2, data_delay;
    int event_time;      /* clock ticks lost per event, 2 to 127 */
    int over_thres_delay, over_thres_stretch, over_thres_trim, enb_fast_otd, fast_avemode;
    int fast_sep1, fast_align, fast_arm_thres, fast_end_thres, enb_variable_width;
    int variable_width_delay, enb_split_touching, enb_fast_diff2;
} Xspress3_TriggerB;

typedef struct {
    int lhs, rhs;        /* inclusive bins */
    int out_bins;        /* never 0: the library divides by it */
} XSP3Roi;

typedef struct {
    int t_src;           /* timing source */
    uint32_t fixed;
    int inv_f0, inv_veto, loop_io;
    int debounce;        /* 0 to 255 ticks */
    int override_debounce_other;
    uint32_t card0_a_extra, cardn_a_extra;
    int padding[2];
} Xsp3Timing;

/* Configuration and information */
int xsp3_config(int ncards, int num_tf, char *baseIPaddress, int basePort, char *baseMACaddress,
                int nchan, int createmodule, char *modname, int debug, int card_index);
int xsp3_config_init(int ncards, int num_tf, char *baseIPaddress, int basePort, char *baseMACaddress,
                     int num_chan, int create_module, char *modname, int debug, int card_index,
                     int do_init, int xsp3m_readout, int dummy_system);
int xsp3_close(int path, int unlink_what);
char *xsp3_get_error_message(void);
int xsp3_get_revision(int path);
int xsp3_get_generation(int path, int card);
int xsp3_get_num_chan(int path);
int xsp3_get_max_num_chan(int path);
int xsp3_get_num_cards(int path);
int xsp3_get_chans_per_card(int path);
int xsp3_get_num_chan_used(int path, int card);
int xsp3_get_bins_per_mca(int path);
double xsp3_get_clock_period(int path, int card);
int xsp3_measure_clock_frequency(int path, int card);

/* Run flags, clocks, settings */
int xsp3_set_run_flags(int path, int flags);
int xsp3_get_run_flags(int path);
int xsp3_clocks_setup(int path, int card, int clk_src, int flags, int tp_type);
int xsp3_restore_settings(int path, char *dir_name, int force_mismatch);
int xsp3_restore_settings_and_clock(int path, char *dir_name, int force_mismatch);
int xsp3_save_settings(int path, char *dir_name);

/* Spectrum format, windows, trigger parameters */
int xsp3_format_run(int path, int chan, int aux1_mode, int res_thres, int aux2_cont, int disables,
                    int aux2_mode, int nbits_eng);
int xsp3_get_format(int path, int chan, int *nbins_eng, int *nbins_aux1, int *nbins_aux2, int *nbins_tf);
int xsp3_read_format(int path, int chan, int diag_hist, int *num_used_chanP, int *nbins_eng, int *nbins_aux1,
                     int *nbins_aux2, int *nbins_tf);
int xsp3_format_sub_frames(int path, int chan, int just_good, int just_good_thres, int flags, int nbits_eng,
                           int num_sub_frames, int ts_divide);
int xsp3_set_window(int path, int chan, int win, int low, int high);
int xsp3_get_window(int path, int chan, int win, uint32_t *low, uint32_t *high);
int xsp3_set_good_thres(int path, int chan, uint32_t good_thres);
int xsp3_get_good_thres(int path, int chan, uint32_t *good_thres);
int xsp3_init_roi(int path, int chan);
int xsp3_set_roi(int path, int chan, int num_roi, XSP3Roi *roi);
int xsp3_has_roi(int path, int chan);
int xsp3_get_trigger_b(int path, int chan, Xspress3_TriggerB *trig_b);
int xsp3_set_trigger_b(int path, int detector, Xspress3_TriggerB *trig_b);

/* Timing */
int xsp3_set_glob_timeA(int path, int card, uint32_t time);
int xsp3_get_glob_timeA(int path, int card, uint32_t *time);
int xsp3_set_glob_timeFixed(int path, int card, uint32_t time);
int xsp3_get_glob_timeFixed(int path, int card, uint32_t *time);
int xsp3_get_glob_time_statA(int path, int card, uint32_t *time);
int xsp3_set_timing(int path, Xsp3Timing *setup);
int xsp3_set_sync_mode(int path, int sync_mode, int enb_global_reset, int gr_card);
int xsp3_has_itfg(int path, int card);
int xsp3_itfg_setup(int path, int card, int num_tf, uint32_t col_time, int trig_mode, int gap_mode);
int xsp3_itfg_setup2(int path, int card, int num_tf, uint32_t col_time, int trig_mode, int gap_mode,
                     int acq_in_pause, int marker_period, int marker_frame);
int xsp3_itfg_get_setup(int path, int card, int *num_tf, uint32_t *col_time, int *trig_mode, int *gap_mode);
int xsp3_itfg_stop(int path, int card);
int xsp3_itfg_start(int path, int card);

/* Run control */
int xsp3_histogram_clear(int path, int first_chan, int num_chan, int first_frame, int num_frames);
int xsp3_histogram_start(int path, int card);
int xsp3_histogram_arm(int path, int card);
int xsp3_histogram_continue(int path, int card);
int xsp3_histogram_pause(int path, int card);
int xsp3_histogram_stop(int path, int card);
int xsp3_histogram_is_busy(int path, int chan);
int xsp3_histogram_is_any_busy(int path);

/* Progress, circular buffer, status */
int xsp3_scaler_check_progress(int path);
int64_t xsp3_scaler_check_progress_details(int path, uint32_t *flagsP, int quiet, int64_t *furthest_frame);
int xsp3_scaler_check_desc(int path, int card);
int xsp3_scaler_get_num_tf(int path);
int xsp3_histogram_circ_ack(int path, unsigned chan, unsigned tf, unsigned num_chan, unsigned num_tf);
int64_t xsp3_histogram_get_circ_overrun(int path, int chan, int64_t *firstP);
int xsp3_histogram_get_dropped(int path, int chan);
int xsp3_histogram_get_tf_status(int path, int chan, unsigned tf, Xsp3TFStatus *tf_status);
int xsp3_histogram_get_tf_status_block(int path, int chan, unsigned tf, unsigned ntf, Xsp3TFStatus *tf_status);
int xsp3_histogram_get_tf_markers(int path, int chan, unsigned tf, unsigned num_tf, int *markers);

/* Reading: histogram [num_tf][num_chan][num_aux][num_eng], scalers [dt][n_chan][n_scalers], uint32 */
int xsp3_histogram_read3d(int path, uint32_t *buffer, unsigned x, unsigned y, unsigned t,
                          unsigned dx, unsigned dy, unsigned dt);
int xsp3_histogram_read4d(int path, uint32_t *buffer, unsigned eng, unsigned aux, unsigned chan, unsigned tf,
                          unsigned num_eng, unsigned num_aux, unsigned num_chan, unsigned num_tf);
int xsp3_histogram_read_chan(int path, uint32_t *buffer, unsigned chan, unsigned eng, unsigned aux, unsigned tf,
                             unsigned num_eng, unsigned num_aux, unsigned num_tf);
int xsp3_scaler_read(int path, uint32_t *dest, unsigned scaler, unsigned chan, unsigned t,
                     unsigned n_scalers, unsigned n_chan, unsigned dt);
int xsp3_scaler_read_sf(int path, uint32_t *dest, unsigned scaler, unsigned first_sf, unsigned chan, unsigned t,
                        unsigned n_scalers, unsigned n_sf, unsigned n_chan, unsigned dt);

/* Dead-time corrected reading: doubles in the order of the plain reads */
int xsp3_hist_dtc_read4d(int path, double *hist_buff, double *scal_buff, unsigned eng, unsigned aux, unsigned chan,
                         unsigned tf, unsigned num_eng, unsigned num_aux, unsigned num_chan, unsigned num_tf);
int xsp3_hist_dtc_read3d(int path, double *hist_buff, unsigned eng, unsigned y, unsigned tf, unsigned num_eng,
                         unsigned dy, unsigned num_tf);
int xsp3_scaler_dtc_read(int path, double *dest, unsigned scaler, unsigned chan, unsigned t, unsigned n_scalers,
                         unsigned n_chan, unsigned dt);
int xsp3_calculateDeadtimeCorrectionFactors(int path, uint32_t *hardwareScalerReadings, double *dtcFactors,
                                            double *inpEst, int num_tf, int first_chan, int num_chan);
int xsp3_setDeadtimeCorrectionParameters(int path, int chan, int flags, double all_event_gradient,
                                         double all_event_offset, double in_window_offset,
                                         double in_window_gradient);
int xsp3_getDeadtimeCorrectionParameters(int path, int chan, int *flags, double *all_event_gradient,
                                         double *all_event_offset, double *in_window_offset,
                                         double *in_window_gradient);
int xsp3_setDeadtimeCorrectionParameters2(int path, int chan, int flags, double all_event_offset,
                                          double all_event_gradient, double all_event_rate_offset,
                                          double all_event_rate_gradient, double in_window_offset,
                                          double in_window_gradient, double in_window_rate_offset,
                                          double in_window_rate_gradient);
int xsp3_getDeadtimeCorrectionParameters2(int path, int chan, int *flags, double *all_event_offset,
                                          double *all_event_gradient, double *all_event_rate_offset,
                                          double *all_event_rate_gradient, double *in_window_offset,
                                          double *in_window_gradient, double *in_window_rate_offset,
                                          double *in_window_rate_gradient);
int xsp3_getDeadtimeCorrectionFlags(int path, int chan, int *flags);
int xsp3_setDeadtimeCalculationEnergy(int path, double energy);
double xsp3_getDeadtimeCalculationEnergy(int path);

/* Housekeeping */
int xsp3_i2c_read_adc_temp(int path, int card, float *temp);
int xsp3_i2c_read_fem_temp(int path, int card, float *temp);
int xsp3_i2c_read_mid_plane_temp(int path, float *temp);
int xsp3_i2c_set_adc_temp_limit(int path, int card, int critTemp);
int xsp3_read_xadc(int path, int card, int first, int num, uint32_t *data);
int xsp3_read_fan_cont(int path, int card, int offset, int size, uint32_t *value);
int xsp3_write_fan_cont(int path, int card, int offset, int size, uint32_t *value);

/* List mode: events of a channel to <root>_chNN.dat */
int xsp3_histogram_start_list_mode(int path, int chan, char *root_name);
int xsp3_histogram_stop_list_mode(int path, int chan);
