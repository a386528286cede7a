/* State machine and clocks. */
#include "check.h"

static int64_t progress(int path)
{
    return xsp3_scaler_check_progress_details(path, NULL, 1, NULL);
}

static void burst_frames_complete_to_the_tick(void)
{
    int path = check_open("pattern", "manual", 16);
    check_timing(path, 3, 100, XSP3_ITFG_BURST);
    xsp3_histogram_start(path, -1);

    check_ticks(99);
    CHECK_EQUAL(progress(path), 0);
    check_ticks(1);
    CHECK_EQUAL(progress(path), 1);
    check_ticks(101);
    CHECK_EQUAL(progress(path), 1);
    check_ticks(1);
    CHECK_EQUAL(progress(path), 2);
    check_ticks(1000);
    CHECK_EQUAL(progress(path), 3);
    xsp3_close(path, 0);
}

static void pause_and_continue_are_noise_in_a_burst(void)
{
    int path = check_open("pattern", "manual", 16);
    check_timing(path, 4, 100, XSP3_ITFG_BURST);
    xsp3_histogram_start(path, -1);
    for (int i = 0; i < 8; i++) {
        check_ticks(51);
        xsp3_histogram_pause(path, 0);
        xsp3_histogram_continue(path, 0);
    }
    CHECK_EQUAL(progress(path), 4);
    xsp3_close(path, 0);
}

static void arm_waits_for_continue(int trig_mode)
{
    int path = check_open("pattern", "manual", 16);
    check_timing(path, 2, 100, trig_mode);
    xsp3_histogram_arm(path, 0);
    check_ticks(500);
    CHECK_EQUAL(progress(path), 0);
    xsp3_histogram_continue(path, 0);
    check_ticks(202);
    CHECK_EQUAL(progress(path), 2);
    xsp3_close(path, 0);
}

static void a_software_edge_gives_one_frame(void)
{
    int path = check_open("pattern", "manual", 16);
    check_timing(path, 3, 100, XSP3_ITFG_SOFTWARE);
    xsp3_histogram_start(path, 0); /* the first edge */
    check_ticks(1000);
    CHECK_EQUAL(progress(path), 1);

    xsp3_histogram_continue(path, 0); /* not re-armed by a pause */
    check_ticks(1000);
    CHECK_EQUAL(progress(path), 1);

    xsp3_histogram_pause(path, 0);
    xsp3_histogram_continue(path, 0);
    xsp3_histogram_pause(path, 0);
    check_ticks(50);
    xsp3_histogram_continue(path, 0); /* lost: the frame still counts */
    xsp3_histogram_pause(path, 0);
    check_ticks(50);
    CHECK_EQUAL(progress(path), 2);
    check_ticks(1000);
    CHECK_EQUAL(progress(path), 2);

    for (int i = 0; i < 3; i++) { /* two more than there are frames */
        xsp3_histogram_continue(path, 0);
        xsp3_histogram_pause(path, 0);
        check_ticks(200);
    }
    CHECK_EQUAL(progress(path), 3);
    xsp3_close(path, 0);
}

static void a_frame_cut_by_stop_is_not_reported(void)
{
    int path = check_open("pattern", "manual", 16);
    check_timing(path, 0, 100, XSP3_ITFG_BURST);
    xsp3_histogram_start(path, -1);
    check_ticks(250);
    xsp3_histogram_stop(path, -1);
    check_ticks(10000);
    CHECK_EQUAL(progress(path), 2);
    xsp3_histogram_continue(path, -1);
    check_ticks(10000);
    CHECK_EQUAL(progress(path), 2);
    xsp3_close(path, 0);
}

static void start_and_arm_begin_anew_without_stop(void)
{
    int path = check_open("pattern", "manual", 16);
    check_timing(path, 5, 100, XSP3_ITFG_BURST);
    xsp3_histogram_start(path, -1);
    check_ticks(304);
    CHECK_EQUAL(progress(path), 3);
    xsp3_histogram_start(path, -1);
    CHECK_EQUAL(progress(path), 0);
    check_ticks(10000);
    CHECK_EQUAL(progress(path), 5);
    xsp3_histogram_arm(path, -1);
    CHECK_EQUAL(progress(path), 0);
    xsp3_close(path, 0);
}

static void a_bare_time_a_ends_the_run(void)
{
    int path = check_open("pattern", "manual", 16);
    check_timing(path, 5, 100, XSP3_ITFG_BURST);
    xsp3_histogram_start(path, -1);
    check_ticks(100);
    xsp3_set_glob_timeA(path, 0, 1);
    check_ticks(1000);
    CHECK_EQUAL(progress(path), 1);
    xsp3_close(path, 0);
}

static void hardware_modes_wait(void)
{
    static const struct {
        uint32_t source;
        int trig_mode;
    } modes[] = {{1, 2}, {1, 6}, {4, 0}, {5, 0}, {6, 0}, {7, 0}};
    int path = check_open("pattern", "manual", 16);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        check_timing(path, 5, 100, modes[i].trig_mode);
        xsp3_set_glob_timeA(path, 0, modes[i].source);
        CHECK_EQUAL(xsp3_histogram_start(path, -1), 0);
        xsp3_histogram_pause(path, -1);
        xsp3_histogram_continue(path, -1);
        check_ticks(1000);
        CHECK_EQUAL(progress(path), 0);
    }
    xsp3_close(path, 0);
}

