/* Futex, short spin, clock. */
#include "slot_ring.h"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000
#define MIN_TURNS 16
#define MAX_TURNS 500       /* some 12 us; a sleep and a wake-up together take as long and more */
#define SHORT_WAIT_NS 50000 /* spinning somewhat longer may have caught it; with more, 1 MiB records came slower */
#define STOP_PAUSE_NS 100000

int64_t ring_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* Not the private kind: other processes wait on the same word. Waiting needs no right to write to it. */
void ring_sleep(const shared_u32 *word, uint32_t value, int64_t ns)
{
    struct timespec timeout = {.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};
    syscall(SYS_futex, word, FUTEX_WAIT, value, &timeout, NULL, 0);
}

void ring_wake(const shared_u32 *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

/* The thread sanitizer knows no fences; what they order is atomic in its builds (copy.c). */
void ring_fence(void)
{
#ifdef RING_THREAD_SANITIZER
    _Atomic int own = 0;
    atomic_fetch_add(&own, 1);
#else
    atomic_thread_fence(memory_order_seq_cst);
#endif

}

void ring_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory");
#endif

}

/* With one processor whoever is waited for cannot run meanwhile. */
unsigned ring_spin_turns(const ring_spin *spin)
{
    static atomic_long processors;
    long n = atomic_load_explicit(&processors, memory_order_relaxed);
    if (n == 0) {
        n = sysconf(_SC_NPROCESSORS_ONLN);
        atomic_store_explicit(&processors, n, memory_order_relaxed);
    }
    return n == 1 ? 0 : spin->turns + MIN_TURNS;
}

void ring_spin_learn(ring_spin *spin, int64_t waited_ns)
{
    if (waited_ns > SHORT_WAIT_NS)
        spin->turns /= 2;
    else if (spin->turns < MAX_TURNS)
        spin->turns = spin->turns * 2 + MIN_TURNS;
}

bool ring_enter(ring_gate *gate)
{
    atomic_fetch_add(&gate->n_calls, 1);
    if (!atomic_load(&gate->is_stopping))
        return true;
    ring_leave(gate);
    return false;
}

void ring_leave(ring_gate *gate)
{
    atomic_fetch_sub(&gate->n_calls, 1);
}

/* Again and again: the one who waits may be just about to go to sleep. */
void ring_stop(ring_gate *gate, const shared_u32 *word)
{
    atomic_store(&gate->is_stopping, true);
    while (atomic_load(&gate->n_calls) > 0) {
        ring_wake(word);
        nanosleep(&(struct timespec){.tv_nsec = STOP_PAUSE_NS}, NULL);
    }
}
