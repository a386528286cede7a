/* Layout, wrap, clearing and formats of the read functions, on the pattern. */
#include <stdbool.h>

#include "check.h"

#define RING 8
#define CHANNELS 4
#define BINS 4096

static uint32_t pattern(int64_t frame, unsigned chan, unsigned bin)
{
    return ((uint32_t)frame & 0xFFFF) << 16 | chan << 12 | bin;
}

static int open_circular(int64_t n_frames)
{
    int path = check_open("pattern", "manual", RING);
    xsp3_set_run_flags(path, 0x10C);
    check_timing(path, (int)n_frames, 98, XSP3_ITFG_BURST);
    xsp3_histogram_start(path, -1);
    check_ticks((int)n_frames * 100);
    CHECK_EQUAL(xsp3_scaler_check_progress(path), n_frames);
    return path;
}

static void every_word_lands_where_it_belongs(void)
{
    static uint32_t buffer[4 * 2 * 100];
    int path = open_circular(5);

    CHECK_EQUAL(xsp3_histogram_read4d(path, buffer, 1000, 0, 1, 1, 100, 1, 2, 4), 0);

    for (unsigned t = 0; t < 4; t++)
        for (unsigned c = 0; c < 2; c++)
            for (unsigned b = 0; b < 100; b++)
                CHECK_EQUAL(buffer[(t * 2 + c) * 100 + b], pattern(1 + t, 1 + c, 1000 + b));
    xsp3_close(path, 0);
}

static void read3d_gives_the_same_as_read4d(void)
{
    static uint32_t three[RING * CHANNELS * BINS], four[RING * CHANNELS * BINS];
    int path = open_circular(11);

    CHECK_EQUAL(xsp3_histogram_read3d(path, three, 0, 0, 3, BINS, CHANNELS, RING), 0);
    CHECK_EQUAL(xsp3_histogram_read4d(path, four, 0, 0, 0, 3, BINS, 1, CHANNELS, RING), 0);

    CHECK(memcmp(three, four, sizeof three) == 0);
    for (unsigned t = 0; t < RING; t++) /* wraps within the call */
        CHECK_EQUAL(four[(t * CHANNELS + 3) * BINS + 77], pattern(3 + t, 3, 77));
    xsp3_close(path, 0);
}

static void an_overwritten_place_gives_the_newer_frame(void)
{
    uint32_t bin, scalers[9];
    Xsp3TFStatus status[2];
    int path = open_circular(10);

    CHECK_EQUAL(xsp3_histogram_read3d(path, &bin, 5, 0, 1, 1, 1, 1), 0);
    CHECK_EQUAL(bin, pattern(9, 0, 5));
    CHECK_EQUAL(xsp3_scaler_read(path, scalers, 0, 0, 1, 9, 1, 1), 0);
    CHECK_EQUAL(scalers[XSP3_SCALER_ALL_EVENTS], 9);
    CHECK_EQUAL(xsp3_histogram_get_tf_status_block(path, 0, 1, 2, status), 0);
    CHECK_EQUAL(status[0].state, 2);
    CHECK_EQUAL(status[0].time_frame, 9);
    CHECK_EQUAL(status[1].state, 1);
    CHECK_EQUAL(status[1].time_frame, 2);
    xsp3_close(path, 0);
}

static void a_frame_that_is_not_complete_gives_zeros(void)
{
    uint32_t bin = 1, scalers[9];
    int path = check_open("pattern", "manual", RING);
    check_timing(path, 5, 98, XSP3_ITFG_BURST);

    CHECK_EQUAL(xsp3_histogram_read3d(path, &bin, 5, 0, 0, 1, 1, 1), 0); /* before the first run */
    CHECK_EQUAL(bin, 0);
    xsp3_histogram_start(path, -1);
    check_ticks(150);
    CHECK_EQUAL(xsp3_histogram_read3d(path, &bin, 5, 1, 0, 1, 1, 1), 0);
    CHECK_EQUAL(bin, pattern(0, 1, 5));
    CHECK_EQUAL(xsp3_histogram_read3d(path, &bin, 5, 1, 1, 1, 1, 1), 0);
    CHECK_EQUAL(bin, 0);
    CHECK_EQUAL(xsp3_scaler_read(path, scalers, 0, 0, 1, 9, 1, 1), 0);
    CHECK_EQUAL(scalers[XSP3_SCALER_TOTAL_TICKS], 0);
    xsp3_close(path, 0);
}

