/* What bad arguments give: codes and texts. */
#include "check.h"

static uint32_t buffer[4096];

static void no_function_takes_a_handle_that_is_not_open(int path)
{
    int64_t word = 0;
    CHECK_FAILS(xsp3_get_revision(path), -2, "xsp3_get_revision: invalid path ");
    CHECK_FAILS(xsp3_get_generation(path, 0), -1, "xsp3_get_generation: invalid path ");
    CHECK(xsp3_get_clock_period(path, 0) < -0.99 && xsp3_get_clock_period(path, 0) > -1.01);
    CHECK_FAILS(xsp3_get_num_chan(path), -2, "xsp3_get_num_chan: invalid path ");
    CHECK_FAILS(xsp3_get_max_num_chan(path), -2, "invalid path ");
    CHECK_FAILS(xsp3_get_num_cards(path), -2, "invalid path ");
    CHECK_FAILS(xsp3_get_bins_per_mca(path), -2, "invalid path ");
    CHECK_FAILS(xsp3_set_run_flags(path, 0), -2, "invalid path ");
    CHECK_FAILS(xsp3_clocks_setup(path, 0, 1, 0, 0), -2, "invalid path ");
    CHECK_FAILS(xsp3_restore_settings(path, NULL, 0), -2, "invalid path ");
    CHECK_FAILS(xsp3_format_run(path, -1, 0, 0, 0, 0, 0, 12), -2, "invalid path ");
    CHECK_FAILS(xsp3_set_window(path, 0, 0, 0, 0), -2, "invalid path ");
    CHECK_FAILS(xsp3_get_window(path, 0, 0, NULL, NULL), -2, "invalid path ");
    CHECK_FAILS(xsp3_get_trigger_b(path, 0, NULL), -2, "invalid path ");
    CHECK_FAILS(xsp3_set_glob_timeA(path, 0, 0), -2, "invalid path ");
    CHECK_FAILS(xsp3_set_glob_timeFixed(path, 0, 0), -2, "invalid path ");
    CHECK_FAILS(xsp3_itfg_setup(path, 0, 1, 1, 0, 0), -2, "invalid path ");
    CHECK_FAILS(xsp3_measure_clock_frequency(path, 0), -2, "invalid path ");
    CHECK_FAILS(xsp3_get_glob_timeA(path, 0, buffer), -2, "invalid path ");
    CHECK_FAILS(xsp3_get_glob_timeFixed(path, 0, buffer), -2, "invalid path ");
    CHECK_FAILS(xsp3_get_glob_time_statA(path, 0, buffer), -2, "invalid path ");
    CHECK_FAILS(xsp3_set_timing(path, NULL), -2, "invalid path ");
    CHECK_FAILS(xsp3_set_sync_mode(path, 0, 0, 0), -2, "invalid path ");
    CHECK_FAILS(xsp3_has_itfg(path, 0), -2, "invalid path ");
    CHECK_FAILS(xsp3_itfg_setup2(path, 0, 1, 1, 0, 0, 0, 0, 0), -2, "invalid path ");
    CHECK_FAILS(xsp3_itfg_get_setup(path, 0, NULL, NULL, NULL, NULL), -2, "invalid path ");
    CHECK_FAILS(xsp3_itfg_stop(path, 0), -2, "invalid path ");
    CHECK_FAILS(xsp3_itfg_start(path, 0), -2, "invalid path ");
    CHECK_FAILS(xsp3_histogram_get_tf_markers(path, 0, 0, 1, NULL), -2, "invalid path ");
    CHECK_FAILS(xsp3_histogram_clear(path, 0, 1, 0, 1), -2, "invalid path ");
    CHECK_FAILS(xsp3_histogram_start(path, 0), -2, "xsp3_histogram_start: invalid path ");
    CHECK_FAILS(xsp3_histogram_arm(path, 0), -2, "invalid path ");
    CHECK_FAILS(xsp3_histogram_continue(path, 0), -2, "invalid path ");
    CHECK_FAILS(xsp3_histogram_pause(path, 0), -2, "invalid path ");
    CHECK_FAILS(xsp3_histogram_stop(path, 0), -2, "invalid path ");
    CHECK_FAILS(xsp3_histogram_is_any_busy(path), -2, "invalid path ");
    CHECK_FAILS(xsp3_scaler_check_progress(path), -2, "invalid path ");
    CHECK_FAILS(xsp3_scaler_check_progress_details(path, NULL, 0, &word), -2, "invalid path ");
    CHECK_FAILS(xsp3_histogram_circ_ack(path, 0, 0, 1, 1), -2, "invalid path ");
    CHECK_FAILS(xsp3_histogram_get_circ_overrun(path, -1, &word), -2, "invalid path ");
    CHECK_FAILS(xsp3_histogram_get_tf_status_block(path, 0, 0, 1, NULL), -2, "invalid path ");
    CHECK_FAILS(xsp3_histogram_read3d(path, buffer, 0, 0, 0, 1, 1, 1), -2, "invalid path ");
    CHECK_FAILS(xsp3_histogram_read4d(path, buffer, 0, 0, 0, 0, 1, 1, 1, 1), -2, "invalid path ");
    CHECK_FAILS(xsp3_scaler_read(path, buffer, 0, 0, 0, 1, 1, 1), -2, "invalid path ");
    CHECK_FAILS(xsp3sim_truth(path, 0, 0, NULL, NULL), -2, "invalid path ");
}

