/* The lower solution of y = x exp(-x), by putting it back, in long double. */
#include <float.h>
#include <math.h>

#include "check.h"
#include "dead_time.h"

/* How far x is off, in units of what one rounding of y does to it. */
static double error_of(double y)
{
    long double x = sim_lower_lambert(y);
    long double back = x * expl(-x), slope = (1 - x) * expl(-x);
    long double rounding = fabsl(x) * DBL_EPSILON + fabsl(y / slope) * DBL_EPSILON;
    return (double)(fabsl((back - y) / slope) / rounding);
}

static void it_is_right_everywhere(void)
{
    for (double y = 1e-300; y < 0.36; y *= 1.37)
        CHECK(error_of(y) < 4);
    for (double y = 1e-300; y < 1e6; y *= 1.7)
        CHECK(error_of(-y) < 4);
    for (double y = 0.001; y < 0.3678; y += 0.0007)
        CHECK(error_of(y) < 4);
}

/* There 1 - x is sqrt(2 (1 - e y)) and its like: the slope vanishes, so x itself is compared with the series. */
static void it_is_right_where_the_branches_meet(void)
{
    const long double e = 2.718281828459045235360287471352662498L;
    for (long double p = 1e-3L; p < 0.0099L; p *= 1.1L) {
        double y = (double)((1 - p * p / 2) / e);
        long double q = sqrtl(2 * (1 - e * (long double)y));
        long double x = 1 + q * (-1 + q * (1 / 3.0L + q * (-11 / 72.0L + q * (43 / 540.0L + q * (-769 / 17280.0L)))));
        CHECK(fabsl(x - sim_lower_lambert(y)) < 1e-11L * p + 4 * DBL_EPSILON);
    }
}

static void ends_are_exact(void)
{
    CHECK(sim_lower_lambert(0.0) == 0.0);
    CHECK(sim_lower_lambert(0.36787944117144239) == 1.0 || sim_lower_lambert(0.36787944117144239) > 1 - 1e-7);
    CHECK(sim_lower_lambert(0.4) == 1.0);
    CHECK(sim_lower_lambert(INFINITY) == 1.0);
    CHECK(isnan(sim_lower_lambert(NAN)));
    CHECK(sim_lower_lambert(-INFINITY) == -INFINITY);
}

int main(void)
{
    it_is_right_everywhere();
    it_is_right_where_the_branches_meet();
    ends_are_exact();
    return 0;
}
