/* Readers that are waited for. */
#include "check.h"

#define N_SLOTS 8
#define SLOT_BYTES 512
#define N_RECORDS 5000
#define N_READERS 3

static unsigned char value_at(uint64_t record, uint64_t i)
{
    return (unsigned char)(record * 31 + i * 7);
}

static void *write_all(void *argument)
{
    check_ring *ring = argument;
    unsigned char content[SLOT_BYTES];
    for (uint64_t n = 0; n < N_RECORDS; n++) {
        for (uint64_t i = 0; i < SLOT_BYTES; i++)
            content[i] = value_at(n, i);
        x3r_fields fields = {.sequence = n};
        CHECK_EQUAL(x3r_write_one(ring->writer, &fields, content, 1 + n % SLOT_BYTES, LONG), n);
    }
    return NULL;
}

static void *read_all(void *argument)
{
    check_end *end = argument;
    for (uint64_t n = 0; n < N_RECORDS; n++) {
        x3r_record record;
        CHECK_EQUAL(x3r_read(end->reader, LONG, NULL, &record), X3R_OK);
        CHECK_EQUAL(record.fields.sequence, n);
        CHECK_EQUAL(record.nbytes, 1 + n % SLOT_BYTES);
        for (uint64_t i = 0; i < record.nbytes; i++)
            CHECK_EQUAL(((const unsigned char *)end->data)[record.offset + i], value_at(n, i));
        CHECK_EQUAL(x3r_release(end->reader, n), X3R_OK);
    }
    return NULL;
}

static void all_readers_get_everything_in_order(void)
{
    check_ring ring = check_new(N_SLOTS, SLOT_BYTES);
    check_end ends[N_READERS];
    pthread_t writer, readers[N_READERS];
    for (unsigned i = 0; i < N_READERS; i++)
        ends[i] = check_open(&ring, "reader", X3R_LOSSLESS, 1, X3R_NEXT, X3R_OK);
    for (unsigned i = 0; i < N_READERS; i++)
        pthread_create(&readers[i], NULL, read_all, &ends[i]);
    pthread_create(&writer, NULL, write_all, &ring);
    pthread_join(writer, NULL);
    for (unsigned i = 0; i < N_READERS; i++) {
        pthread_join(readers[i], NULL);
        check_close(&ring, &ends[i]);
    }
    check_free(&ring);
}

static void a_full_ring_waits_for_a_release(void)
{
    check_ring ring = check_new(4, 64);
    check_end end = check_open(&ring, "slow", X3R_LOSSLESS, 1, X3R_NEXT, X3R_OK);
    x3r_record record;
    for (uint64_t n = 0; n < 4; n++)
        CHECK_EQUAL(check_write(&ring, X3R_BLOCK, n, 0), n);

    CHECK_EQUAL(check_write(&ring, X3R_BLOCK, 4, 10 * MS), X3R_TIMEOUT);
    CHECK_EQUAL(x3r_read(end.reader, 0, NULL, &record), X3R_OK);
    CHECK_EQUAL(check_write(&ring, X3R_BLOCK, 4, 0), X3R_TIMEOUT);
    CHECK_EQUAL(x3r_release(end.reader, 0), X3R_OK);
    CHECK_EQUAL(check_write(&ring, X3R_BLOCK, 4, 0), 4);
    CHECK_EQUAL(check_value(&end, &record), 4); /* the slot of the first is that of the fifth */

    check_close(&ring, &end);
    CHECK_EQUAL(check_write(&ring, X3R_BLOCK, 5, 0), 5);
    check_free(&ring);
}

static void slots_come_back_in_order_whatever_the_order_of_release(void)
{
    check_ring ring = check_new(4, 64);
    check_end end = check_open(&ring, "reader", X3R_LOSSLESS, 1, X3R_NEXT, X3R_OK);
    x3r_record record;
    for (uint64_t n = 0; n < 4; n++) {
        CHECK_EQUAL(check_write(&ring, X3R_BLOCK, n, 0), n);
        CHECK_EQUAL(x3r_read(end.reader, 0, NULL, &record), X3R_OK);
    }

    CHECK_EQUAL(x3r_release(end.reader, 4), X3R_INVALID);
    CHECK_EQUAL(x3r_release(end.reader, 2), X3R_OK);
    CHECK_EQUAL(x3r_release(end.reader, 2), X3R_INVALID);
    CHECK_EQUAL(x3r_release(end.reader, 1), X3R_OK);
    CHECK_EQUAL(check_write(&ring, X3R_BLOCK, 4, 0), X3R_TIMEOUT);
    CHECK_EQUAL(x3r_release(end.reader, 0), X3R_OK);
    for (uint64_t n = 4; n < 7; n++)
        CHECK_EQUAL(check_write(&ring, X3R_BLOCK, n, 0), n);
    CHECK_EQUAL(check_write(&ring, X3R_BLOCK, 7, 0), X3R_TIMEOUT);
    CHECK_EQUAL(x3r_release(end.reader, 1), X3R_INVALID);

    check_close(&ring, &end);
    check_free(&ring);
}

