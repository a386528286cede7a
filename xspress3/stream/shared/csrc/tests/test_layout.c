/* Sizes, arithmetic of frames, and memory that is not a ring. */
#include "check.h"

static void impossible_sizes_have_no_memory(void)
{
    CHECK_EQUAL(x3r_data_bytes(1, 64), 0);
    CHECK_EQUAL(x3r_data_bytes(X3R_MAX_SLOTS + 1, 64), 0);
    CHECK_EQUAL(x3r_data_bytes(2, 0), 0);
    CHECK_EQUAL(x3r_data_bytes(2, ((uint64_t)1 << 40) + 1), 0);
    CHECK_EQUAL(x3r_data_bytes(2, UINT64_MAX), 0);
    CHECK(x3r_data_bytes(2, 1) > 2 * 64);
    CHECK(x3r_writer_new(NULL, NULL, -1, 1, 64, "control") == NULL);
}

static void slots_begin_at_lines_or_pages(void)
{
    uint64_t sizes[] = {1, 64, 100, 4095, 4096, 5000};
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        check_ring ring = check_new(3, sizes[i]);
        for (uint64_t n = 0; n < 6; n++) {
            int64_t offset = x3r_borrow(ring.writer, sizes[i], 0);
            CHECK_EQUAL(offset % (sizes[i] < 4096 ? 64 : 4096), 0);
            CHECK(offset + (int64_t)sizes[i] <= (int64_t)ring.data_bytes);
            memset((unsigned char *)ring.data + offset, 1, sizes[i]);
            x3r_fields fields = {.kind = X3R_BLOCK};
            CHECK_EQUAL(x3r_commit(ring.writer, &fields, &sizes[i], 1), n);
        }
        check_free(&ring);
    }
}

static void parts_fit_or_are_refused(void)
{
    CHECK_EQUAL(ring_parts_bytes((uint64_t[]){1, 1}, 2, 65), 65);
    CHECK(ring_parts_bytes((uint64_t[]){1, 1}, 2, 64) == UINT64_MAX);
    CHECK(ring_parts_bytes((uint64_t[]){UINT64_MAX, 1}, 2, 100) == UINT64_MAX);
    CHECK(ring_parts_bytes((uint64_t[]){100, UINT64_MAX}, 2, 100) == UINT64_MAX);
    CHECK(ring_parts_bytes((uint64_t[]){1}, 0, 100) == UINT64_MAX);
    CHECK(ring_parts_bytes((uint64_t[]){1}, X3R_MAX_PARTS + 1, 100) == UINT64_MAX);
    CHECK_EQUAL(ring_parts_bytes((uint64_t[]){0}, 1, 100), 0);
}

static bool has_multiple_by_looking(uint64_t first, uint64_t n, uint64_t step, uint64_t every)
{
    for (uint64_t i = 0; i < n; i++)
        if ((first + i * step) % every == 0)
            return true;
    return false;
}

static void multiples_are_found_as_by_looking_at_each_frame(void)
{
    for (uint64_t every = 1; every <= 12; every++)
        for (uint64_t step = 0; step <= 13; step++)
            for (uint64_t first = 0; first <= 13; first++)
                for (uint64_t n = 1; n <= 13; n++) {
                    bool has = has_multiple_by_looking(first, n, step, every);
                    CHECK_EQUAL(ring_has_multiple(first, n, step, every), has);
                }
    CHECK(ring_has_multiple(1, UINT64_MAX, UINT64_MAX, (uint64_t)1 << 31));
}

static void garbage_is_not_taken_for_a_ring(void)
{
    check_ring ring = check_new(4, 100);
    char id[X3R_ID_CHARS];
    CHECK_EQUAL(x3r_control_id(ring.data, ring.data_bytes, id), X3R_OK);
    CHECK_EQUAL(strcmp(id, "control"), 0);
    CHECK_EQUAL(x3r_control_id(ring.data, ring.data_bytes - 1, id), X3R_BROKEN);
    CHECK_EQUAL(x3r_control_id(ring.data, 8, id), X3R_BROKEN);

    ring_head *head = ring.data;
    head->n_slots = 5;
    CHECK_EQUAL(x3r_control_id(ring.data, ring.data_bytes, id), X3R_BROKEN);
    head->n_slots = 4;
    head->version++;
    CHECK_EQUAL(x3r_control_id(ring.data, ring.data_bytes, id), X3R_BROKEN);
    head->version--;
    memset(head->control_id, 'x', X3R_ID_CHARS);
    check_end end = check_open(&ring, "reader", X3R_LOSSLESS, 1, X3R_NEXT, X3R_BROKEN);
    check_close(&ring, &end);
    check_free(&ring);
}

static void a_descriptor_that_cannot_be_is_not_followed(void)
{
    check_ring ring = check_new(4, 100);
    check_end end = check_open(&ring, "reader", X3R_LOSSLESS, 1, X3R_NEXT, X3R_OK);
    x3r_record record;

    CHECK_EQUAL(check_write(&ring, X3R_BLOCK, 1, 0), 0);
    atomic_store(&ring_descriptor_of(&ring.writer->ring, 0)->nbytes, 1000);
    CHECK_EQUAL(x3r_read(end.reader, 0, NULL, &record), X3R_BROKEN);
    atomic_store(&ring_descriptor_of(&ring.writer->ring, 0)->nbytes, 8);
    atomic_store(&ring_descriptor_of(&ring.writer->ring, 0)->n_parts, 1000);
    CHECK_EQUAL(x3r_read(end.reader, 0, NULL, &record), X3R_BROKEN);
    atomic_store(&ring_descriptor_of(&ring.writer->ring, 0)->n_parts, 1);
    CHECK_EQUAL(x3r_read(end.reader, 0, NULL, &record), X3R_OK);

    check_close(&ring, &end);
    check_free(&ring);
}

int main(void)
{
    impossible_sizes_have_no_memory();
    slots_begin_at_lines_or_pages();
    parts_fit_or_are_refused();
    multiples_are_found_as_by_looking_at_each_frame();
    garbage_is_not_taken_for_a_ring();
    a_descriptor_that_cannot_be_is_not_followed();
    return 0;
}
