/* Inputs: what an edge, a gate, the debounce and pulses do to frames, to the tick. */
#include "check.h"

static uint32_t nine[9];

static int64_t progress(int path)
{
    return xsp3_scaler_check_progress_details(path, NULL, 1, NULL);
}

static uint32_t ticks_of(int path, int64_t frame)
{
    CHECK_EQUAL(xsp3_scaler_read(path, nine, 0, 0, (unsigned)frame, 9, 1, 1), 0);
    CHECK_EQUAL(nine[XSP3_SCALER_CLOCK_TICKS], nine[XSP3_SCALER_TOTAL_TICKS]);
    return nine[XSP3_SCALER_TOTAL_TICKS];
}

/* With its inputs low, and started. */
static int open_gated(uint32_t time_a)
{
    int path = check_open("pattern", "manual", 16);
    CHECK_EQUAL(xsp3_set_glob_timeA(path, 0, time_a), 0);
    CHECK_EQUAL(xsp3_histogram_start(path, -1), 0);
    return path;
}

static void high_for(int input, int ticks)
{
    CHECK_EQUAL(xsp3sim_ttl(input, 1), 0);
    check_ticks(ticks);
    CHECK_EQUAL(xsp3sim_ttl(input, 0), 0);
}

static void a_gate_is_a_frame_as_long_as_it_is_high(void)
{
    int path = open_gated(4);
    check_ticks(50);
    high_for(1, 123);
    CHECK_EQUAL(progress(path), 1);
    check_ticks(1);
    xsp3sim_ttl(1, 1);
    check_ticks(456);
    CHECK_EQUAL(progress(path), 1);
    xsp3sim_ttl(1, 0);
    CHECK_EQUAL(progress(path), 2);
    CHECK_EQUAL(ticks_of(path, 0), 123);
    CHECK_EQUAL(ticks_of(path, 1), 456);
    xsp3_close(path, 0);
}

static void debounce_delays_both_edges_and_swallows_what_is_shorter(void)
{
    int path = open_gated(4 | 80 << 16);
    high_for(1, 79); /* too short */
    check_ticks(1000);
    CHECK_EQUAL(progress(path), 0);

    high_for(1, 80); /* just long enough: settles at 80, back at 160 */
    check_ticks(79);
    CHECK_EQUAL(progress(path), 0);
    check_ticks(1);
    CHECK_EQUAL(progress(path), 1);
    CHECK_EQUAL(ticks_of(path, 0), 80);

    check_ticks(500);
    high_for(1, 200);
    check_ticks(79);
    high_for(1, 100); /* a gap of 79 is no gap: 200 + 79 + 100 */
    check_ticks(80);
    CHECK_EQUAL(progress(path), 2);
    CHECK_EQUAL(ticks_of(path, 1), 379);

    check_ticks(500);
    high_for(1, 200);
    check_ticks(80);
    high_for(1, 100);
    check_ticks(80);
    CHECK_EQUAL(progress(path), 4);
    CHECK_EQUAL(ticks_of(path, 2), 200);
    CHECK_EQUAL(ticks_of(path, 3), 100);
    xsp3_close(path, 0);
}

static void an_inverted_gate_counts_while_low(void)
{
    int path = check_open("pattern", "manual", 16);
    xsp3sim_ttl(1, 1);
    xsp3_set_glob_timeA(path, 0, 4 | XSP3_TIME_A_VETO_INV);
    xsp3_histogram_start(path, -1);
    check_ticks(10);
    CHECK_EQUAL(progress(path), 0);
    CHECK_EQUAL(xsp3sim_gates(30 * TICK, 70 * TICK, 3), 0); /* from high: pulses go low */
    check_ticks(100 + 30);
    CHECK_EQUAL(progress(path), 2);
    check_ticks(1000);
    CHECK_EQUAL(progress(path), 3);
    CHECK_EQUAL(ticks_of(path, 2), 30);
    xsp3_close(path, 0);
}

static void a_gate_that_is_open_at_start_counts_from_there(void)
{
    int path = check_open("pattern", "manual", 16);
    xsp3_set_glob_timeA(path, 0, 4);
    xsp3sim_ttl(1, 1);
    check_ticks(100);
    xsp3_histogram_arm(path, -1);
    check_ticks(100);
    xsp3_histogram_continue(path, -1);
    check_ticks(40);
    xsp3_histogram_pause(path, -1); /* nothing to a gate */
    check_ticks(2);
    xsp3sim_ttl(1, 0);
    CHECK_EQUAL(progress(path), 1);
    CHECK_EQUAL(ticks_of(path, 0), 42);
    xsp3_close(path, 0);
}