static void clear_zeroes_just_what_it_is_told(void)
{
    uint32_t bins[CHANNELS], scalers[CHANNELS * 9];
    int path = open_circular(6);

    CHECK_EQUAL(xsp3_histogram_clear(path, 1, 2, 2, 1), 0);

    for (unsigned t = 1; t < 4; t++) {
        xsp3_histogram_read3d(path, bins, 5, 0, t, 1, CHANNELS, 1);
        xsp3_scaler_read(path, scalers, 0, 0, t, 9, CHANNELS, 1);
        for (unsigned c = 0; c < CHANNELS; c++) {
            bool is_cleared = t == 2 && (c == 1 || c == 2);
            CHECK_EQUAL(bins[c], is_cleared ? 0 : pattern(t, c, 5));
            CHECK_EQUAL(scalers[c * 9 + XSP3_SCALER_TOTAL_TICKS], is_cleared ? 0 : 98);
        }
    }
    xsp3_close(path, 0);
}

static void fewer_bits_are_sums_of_bins_and_more_frames(void)
{
    uint32_t bins[2];
    int path = check_open("pattern", "manual", RING);

    CHECK_EQUAL(xsp3_format_run(path, -1, 0, 0, 0, 0, 0, 10), 4 * RING);
    check_timing(path, 4 * RING, 98, XSP3_ITFG_BURST);
    xsp3_histogram_start(path, -1);
    check_ticks(4 * RING * 100);

    CHECK_EQUAL(xsp3_scaler_check_progress(path), 4 * RING);
    CHECK_EQUAL(xsp3_histogram_read3d(path, bins, 10, 1, 31, 2, 1, 1), 0);
    CHECK_EQUAL(bins[0], (uint32_t)(4 * pattern(31, 1, 0) + 40 + 41 + 42 + 43));
    CHECK_EQUAL(bins[1], (uint32_t)(4 * pattern(31, 1, 0) + 44 + 45 + 46 + 47));
    CHECK_FAILS(xsp3_histogram_read3d(path, bins, 1023, 0, 0, 2, 1, 1), XSP3_RANGE_CHECK,
                "DOES NOT FIT IN (eng, auxXchan, tf) = (1024, 4, 32)");
    xsp3_close(path, 0);
}

static void windows_are_counted_when_read(void)
{
    uint32_t spectrum[BINS], scalers[9], sum = 0;
    int path = open_circular(6);
    CHECK_EQUAL(xsp3_histogram_read3d(path, spectrum, 0, 2, 5, BINS, 1, 1), 0);
    for (unsigned bin = 700; bin <= 4095; bin++)
        sum += spectrum[bin];

    CHECK_EQUAL(xsp3_set_window(path, 2, 0, 10, 10), 0);
    CHECK_EQUAL(xsp3_set_window(path, 2, 1, 20, 19), 0);
    CHECK_EQUAL(xsp3_scaler_read(path, scalers, 0, 2, 5, 9, 1, 1), 0);
    CHECK_EQUAL(scalers[XSP3_SCALER_IN_WINDOW0], spectrum[10]);
    CHECK_EQUAL(scalers[XSP3_SCALER_IN_WINDOW1], 0);

    CHECK_EQUAL(xsp3_set_window(path, -1, 1, 700, 4095), 0);
    CHECK_EQUAL(xsp3_scaler_read(path, scalers, 6, 2, 5, 1, 1, 1), 0);
    CHECK_EQUAL(scalers[0], sum);
    xsp3_close(path, 0);
}

static void physics_reads_the_truth_again_and_again(void)
{
    static uint32_t truth[BINS], got[BINS];
    uint32_t scalers[9], read[9], good = 0;
    int path = check_open("physics", "manual", RING);
    check_timing(path, RING, 800000, XSP3_ITFG_BURST);
    xsp3_histogram_start(path, -1);
    check_ticks(RING * 800002);

    for (int64_t frame = 0; frame < RING; frame++) {
        CHECK_EQUAL(xsp3sim_truth(path, 1, frame, truth, scalers), 0);
        CHECK_EQUAL(xsp3_histogram_read3d(path, got, 0, 1, (unsigned)frame, BINS, 1, 1), 0);
        CHECK_EQUAL(xsp3_scaler_read(path, read, 0, 1, (unsigned)frame, 9, 1, 1), 0);
        CHECK(memcmp(truth, got, sizeof got) == 0);
        CHECK(memcmp(scalers, read, sizeof read) == 0);
        good = 0;
        for (unsigned bin = 0; bin < BINS; bin++)
            good += got[bin];
        CHECK_EQUAL(good, read[XSP3_SCALER_ALL_GOOD]);
        CHECK_EQUAL(read[XSP3_SCALER_ALL_GOOD] + read[XSP3_SCALER_PILEUP], read[XSP3_SCALER_ALL_EVENTS]);
        CHECK(good > 500);
    }
    xsp3_close(path, 0);
}

int main(void)
{
    every_word_lands_where_it_belongs();
    read3d_gives_the_same_as_read4d();
    an_overwritten_place_gives_the_newer_frame();
    a_frame_that_is_not_complete_gives_zeros();
    clear_zeroes_just_what_it_is_told();
    fewer_bits_are_sums_of_bins_and_more_frames();
    windows_are_counted_when_read();
    physics_reads_the_truth_again_and_again();
    return 0;
}