static void a_hardware_edge_starts_what_waits_for_it(void)
{
    int path = check_open("pattern", "manual", 16);
    check_timing(path, 2, 100, XSP3_ITFG_HARDWARE);
    xsp3_histogram_start(path, -1);
    for (int i = 0; i < 3; i++) {
        xsp3sim_ttl(1, 1);
        check_ticks(100);
        xsp3sim_ttl(1, 0);
        check_ticks(100);
        CHECK_EQUAL(progress(path), i < 2 ? i + 1 : 2);
    }
    xsp3_close(path, 0);
}

static void without_ring_no_more_frames_than_fit(void)
{
    int path = check_open("pattern", "manual", 16);
    check_timing(path, 0, 100, XSP3_ITFG_BURST);
    xsp3_histogram_start(path, -1);
    check_ticks(1000000);
    CHECK_EQUAL(progress(path), 16);
    xsp3_close(path, 0);
}

static void overrun_is_counted(void)
{
    int path = check_open("pattern", "manual", 4);
    int64_t first = -1, furthest = -1;
    uint32_t flags = 1;
    xsp3_set_run_flags(path, 0x10C);
    check_timing(path, 0, 98, XSP3_ITFG_BURST); /* period 100 */
    xsp3_histogram_start(path, -1);
    check_ticks(250); /* frames 0 and 1 complete, 2 counting */
    CHECK_EQUAL(xsp3_histogram_circ_ack(path, 0, 0, 4, 1), 0);
    CHECK_EQUAL(xsp3_histogram_get_circ_overrun(path, -1, &first), 0);
    check_ticks(249); /* 4 counting: took the place of 0, which was acknowledged */
    CHECK_EQUAL(xsp3_histogram_get_circ_overrun(path, -1, NULL), 0);
    check_ticks(1); /* 5 begins in the place of 1 */
    CHECK_EQUAL(xsp3_histogram_get_circ_overrun(path, -1, &first), 1);
    CHECK_EQUAL(first, 1);
    CHECK_EQUAL(xsp3_scaler_check_progress_details(path, &flags, 0, &furthest), 5);
    CHECK_EQUAL(flags, 0x10000);
    CHECK_EQUAL(furthest, 5);
    xsp3_histogram_start(path, -1);
    CHECK_EQUAL(xsp3_scaler_check_progress_details(path, &flags, 0, NULL), 0);
    CHECK_EQUAL(flags, 0);
    xsp3_close(path, 0);
}

static void on_demand_the_ring_is_filled_and_then_waits(void)
{
    int path = check_open("pattern", "demand", 8);
    xsp3_set_run_flags(path, 0x10C);
    check_timing(path, 1000, 100, XSP3_ITFG_BURST);
    xsp3_histogram_start(path, -1);
    for (int64_t done = 0; done < 1000; done++) {
        CHECK_EQUAL(progress(path), done + 8 < 1000 ? done + 8 : 1000);
        xsp3_histogram_circ_ack(path, 0, (unsigned)done, 3, 1);
        CHECK_EQUAL(progress(path), done + 8 < 1000 ? done + 8 : 1000); /* channel 3 still holds it */
        xsp3_histogram_circ_ack(path, 3, (unsigned)done, 1, 1);
    }
    CHECK_EQUAL(xsp3_histogram_get_circ_overrun(path, -1, NULL), 0);
    xsp3_close(path, 0);
}

static void on_demand_no_edge_is_lost(void)
{
    int path = check_open("pattern", "demand", 4);
    xsp3_set_run_flags(path, 0x10C);
    check_timing(path, 6, 100, XSP3_ITFG_SOFTWARE);
    xsp3_histogram_arm(path, -1);
    for (int i = 0; i < 10; i++) {
        xsp3_histogram_continue(path, 0);
        xsp3_histogram_pause(path, 0);
    }
    CHECK_EQUAL(progress(path), 4);
    xsp3_histogram_circ_ack(path, 0, 0, 4, 4);
    CHECK_EQUAL(progress(path), 6);
    xsp3_close(path, 0);
}

static void progress_is_cut_to_32_bits(void)
{
    int path = check_open("pattern", "manual", 4);
    xsp3_set_run_flags(path, 0x10C);
    check_timing(path, 0, 0, XSP3_ITFG_BURST); /* a frame each 25 ns */
    xsp3_histogram_start(path, -1);
    xsp3sim_advance((2147483648.0 + 4) * 25e-9);
    CHECK_EQUAL(progress(path), INT64_C(2147483653));
    CHECK_EQUAL(xsp3_scaler_check_progress(path), -2147483643);
    xsp3sim_advance((8589934592.0 - 2147483648.0) * 25e-9);
    CHECK_EQUAL(progress(path), INT64_C(8589934597));
    CHECK_EQUAL(xsp3_scaler_check_progress(path), 5);
    xsp3_close(path, 0);
}

int main(void)
{
    burst_frames_complete_to_the_tick();
    pause_and_continue_are_noise_in_a_burst();
    arm_waits_for_continue(XSP3_ITFG_BURST);
    arm_waits_for_continue(XSP3_ITFG_SOFTWARE_ONLY_FIRST);
    a_software_edge_gives_one_frame();
    a_frame_cut_by_stop_is_not_reported();
    start_and_arm_begin_anew_without_stop();
    a_bare_time_a_ends_the_run();
    hardware_modes_wait();
    a_hardware_edge_starts_what_waits_for_it();
    without_ring_no_more_frames_than_fit();
    overrun_is_counted();
    on_demand_the_ring_is_filled_and_then_waits();
    on_demand_no_edge_is_lost();
    progress_is_cut_to_32_bits();
    return 0;
}
