/* The writer: one for a ring, one thread at a time. */
#include "slot_ring.h"

#include <stdlib.h>
#include <string.h>

X3R_API x3r_writer *x3r_writer_new(void *data, void *control, int control_fd, uint64_t n_slots, uint64_t slot_bytes,
                                   const char *control_id)
{
    if (x3r_data_bytes(n_slots, slot_bytes) == 0 || strlen(control_id) >= X3R_ID_CHARS)
        return NULL;
    x3r_writer *writer = calloc(1, sizeof *writer);
    if (writer == NULL)
        return NULL;
    ring_lay_out(&writer->ring, data, control, n_slots, slot_bytes);
    writer->control_fd = control_fd;
    ring_note_process(&writer->ring.head->writer);
    ring_write_head(writer->ring.head, n_slots, slot_bytes, control_id);
    return writer;
}

/* The generation is odd before the first byte is written, so that nobody takes the old record for whole. */
static int claim(x3r_writer *writer, int64_t timeout_ns)
{
    atomic_store(&writer->ring.head->claimed, writer->next + 1);
    int rc = ring_wait_for_room(writer, timeout_ns);
    if (rc != X3R_OK)
        return rc;
    ring_descriptor *descriptor = ring_descriptor_of(&writer->ring, writer->next);
    atomic_store_explicit(&descriptor->generation, 2 * writer->next + 1, memory_order_relaxed);
    ring_fence();
    return X3R_OK;
}

static void describe(ring_descriptor *descriptor, const x3r_fields *fields, const uint64_t *part_bytes,
                     uint64_t n_parts, uint64_t nbytes)
{
#define PUT(field, value) atomic_store_explicit(&descriptor->field, (uint64_t)(value), memory_order_relaxed)
    PUT(kind, fields->kind);
    PUT(session_id, fields->session_id);
    PUT(sequence, fields->sequence);
    PUT(time_ns, fields->time_ns);
    PUT(first_frame, fields->first_frame);
    PUT(n_frames, fields->n_frames);
    PUT(step, fields->step);
    PUT(nbytes, nbytes);
    PUT(n_parts, n_parts);
    for (uint64_t i = 0; i < n_parts; i++)
        PUT(part_bytes[i], part_bytes[i]);
#undef PUT
}

static void tell_readers(ring_view *ring)
{
    atomic_fetch_add(&ring->head->tick, 1);
    if (atomic_load(&ring->control->waiting) != 0)
        ring_wake(&ring->head->tick);
}

static int64_t publish(x3r_writer *writer, const x3r_fields *fields, const uint64_t *part_bytes, uint64_t n_parts)
{
    uint64_t number = writer->next++;
    ring_descriptor *descriptor = ring_descriptor_of(&writer->ring, number);
    uint64_t nbytes = ring_parts_bytes(part_bytes, n_parts, writer->ring.slot_bytes);
    describe(descriptor, fields, part_bytes, n_parts, nbytes);
    atomic_store_explicit(&descriptor->generation, 2 * number + 2, memory_order_release);
    atomic_store(&writer->ring.head->published, number + 1);
    tell_readers(&writer->ring);
    return (int64_t)number;
}

static void fill(x3r_writer *writer, const void *const *parts, const uint64_t *part_bytes, uint64_t n_parts)
{
    unsigned char *to = ring_slot(&writer->ring, writer->next);
    for (uint64_t i = 0; i < n_parts; i++) {
        ring_copy(to, parts[i], part_bytes[i]);
        to += ring_round_up(part_bytes[i], RING_LINE);
    }
}

static bool can_describe(const x3r_fields *fields, const uint64_t *part_bytes, uint64_t n_parts, uint64_t room)
{
    return fields->kind <= X3R_MESSAGE && ring_parts_bytes(part_bytes, n_parts, room) != UINT64_MAX;
}

static int64_t do_write(x3r_writer *writer, const x3r_fields *fields, const void *const *parts,
                        const uint64_t *part_bytes, uint64_t n_parts, int64_t timeout_ns)
{
    if (writer->is_borrowed || !can_describe(fields, part_bytes, n_parts, writer->ring.slot_bytes))
        return X3R_INVALID;
    int rc = claim(writer, timeout_ns);
    if (rc != X3R_OK)
        return rc;
    fill(writer, parts, part_bytes, n_parts);
    return publish(writer, fields, part_bytes, n_parts);
}

X3R_API int64_t x3r_write(x3r_writer *writer, const x3r_fields *fields, const void *const *parts,
                          const uint64_t *part_bytes, uint64_t n_parts, int64_t timeout_ns)
{
    if (!ring_enter(&writer->gate))
        return X3R_STOPPED;
    int64_t number = do_write(writer, fields, parts, part_bytes, n_parts, timeout_ns);
    ring_leave(&writer->gate);
    return number;
}