static void lvds_gates_are_those_of_inputs_8_and_9(void)
{
    int path = open_gated(7);
    high_for(1, 100);
    high_for(0, 100);
    CHECK_EQUAL(progress(path), 0);
    high_for(9, 10);
    high_for(9, 20);
    CHECK_EQUAL(progress(path), 2);
    xsp3sim_ttl(8, 1);
    high_for(9, 30); /* frame zero */
    CHECK_EQUAL(progress(path), 1);
    CHECK_EQUAL(ticks_of(path, 0), 30);
    xsp3_close(path, 0);
}

static void frame_zero_high_at_the_rising_edge_starts_the_numbers_again(void)
{
    int path = check_open("pattern", "manual", 16);
    xsp3_set_glob_timeFixed(path, 0, 3);
    xsp3_set_glob_timeA(path, 0, 5);
    xsp3_histogram_start(path, -1);
    for (int i = 0; i < 4; i++) {
        high_for(1, 10 + i);
        check_ticks(5);
    }
    CHECK_EQUAL(progress(path), 7); /* 3, 4, 5, 6 */
    high_for(0, 3);                 /* between gates: of no effect */
    high_for(1, 14);
    CHECK_EQUAL(progress(path), 8);
    check_ticks(5);
    xsp3sim_ttl(0, 1);
    high_for(1, 20);
    CHECK_EQUAL(progress(path), 4);
    xsp3sim_ttl(0, 0);
    check_ticks(5);
    high_for(1, 21);
    CHECK_EQUAL(progress(path), 5);
    CHECK_EQUAL(ticks_of(path, 3), 20);
    CHECK_EQUAL(ticks_of(path, 4), 21);
    CHECK_EQUAL(ticks_of(path, 0), 0); /* never was */
    xsp3_close(path, 0);
}

static void edges_trigger_frames_and_are_lost_within_one(void)
{
    int path = check_open("pattern", "manual", 16);
    check_timing(path, 5, 100, XSP3_ITFG_HARDWARE);
    xsp3_histogram_start(path, -1);
    CHECK_EQUAL(xsp3sim_edges(4, 60 * TICK), 0); /* at 0, 60 (lost), 120, 180 (lost) */
    check_ticks(99);
    CHECK_EQUAL(progress(path), 0);
    check_ticks(1);
    CHECK_EQUAL(progress(path), 1);
    check_ticks(119);
    CHECK_EQUAL(progress(path), 1);
    check_ticks(1); /* 120 + 100 */
    CHECK_EQUAL(progress(path), 2);
    check_ticks(1000);
    CHECK_EQUAL(progress(path), 2);
    CHECK_EQUAL(xsp3sim_edges(100, 100 * TICK), 0); /* 3 frames are left */
    check_ticks(250);
    CHECK_EQUAL(progress(path), 4);
    check_ticks(1000);
    CHECK_EQUAL(progress(path), 5);
    xsp3_close(path, 0);
}

static void the_first_edge_is_enough_for_all_frames(uint32_t inverted)
{
    int path = check_open("pattern", "manual", 16);
    check_timing(path, 3, 98, XSP3_ITFG_HARDWARE_ONLY_FIRST);
    xsp3_set_glob_timeA(path, 0, 1 | inverted | 10 << 16);
    xsp3_histogram_start(path, -1);
    check_ticks(1000);
    xsp3sim_ttl(1, 1);
    check_ticks(20);
    xsp3sim_ttl(1, 0);
    check_ticks((inverted ? 0 : -20) + 10 + 98 - 1); /* the debounce, then the first frame */
    CHECK_EQUAL(progress(path), 0);
    check_ticks(1);
    CHECK_EQUAL(progress(path), 1);
    check_ticks(199);
    CHECK_EQUAL(progress(path), 2);
    check_ticks(1);
    CHECK_EQUAL(progress(path), 3);
    xsp3_close(path, 0);
}

static void pulses_are_replaced_by_new_ones_and_ended_by_a_level(void)
{
    int path = open_gated(4);
    xsp3sim_gates(10 * TICK, 10 * TICK, 5);
    check_ticks(25); /* in the second one */
    xsp3sim_gates(30 * TICK, 10 * TICK, 2);
    check_ticks(15); /* the second one went on, as there was no time between: 20..55 */
    CHECK_EQUAL(progress(path), 1);
    check_ticks(200);
    CHECK_EQUAL(progress(path), 3);
    CHECK_EQUAL(ticks_of(path, 1), 35);
    CHECK_EQUAL(ticks_of(path, 2), 30);
    xsp3sim_gates(10 * TICK, 10 * TICK, 5);
    check_ticks(5);
    xsp3sim_ttl(1, 0);
    check_ticks(1000);
    CHECK_EQUAL(progress(path), 4);
    CHECK_EQUAL(ticks_of(path, 3), 5);
    xsp3sim_edges(5, 10 * TICK);
    xsp3sim_edges(0, 10 * TICK);
    check_ticks(1000);
    CHECK_EQUAL(progress(path), 5); /* the one that had begun, of no length */
    CHECK_EQUAL(ticks_of(path, 4), 0);
    xsp3_close(path, 0);
}