static void a_reader_begins_where_it_wants(void)
{
    uint64_t starts[] = {X3R_NEXT, X3R_NEWEST, X3R_OLDEST}, firsts[] = {10, 9, 6};
    check_ring ring = check_new(4, 64);
    for (uint64_t n = 0; n < 10; n++)
        CHECK_EQUAL(check_write(&ring, X3R_BLOCK, n, 0), n);
    for (unsigned i = 0; i < 3; i++) {
        check_end end = check_open(&ring, "late", X3R_LOSSLESS, 1, starts[i], X3R_OK);
        CHECK_EQUAL(end.reader->next, firsts[i]);
        check_close(&ring, &end);
    }
    CHECK(ring_is_whole(&ring.writer->ring, 6));
    CHECK(x3r_borrow(ring.writer, 1, 0) > 0); /* now the oldest is going */
    CHECK(!ring_is_whole(&ring.writer->ring, 6));
    check_end end = check_open(&ring, "late", X3R_LOSSLESS, 1, X3R_OLDEST, X3R_OK);
    CHECK_EQUAL(end.reader->next, 7);
    check_close(&ring, &end);
    check_free(&ring);
}

static void a_record_that_went_while_the_reader_sat_down_is_not_its_first(void)
{
    check_ring ring = check_new(4, 64);
    check_end end = check_open(&ring, "late", X3R_LOSSLESS, 1, X3R_NEXT, X3R_OK);
    x3r_record record;
    CHECK_EQUAL(x3r_evict(ring.writer, 0, end.reader->state), X3R_OK); /* as if it had not sat down yet */
    for (uint64_t n = 0; n < 10; n++)
        CHECK_EQUAL(check_write(&ring, X3R_BLOCK, n, 0), n);
    ring_count_in(end.reader, 3);

    CHECK_EQUAL(x3r_read(end.reader, 0, NULL, &record), X3R_OK);
    CHECK_EQUAL(record.number, 6);
    CHECK_EQUAL(check_write(&ring, X3R_BLOCK, 10, 0), X3R_TIMEOUT);
    check_close(&ring, &end);
    check_free(&ring);
}

static void what_was_borrowed_and_given_up_is_never_seen(void)
{
    check_ring ring = check_new(4, 64);
    check_end end = check_open(&ring, "reader", X3R_LOSSLESS, 1, X3R_NEXT, X3R_OK);
    x3r_record record;
    x3r_fields fields = {.kind = X3R_MESSAGE};
    CHECK_EQUAL(x3r_commit(ring.writer, &fields, (uint64_t[]){8}, 1), X3R_INVALID);
    CHECK(x3r_borrow(ring.writer, 64, 0) > 0);
    CHECK_EQUAL(x3r_borrow(ring.writer, 64, 0), X3R_INVALID);
    CHECK_EQUAL(check_write(&ring, X3R_BLOCK, 0, 0), X3R_INVALID);
    CHECK_EQUAL(x3r_abandon(ring.writer), X3R_OK);
    CHECK_EQUAL(x3r_abandon(ring.writer), X3R_INVALID);
    CHECK_EQUAL(x3r_read(end.reader, 0, NULL, &record), X3R_TIMEOUT);
    CHECK(x3r_borrow(ring.writer, 16, 0) > 0);
    CHECK_EQUAL(x3r_commit(ring.writer, &fields, (uint64_t[]){17}, 1), X3R_INVALID);
    CHECK_EQUAL(x3r_commit(ring.writer, &fields, (uint64_t[]){8}, 1), 0);
    CHECK_EQUAL(x3r_read(end.reader, 0, NULL, &record), X3R_OK);
    CHECK_EQUAL(record.nbytes, 8);
    check_close(&ring, &end);
    check_free(&ring);
}

