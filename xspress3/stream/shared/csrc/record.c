/* How a reader waits for the next record, and learns that there will be none. */
#include "slot_ring.h"

static bool has_record(const x3r_reader *reader)
{
    return atomic_load_explicit(&reader->ring.head->published, memory_order_acquire) > reader->next;
}

/* The end is noted behind the last record, so who sees the end and then looks for records sees them all. */
static int ending(x3r_reader *reader)
{
    int rc = X3R_OK;
    if (atomic_load(&reader->gate.is_stopping))
        return X3R_STOPPED;
    if (atomic_load(&reader->ring.head->is_ended))
        rc = X3R_ENDED;
    else if (reader->is_writer_gone)
        rc = X3R_DIED;
    else if (atomic_load(&reader->ring.control->seats[reader->seat].state) != reader->state)
        rc = X3R_EVICTED;
    return rc != X3R_OK && has_record(reader) ? X3R_OK : rc;
}

static void look_at_writer(x3r_reader *reader, int64_t now)
{
    if (reader->checked_at == 0)
        reader->checked_at = now;
    if (now - reader->checked_at < RING_SLICE_NS)
        return;
    reader->is_writer_gone = ring_writer_is_gone(reader->data_fd, reader->ring.head);
    reader->checked_at = now;
}

static bool spin_for_record(x3r_reader *reader)
{
    for (unsigned turns = ring_spin_turns(&reader->spin); turns > 0; turns--) {
        ring_pause();
        if (has_record(reader))
            return true;
    }
    return false;
}

static void sleep_for_record(x3r_reader *reader, int64_t ns)
{
    ring_view *ring = &reader->ring;
    uint32_t tick = atomic_load(&ring->head->tick), bit = (uint32_t)1 << reader->seat;
    atomic_fetch_or(&ring->control->waiting, bit);
    if (atomic_load(&ring->head->published) <= reader->next && ending(reader) == X3R_OK)
        ring_sleep(&ring->head->tick, tick, ns < RING_SLICE_NS ? ns : RING_SLICE_NS);
    atomic_fetch_and(&ring->control->waiting, ~bit);
}

int ring_wait_for_record(x3r_reader *reader, int64_t deadline)
{
    if (has_record(reader))
        return X3R_OK;
    int64_t begun = ring_now(), now = begun;
    while (!spin_for_record(reader)) {
        look_at_writer(reader, now);
        int rc = ending(reader);
        if (rc != X3R_OK)
            return rc;
        if (now >= deadline)
            return has_record(reader) ? X3R_OK : X3R_TIMEOUT;
        sleep_for_record(reader, deadline - now);
        now = ring_now();
        ring_spin_learn(&reader->spin, now - begun);
    }
    return X3R_OK;
}