static void on_demand_gates_come_as_there_is_room_and_last_what_was_said(void)
{
    int path = check_open("pattern", "demand", 8);
    xsp3_set_run_flags(path, 0x10C);
    xsp3_set_glob_timeA(path, 0, 4 | 80 << 16);
    xsp3_histogram_start(path, -1);
    CHECK_EQUAL(xsp3sim_gates(1.0, 2.0, 20), 0);
    CHECK_EQUAL(progress(path), 8);
    CHECK_EQUAL(xsp3_histogram_circ_ack(path, 0, 0, 4, 3), 0);
    CHECK_EQUAL(progress(path), 11);
    for (unsigned frame = 3; frame < 20; frame++) {
        CHECK(ticks_of(path, frame) == 80000000);
        CHECK_EQUAL(xsp3_histogram_circ_ack(path, 0, frame, 4, 1), 0);
    }
    CHECK_EQUAL(progress(path), 20);
    CHECK_EQUAL(xsp3_histogram_get_circ_overrun(path, -1, NULL), 0);
    xsp3_close(path, 0);
}

static void in_the_real_clock_edges_come_as_time_passes(void)
{
    int path = check_open("pattern", "real", 64);
    check_timing(path, 0, 8, XSP3_ITFG_HARDWARE);
    xsp3_histogram_start(path, -1);
    CHECK_EQUAL(xsp3sim_edges(50, 1e-4), 0);
    int64_t seen = 0;
    while (seen < 50) {
        int64_t now = progress(path);
        CHECK(now >= seen && now <= 50);
        seen = now;
    }
    xsp3_close(path, 0);
}

static void markers_are_those_of_the_moment_when_a_frame_begins(void)
{
    int markers[8];
    int path = check_open("pattern", "manual", 16);
    check_timing(path, 8, 98, XSP3_ITFG_BURST);
    xsp3_histogram_start(path, -1);
    check_ticks(150); /* 0 and 1 have begun */
    xsp3sim_ttl(2, 1);
    check_ticks(100); /* 2 */
    xsp3sim_ttl(3, 1);
    check_ticks(200); /* 3, 4 */
    xsp3sim_ttl(2, 0);
    check_ticks(100); /* 5 */
    xsp3sim_ttl(3, 0);
    check_ticks(1000);
    CHECK_EQUAL(xsp3_histogram_get_tf_markers(path, 0, 0, 8, markers), 0);
    static const int wanted[8] = {0, 0, 1, 3, 3, 2, 0, 0};
    CHECK(memcmp(markers, wanted, sizeof wanted) == 0);
    CHECK_FAILS(xsp3_histogram_get_tf_markers(path, 0, 10, 7, markers), -1, "out of range 0..15");
    xsp3_close(path, 0);
}

static void wrong_inputs_are_refused(void)
{
    CHECK_FAILS(xsp3sim_ttl(1, 1), -1, "xsp3sim_ttl: no system is open");
    int path = check_open("pattern", "manual", 16);
    static const int inputs[] = {-1, 4, 7, 10, 2147483647};
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++)
        CHECK_FAILS(xsp3sim_ttl(inputs[i], 1), -1, "allowed is 0..3 (TTL), 8 and 9 (LVDS)");
    CHECK_FAILS(xsp3sim_ttl(1, 2), -1, "allowed is 0, 1");
    CHECK_FAILS(xsp3sim_edges(-1, 1), -1, "n=-1 out of range 0..16777215");
    CHECK_FAILS(xsp3sim_edges(1 << 24, 1), -1, "out of range");
    CHECK_FAILS(xsp3sim_edges(1, 0), -1, "out of range 1e-09..1e+06 s");
    CHECK_FAILS(xsp3sim_gates(1, strtod("nan", NULL), 1), -1, "out of range");
    CHECK_FAILS(xsp3sim_gates(1e7, 1, 1), -1, "out of range");
    xsp3_close(path, 0);
}

int main(void)
{
    a_gate_is_a_frame_as_long_as_it_is_high();
    debounce_delays_both_edges_and_swallows_what_is_shorter();
    an_inverted_gate_counts_while_low();
    a_gate_that_is_open_at_start_counts_from_there();
    lvds_gates_are_those_of_inputs_8_and_9();
    frame_zero_high_at_the_rising_edge_starts_the_numbers_again();
    edges_trigger_frames_and_are_lost_within_one();
    the_first_edge_is_enough_for_all_frames(0);
    the_first_edge_is_enough_for_all_frames(XSP3_TIME_A_VETO_INV);
    pulses_are_replaced_by_new_ones_and_ended_by_a_level();
    on_demand_gates_come_as_there_is_room_and_last_what_was_said();
    in_the_real_clock_edges_come_as_time_passes();
    markers_are_those_of_the_moment_when_a_frame_begins();
    wrong_inputs_are_refused();
    return 0;
}
