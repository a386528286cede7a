/* Inside of the slot ring: what lies in shared memory, and who may write what.
 *
 *   data (readers map it read-only)                 control (readers map it writeable)
 *   +------+-------------+--------+--------+--      +---------+--------+--------+--
 *   | head | descriptors | slot 0 | slot 1 | ..     | wakeups | seat 0 | seat 1 | ..
 *   +------+-------------+--------+--------+--      +---------+--------+--------+--
 *
 * Record number n lies in slot n % n_slots. Its generation is 2n+1 while it is written and 2n+2 when it is there.
 *
 *     head.published    records that can be read are below it
 *     head.claimed      records at or above it were not begun; those below claimed - n_slots are gone or going
 *     seat.cursor       of a lossless reader: it needs all records from here on, so claimed <= cursor + n_slots
 *
 *   layout.c   sizes, and the checks of what another process wrote
 *   life.c     which processes and seats are alive
 *   wait.c     futex, short spin, clock
 *   copy.c     the copy in and out of slots
 *   writer.c   the writer;  room.c  its wait for readers
 *   record.c   the wait for a record;  join.c  how a reader takes a seat;  overtaken.c  reading without being waited for
 *   reader.c   the reader
 */
#ifndef SLOT_RING_H
#define SLOT_RING_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../_cdef.h"

#define X3R_API __attribute__((visibility("default")))

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RING_THREAD_SANITIZER
#endif
#elif defined(__SANITIZE_THREAD__)
#define RING_THREAD_SANITIZER
#endif

#define RING_LINE 64 /* bytes: what one side writes shares no cache line with what the other does */
#define RING_PAGE 4096
#define RING_SLICE_NS 250000000 /* longest sleep of a reader before it looks whether the writer lives */
#define RING_PATIENCE_NS 50000000 /* how long the writer waits before it looks whether readers live */

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2, "a lock inside atomics cannot be shared");

typedef _Atomic uint64_t shared_u64;
typedef _Atomic uint32_t shared_u32;

/* A process so that no later one of the same number is taken for it. */
typedef struct {
    shared_u64 pid, start_time, pid_namespace;
} ring_process;

typedef struct {
    char magic[8];
    uint64_t version, n_slots, slot_bytes;
    char control_id[X3R_ID_CHARS];
    ring_process writer;
    alignas(RING_LINE) shared_u64 published;
    shared_u32 tick;     /* readers sleep on it; another value with each record and at the end */
    shared_u32 is_ended; /* no record will follow */
    alignas(RING_LINE) shared_u64 claimed;
    alignas(RING_LINE) shared_u32 is_writer_waiting;
} ring_head;

typedef struct {
    alignas(RING_LINE) shared_u64 generation;
    shared_u64 kind, session_id, sequence, time_ns, first_frame, n_frames, step; /* in the order of x3r_fields */
    shared_u64 nbytes, n_parts;
    shared_u64 part_bytes[X3R_MAX_PARTS];
} ring_descriptor;

typedef struct {
    alignas(RING_LINE) shared_u64 state; /* ring_seat_state in the low byte, above it a count of those who sat here */
    shared_u64 contract, step, missed;
    ring_process reader;
    shared_u64 name[X3R_NAME_CHARS / 8];
    alignas(RING_LINE) shared_u64 cursor;
} ring_seat;

typedef enum { SEAT_FREE = 0, SEAT_JOINING = 1, SEAT_ACTIVE = 2 } ring_seat_state;

typedef struct {
    alignas(RING_LINE) shared_u32 released; /* the writer sleeps on it; changes when something was released for it */
    alignas(RING_LINE) shared_u32 waiting;  /* a bit for each seat: its reader sleeps */
    alignas(RING_LINE) shared_u64 joins;    /* how often somebody sat down */
    ring_seat seats[X3R_MAX_READERS];
} ring_control;

/* Where things are, taken once from the checked head: what another process writes there later changes nothing. */
typedef struct {
    ring_head *head;
    ring_control *control;
    ring_descriptor *descriptors;
    unsigned char *slots;
    uint64_t n_slots, slot_bytes, stride;
} ring_view;

/* Calls under way on one side, so that what they use is not taken from below them. */
typedef struct {
    atomic_int n_calls;
    atomic_bool is_stopping;
} ring_gate;

typedef struct {
    unsigned turns; /* how long to spin before sleeping, follows what was good the last times */
} ring_spin;

struct x3r_writer {
    ring_view ring;
    ring_gate gate;
    int control_fd;
    uint64_t next;       /* number of the record to be written */
    uint64_t safe_until; /* records below it overwrite nothing that a reader of joins_seen needs */
    uint64_t joins_seen;
    uint64_t borrowed; /* bytes asked for */
    bool is_borrowed;
    int64_t blocked_since, checked_at; /* 0: not blocked */
    ring_spin spin;
};

