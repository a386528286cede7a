/* Sizes, and the checks of what another process wrote. */
#include "slot_ring.h"

#include <string.h>

#define MAX_SLOT_BYTES ((uint64_t)1 << 40)
#define VERSION 1

static const char magic[8] = "XSP3RNG";

uint64_t ring_round_up(uint64_t bytes, uint64_t unit)
{
    return (bytes + unit - 1) / unit * unit;
}

/* Large slots begin at a page, as what a detector's library writes into may have to; small ones at a cache line. */
static uint64_t stride_of(uint64_t slot_bytes)
{
    return ring_round_up(slot_bytes, slot_bytes < RING_PAGE ? RING_LINE : RING_PAGE);
}

static uint64_t slots_begin(uint64_t n_slots)
{
    return ring_round_up(sizeof(ring_head) + n_slots * sizeof(ring_descriptor), RING_PAGE);
}

X3R_API uint64_t x3r_data_bytes(uint64_t n_slots, uint64_t slot_bytes)
{
    if (n_slots < 2 || n_slots > X3R_MAX_SLOTS || slot_bytes < 1 || slot_bytes > MAX_SLOT_BYTES)
        return 0;
    return slots_begin(n_slots) + n_slots * stride_of(slot_bytes);
}

X3R_API uint64_t x3r_control_bytes(void)
{
    return sizeof(ring_control);
}

void ring_lay_out(ring_view *ring, void *data, void *control, uint64_t n_slots, uint64_t slot_bytes)
{
    unsigned char *bytes = data;
    ring->head = data;
    ring->control = control;
    ring->descriptors = (ring_descriptor *)(void *)(bytes + sizeof(ring_head));
    ring->slots = bytes + slots_begin(n_slots);
    ring->n_slots = n_slots;
    ring->slot_bytes = slot_bytes;
    ring->stride = stride_of(slot_bytes);
}

int ring_check_head(const ring_head *head, uint64_t nbytes)
{
    if (nbytes < sizeof(ring_head) || memcmp(head->magic, magic, sizeof magic) != 0 || head->version != VERSION)
        return X3R_BROKEN;
    uint64_t wanted = x3r_data_bytes(head->n_slots, head->slot_bytes);
    if (wanted == 0 || wanted != nbytes || memchr(head->control_id, 0, X3R_ID_CHARS) == NULL)
        return X3R_BROKEN;
    return X3R_OK;
}

X3R_API int x3r_control_id(const void *data, uint64_t nbytes, char *control_id)
{
    const ring_head *head = data;
    int rc = ring_check_head(head, nbytes);
    if (rc == X3R_OK)
        memcpy(control_id, head->control_id, X3R_ID_CHARS);
    return rc;
}

void ring_write_head(ring_head *head, uint64_t n_slots, uint64_t slot_bytes, const char *control_id)
{
    head->version = VERSION;
    head->n_slots = n_slots;
    head->slot_bytes = slot_bytes;
    strncpy(head->control_id, control_id, X3R_ID_CHARS - 1);
    memcpy(head->magic, magic, sizeof magic);
}

ring_descriptor *ring_descriptor_of(const ring_view *ring, uint64_t number)
{
    return &ring->descriptors[number % ring->n_slots];
}

unsigned char *ring_slot(const ring_view *ring, uint64_t number)
{
    return ring->slots + number % ring->n_slots * ring->stride;
}

uint64_t ring_slot_offset(const ring_view *ring, uint64_t number)
{
    return (uint64_t)(ring_slot(ring, number) - (unsigned char *)ring->head);
}

uint64_t ring_oldest(const ring_view *ring)
{
    uint64_t claimed = atomic_load(&ring->head->claimed);
    return claimed > ring->n_slots ? claimed - ring->n_slots : 0;
}

uint64_t ring_parts_bytes(const uint64_t *part_bytes, uint64_t n_parts, uint64_t slot_bytes)
{
    if (n_parts < 1 || n_parts > X3R_MAX_PARTS)
        return UINT64_MAX;
    uint64_t end = 0;
    for (uint64_t i = 0; i < n_parts; i++) {
        uint64_t begin = ring_round_up(end, RING_LINE);
        if (begin > slot_bytes || part_bytes[i] > slot_bytes - begin)
            return UINT64_MAX;
        end = begin + part_bytes[i];
    }
    return end;
}

bool ring_is_whole(const ring_view *ring, uint64_t number)
{
    const ring_descriptor *descriptor = ring_descriptor_of(ring, number);
    return atomic_load_explicit(&descriptor->generation, memory_order_acquire) == 2 * number + 2;
}

static void copy_descriptor(const ring_descriptor *descriptor, x3r_record *record)
{
#define TAKE(field) atomic_load_explicit(&descriptor->field, memory_order_relaxed)
    record->fields = (x3r_fields){
        .kind = TAKE(kind),
        .session_id = (int64_t)TAKE(session_id),
        .sequence = TAKE(sequence),
        .time_ns = (int64_t)TAKE(time_ns),
        .first_frame = TAKE(first_frame),
        .n_frames = TAKE(n_frames),
        .step = TAKE(step),
    };
    record->nbytes = TAKE(nbytes);
    record->n_parts = TAKE(n_parts);
    for (unsigned i = 0; i < X3R_MAX_PARTS; i++)
        record->part_bytes[i] = TAKE(part_bytes[i]);
#undef TAKE
}

bool ring_take_descriptor(const ring_view *ring, uint64_t number, x3r_record *record, int *rc)
{
    *rc = X3R_OK;
    if (!ring_is_whole(ring, number))
        return false;
    copy_descriptor(ring_descriptor_of(ring, number), record);
    ring_fence();
    if (!ring_is_whole(ring, number))
        return false;
    record->number = number;
    record->missed = 0;
    record->offset = ring_slot_offset(ring, number);
    if (record->fields.kind > X3R_MESSAGE ||
        ring_parts_bytes(record->part_bytes, record->n_parts, ring->slot_bytes) != record->nbytes)
        *rc = X3R_BROKEN;
    return *rc == X3R_OK;
}
