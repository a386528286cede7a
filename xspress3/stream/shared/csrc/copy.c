/* The copy in and out of slots: memcpy. Stores that go round the cache were tried for large rings, and made no
 * difference beyond the noise, whether the consumer looked at the data or not (benchmarks/shared_memory.py).
 */
#include "slot_ring.h"

#include <string.h>

#ifdef RING_THREAD_SANITIZER

/* A reader that is overtaken reads bytes while they are written, and throws them away when it sees that. The
 * sanitizer would call that a race, rightly by the letter of C; so its builds copy by atomic bytes. */
void ring_copy(void *to, const void *from, uint64_t nbytes)
{
    unsigned char *target = to;
    const unsigned char *source = from;
    for (uint64_t i = 0; i < nbytes; i++)
        __atomic_store_n(target + i, __atomic_load_n(source + i, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
}

#else

void ring_copy(void *to, const void *from, uint64_t nbytes)
{
    if (nbytes > 0)
        memcpy(to, from, nbytes);
}

#endif