X3R_API int64_t x3r_write_one(x3r_writer *writer, const x3r_fields *fields, const void *part, uint64_t nbytes,
                              int64_t timeout_ns)
{
    return x3r_write(writer, fields, &part, &nbytes, 1, timeout_ns);
}

static int64_t do_borrow(x3r_writer *writer, uint64_t nbytes, int64_t timeout_ns)
{
    if (writer->is_borrowed || nbytes > writer->ring.slot_bytes)
        return X3R_INVALID;
    int rc = claim(writer, timeout_ns);
    if (rc != X3R_OK)
        return rc;
    writer->is_borrowed = true;
    writer->borrowed = nbytes;
    return (int64_t)ring_slot_offset(&writer->ring, writer->next);
}

X3R_API int64_t x3r_borrow(x3r_writer *writer, uint64_t nbytes, int64_t timeout_ns)
{
    if (!ring_enter(&writer->gate))
        return X3R_STOPPED;
    int64_t offset = do_borrow(writer, nbytes, timeout_ns);
    ring_leave(&writer->gate);
    return offset;
}

X3R_API int64_t x3r_commit(x3r_writer *writer, const x3r_fields *fields, const uint64_t *part_bytes, uint64_t n_parts)
{
    if (!ring_enter(&writer->gate))
        return X3R_STOPPED;
    int64_t number = X3R_INVALID;
    if (writer->is_borrowed && can_describe(fields, part_bytes, n_parts, writer->borrowed)) {
        number = publish(writer, fields, part_bytes, n_parts);
        writer->is_borrowed = false;
    }
    ring_leave(&writer->gate);
    return number;
}

/* The generation stays odd: what was in the slot may be half overwritten. */
X3R_API int x3r_abandon(x3r_writer *writer)
{
    if (!ring_enter(&writer->gate))
        return X3R_STOPPED;
    int rc = writer->is_borrowed ? X3R_OK : X3R_INVALID;
    writer->is_borrowed = false;
    ring_leave(&writer->gate);
    return rc;
}

X3R_API uint64_t x3r_published(x3r_writer *writer)
{
    if (!ring_enter(&writer->gate))
        return 0;
    uint64_t published = atomic_load(&writer->ring.head->published);
    ring_leave(&writer->gate);
    return published;
}

static void copy_name(char *name, const ring_seat *seat)
{
    for (unsigned i = 0; i < X3R_NAME_CHARS / 8; i++) {
        uint64_t eight = atomic_load_explicit(&seat->name[i], memory_order_relaxed);
        memcpy(name + 8 * i, &eight, sizeof eight);
    }
    name[X3R_NAME_CHARS - 1] = 0;
}

/* The state is looked at again: somebody else may have sat down while this was copied. */
static int look_at_seat(const ring_seat *seat, x3r_reader_info *info)
{
    uint64_t state = atomic_load(&seat->state);
    if ((state & 0xff) != SEAT_ACTIVE)
        return 0;
    *info = (x3r_reader_info){
        .id = state,
        .cursor = atomic_load(&seat->cursor),
        .missed = atomic_load(&seat->missed),
        .pid = atomic_load(&seat->reader.pid),
        .contract = atomic_load(&seat->contract),
        .step = atomic_load(&seat->step),
    };
    copy_name(info->name, seat);
    return atomic_load(&seat->state) == state;
}

X3R_API int x3r_reader_at(x3r_writer *writer, uint64_t seat, x3r_reader_info *info)
{
    if (seat >= X3R_MAX_READERS || !ring_enter(&writer->gate))
        return 0;
    int is_there = look_at_seat(&writer->ring.control->seats[seat], info);
    ring_leave(&writer->gate);
    return is_there;
}

X3R_API int x3r_evict(x3r_writer *writer, uint64_t seat, uint64_t id)
{
    if (seat >= X3R_MAX_READERS || (id & 0xff) != SEAT_ACTIVE)
        return X3R_INVALID;
    if (!ring_enter(&writer->gate))
        return X3R_STOPPED;
    bool is_done = ring_evict(&writer->ring, (unsigned)seat, id);
    ring_leave(&writer->gate);
    return is_done ? X3R_OK : X3R_INVALID;
}

X3R_API void x3r_writer_stop(x3r_writer *writer)
{
    if (atomic_load(&writer->gate.is_stopping))
        return;
    ring_stop(&writer->gate, &writer->ring.control->released);
    atomic_store(&writer->ring.head->is_ended, 1);
    atomic_fetch_add(&writer->ring.head->tick, 1);
    ring_wake(&writer->ring.head->tick);
}

X3R_API void x3r_writer_free(x3r_writer *writer)
{
    free(writer);
}
