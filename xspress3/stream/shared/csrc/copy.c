/* Copies that may be overtaken, copies that go round the cache. */
#include "slot_ring.h"

#include <string.h>
#include <unistd.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define STREAM_MIN_BYTES (64 * 1024) /* below it the cost of the barrier and of cold data is more than is won */
#define ASSUMED_CACHE_BYTES (32 << 20)

bool ring_is_large(uint64_t nbytes)
{
    long cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
    return nbytes > (cache > 0 ? (uint64_t)cache : ASSUMED_CACHE_BYTES);
}

#ifdef RING_THREAD_SANITIZER

/* A reader that is overtaken reads bytes while they are written, and throws them away when it sees that. The
 * sanitizer would call that a race, rightly by the letter of C; so its builds copy by atomic bytes. */
static void copy(void *to, const void *from, uint64_t nbytes)
{
    unsigned char *target = to;
    const unsigned char *source = from;
    for (uint64_t i = 0; i < nbytes; i++)
        __atomic_store_n(target + i, __atomic_load_n(source + i, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
}

#else

static void copy(void *to, const void *from, uint64_t nbytes)
{
    memcpy(to, from, nbytes);
}

#endif

#if defined(__SSE2__) && !defined(RING_THREAD_SANITIZER)

/* `to` begins at a cache line, as each part of a slot does. */
static uint64_t stream_lines(unsigned char *to, const unsigned char *from, uint64_t nbytes)
{
    uint64_t end = nbytes / RING_LINE * RING_LINE;
    for (uint64_t i = 0; i < end; i += RING_LINE) {
        __m128i a = _mm_loadu_si128((const __m128i *)(const void *)(from + i));
        __m128i b = _mm_loadu_si128((const __m128i *)(const void *)(from + i + 16));
        __m128i c = _mm_loadu_si128((const __m128i *)(const void *)(from + i + 32));
        __m128i d = _mm_loadu_si128((const __m128i *)(const void *)(from + i + 48));
        _mm_stream_si128((__m128i *)(void *)(to + i), a);
        _mm_stream_si128((__m128i *)(void *)(to + i + 16), b);
        _mm_stream_si128((__m128i *)(void *)(to + i + 32), c);
        _mm_stream_si128((__m128i *)(void *)(to + i + 48), d);
    }
    _mm_sfence();
    return end;
}

#else

static uint64_t stream_lines(unsigned char *to, const unsigned char *from, uint64_t nbytes)
{
    (void)to, (void)from, (void)nbytes;
    return 0;
}

#endif

void ring_copy_in(void *to, const void *from, uint64_t nbytes, bool is_streaming)
{
    uint64_t done = 0;
    if (is_streaming && nbytes >= STREAM_MIN_BYTES)
        done = stream_lines(to, from, nbytes);
    if (nbytes > done)
        copy((unsigned char *)to + done, (const unsigned char *)from + done, nbytes - done);
}

void ring_copy_out(void *to, const void *from, uint64_t nbytes)
{
    copy(to, from, nbytes);
}
