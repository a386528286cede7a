/* Ends: orderly, of the dead, of one side while it waits; and readers that come and go all the time. */
#include "check.h"

static void *wait_to_write(void *argument)
{
    check_ring *ring = argument;
    while (true) {
        int64_t number = check_write(ring, X3R_BLOCK, 0, LONG);
        if (number < 0)
            return (void *)(intptr_t)number;
    }
}

static void *wait_to_read(void *argument)
{
    check_end *end = argument;
    x3r_record record;
    return (void *)(intptr_t)x3r_read(end->reader, LONG, NULL, &record);
}

static void sleep_a_little(void)
{
    usleep(20000); /* so that the other most likely waits; the test holds either way */
}

static void a_writer_that_waits_is_woken_by_its_own_stop(void)
{
    check_ring ring = check_new(2, 64);
    check_end end = check_open(&ring, "slow", X3R_LOSSLESS, 1, X3R_NEXT, X3R_OK);
    pthread_t thread;
    void *got;
    pthread_create(&thread, NULL, wait_to_write, &ring);
    sleep_a_little();
    x3r_writer_stop(ring.writer);
    pthread_join(thread, &got);
    CHECK_EQUAL((intptr_t)got, X3R_STOPPED);
    CHECK_EQUAL(x3r_borrow(ring.writer, 1, 0), X3R_STOPPED);
    check_close(&ring, &end);
    check_free(&ring);
}

static void a_reader_that_waits_is_woken_by_its_own_stop(void)
{
    check_ring ring = check_new(2, 64);
    check_end end = check_open(&ring, "reader", X3R_LOSSLESS, 1, X3R_NEXT, X3R_OK);
    pthread_t thread;
    void *got;
    pthread_create(&thread, NULL, wait_to_read, &end);
    sleep_a_little();
    x3r_reader_stop(end.reader);
    pthread_join(thread, &got);
    CHECK_EQUAL((intptr_t)got, X3R_STOPPED);
    CHECK_EQUAL(x3r_release(end.reader, 0), X3R_STOPPED);
    check_close(&ring, &end);
    check_free(&ring);
}

static void a_reader_that_waits_is_woken_by_the_end_of_the_ring(void)
{
    check_ring ring = check_new(2, 64);
    check_end end = check_open(&ring, "reader", X3R_LOSSLESS, 1, X3R_NEXT, X3R_OK);
    pthread_t thread;
    void *got;
    pthread_create(&thread, NULL, wait_to_read, &end);
    sleep_a_little();
    x3r_writer_stop(ring.writer);
    pthread_join(thread, &got);
    CHECK_EQUAL((intptr_t)got, X3R_ENDED);
    check_close(&ring, &end);
    check_free(&ring);
}

static void what_is_there_is_read_before_the_end(void)
{
    check_ring ring = check_new(4, 64);
    check_end end = check_open(&ring, "reader", X3R_LOSSLESS, 1, X3R_NEXT, X3R_OK);
    x3r_record record;
    check_write(&ring, X3R_BLOCK, 0, 0);
    check_write(&ring, X3R_MESSAGE, 1, 0);
    x3r_writer_stop(ring.writer);
    CHECK_EQUAL(x3r_read(end.reader, 0, NULL, &record), X3R_OK);
    CHECK_EQUAL(x3r_read(end.reader, 0, NULL, &record), X3R_OK);
    CHECK_EQUAL(x3r_read(end.reader, LONG, NULL, &record), X3R_ENDED);
    check_close(&ring, &end);
    check_free(&ring);
}

