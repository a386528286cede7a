/* How a reader takes a seat, and leaves it. */
#include "slot_ring.h"

#include <string.h>

static void put_name(ring_seat *seat, const char *name)
{
    char text[X3R_NAME_CHARS] = {0};
    strncpy(text, name, X3R_NAME_CHARS - 1);
    for (unsigned i = 0; i < X3R_NAME_CHARS / 8; i++) {
        uint64_t eight;
        memcpy(&eight, text + 8 * i, sizeof eight);
        atomic_store_explicit(&seat->name[i], eight, memory_order_relaxed);
    }
}

/* Whoever holds the lock of a seat owns it; what stands there is from somebody who left without a word. */
static bool find_seat(x3r_reader *reader)
{
    for (unsigned i = 0; i < X3R_MAX_READERS; i++)
        if (ring_take_seat_lock(reader->control_fd, i)) {
            reader->seat = i;
            return true;
        }
    return false;
}

static void begin_to_sit(x3r_reader *reader, ring_seat *seat)
{
    uint64_t state = atomic_load(&seat->state), joining;
    do
        joining = (((state >> 8) + 1) << 8) | SEAT_JOINING;
    while (!atomic_compare_exchange_weak(&seat->state, &state, joining));
    atomic_fetch_and(&reader->ring.control->waiting, ~((uint32_t)1 << reader->seat));
    reader->state = (joining & ~(uint64_t)0xff) | SEAT_ACTIVE;
}

static uint64_t first_record(const ring_view *ring, uint64_t start)
{
    uint64_t published = atomic_load(&ring->head->published);
    if (start == X3R_OLDEST)
        return ring_oldest(ring);
    return start == X3R_NEWEST && published > 0 ? published - 1 : published;
}

/* Count in first, then look at what the writer has claimed: see has_room in room.c. */
void ring_count_in(x3r_reader *reader, uint64_t first)
{
    ring_seat *seat = &reader->ring.control->seats[reader->seat];
    atomic_store(&seat->cursor, first);
    atomic_store(&seat->state, reader->state);
    atomic_fetch_add(&reader->ring.control->joins, 1);
    uint64_t oldest = ring_oldest(&reader->ring);
    if (first < oldest) {
        first = oldest;
        atomic_store(&seat->cursor, first);
        ring_tell_writer(&reader->ring);
    }
    reader->next = reader->released = first;
}

int ring_sit_down(x3r_reader *reader, const char *name, uint64_t start)
{
    if (!find_seat(reader))
        return X3R_FULL;
    ring_seat *seat = &reader->ring.control->seats[reader->seat];
    begin_to_sit(reader, seat);
    ring_note_process(&seat->reader);
    put_name(seat, name);
    atomic_store(&seat->contract, reader->contract);
    atomic_store(&seat->step, reader->step);
    atomic_store(&seat->missed, 0);
    ring_count_in(reader, first_record(&reader->ring, start));
    return X3R_OK;
}

void ring_stand_up(x3r_reader *reader)
{
    ring_evict(&reader->ring, reader->seat, reader->state);
    ring_tell_writer(&reader->ring);
    ring_give_seat_lock(reader->control_fd, reader->seat);
}
