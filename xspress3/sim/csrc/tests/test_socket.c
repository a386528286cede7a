/* Commands through the socket: answers, wrong input, and threads that close while others send. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "check.h"

static char where[64];

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    return address;
}

/* A socket with an address of its own, so that it gets answers. */
static int sender(void)
{
    struct sockaddr_un none = {.sun_family = AF_UNIX};
    struct timeval limit = {.tv_sec = 5};
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&none, sizeof(sa_family_t)) == 0);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0);
    return fd;
}

static ssize_t send_to(int fd, const void *bytes, size_t size)
{
    struct sockaddr_un address = address_of(where);
    return sendto(fd, bytes, size, 0, (struct sockaddr *)&address, sizeof address);
}

static void check_answer(int fd, const void *bytes, size_t size, const char *wanted)
{
    char answer[300];
    CHECK_EQUAL(send_to(fd, bytes, size), size);
    ssize_t n = recv(fd, answer, sizeof answer - 1, 0);
    CHECK(n > 0);
    answer[n] = '\0';
    if (strstr(answer, wanted) != answer)
        fprintf(stderr, "answer is %s, not %s\n", answer, wanted);
    CHECK(strstr(answer, wanted) == answer);
}

static void check_line(int fd, const char *line, const char *wanted)
{
    check_answer(fd, line, strlen(line), wanted);
}

static void commands_reach_the_inputs(void)
{
    int path = check_open("pattern", "manual", 16);
    int fd = sender();
    check_timing(path, 5, 100, XSP3_ITFG_HARDWARE);
    xsp3_histogram_start(path, -1);
    check_line(fd, "edges 3 2e-6", "ok"); /* 160 ticks apart */
    check_ticks(420);
    CHECK_EQUAL(xsp3_scaler_check_progress(path), 3);
    check_line(fd, " ttl\t1  1\r\n", "ok");
    check_ticks(100);
    CHECK_EQUAL(xsp3_scaler_check_progress(path), 4);
    check_line(fd, "ttl 1 0", "ok");
    check_line(fd, "gate 1e-6 1e-6 1", "ok");
    check_ticks(100);
    CHECK_EQUAL(xsp3_scaler_check_progress(path), 5);
    close(fd);
    xsp3_close(path, 0);
    CHECK(access(where, F_OK) != 0);
}

static void wrong_commands_are_answered_and_change_nothing(void)
{
    static const char *const wrong[] = {"", " ", "edges", "edges 1", "edges 1 1 1", "edges x 1", "edges 1 x", "gate 1 1",
                                        "ttl 1", "ttl 1 1 1 1 1 1", "EDGES 1 1", "edges 99999999999999999999 1",
                                        "\xff\xfe\xfd", "%s%n", "edges 1 1e"};
    int path = check_open("pattern", "manual", 16);
    int fd = sender();
    char big[5000];
    CHECK_EQUAL(xsp3_get_window(path, 77, 0, NULL, NULL), -6);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        check_line(fd, wrong[i], "error: allowed is: edges N PERIOD, gate HIGH LOW N, ttl INPUT LEVEL");
    check_line(fd, "edges -1 1", "error: n=-1 out of range 0..16777215");
    check_line(fd, "edges 1 inf", "error: high=inf low=inf out of range");
    check_line(fd, "gate 1 nan 1", "error: high=1 low=nan out of range");
    check_line(fd, "ttl 4 1", "error: input=4: allowed is");
    memset(big, 'e', sizeof big);
    check_answer(fd, big, 255, "error: allowed is");
    check_answer(fd, big, 256, "error: more than 255 bytes");
    check_answer(fd, big, sizeof big, "error: more than 255 bytes");
    check_answer(fd, "ttl 1 1\0", 8, "error: more than 255 bytes, or a zero among them");
    CHECK(strstr(xsp3_get_error_message(), "chan=77") != NULL); /* the text of the library is not theirs */
    close(fd);
    xsp3_close(path, 0);
}