static void sizes_near_the_end_of_32_bits_do_not_wrap(void)
{
    int path = check_open("pattern", "manual", 16);
    Xsp3TFStatus status;
    CHECK_EQUAL(xsp3_histogram_read4d(path, buffer, 0xFFFFFFFF, 0, 0, 0, 2, 1, 1, 1), -6);
    CHECK_EQUAL(xsp3_histogram_read4d(path, buffer, 0, 0, 0xFFFFFFFF, 0, 1, 1, 2, 1), -6);
    CHECK_EQUAL(xsp3_histogram_read4d(path, buffer, 0, 0, 0, 0xFFFFFFFF, 1, 1, 1, 2), -6);
    CHECK_EQUAL(xsp3_scaler_read(path, buffer, 0xFFFFFFFF, 0, 0, 2, 1, 1), -6);
    CHECK_EQUAL(xsp3_scaler_read(path, buffer, 0, 0xFFFFFFFF, 0, 1, 2, 1), -6);
    CHECK_EQUAL(xsp3_histogram_get_tf_status_block(path, 0, 0xFFFFFFFF, 2, &status), -1);
    CHECK_EQUAL(xsp3_histogram_clear(path, 0, 4, 2147483647, 2147483647), -6);
    CHECK_EQUAL(xsp3_histogram_clear(path, 2147483647, 2147483647, 0, 1), -6);
    xsp3_set_run_flags(path, 0x10C);
    CHECK_EQUAL(xsp3_histogram_circ_ack(path, 0xFFFFFFFF, 0, 2, 1), -6);
    CHECK_EQUAL(xsp3_histogram_circ_ack(path, 0, 0xFFFFFFFF, 4, 0xFFFFFFFF), 0);
    xsp3_histogram_start(path, -1);
    CHECK_EQUAL(xsp3_histogram_circ_ack(path, 0, 0xFFFFFFFF, 4, 0xFFFFFFFF), 0);
    CHECK_EQUAL(xsp3_histogram_read4d(path, buffer, 0, 0, 0, 0xFFFFFFFF, 1, 1, 1, 2), 0);
    CHECK_EQUAL(xsp3_histogram_get_tf_status_block(path, 0, 0xFFFFFFFF, 1, &status), 0);
    xsp3_close(path, 0);
}

static void bad_controls_say_what_is_allowed(void)
{
    char *long_value = malloc(5000);
    memset(long_value, 'x', 4999);
    long_value[4999] = '\0';
    CHECK_FAILS(xsp3sim_set("PLAYBACK", long_value), -1, "1..1023");
    CHECK_FAILS(xsp3sim_set("RATE", long_value), -1, "allowed is");
    CHECK_FAILS(xsp3sim_set(long_value, "1"), -1, "unknown key");
    CHECK_FAILS(xsp3sim_set(NULL, "1"), -1, "NULL");
    CHECK_FAILS(xsp3sim_set("RATE", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17"), -1, "up to 16");
    CHECK_FAILS(xsp3sim_set("RATE", "nan"), -1, "allowed is");
    CHECK_FAILS(xsp3sim_set("CHANNELS", "17"), -1, "CHANNELS=17: allowed is 1..16");
    CHECK_FAILS(xsp3sim_advance(-1e-9), -1, "out of range");
    CHECK_FAILS(xsp3sim_advance(1e300), -1, "out of range");
    free(long_value);
}

int main(void)
{
    static const int closed[] = {-1, 0, 33, 34, 500, -2147483647};
    for (size_t i = 0; i < sizeof closed / sizeof closed[0]; i++)
        no_function_takes_a_handle_that_is_not_open(closed[i]);
    CHECK_EQUAL(xsp3_close(0, 0), 0);
    CHECK_EQUAL(xsp3_close(-1, 0), -2);
    CHECK_EQUAL(xsp3_close(500, 0), -2);
    sizes_near_the_end_of_32_bits_do_not_wrap();
    bad_controls_say_what_is_allowed();
    return 0;
}