static void the_dead_are_not_waited_for_and_the_living_are(void)
{
    check_ring ring = check_new(4, 64);
    check_end dead = check_open(&ring, "dead", X3R_LOSSLESS, 1, X3R_NEXT, X3R_OK);
    check_end stopped = check_open(&ring, "stopped", X3R_LOSSLESS, 1, X3R_NEXT, X3R_OK);
    x3r_reader_info info;
    x3r_record record;
    for (uint64_t n = 0; n < 4; n++) {
        CHECK_EQUAL(check_write(&ring, X3R_BLOCK, n, 0), n);
        CHECK_EQUAL(x3r_read(dead.reader, 0, NULL, &record), X3R_OK);
    }
    check_kill(&ring, &dead);

    CHECK_EQUAL(check_write(&ring, X3R_BLOCK, 4, 200 * MS), X3R_TIMEOUT);
    CHECK_EQUAL(x3r_reader_at(ring.writer, 0, &info), 0);
    CHECK_EQUAL(x3r_reader_at(ring.writer, 1, &info), 1);
    CHECK_EQUAL(strcmp(info.name, "stopped"), 0);
    CHECK_EQUAL(info.pid, getpid());
    CHECK_EQUAL(info.cursor, 0);

    check_close(&ring, &stopped);
    CHECK_EQUAL(check_write(&ring, X3R_BLOCK, 4, 0), 4);
    x3r_reader_free(dead.reader);
    check_free(&ring);
}

static void a_seat_of_the_dead_is_taken_by_the_next(void)
{
    check_ring ring = check_new(4, 64);
    check_end ends[X3R_MAX_READERS];
    for (unsigned i = 0; i < X3R_MAX_READERS; i++)
        ends[i] = check_open(&ring, "one of many", X3R_LOSSLESS, 1, X3R_NEXT, X3R_OK);
    check_end late = check_open(&ring, "too many", X3R_LOSSLESS, 1, X3R_NEXT, X3R_FULL);
    check_close(&ring, &late);

    check_kill(&ring, &ends[7]);
    late = check_open(&ring, "late", X3R_LOSSLESS, 1, X3R_NEXT, X3R_OK);
    CHECK_EQUAL(late.reader->seat, 7);
    CHECK_EQUAL(x3r_evict(ring.writer, 7, ends[7].reader->state), X3R_INVALID);
    check_close(&ring, &late);

    x3r_reader_free(ends[7].reader);
    for (unsigned i = 0; i < X3R_MAX_READERS; i++)
        if (i != 7)
            check_close(&ring, &ends[i]);
    check_free(&ring);
}

static void a_cursor_that_cannot_be_is_not_believed(void)
{
    check_ring ring = check_new(4, 64);
    check_end broken = check_open(&ring, "broken", X3R_LOSSLESS, 1, X3R_NEXT, X3R_OK);
    check_end good = check_open(&ring, "good", X3R_LOSSLESS, 1, X3R_NEXT, X3R_OK);
    x3r_record record;
    atomic_store(&broken.reader->ring.control->seats[0].cursor, UINT64_MAX);
    for (uint64_t n = 0; n < 4; n++)
        CHECK_EQUAL(check_write(&ring, X3R_BLOCK, n, 0), n);
    CHECK_EQUAL(check_write(&ring, X3R_BLOCK, 4, 0), X3R_TIMEOUT);

    CHECK_EQUAL(x3r_read(good.reader, 0, NULL, &record), X3R_OK);
    CHECK_EQUAL(check_value(&good, &record), 0);
    CHECK_EQUAL(x3r_read(broken.reader, 0, NULL, &record), X3R_EVICTED);
    CHECK_EQUAL(x3r_release(broken.reader, 0), X3R_EVICTED);

    check_close(&ring, &broken);
    check_close(&ring, &good);
    check_free(&ring);
}

int main(void)
{
    all_readers_get_everything_in_order();
    a_full_ring_waits_for_a_release();
    slots_come_back_in_order_whatever_the_order_of_release();
    a_reader_begins_where_it_wants();
    a_record_that_went_while_the_reader_sat_down_is_not_its_first();
    what_was_borrowed_and_given_up_is_never_seen();
    the_dead_are_not_waited_for_and_the_living_are();
    a_seat_of_the_dead_is_taken_by_the_next();
    a_cursor_that_cannot_be_is_not_believed();
    return 0;
}
