/* What all tests share: checks that say where they failed, and a simulated detector in a line. */
#ifndef CHECK_H
#define CHECK_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xsp3_api.h"

#define CHECK(condition)                                                                        \
    do {                                                                                        \
        if (!(condition)) {                                                                     \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);           \
            fprintf(stderr, "last error of the library: %s\n", xsp3_get_error_message());       \
            exit(1);                                                                            \
        }                                                                                       \
    } while (0)

#define CHECK_EQUAL(got, wanted)                                                                \
    do {                                                                                        \
        int64_t check_got = (int64_t)(got), check_wanted = (int64_t)(wanted);                   \
        if (check_got != check_wanted) {                                                        \
            fprintf(stderr, "%s:%d: %s is %" PRId64 ", not %" PRId64 "\n", __FILE__, __LINE__,  \
                    #got, check_got, check_wanted);                                             \
            fprintf(stderr, "last error of the library: %s\n", xsp3_get_error_message());       \
            exit(1);                                                                            \
        }                                                                                       \
    } while (0)

#define CHECK_FAILS(call, code, words)                                                          \
    do {                                                                                        \
        CHECK_EQUAL(call, code);                                                                \
        CHECK(strstr(xsp3_get_error_message(), words) != NULL);                                 \
    } while (0)

#define TICK 12.5e-9

static inline int check_open(const char *source, const char *clock, int num_tf)
{
    CHECK_EQUAL(xsp3sim_set("SOURCE", source), 0);
    CHECK_EQUAL(xsp3sim_set("CLOCK", clock), 0);
    int path = xsp3_config(1, num_tf, NULL, -1, NULL, -1, 1, NULL, 0, 0);
    CHECK(path >= 0);
    return path;
}

/* Internal timing: n frames of col_time ticks with gaps of 2. */
static inline void check_timing(int path, int n, uint32_t col_time, int trig_mode)
{
    CHECK_EQUAL(xsp3_set_glob_timeA(path, 0, 1), 0);
    CHECK_EQUAL(xsp3_itfg_setup(path, 0, n, col_time, trig_mode, 0), 0);
}

static inline void check_ticks(int n)
{
    CHECK_EQUAL(xsp3sim_advance(n * TICK), 0);
}

#endif
