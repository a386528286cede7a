/* Reading without being waited for: copy out, and look before and after whether the writer came by. */
#include "slot_ring.h"

#define OVERTAKEN 1
#define MIN_ATTEMPTS 8 /* also when there is no time to wait: something newer is there for sure */

/* Inverse of value modulo modulus, which have no common divisor; modulus is at most 2^31. */
static int64_t inverse(int64_t value, int64_t modulus)
{
    int64_t r0 = modulus, r1 = value % modulus, t0 = 0, t1 = 1;
    while (r1 != 0) {
        int64_t q = r0 / r1, r2 = r0 - q * r1, t2 = t0 - q * t1;
        r0 = r1, r1 = r2, t0 = t1, t1 = t2;
    }
    return t0 < 0 ? t0 + modulus : t0;
}

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
    while (b != 0) {
        uint64_t rest = a % b;
        a = b, b = rest;
    }
    return a;
}

bool ring_has_multiple(uint64_t first_frame, uint64_t n_frames, uint64_t step, uint64_t every)
{
    uint64_t first = first_frame % every, stride = step % every;
    uint64_t divisor = common_divisor(stride, every);
    if (first % divisor != 0)
        return false;
    uint64_t period = every / divisor, missing = (every - first) % every / divisor;
    uint64_t i = period == 1 ? 0 : missing % period * (uint64_t)inverse((int64_t)(stride / divisor), (int64_t)period);
    return i % period < n_frames;
}

/* Records without frame numbers are for everybody. */
static bool is_wanted(const x3r_reader *reader, const x3r_fields *fields)
{
    return fields->kind == X3R_MESSAGE || fields->n_frames == 0 ||
           ring_has_multiple(fields->first_frame, fields->n_frames, fields->step, reader->step);
}

static void pass_over(x3r_reader *reader, uint64_t to)
{
    reader->missed += to - reader->next;
    reader->next = to;
}

/* A reader that was overtaken begins again half a ring behind the writer: at the oldest record it would be overtaken
 * again at once. The newest only is all that `latest` wants, but messages are not thrown away for that. */
static void catch_up(x3r_reader *reader, uint64_t published)
{
    uint64_t half = reader->ring.n_slots / 2, oldest = ring_oldest(&reader->ring);
    if (reader->next >= oldest)
        return;
    uint64_t to = reader->contract == X3R_EVERY && published > half ? published - half : oldest;
    pass_over(reader, to > oldest ? to : oldest);
}

/* The number of the next record that this reader wants, or `published`. Descriptors may be overwritten meanwhile:
 * then there is nothing to choose, and *is_overtaken. */
static uint64_t next_wanted(x3r_reader *reader, uint64_t published, bool *is_overtaken, int *rc)
{
    x3r_record record;
    uint64_t number = reader->next;
    *is_overtaken = false;
    for (; number < published; number++) {
        if (!ring_take_descriptor(&reader->ring, number, &record, rc)) {
            *is_overtaken = *rc == X3R_OK;
            break;
        }
        if (reader->contract == X3R_EVERY ? is_wanted(reader, &record.fields) : record.fields.kind == X3R_MESSAGE)
            break;
    }
    return number;
}

/* Of `latest` the newest block before the next message; that message when there is no block before it. */
static uint64_t choose(x3r_reader *reader, uint64_t published, bool *is_overtaken, int *rc)
{
    uint64_t number = next_wanted(reader, published, is_overtaken, rc);
    if (*is_overtaken || *rc != X3R_OK)
        return number;
    if (reader->contract == X3R_EVERY) {
        reader->next = number; /* those in between were looked at and not wanted */
        return number;
    }
    if (number > reader->next)
        pass_over(reader, number - 1);
    return reader->next;
}

static bool copy_whole(x3r_reader *reader, uint64_t number, void *into, x3r_record *record, int *rc)
{
    if (!ring_take_descriptor(&reader->ring, number, record, rc))
        return false;
    ring_copy(into, ring_slot(&reader->ring, number), record->nbytes);
    ring_fence();
    return ring_is_whole(&reader->ring, number);
}

static void give(x3r_reader *reader, uint64_t number, x3r_record *record)
{
    ring_seat *seat = &reader->ring.control->seats[reader->seat];
    record->offset = 0;
    record->missed = reader->missed;
    atomic_fetch_add(&seat->missed, reader->missed);
    reader->missed = 0;
    reader->next = number + 1;
    atomic_store(&seat->cursor, reader->next);
}

/* X3R_OK with a record, X3R_TIMEOUT when there was none for this reader among those published, OVERTAKEN when what
 * was to be read went away meanwhile. */
static int try_read(x3r_reader *reader, void *into, x3r_record *record)
{
    int rc = X3R_OK;
    bool is_overtaken;
    uint64_t published = atomic_load(&reader->ring.head->published);
    catch_up(reader, published);
    uint64_t number = choose(reader, published, &is_overtaken, &rc);
    if (rc != X3R_OK)
        return rc;
    if (is_overtaken || number >= published)
        return is_overtaken ? OVERTAKEN : X3R_TIMEOUT;
    if (!copy_whole(reader, number, into, record, &rc))
        return rc != X3R_OK ? rc : OVERTAKEN;
    give(reader, number, record);
    return X3R_OK;
}

int ring_read_overtaken(x3r_reader *reader, int64_t deadline, void *into, x3r_record *record)
{
    for (int attempts = 1;; attempts++) {
        int rc = ring_wait_for_record(reader, deadline);
        if (rc != X3R_OK)
            return rc;
        rc = try_read(reader, into, record);
        if (rc != X3R_TIMEOUT && rc != OVERTAKEN)
            return rc;
        if (atomic_load(&reader->gate.is_stopping))
            return X3R_STOPPED;
        if ((rc == X3R_TIMEOUT || attempts >= MIN_ATTEMPTS) && ring_now() >= deadline)
            return X3R_TIMEOUT;
    }
}