struct x3r_reader {
    ring_view ring;
    ring_gate gate;
    int data_fd, control_fd;
    unsigned seat;
    uint64_t state; /* of the seat while it is ours */
    uint64_t contract, step;
    pthread_mutex_t lock; /* guards next, released and is_released of a lossless reader */
    uint64_t next;        /* number of the record to be read */
    uint64_t released;    /* all below it were given back */
    bool *is_released;    /* by slot: given back before one that was read earlier */
    uint64_t missed;
    bool is_writer_gone;
    int64_t checked_at;
    ring_spin spin;
};

/* ---- layout.c ---- */

/* Where things are in a ring of known sizes. */
void ring_lay_out(ring_view *ring, void *data, void *control, uint64_t n_slots, uint64_t slot_bytes);
void ring_write_head(ring_head *head, uint64_t n_slots, uint64_t slot_bytes, const char *control_id);
/* X3R_BROKEN unless data is the begin of a ring of nbytes in all. */
int ring_check_head(const ring_head *head, uint64_t nbytes);
ring_descriptor *ring_descriptor_of(const ring_view *ring, uint64_t number);
uint64_t ring_slot_offset(const ring_view *ring, uint64_t number);
unsigned char *ring_slot(const ring_view *ring, uint64_t number);
/* The oldest record whose slot nobody has begun to overwrite. */
uint64_t ring_oldest(const ring_view *ring);
/* Bytes of parts in a slot, or UINT64_MAX when they are too many or too large. */
uint64_t ring_parts_bytes(const uint64_t *part_bytes, uint64_t n_parts, uint64_t slot_bytes);
uint64_t ring_round_up(uint64_t bytes, uint64_t unit);
/* Copies a descriptor; false when it is not (any more) that of the record, rc is X3R_BROKEN when it cannot be. */
bool ring_take_descriptor(const ring_view *ring, uint64_t number, x3r_record *record, int *rc);
bool ring_is_whole(const ring_view *ring, uint64_t number); /* and nobody has begun to overwrite it */

/* ---- life.c ---- */

void ring_note_process(ring_process *process); /* this one */
bool ring_process_is_gone(const ring_process *process);
bool ring_take_seat_lock(int control_fd, unsigned seat);
void ring_give_seat_lock(int control_fd, unsigned seat);
bool ring_seat_is_left(int control_fd, const ring_seat *seat, unsigned index);
bool ring_writer_is_gone(int data_fd, const ring_head *head);

/* ---- wait.c ---- */

int64_t ring_now(void); /* ns, monotonic */
/* Sleep while *word is value, ns at most. */
void ring_sleep(const shared_u32 *word, uint32_t value, int64_t ns);
void ring_wake(const shared_u32 *word);
void ring_fence(void);
void ring_pause(void);
unsigned ring_spin_turns(const ring_spin *spin);
void ring_spin_learn(ring_spin *spin, int64_t waited_ns);
bool ring_enter(ring_gate *gate); /* false when this side was stopped; each true is followed by ring_leave */
void ring_leave(ring_gate *gate);
/* Let nobody in any more, and wait until all are out; who sleeps on word is woken. */
void ring_stop(ring_gate *gate, const shared_u32 *word);

/* ---- copy.c ---- */

void ring_copy(void *to, const void *from, uint64_t nbytes);

/* ---- room.c ---- */

/* Wait until the record writer->next overwrites nothing that a lossless reader needs. */
int ring_wait_for_room(x3r_writer *writer, int64_t timeout_ns);
/* Tell a writer that sleeps that there may be room. */
void ring_tell_writer(const ring_view *ring);
/* Take whoever sits there with this state off the list. */
bool ring_evict(const ring_view *ring, unsigned seat, uint64_t state);

/* ---- join.c ---- */

/* The last step of sitting down: from here on the writer waits for this reader. first may be gone meanwhile. */
void ring_count_in(x3r_reader *reader, uint64_t first);
int ring_sit_down(x3r_reader *reader, const char *name, uint64_t start);
void ring_stand_up(x3r_reader *reader);

/* ---- record.c ---- */

/* X3R_OK when there is a record reader->next; deadline as of ring_now. */
int ring_wait_for_record(x3r_reader *reader, int64_t deadline);

/* ---- overtaken.c ---- */

int ring_read_overtaken(x3r_reader *reader, int64_t deadline, void *into, x3r_record *record);
/* Whether one of the frames first_frame + i * step, i < n_frames, is a multiple of every. */
bool ring_has_multiple(uint64_t first_frame, uint64_t n_frames, uint64_t step, uint64_t every);

#endif
