/* Several threads on one system and on the table: nothing for the thread sanitizer to say, no wrong word. */
#include <pthread.h>

#include "check.h"

#define RING 64
#define N_FRAMES 300

static int path;

static void *read_frames(void *unused)
{
    static _Thread_local uint32_t bins[4 * 16];
    uint32_t scalers[4 * 9];
    (void)unused;
    for (unsigned frame = 0; frame < N_FRAMES; frame++) {
        xsp3_histogram_read4d(path, bins, 0, 0, 0, frame, 16, 1, 4, 1);
        xsp3_scaler_read(path, scalers, 0, 0, frame, 9, 4, 1);
        CHECK(bins[5] % 4096 == 5 || bins[5] == 0);
    }
    return NULL;
}

static void *watch(void *unused)
{
    int64_t before = 0;
    (void)unused;
    for (int i = 0; i < N_FRAMES; i++) {
        int64_t now = xsp3_scaler_check_progress_details(path, NULL, 1, NULL);
        CHECK(now >= before);
        before = now;
        xsp3sim_advance(100 * TICK);
        xsp3_set_window(path, -1, 0, i, i + 1);
    }
    return NULL;
}

static void *acknowledge(void *unused)
{
    (void)unused;
    for (unsigned frame = 0; frame < N_FRAMES; frame++)
        xsp3_histogram_circ_ack(path, 0, frame, 4, 1);
    return NULL;
}

static void *correct_and_break(void *unused)
{
    double bins[4 * 16], scalers[4 * 9];
    (void)unused;
    for (unsigned frame = 0; frame < N_FRAMES; frame++) {
        xsp3_setDeadtimeCorrectionParameters(path, -1, 0, 0, 1e-7, 0, 0);
        xsp3_hist_dtc_read4d(path, bins, scalers, 0, 0, 0, frame, 16, 1, 4, 1);
        xsp3sim_fault("drop 1 3 4 5");
        xsp3sim_fault("fail xsp3_get_num_cards 2 -5 x");
        xsp3_get_num_cards(path);
        xsp3sim_fault("clear");
    }
    return NULL;
}

static void *open_and_close(void *unused)
{
    (void)unused;
    for (int i = 0; i < 30; i++) {
        int other = xsp3_config(1, 16, NULL, -1, NULL, -1, 1, NULL, 0, 7);
        CHECK(other >= 0);
        xsp3_get_num_chan(other);
        xsp3_close(other, 0);
        xsp3_set_window(other, 9, 9, 9, 9); /* writes the error text, whoever reads it */
        xsp3sim_set("SEED", "5");
        xsp3sim_set("SEED", NULL);
    }
    return NULL;
}

int main(void)
{
    void *(*const jobs[])(void *) = {read_frames, read_frames, watch, acknowledge, open_and_close, correct_and_break};
    pthread_t threads[sizeof jobs / sizeof jobs[0]];
    path = check_open("pattern", "manual", RING);
    xsp3_set_run_flags(path, 0x10C);
    check_timing(path, 0, 98, XSP3_ITFG_BURST);
    xsp3_histogram_start(path, -1);

    for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++)
        CHECK_EQUAL(pthread_create(&threads[i], NULL, jobs[i], NULL), 0);
    for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++)
        CHECK_EQUAL(pthread_join(threads[i], NULL), 0);

    CHECK_EQUAL(xsp3_scaler_check_progress(path), N_FRAMES);
    xsp3_close(path, 0);
    return 0;
}
