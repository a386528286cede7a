/* The distributions: mean and variance within 5 standard errors, and the same numbers for the same key. */
#include <math.h>

#include "check.h"
#include "random.h"

#define DRAWS 40000

static void check_moments(const char *what, double sum, double squares, double mean, double variance)
{
    double got = sum / DRAWS, spread = squares / DRAWS - got * got;
    double kurtosis_slack = variance * sqrt(3.0 / DRAWS) + sqrt(variance / DRAWS);
    if (fabs(got - mean) > 5 * sqrt(variance / DRAWS) || fabs(spread - variance) > 5 * kurtosis_slack) {
        fprintf(stderr, "%s: mean %g of %g, variance %g of %g\n", what, got, mean, spread, variance);
        exit(1);
    }
}

static void poisson_numbers_have_the_right_moments(double mean)
{
    sim_random random;
    double sum = 0, squares = 0;
    sim_random_start(&random, 1, 2, 3);
    for (int i = 0; i < DRAWS; i++) {
        double k = (double)sim_random_poisson(&random, mean);
        CHECK(k >= 0);
        sum += k;
        squares += k * k;
    }
    check_moments("poisson", sum, squares, mean, mean);
}

static void binomial_numbers_have_the_right_moments(int64_t n, double p)
{
    sim_random random;
    double sum = 0, squares = 0;
    sim_random_start(&random, 4, 5, 6);
    for (int i = 0; i < DRAWS; i++) {
        int64_t k = sim_random_binomial(&random, n, p);
        CHECK(k >= 0 && k <= n);
        sum += (double)k;
        squares += (double)k * (double)k;
    }
    check_moments("binomial", sum, squares, (double)n * p, (double)n * p * (1 - p));
}

static void the_key_decides_and_nothing_else(void)
{
    sim_random a, b, c;
    sim_random_start(&a, 7, 1, 100);
    sim_random_start(&b, 7, 1, 100);
    sim_random_start(&c, 7, 1, 101);
    for (int i = 0; i < 10; i++)
        CHECK(sim_random_next(&a) == sim_random_next(&b));
    CHECK(sim_random_next(&a) != sim_random_next(&c));
}

int main(void)
{
    static const double means[] = {0.01, 1, 9.9, 10.1, 30, 1000, 1e5};
    for (size_t i = 0; i < sizeof means / sizeof means[0]; i++)
        poisson_numbers_have_the_right_moments(means[i]);
    binomial_numbers_have_the_right_moments(5, 0.5);
    binomial_numbers_have_the_right_moments(100, 0.05);
    binomial_numbers_have_the_right_moments(100, 0.3);
    binomial_numbers_have_the_right_moments(1000, 0.9);
    binomial_numbers_have_the_right_moments(1000000, 0.002);
    sim_random random;
    sim_random_start(&random, 1, 1, 1);
    CHECK_EQUAL(sim_random_poisson(&random, 0), 0);
    CHECK_EQUAL(sim_random_binomial(&random, 10, 1), 10);
    CHECK_EQUAL(sim_random_binomial(&random, 10, 0), 0);
    the_key_decides_and_nothing_else();
    return 0;
}