static void who_has_no_address_gets_no_answer(void)
{
    int path = check_open("pattern", "manual", 16);
    int mute = socket(AF_UNIX, SOCK_DGRAM, 0), fd = sender();
    xsp3_set_glob_timeA(path, 0, 4);
    xsp3_histogram_start(path, -1);
    CHECK_EQUAL(send_to(mute, "ttl 1 1", 7), 7);
    check_line(fd, "ttl 2 1", "ok"); /* after it */
    check_line(fd, "ttl 1 0", "ok");
    CHECK_EQUAL(xsp3_scaler_check_progress(path), 1);
    close(mute);
    close(fd);
    xsp3_close(path, 0);
}

static int open_other(void)
{
    return xsp3_config(1, 16, NULL, -1, NULL, -1, 1, NULL, 0, 9);
}

static void a_path_in_use_is_an_error_and_one_left_behind_is_not(void)
{
    int path = check_open("pattern", "manual", 16);
    CHECK_FAILS(open_other(), -1, where);
    CHECK(strstr(xsp3_get_error_message(), "in use") != NULL);
    CHECK(access(where, F_OK) == 0);
    xsp3_close(path, 0);

    struct sockaddr_un address = address_of(where);
    int dead = socket(AF_UNIX, SOCK_DGRAM, 0);
    CHECK(bind(dead, (struct sockaddr *)&address, sizeof address) == 0);
    close(dead);
    path = check_open("pattern", "manual", 16);
    xsp3_close(path, 0);

    FILE *file = fopen(where, "w");
    fclose(file);
    CHECK_FAILS(open_other(), -1, "in use");
    CHECK(access(where, F_OK) == 0); /* it was not ours to remove */
    unlink(where);
    CHECK_EQUAL(xsp3sim_set("SOCKET", "/nowhere/at/all"), 0);
    CHECK_FAILS(open_other(), -1, "SOCKET=/nowhere/at/all: No such file");
    CHECK_EQUAL(xsp3sim_set("SOCKET", where), 0);
}

static void *send_much(void *unused)
{
    int fd = sender();
    (void)unused;
    for (int i = 0; i < 500; i++) {
        char line[64];
        int n = snprintf(line, sizeof line, i % 3 ? "edges %d 1e-6" : "ttl %d 1", i % 7);
        if (send_to(fd, line, (size_t)n) < 0)
            CHECK(errno == ENOENT || errno == ECONNREFUSED || errno == EAGAIN);
        (void)recv(fd, line, sizeof line, MSG_DONTWAIT);
    }
    close(fd);
    return NULL;
}

static void *open_and_close(void *unused)
{
    (void)unused;
    for (int i = 0; i < 20; i++) {
        int path = xsp3_config(1, 16, NULL, -1, NULL, -1, 1, NULL, 0, 0);
        CHECK(path >= 0);
        xsp3_histogram_start(path, -1);
        for (int k = 0; k < 20; k++) {
            xsp3sim_advance(1e-6);
            xsp3sim_edges(3, 1e-6);
            xsp3_scaler_check_progress(path);
        }
        xsp3_close(path, 0);
    }
    return NULL;
}

static void closing_while_others_send_is_clean(void)
{
    pthread_t threads[4];
    pthread_create(&threads[0], NULL, open_and_close, NULL);
    for (int i = 1; i < 4; i++)
        pthread_create(&threads[i], NULL, send_much, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    CHECK(access(where, F_OK) != 0);
}

int main(void)
{
    snprintf(where, sizeof where, "/tmp/xsp3sim-test-%ld", (long)getpid());
    CHECK_EQUAL(xsp3sim_set("SOCKET", where), 0);
    commands_reach_the_inputs();
    wrong_commands_are_answered_and_change_nothing();
    who_has_no_address_gets_no_answer();
    a_path_in_use_is_an_error_and_one_left_behind_is_not();
    closing_while_others_send_is_clean();
    return 0;
}
