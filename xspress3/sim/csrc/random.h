/* Random numbers that depend on nothing but their key. No locks, no global state. */
#ifndef SIM_RANDOM_H
#define SIM_RANDOM_H

#include <stdint.h>

typedef struct {
    uint64_t s[4];
} sim_random;

/* Start the sequence that belongs to (seed, channel, frame). */
void sim_random_start(sim_random *random, uint64_t seed, int channel, int64_t frame);

/* 64 random bits: xoshiro256++ of Blackman and Vigna. */
static inline uint64_t sim_random_next(sim_random *random)
{
    uint64_t *s = random->s;
    uint64_t sum = s[0] + s[3];
    uint64_t result = ((sum << 23) | (sum >> 41)) + s[0];
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = (s[3] << 45) | (s[3] >> 19);
    return result;
}

/* Poisson distributed number; mean >= 0, at most about 1e15. Exact. */
int64_t sim_random_poisson(sim_random *random, double mean);

/* Binomially distributed number out of n >= 0; p in 0..1. Exact. */
int64_t sim_random_binomial(sim_random *random, int64_t n, double p);

#endif
