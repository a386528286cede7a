/* The reader: what all contracts share, and lossless reading without a copy. */
#include "slot_ring.h"

#include <stdlib.h>

static bool can_be(uint64_t contract, uint64_t step, uint64_t start)
{
    return contract <= X3R_EVERY && step >= 1 && step <= (uint64_t)1 << 31 && start <= X3R_OLDEST;
}

static int begin(x3r_reader *reader, const char *name, uint64_t start)
{
    reader->is_released = calloc(reader->ring.n_slots, sizeof *reader->is_released);
    if (reader->is_released == NULL)
        return X3R_FULL;
    pthread_mutex_init(&reader->lock, NULL);
    return ring_sit_down(reader, name, start);
}

/* The cast takes nothing away from the promise not to write: the view is used for reading, and the memory is
 * mapped read-only in any case. */
X3R_API int x3r_reader_new(const void *data, uint64_t data_bytes, int data_fd, void *control, uint64_t control_bytes,
                           int control_fd, const char *name, uint64_t contract, uint64_t step, uint64_t start,
                           x3r_reader **made)
{
    const ring_head *head = data;
    if (!can_be(contract, step, start))
        return X3R_INVALID;
    if (control_bytes < sizeof(ring_control) || ring_check_head(head, data_bytes) != X3R_OK)
        return X3R_BROKEN;
    x3r_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return X3R_FULL;
    uint64_t n_slots = head->n_slots, slot_bytes = head->slot_bytes;
    ring_lay_out(&reader->ring, (void *)(uintptr_t)data, control, n_slots, slot_bytes);
    reader->data_fd = data_fd;
    reader->control_fd = control_fd;
    reader->contract = contract;
    reader->step = step;
    int rc = begin(reader, name, start);
    if (rc == X3R_OK)
        *made = reader;
    else
        x3r_reader_free(reader);
    return rc;
}

X3R_API uint64_t x3r_slot_bytes(const x3r_reader *reader)
{
    return reader->ring.slot_bytes;
}

/* Nobody writes to this slot until it is given back, so one look is enough; unless we were taken off the list. */
static int read_lossless(x3r_reader *reader, int64_t deadline, x3r_record *record)
{
    int rc = ring_wait_for_record(reader, deadline);
    if (rc != X3R_OK)
        return rc;
    if (atomic_load(&reader->ring.control->seats[reader->seat].state) != reader->state)
        return X3R_EVICTED;
    if (!ring_take_descriptor(&reader->ring, reader->next, record, &rc))
        return X3R_BROKEN;
    pthread_mutex_lock(&reader->lock);
    reader->is_released[reader->next % reader->ring.n_slots] = false;
    reader->next++;
    pthread_mutex_unlock(&reader->lock);
    return X3R_OK;
}

X3R_API int x3r_read(x3r_reader *reader, int64_t timeout_ns, void *into, x3r_record *record)
{
    if (!ring_enter(&reader->gate))
        return X3R_STOPPED;
    int64_t deadline = timeout_ns > 0 ? ring_now() + timeout_ns : 0;
    int rc = reader->contract == X3R_LOSSLESS ? read_lossless(reader, deadline, record)
                                              : ring_read_overtaken(reader, deadline, into, record);
    ring_leave(&reader->gate);
    return rc;
}

static bool is_held(const x3r_reader *reader, uint64_t number)
{
    return number >= reader->released && number < reader->next && !reader->is_released[number % reader->ring.n_slots];
}

/* Give back from the oldest on, as far as they go without a hole. */
static int give_back(x3r_reader *reader, uint64_t number)
{
    uint64_t n_slots = reader->ring.n_slots, before = reader->released;
    if (!is_held(reader, number))
        return X3R_INVALID;
    reader->is_released[number % n_slots] = true;
    while (reader->released < reader->next && reader->is_released[reader->released % n_slots])
        reader->is_released[reader->released++ % n_slots] = false;
    if (reader->released != before) {
        atomic_store(&reader->ring.control->seats[reader->seat].cursor, reader->released);
        ring_tell_writer(&reader->ring);
    }
    return X3R_OK;
}

X3R_API int x3r_release(x3r_reader *reader, uint64_t number)
{
    if (!ring_enter(&reader->gate))
        return X3R_STOPPED;
    int rc = X3R_EVICTED;
    if (atomic_load(&reader->ring.control->seats[reader->seat].state) == reader->state) {
        pthread_mutex_lock(&reader->lock);
        rc = give_back(reader, number);
        pthread_mutex_unlock(&reader->lock);
    }
    ring_leave(&reader->gate);
    return rc;
}

X3R_API void x3r_reader_stop(x3r_reader *reader)
{
    if (atomic_load(&reader->gate.is_stopping))
        return;
    ring_stop(&reader->gate, &reader->ring.head->tick);
    ring_stand_up(reader);
}

X3R_API void x3r_reader_free(x3r_reader *reader)
{
    if (reader->is_released != NULL)
        pthread_mutex_destroy(&reader->lock);
    free(reader->is_released);
    free(reader);
}
