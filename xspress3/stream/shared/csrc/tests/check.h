/* What all tests share: checks that say where they failed, and a ring in files of its own. */
#ifndef CHECK_H
#define CHECK_H

#include "slot_ring.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHECK(condition)                                                                        \
    do {                                                                                        \
        if (!(condition)) {                                                                     \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);           \
            exit(1);                                                                            \
        }                                                                                       \
    } while (0)

#define CHECK_EQUAL(got, wanted)                                                                \
    do {                                                                                        \
        int64_t check_got = (int64_t)(got), check_wanted = (int64_t)(wanted);                   \
        if (check_got != check_wanted) {                                                        \
            fprintf(stderr, "%s:%d: %s is %" PRId64 ", not %" PRId64 "\n", __FILE__, __LINE__,  \
                    #got, check_got, check_wanted);                                             \
            exit(1);                                                                            \
        }                                                                                       \
    } while (0)

#define MS ((int64_t)1000000)
#define LONG (10000 * MS) /* nothing takes as long, on a busy machine either */

typedef struct {
    void *data, *control;
    uint64_t data_bytes;
    int data_fd, control_fd;
    x3r_writer *writer;
} check_ring;

typedef struct {
    int data_fd, control_fd;
    const void *data; /* mapped read-only, as a reader's is */
    x3r_reader *reader;
} check_end;

static inline void *check_map(int fd, uint64_t nbytes, int prot)
{
    void *at = mmap(NULL, nbytes, prot, MAP_SHARED, fd, 0);
    CHECK(at != MAP_FAILED);
    return at;
}

static inline check_ring check_new(uint64_t n_slots, uint64_t slot_bytes)
{
    check_ring ring = {.data_bytes = x3r_data_bytes(n_slots, slot_bytes)};
    ring.data_fd = memfd_create("data", 0);
    ring.control_fd = memfd_create("control", 0);
    CHECK_EQUAL(ftruncate(ring.data_fd, (off_t)ring.data_bytes), 0);
    CHECK_EQUAL(ftruncate(ring.control_fd, (off_t)x3r_control_bytes()), 0);
    CHECK_EQUAL(flock(ring.data_fd, LOCK_EX), 0);
    ring.data = check_map(ring.data_fd, ring.data_bytes, PROT_READ | PROT_WRITE);
    ring.control = check_map(ring.control_fd, x3r_control_bytes(), PROT_READ | PROT_WRITE);
    ring.writer = x3r_writer_new(ring.data, ring.control, ring.control_fd, n_slots, slot_bytes, "control");
    CHECK(ring.writer != NULL);
    return ring;
}

static inline void check_free(check_ring *ring)
{
    x3r_writer_stop(ring->writer);
    x3r_writer_free(ring->writer);
    munmap(ring->data, ring->data_bytes);
    munmap(ring->control, x3r_control_bytes());
    close(ring->data_fd);
    close(ring->control_fd);
}

/* The same file opened again, so that locks are those of another. */
static inline int check_reopen(int fd, int flags)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int again = open(path, flags | O_CLOEXEC);
    CHECK(again >= 0);
    return again;
}

static inline check_end check_open(const check_ring *ring, const char *name, uint64_t contract, uint64_t step,
                                   uint64_t start, int wanted)
{
    check_end end = {.data_fd = check_reopen(ring->data_fd, O_RDONLY)};
    end.control_fd = check_reopen(ring->control_fd, O_RDWR);
    end.data = check_map(end.data_fd, ring->data_bytes, PROT_READ);
    int rc = x3r_reader_new(end.data, ring->data_bytes, end.data_fd, ring->control, x3r_control_bytes(), end.control_fd,
                            name, contract, step, start, &end.reader);
    CHECK_EQUAL(rc, wanted);
    return end;
}

static inline void check_close(const check_ring *ring, check_end *end)
{
    if (end->reader != NULL) {
        x3r_reader_stop(end->reader);
        x3r_reader_free(end->reader);
    }
    munmap((void *)(uintptr_t)end->data, ring->data_bytes);
    close(end->data_fd);
    close(end->control_fd);
}

/* What a kill leaves: the seat as it was, the locks given back. */
static inline void check_kill(const check_ring *ring, check_end *end)
{
    munmap((void *)(uintptr_t)end->data, ring->data_bytes);
    close(end->data_fd);
    close(end->control_fd);
}

static inline int64_t check_write(check_ring *ring, uint64_t kind, uint64_t frame, int64_t timeout_ns)
{
    x3r_fields fields = {.kind = kind, .sequence = frame, .first_frame = frame, .n_frames = 1, .step = 1};
    return x3r_write_one(ring->writer, &fields, &frame, sizeof frame, timeout_ns);
}

static inline uint64_t check_value(const check_end *end, const x3r_record *record)
{
    uint64_t value;
    memcpy(&value, (const unsigned char *)end->data + record->offset, sizeof value);
    return value;
}

#endif