/* The lock is free, as after a kill; half a record was written. */
static void a_dead_writer_is_noticed_and_what_it_published_is_read(void)
{
    check_ring ring = check_new(4, 64);
    check_end end = check_open(&ring, "reader", X3R_LOSSLESS, 1, X3R_NEXT, X3R_OK);
    x3r_record record;
    check_write(&ring, X3R_BLOCK, 0, 0);
    CHECK(x3r_borrow(ring.writer, 64, 0) > 0);
    flock(ring.data_fd, LOCK_UN);
    CHECK_EQUAL(x3r_read(end.reader, LONG, NULL, &record), X3R_OK);
    CHECK_EQUAL(x3r_read(end.reader, LONG, NULL, &record), X3R_DIED);
    check_close(&ring, &end);
    check_free(&ring);
}

#define ROUNDS 100
#define LONGER_THAN_A_SPIN_US 200

static void *read_slowly(void *argument)
{
    check_end *end = argument;
    x3r_record record;
    for (uint64_t n = 0; n < ROUNDS; n++) {
        CHECK_EQUAL(x3r_read(end->reader, LONG, NULL, &record), X3R_OK);
        usleep(LONGER_THAN_A_SPIN_US);
        CHECK_EQUAL(x3r_release(end->reader, n), X3R_OK);
    }
    return NULL;
}

/* Who is not woken sleeps for its whole slice, in every second round, as there are two slots. */
static void both_sides_wake_each_other(int64_t writer_pause_us, int64_t slice_ns)
{
    check_ring ring = check_new(2, 64);
    check_end end = check_open(&ring, "slow", X3R_LOSSLESS, 1, X3R_NEXT, X3R_OK);
    pthread_t thread;
    int n_slow = 0;
    pthread_create(&thread, NULL, read_slowly, &end);
    for (uint64_t n = 0; n < ROUNDS; n++) {
        int64_t begin = ring_now();
        CHECK_EQUAL(check_write(&ring, X3R_BLOCK, n, LONG), n);
        usleep((unsigned)writer_pause_us);
        n_slow += ring_now() - begin > slice_ns / 2;
    }
    pthread_join(thread, NULL);
    CHECK(n_slow < ROUNDS / 4);
    check_close(&ring, &end);
    check_free(&ring);
}

static atomic_bool is_over;

static void *come_and_go(void *argument)
{
    check_ring *ring = argument;
    for (uint64_t round = 0; !atomic_load(&is_over); round++) {
        check_end end = check_open(ring, "guest", X3R_LOSSLESS, 1, round % 3, X3R_OK);
        x3r_record record;
        uint64_t expected = end.reader->next;
        for (int i = 0; i < 5; i++) {
            int rc = x3r_read(end.reader, 100 * MS, NULL, &record);
            if (rc != X3R_OK)
                break;
            CHECK_EQUAL(record.number, expected++);
            CHECK_EQUAL(check_value(&end, &record), record.number);
            CHECK_EQUAL(x3r_release(end.reader, record.number), X3R_OK);
        }
        check_close(ring, &end);
    }
    return NULL;
}

static void readers_may_come_and_go_while_the_writer_runs(void)
{
    check_ring ring = check_new(4, 64);
    pthread_t guests[2];
    for (unsigned i = 0; i < 2; i++)
        pthread_create(&guests[i], NULL, come_and_go, &ring);
    for (uint64_t n = 0; n < 20000; n++)
        CHECK_EQUAL(check_write(&ring, X3R_BLOCK, n, LONG), n);
    atomic_store(&is_over, true);
    for (unsigned i = 0; i < 2; i++)
        pthread_join(guests[i], NULL);
    check_free(&ring);
}

int main(void)
{
    a_writer_that_waits_is_woken_by_its_own_stop();
    a_reader_that_waits_is_woken_by_its_own_stop();
    a_reader_that_waits_is_woken_by_the_end_of_the_ring();
    what_is_there_is_read_before_the_end();
    a_dead_writer_is_noticed_and_what_it_published_is_read();
    both_sides_wake_each_other(0, RING_PATIENCE_NS);
    both_sides_wake_each_other(3 * LONGER_THAN_A_SPIN_US, RING_SLICE_NS);
    readers_may_come_and_go_while_the_writer_runs();
    return 0;
}
