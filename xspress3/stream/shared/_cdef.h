/* Interface of libxspress3_shm: a ring of slots in shared memory, one writer, up to 32 readers.
 *
 * The C code includes this file and cffi reads it, so there is one text of it; no preprocessor here.
 * timeout_ns is 10^18 at most; who wants signals handled meanwhile waits in slices.
 * One thread at a time may write, one at a time may read with a reader; x3r_release and x3r_..._stop are for any.
 */
enum {
    X3R_OK = 0,
    X3R_TIMEOUT = -1,
    X3R_STOPPED = -2, /* this side was stopped with x3r_..._stop */
    X3R_ENDED = -3,   /* the writer closed the ring and all was read */
    X3R_DIED = -4,    /* the same, but the writer is gone without closing */
    X3R_EVICTED = -5, /* the writer took this reader off its list */
    X3R_INVALID = -6, /* an argument out of range, or a call at the wrong time */
    X3R_BROKEN = -7,  /* what stands in the shared memory cannot be */
    X3R_FULL = -8     /* all seats for readers are taken */
};

enum { X3R_LOSSLESS = 0, X3R_LATEST = 1, X3R_EVERY = 2 };      /* contracts */
enum { X3R_NEXT = 0, X3R_NEWEST = 1, X3R_OLDEST = 2 };         /* where a reader begins */
enum { X3R_BLOCK = 0, X3R_MESSAGE = 1 };                       /* kinds of record */
enum { X3R_MAX_READERS = 32, X3R_MAX_PARTS = 8, X3R_NAME_CHARS = 64, X3R_ID_CHARS = 64, X3R_MAX_SLOTS = 65536 };

/* What a record is; the ring itself looks at the kind and, for the contract X3R_EVERY, at the frames. */
typedef struct {
    uint64_t kind;
    int64_t session_id;
    uint64_t sequence;
    int64_t time_ns;
    uint64_t first_frame, n_frames, step;
} x3r_fields;

typedef struct {
    x3r_fields fields;
    uint64_t number;  /* of the record in its ring, from 0 */
    uint64_t missed;  /* records before it that this reader did not look at */
    uint64_t offset;  /* where it lies in the data; 0 when it was copied out */
    uint64_t nbytes;  /* from the begin of the first part to the end of the last; parts begin at multiples of 64 */
    uint64_t n_parts;
    uint64_t part_bytes[8];
} x3r_record;

typedef struct {
    uint64_t id; /* for x3r_evict; another one with each reader on the seat */
    uint64_t cursor; /* of a lossless reader the first record it holds or has not read */
    uint64_t missed;
    uint64_t pid;
    uint64_t contract, step;
    char name[64]; /* ends with 0 */
} x3r_reader_info;

typedef struct x3r_writer x3r_writer;
typedef struct x3r_reader x3r_reader;

/* Sizes of the two pieces of memory; 0 when n_slots is not in 2..X3R_MAX_SLOTS or slot_bytes not in 1..2^40. */
uint64_t x3r_data_bytes(uint64_t n_slots, uint64_t slot_bytes);
uint64_t x3r_control_bytes(void);

/* data and control are zeroed, of the sizes above, begin at a page, and stay until x3r_writer_free; so does
 * control_fd, the file of the control memory. control_id is kept for readers. NULL when an argument cannot be. */
x3r_writer *x3r_writer_new(void *data, void *control, int control_fd, uint64_t n_slots, uint64_t slot_bytes,
                           const char *control_id);
/* Writes n_parts pieces as one record, and gives its number or a (negative) code. */
int64_t x3r_write(x3r_writer *writer, const x3r_fields *fields, const void *const *parts, const uint64_t *part_bytes,
                  uint64_t n_parts, int64_t timeout_ns);
int64_t x3r_write_one(x3r_writer *writer, const x3r_fields *fields, const void *part, uint64_t nbytes,
                      int64_t timeout_ns);
/* Gives the place in the data at which the next slot begins, to be written into, or a code. Ended by x3r_commit, which
 * gives the number of the record, or x3r_abandon. */
int64_t x3r_borrow(x3r_writer *writer, uint64_t nbytes, int64_t timeout_ns);
int64_t x3r_commit(x3r_writer *writer, const x3r_fields *fields, const uint64_t *part_bytes, uint64_t n_parts);
int x3r_abandon(x3r_writer *writer);
uint64_t x3r_published(x3r_writer *writer);
/* 1 when somebody sits there, else 0. */
int x3r_reader_at(x3r_writer *writer, uint64_t seat, x3r_reader_info *info);
int x3r_evict(x3r_writer *writer, uint64_t seat, uint64_t id);
/* Ends the ring for all, wakes who waits, and comes back when no other call is under way. */
void x3r_writer_stop(x3r_writer *writer);
void x3r_writer_free(x3r_writer *writer);

/* Copies the name of the control memory out of data, of which the first 4096 bytes must be there. X3R_BROKEN when
 * this is not a ring of n bytes in all. */
int x3r_control_id(const void *data, uint64_t nbytes, char *control_id);
/* data may be read-only, control is writeable; both stay until x3r_reader_free, and so do the files. */
int x3r_reader_new(const void *data, uint64_t data_bytes, int data_fd, void *control, uint64_t control_bytes,
                   int control_fd, const char *name, uint64_t contract, uint64_t step, uint64_t start,
                   x3r_reader **reader);
/* The next record. A lossless reader holds the slot until x3r_release; for the others it is copied to `into`, which
 * has room for a slot. */
int x3r_read(x3r_reader *reader, int64_t timeout_ns, void *into, x3r_record *record);
/* Records may be released in any order; slots are given back in order. */
int x3r_release(x3r_reader *reader, uint64_t number);
uint64_t x3r_slot_bytes(const x3r_reader *reader);
void x3r_reader_stop(x3r_reader *reader);
void x3r_reader_free(x3r_reader *reader);
