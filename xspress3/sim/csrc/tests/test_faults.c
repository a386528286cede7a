/* Faults on request: nothing that a caller may write there goes out of bounds. */
#include "check.h"
#include "faults.h"
#include "random.h"

static void words_of_all_kinds_are_taken_or_refused(void)
{
    static const char *const starts[] = {"fail xsp3_close 1 -1 ", "drop 0 ", "stick ", "slow-clear ", "race ",
                                         "lose-link ", "refuse-config ", "", " "};
    sim_random random;
    sim_random_start(&random, 7, 0, 0);
    for (int round = 0; round < 20000; round++) {
        char what[700];
        int used = snprintf(what, sizeof what, "%s", starts[sim_random_next(&random) % 9]);
        size_t n = (size_t)(sim_random_next(&random) % (round % 100 == 0 ? 600 : 12));
        for (size_t i = 0; i < n; i++)
            what[used++] = " 0123456789-\\xaF;."[sim_random_next(&random) % 18];
        what[used] = '\0';
        sim_faults_are_valid(what);
        if (xsp3sim_fault(what) < 0)
            CHECK(strlen(xsp3_get_error_message()) > 20);
        xsp3sim_fault("clear");
    }
    CHECK_FAILS(xsp3sim_fault(NULL), -1, "NULL");
}

static void a_list_as_long_as_it_may_be_is_taken(void)
{
    char list[2000];
    memset(list, ';', sizeof list);
    list[1023] = '\0';
    CHECK(sim_faults_are_valid(list));
    list[1023] = ';';
    list[1024] = '\0';
    CHECK(!sim_faults_are_valid(list));
}

static void a_mini_is_not_overtaken(void)
{
    uint32_t bin;
    xsp3sim_set("GENERATION", "mini");
    int path = check_open("pattern", "manual", 4);
    xsp3_set_run_flags(path, 0x10C);
    check_timing(path, 0, 98, XSP3_ITFG_BURST);
    xsp3_histogram_start(path, -1);
    check_ticks(250);
    CHECK_EQUAL(xsp3sim_fault("race 9"), 0);
    CHECK_EQUAL(xsp3_histogram_read3d(path, &bin, 0, 0, 1, 1, 1, 1), 0);
    CHECK_EQUAL(bin >> 16, 1);
    CHECK_EQUAL(xsp3_scaler_check_progress(path), 2);
    xsp3sim_fault("clear");
    xsp3_close(path, 0);
    xsp3sim_set("GENERATION", NULL);
}

static void the_last_channel_of_the_last_region_is_reached(void)
{
    static uint32_t out[4096];
    int path = check_open("pattern", "demand", 4);
    XSP3Roi all = {0, 4095, 4096}, halves[] = {{2048, 4095, 1}, {0, 2047, 1}};
    check_timing(path, 1, 98, XSP3_ITFG_BURST);
    xsp3_histogram_start(path, -1);
    CHECK_EQUAL(xsp3_set_roi(path, 3, 1, &all), 4096);
    CHECK_EQUAL(xsp3_histogram_read3d(path, out, 0, 3, 0, 4096, 1, 1), 0);
    CHECK_EQUAL(out[4095], 3 << 12 | 4095);
    CHECK_EQUAL(xsp3_set_roi(path, 3, 2, halves), 2);
    CHECK_EQUAL(xsp3_histogram_read3d(path, out, 1, 3, 0, 1, 1, 1), 0);
    CHECK_EQUAL(out[0], 2048 * 3 * 4096 + 2047 * 2048 / 2);
    xsp3_close(path, 0); /* the tables go with it, which the address sanitizer watches */
}

int main(void)
{
    words_of_all_kinds_are_taken_or_refused();
    a_list_as_long_as_it_may_be_is_taken();
    a_mini_is_not_overtaken();
    the_last_channel_of_the_last_region_is_reached();
    return 0;
}
