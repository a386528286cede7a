/* The writer's wait for its readers. */
#include "slot_ring.h"

/* Make the seat free, unless somebody else sits there by now. */
bool ring_evict(const ring_view *ring, unsigned seat, uint64_t state)
{
    uint64_t left = (state & ~(uint64_t)0xff) | SEAT_FREE;
    if (!atomic_compare_exchange_strong(&ring->control->seats[seat].state, &state, left))
        return false;
    atomic_fetch_and(&ring->control->waiting, ~((uint32_t)1 << seat));
    return true;
}

/* The reader's memory may hold anything: a cursor ahead of what was written is no reader's of ours. */
static uint64_t checked_cursor(x3r_writer *writer, unsigned index)
{
    ring_seat *seat = &writer->ring.control->seats[index];
    uint64_t state = atomic_load(&seat->state);
    if ((state & 0xff) != SEAT_ACTIVE || atomic_load(&seat->contract) != X3R_LOSSLESS)
        return UINT64_MAX;
    uint64_t cursor = atomic_load(&seat->cursor);
    if (cursor <= writer->next)
        return cursor;
    ring_evict(&writer->ring, index, state);
    return UINT64_MAX;
}

static uint64_t slowest_cursor(x3r_writer *writer)
{
    uint64_t slowest = UINT64_MAX;
    for (unsigned i = 0; i < X3R_MAX_READERS; i++) {
        uint64_t cursor = checked_cursor(writer, i);
        slowest = cursor < slowest ? cursor : slowest;
    }
    return slowest;
}

/* Cursors only grow, so what was safe stays so until somebody joins; and a reader that joins looks at `claimed` after
 * it counted itself in `joins`, so either it is seen here or it begins behind what is being overwritten. */
static bool has_room(x3r_writer *writer)
{
    uint64_t joins = atomic_load(&writer->ring.control->joins);
    if (writer->next < writer->safe_until && joins == writer->joins_seen)
        return true;
    uint64_t slowest = slowest_cursor(writer);
    uint64_t n_slots = writer->ring.n_slots;
    writer->safe_until = slowest > UINT64_MAX - n_slots ? UINT64_MAX : slowest + n_slots;
    writer->joins_seen = joins;
    return writer->next < writer->safe_until;
}

static void evict_the_dead(x3r_writer *writer)
{
    for (unsigned i = 0; i < X3R_MAX_READERS; i++) {
        ring_seat *seat = &writer->ring.control->seats[i];
        uint64_t state = atomic_load(&seat->state);
        bool is_blocking = checked_cursor(writer, i) <= writer->next - writer->ring.n_slots;
        if (is_blocking && ring_seat_is_left(writer->control_fd, seat, i))
            ring_evict(&writer->ring, i, state);
    }
}

static void look_for_the_dead(x3r_writer *writer, int64_t now)
{
    if (writer->blocked_since == 0)
        writer->blocked_since = writer->checked_at = now;
    if (now - writer->checked_at < RING_PATIENCE_NS)
        return;
    evict_the_dead(writer);
    writer->checked_at = now;
}

static bool spin_for_room(x3r_writer *writer)
{
    for (unsigned turns = ring_spin_turns(&writer->spin); turns > 0; turns--) {
        ring_pause();
        if (has_room(writer))
            return true;
    }
    return false;
}

static void sleep_for_room(x3r_writer *writer, int64_t ns)
{
    ring_view *ring = &writer->ring;
    atomic_store(&ring->head->is_writer_waiting, 1);
    uint32_t released = atomic_load(&ring->control->released);
    if (!has_room(writer) && !atomic_load(&writer->gate.is_stopping))
        ring_sleep(&ring->control->released, released, ns < RING_PATIENCE_NS ? ns : RING_PATIENCE_NS);
    atomic_store(&ring->head->is_writer_waiting, 0);
}

int ring_wait_for_room(x3r_writer *writer, int64_t timeout_ns)
{
    if (has_room(writer))
        return X3R_OK;
    int64_t begin = ring_now(), now = begin;
    while (!spin_for_room(writer)) {
        if (atomic_load(&writer->gate.is_stopping))
            return X3R_STOPPED;
        look_for_the_dead(writer, now);
        if (now - begin >= timeout_ns)
            return has_room(writer) ? X3R_OK : X3R_TIMEOUT;
        sleep_for_room(writer, timeout_ns - (now - begin));
        now = ring_now();
        ring_spin_learn(&writer->spin, now - begin);
    }
    writer->blocked_since = 0;
    return X3R_OK;
}

void ring_tell_writer(const ring_view *ring)
{
    if (atomic_load(&ring->head->is_writer_waiting) == 0)
        return;
    atomic_fetch_add(&ring->control->released, 1);
    ring_wake(&ring->control->released);
}
