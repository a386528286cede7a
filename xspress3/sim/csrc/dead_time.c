/* Dead-time correction as the SDK does it; pure arithmetic on parameters, energy and raw scalers.
 *
 *     Tp_all = all_event_offset + all_event_gradient * E        E: calculation energy, keV
 *     Tp_win = in_window_offset + in_window_gradient * E
 *     out    = N / ((T - R) c)                                  T, R, N: live ticks, reset ticks, events
 *     in     = lower solution of out = in exp(-in Tp_all), or 1 / Tp_all for out > 1 / (e Tp_all)
 *     factor = exp(2 in Tp_win) T / (T - R)
 */
#include <float.h>
#include <math.h>

#include "acquire.h"
#include "dead_time.h"
#include "errors.h"
#include "settings_files.h"
#include "system.h"
#include "xsp3_api.h"

#define E_HIGH 0x1.5bf0a8b145769p+1   /* e to the nearest double */
#define E_LOW 0x1.4d57ee2b1013ap-53   /* and what that leaves */
#define NEAR_BRANCH 0.01

/* Where the branches of x exp(-x) meet its derivative vanishes, but there is a series in p = sqrt(2 - 2 e y). */
static double near_branch(double p)
{
    static const double c[] = {1.0, -1.0, 1.0 / 3, -11.0 / 72, 43.0 / 540, -769.0 / 17280, 221.0 / 8505};
    double x = 0;
    for (int i = 6; i >= 0; i--)
        x = x * p + c[i];
    return x;
}

static double first_guess(double y, double p)
{
    if (y > 0.2)
        return near_branch(p);
    if (y > -0.2)
        return y + y * y + 1.5 * y * y * y;
    double l = log1p(-y); /* y below 0 comes of more reset than live ticks */
    return -l * (1 - log1p(l) / (2 + l));
}

/* Halley's method on x - y exp(x): each step triples the number of right digits. */
double sim_lower_lambert(double y)
{
    double below = fma(-y, E_HIGH, 1.0) - y * E_LOW; /* 1 - e y without loss where it is small */
    double p = sqrt(2 * below);
    if (below <= 0)
        return 1.0;
    if (isnan(y) || isinf(y) || p < NEAR_BRANCH)
        return isfinite(y) ? near_branch(p) : y;
    double x = first_guess(y, p);
    for (int i = 0; i < 8; i++) {
        double u = y * exp(x), f = x - u, slope = 1 - u;
        double step = f / (slope + f * u / (2 * slope));
        x -= step;
        if (fabs(step) <= fabs(x) * DBL_EPSILON)
            break;
    }
    return x;
}

/* True input rate in 1/s. */
static double input_rate(double out, double dead_time)
{
    return dead_time == 0 ? 0.0 : sim_lower_lambert(out * dead_time) / dead_time;
}

sim_correction sim_correct(const sim_system *sys, int chan, const uint32_t *nine)
{
    const sim_dtc *dtc = &sys->settings.dtc[chan];
    double energy = sys->dead_time_energy, period = sim_clock_period(sys);
    double all_time = dtc->all_event_offset + dtc->all_event_gradient * energy;
    double window_time = dtc->in_window_offset + dtc->in_window_gradient * energy;
    int scaler = (dtc->flags & XSP3_DTC_USE_GOOD_EVENT) != 0 ? XSP3_SCALER_ALL_GOOD : XSP3_SCALER_ALL_EVENTS;
    double ticks = nine[XSP3_SCALER_CLOCK_TICKS], live = ticks - nine[XSP3_SCALER_RESET_TICKS];
    if ((dtc->flags & XSP3_DTC_OMIT_CHANNEL) != 0)
        return (sim_correction){.is_omitted = true, .scaler = scaler, .input = NAN};
    double in = input_rate(nine[scaler] / (live * period), all_time);
    return (sim_correction){
        .factor = exp(2 * in * window_time) * ticks / live, .input = in * ticks * period, .scaler = scaler};
}

static int calculate(const sim_system *sys, const uint32_t *scalers, double *factors, double *inputs, int num_tf,
                     int first_chan, int num_chan)
{
    if (first_chan < 0 || num_chan < 0 || num_tf < 0 || (int64_t)first_chan + num_chan > sys->n_channels)
        return sim_fail(sys, XSP3_RANGE_CHECK, "num_tf=%d first_chan=%d num_chan=%d out of range >= 0, 0..%d", num_tf,
                        first_chan, num_chan, sys->n_channels - 1);
    if (scalers == NULL || factors == NULL || inputs == NULL)
        return sim_fail(sys, XSP3_ERROR, "no buffer given");
    for (int64_t i = 0; i < (int64_t)num_tf * num_chan; i++) {
        sim_correction done = sim_correct(sys, first_chan + (int)(i % num_chan), scalers + i * XSP3_SW_NUM_SCALERS);
        factors[i] = done.factor;
        if (!done.is_omitted)
            inputs[i] = done.input;
    }
    return XSP3_OK;
}

XSP3_API int xsp3_calculateDeadtimeCorrectionFactors(int path, uint32_t *hardwareScalerReadings, double *dtcFactors,
                                                     double *inpEst, int num_tf, int first_chan, int num_chan)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_RANGE_CHECK);
    int rc = calculate(sys, hardwareScalerReadings, dtcFactors, inpEst, num_tf, first_chan, num_chan);
    sim_release(sys);
    return rc;
}
