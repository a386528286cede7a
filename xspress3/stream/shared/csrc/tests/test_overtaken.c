/* Readers that are not waited for: what they get is whole, and they know what they did not get. */
#include "check.h"

#define WORDS 64
#define SLOT_BYTES (WORDS * sizeof(uint64_t))
#define N_RECORDS 20000

static void *write_flat_out(void *argument)
{
    check_ring *ring = argument;
    uint64_t content[WORDS];
    for (uint64_t n = 0; n < N_RECORDS; n++) {
        for (uint64_t i = 0; i < WORDS; i++)
            content[i] = n * WORDS + i;
        x3r_fields fields = {.sequence = n, .first_frame = n, .n_frames = 1, .step = 1};
        CHECK_EQUAL(x3r_write_one(ring->writer, &fields, content, SLOT_BYTES, 0), n);
    }
    x3r_writer_stop(ring->writer);
    return NULL;
}

/* Each record is whole, and what was missed and what was got make up all that was written. */
static void *read_what_comes(void *argument)
{
    check_end *end = argument;
    uint64_t content[WORDS], expected = 0;
    x3r_record record;
    int rc;
    while ((rc = x3r_read(end->reader, LONG, content, &record)) == X3R_OK) {
        CHECK_EQUAL(record.number, record.fields.sequence);
        CHECK_EQUAL(record.number, expected + record.missed);
        for (uint64_t i = 0; i < WORDS; i++)
            CHECK_EQUAL(content[i], record.number * WORDS + i);
        expected = record.number + 1;
    }
    CHECK_EQUAL(rc, X3R_ENDED);
    CHECK_EQUAL(expected, N_RECORDS);
    return NULL;
}

static void nothing_torn_comes_while_the_writer_runs_flat_out(void)
{
    check_ring ring = check_new(4, SLOT_BYTES);
    check_end ends[2] = {check_open(&ring, "latest", X3R_LATEST, 1, X3R_NEXT, X3R_OK),
                         check_open(&ring, "every", X3R_EVERY, 1, X3R_NEXT, X3R_OK)};
    pthread_t writer, readers[2];
    for (unsigned i = 0; i < 2; i++)
        pthread_create(&readers[i], NULL, read_what_comes, &ends[i]);
    pthread_create(&writer, NULL, write_flat_out, &ring);
    pthread_join(writer, NULL);
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(readers[i], NULL);
        check_close(&ring, &ends[i]);
    }
    check_free(&ring);
}

static void check_next(check_end *end, uint64_t number, uint64_t missed)
{
    uint64_t content[WORDS];
    x3r_record record;
    CHECK_EQUAL(x3r_read(end->reader, 0, content, &record), X3R_OK);
    CHECK_EQUAL(record.number, number);
    CHECK_EQUAL(record.missed, missed);
    CHECK_EQUAL(record.offset, 0);
    CHECK_EQUAL(content[0], record.fields.first_frame);
}

static void check_nothing(check_end *end)
{
    uint64_t content[WORDS];
    x3r_record record;
    CHECK_EQUAL(x3r_read(end->reader, 0, content, &record), X3R_TIMEOUT);
}

static void the_latest_passes_over_blocks_but_not_over_messages(void)
{
    check_ring ring = check_new(8, SLOT_BYTES);
    check_end end = check_open(&ring, "latest", X3R_LATEST, 1, X3R_NEXT, X3R_OK);
    uint64_t kinds[] = {X3R_MESSAGE, X3R_BLOCK, X3R_BLOCK, X3R_MESSAGE, X3R_MESSAGE, X3R_BLOCK, X3R_BLOCK};
    for (uint64_t n = 0; n < 7; n++)
        CHECK_EQUAL(check_write(&ring, kinds[n], n, 0), n);

    check_next(&end, 0, 0);
    check_next(&end, 2, 1);
    check_next(&end, 3, 0);
    check_next(&end, 4, 0);
    check_next(&end, 6, 1);
    check_nothing(&end);
    check_close(&ring, &end);
    check_free(&ring);
}

static void every_third_frame_and_all_messages(void)
{
    check_ring ring = check_new(8, SLOT_BYTES);
    check_end end = check_open(&ring, "every", X3R_EVERY, 3, X3R_NEXT, X3R_OK);
    uint64_t kinds[] = {X3R_BLOCK, X3R_BLOCK, X3R_BLOCK, X3R_BLOCK, X3R_MESSAGE, X3R_BLOCK, X3R_BLOCK, X3R_BLOCK};
    for (uint64_t n = 0; n < 8; n++)
        CHECK_EQUAL(check_write(&ring, kinds[n], n, 0), n);

    check_next(&end, 0, 0);
    check_next(&end, 3, 0);
    check_next(&end, 4, 0);
    check_next(&end, 6, 0);
    check_nothing(&end);
    check_close(&ring, &end);
    check_free(&ring);
}

static void who_is_overtaken_goes_on_half_a_ring_behind(void)
{
    check_ring ring = check_new(8, SLOT_BYTES);
    check_end end = check_open(&ring, "every", X3R_EVERY, 1, X3R_NEXT, X3R_OK);
    x3r_reader_info info;
    for (uint64_t n = 0; n < 100; n++)
        CHECK_EQUAL(check_write(&ring, X3R_BLOCK, n, 0), n);

    check_next(&end, 96, 96);
    check_next(&end, 97, 0);
    CHECK_EQUAL(x3r_reader_at(ring.writer, 0, &info), 1);
    CHECK_EQUAL(info.missed, 96);
    check_close(&ring, &end);
    check_free(&ring);
}

int main(void)
{
    nothing_torn_comes_while_the_writer_runs_flat_out();
    the_latest_passes_over_blocks_but_not_over_messages();
    every_third_frame_and_all_messages();
    who_is_overtaken_goes_on_half_a_ring_behind();
    return 0;
}
