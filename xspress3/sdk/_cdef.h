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

/* Configuration and information */
int xsp3_config(int ncards, int num_tf, char *baseIPaddress, int basePort, char *baseMACaddress,
                int nchan, int createmodule, char *modname, int debug, int card_index);
int xsp3_close(int path, int unlink_what);
char *xsp3_get_error_message(void);
int xsp3_get_revision(int path);
int xsp3_get_generation(int path, int card);
int xsp3_get_num_chan(int path);
int xsp3_get_max_num_chan(int path);
int xsp3_get_num_cards(int path);
int xsp3_get_bins_per_mca(int path);
double xsp3_get_clock_period(int path, int card);

/* Run flags, clocks, settings */
int xsp3_set_run_flags(int path, int flags);
int xsp3_clocks_setup(int path, int card, int clk_src, int flags, int tp_type);
int xsp3_restore_settings(int path, char *dir_name, int force_mismatch);

/* Spectrum format, windows, trigger parameters */
int xsp3_format_run(int path, int chan, int aux1_mode, int res_thres, int aux2_cont, int disables,
                    int aux2_mode, int nbits_eng);
int xsp3_set_window(int path, int chan, int win, int low, int high);
int xsp3_get_window(int path, int chan, int win, uint32_t *low, uint32_t *high);
int xsp3_get_trigger_b(int path, int chan, Xspress3_TriggerB *trig_b);

/* Timing */
int xsp3_set_glob_timeA(int path, int card, uint32_t time);
int xsp3_set_glob_timeFixed(int path, int card, uint32_t time);
int xsp3_itfg_setup(int path, int card, int num_tf, uint32_t col_time, int trig_mode, int gap_mode);

/* Run control */
int xsp3_histogram_clear(int path, int first_chan, int num_chan, int first_frame, int num_frames);
int xsp3_histogram_start(int path, int card);
int xsp3_histogram_arm(int path, int card);
int xsp3_histogram_continue(int path, int card);
int xsp3_histogram_pause(int path, int card);
int xsp3_histogram_stop(int path, int card);
int xsp3_histogram_is_any_busy(int path);

/* Progress, circular buffer, status */
int xsp3_scaler_check_progress(int path);
int64_t xsp3_scaler_check_progress_details(int path, uint32_t *flagsP, int quiet, int64_t *furthest_frame);
int xsp3_histogram_circ_ack(int path, unsigned chan, unsigned tf, unsigned num_chan, unsigned num_tf);
int64_t xsp3_histogram_get_circ_overrun(int path, int chan, int64_t *firstP);
int xsp3_histogram_get_tf_status_block(int path, int chan, unsigned tf, unsigned ntf, Xsp3TFStatus *tf_status);

/* Reading: histogram [num_tf][num_chan][num_aux][num_eng], scalers [dt][n_chan][n_scalers], uint32 */
int xsp3_histogram_read3d(int path, uint32_t *buffer, unsigned x, unsigned y, unsigned t,
                          unsigned dx, unsigned dy, unsigned dt);
int xsp3_histogram_read4d(int path, uint32_t *buffer, unsigned eng, unsigned aux, unsigned chan, unsigned tf,
                          unsigned num_eng, unsigned num_aux, unsigned num_chan, unsigned num_tf);
int xsp3_scaler_read(int path, uint32_t *dest, unsigned scaler, unsigned chan, unsigned t,
                     unsigned n_scalers, unsigned n_chan, unsigned dt);
