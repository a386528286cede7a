/* Poisson and binomial numbers: inversion for small means, Hoermann's transformed rejection for large ones.
 *
 * W. Hoermann, "The transformed rejection method for generating Poisson random variables" (PTRS, 1993)
 * and "The generation of binomial random variates" (BTRS, 1993); the constants are from there.
 */
#include "random.h"

#include <math.h>

#define SMALL_MEAN 10.0
#define HALF_LOG_TWO_PI 0.91893853320467274178

/* The finaliser of splitmix64 (Vigna), with its increment. */
static uint64_t mix(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

void sim_random_start(sim_random *random, uint64_t seed, int channel, int64_t frame)
{
    uint64_t key = mix(mix(mix(seed) + (uint64_t)channel) + (uint64_t)frame);
    for (int i = 0; i < 4; i++)
        random->s[i] = key = mix(key);
}

/* Uniform in (0, 1]. */
static double uniform(sim_random *random)
{
    return (double)((sim_random_next(random) >> 11) + 1) * 0x1p-53;
}

/* Logarithm of k!. Not lgamma: that one writes a global. */
static double log_factorial(double k)
{
    static const double small[] = {0.0,
                                   0.0,
                                   0.69314718055994530942,
                                   1.79175946922805500081,
                                   3.17805383034794561965,
                                   4.78749174278204599425,
                                   6.57925121201010099506,
                                   8.52516136106541430017,
                                   10.60460290274525022842,
                                   12.80182748008146961121};
    if (k < 10)
        return small[(int)k];
    double inverse = 1.0 / (k + 1.0), square = inverse * inverse;
    double series = inverse * (1.0 / 12 - square * (1.0 / 360 - square * (1.0 / 1260 - square / 1680)));
    return (k + 0.5) * log(k + 1.0) - (k + 1.0) + HALF_LOG_TWO_PI + series;
}

static int64_t poisson_small(sim_random *random, double mean)
{
    double p = exp(-mean), u = uniform(random);
    int64_t k = 0;
    while (u > p && p > 0) {
        u -= p;
        k++;
        p *= mean / (double)k;
    }
    return k;
}

static int64_t poisson_large(sim_random *random, double mean)
{
    double b = 0.931 + 2.53 * sqrt(mean), a = -0.059 + 0.02483 * b;
    double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), v_r = 0.9277 - 3.6224 / (b - 2.0);
    double log_mean = log(mean);
    for (;;) {
        double u = uniform(random) - 0.5, v = uniform(random), us = 0.5 - fabs(u);
        if (us <= 0)
            continue;
        double k = floor((2.0 * a / us + b) * u + mean + 0.43);
        if (us >= 0.07 && v <= v_r)
            return (int64_t)k;
        if (k < 0 || (us < 0.013 && v > us))
            continue;
        if (log(v * inverse_alpha / (a / (us * us) + b)) <= k * log_mean - mean - log_factorial(k))
            return (int64_t)k;
    }
}

int64_t sim_random_poisson(sim_random *random, double mean)
{
    if (!(mean > 0))
        return 0;
    return mean < SMALL_MEAN ? poisson_small(random, mean) : poisson_large(random, mean);
}

static int64_t binomial_small(sim_random *random, int64_t n, double p)
{
    double odds = p / (1.0 - p), term = exp((double)n * log1p(-p)), u = uniform(random);
    int64_t k = 0;
    while (u > term && k < n) {
        u -= term;
        k++;
        term *= odds * (double)(n - k + 1) / (double)k;
    }
    return k;
}

static int64_t binomial_large(sim_random *random, int64_t n, double p)
{
    double size = (double)n, spread = sqrt(size * p * (1.0 - p));
    double b = 1.15 + 2.53 * spread, a = -0.0873 + 0.0248 * b + 0.01 * p, centre = size * p + 0.5;
    double v_r = 0.92 - 4.2 / b, alpha = (2.83 + 5.1 / b) * spread;
    double log_odds = log(p / (1.0 - p)), mode = floor((size + 1.0) * p);
    double at_mode = log_factorial(mode) + log_factorial(size - mode);
    for (;;) {
        double u = uniform(random) - 0.5, v = uniform(random), us = 0.5 - fabs(u);
        if (us <= 0)
            continue;
        double k = floor((2.0 * a / us + b) * u + centre);
        if (k < 0 || k > size)
            continue;
        if (us >= 0.07 && v <= v_r)
            return (int64_t)k;
        double bound = at_mode - log_factorial(k) - log_factorial(size - k) + (k - mode) * log_odds;
        if (log(v * alpha / (a / (us * us) + b)) <= bound)
            return (int64_t)k;
    }
}

int64_t sim_random_binomial(sim_random *random, int64_t n, double p)
{
    if (n <= 0 || !(p > 0))
        return 0;
    if (p >= 1)
        return n;
    if (p > 0.5)
        return n - sim_random_binomial(random, n, 1.0 - p);
    return (double)n * p < SMALL_MEAN ? binomial_small(random, n, p) : binomial_large(random, n, p);
}
