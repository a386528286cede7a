/* Parameters of the dead-time correction, in their two orders, and the energy they are taken at. */
#include <math.h>

#include "acquire.h"
#include "errors.h"
#include "settings_files.h"
#include "system.h"
#include "xsp3_api.h"

static int set(int path, const char *call, int chan, const sim_dtc *dtc)
{
    sim_system *sys = sim_acquire(path, call);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = chan < 0 ? XSP3_OK : sim_check_chan(sys, chan);
    if (rc == XSP3_OK && !(isfinite(dtc->all_event_offset) && isfinite(dtc->all_event_gradient) &&
                           isfinite(dtc->in_window_offset) && isfinite(dtc->in_window_gradient)))
        rc = sim_fail(sys, XSP3_ERROR, "a parameter is not finite");
    for (int i = 0; rc == XSP3_OK && i < sys->n_channels; i++)
        if (chan < 0 || chan == i)
            sys->settings.dtc[i] = *dtc;
    sim_release(sys);
    return rc;
}

static int get(int path, const char *call, int chan, sim_dtc *dtc)
{
    sim_system *sys = sim_acquire(path, call);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = sim_check_chan(sys, chan);
    if (rc == XSP3_OK)
        *dtc = sys->settings.dtc[chan];
    sim_release(sys);
    return rc;
}

static void put(double *to, double value)
{
    if (to != NULL)
        *to = value;
}

XSP3_API int xsp3_setDeadtimeCorrectionParameters(int path, int chan, int flags, double all_event_gradient,
                                                  double all_event_offset, double in_window_offset,
                                                  double in_window_gradient)
{
    return set(path, __func__, chan,
               &(sim_dtc){.flags = flags,
                          .all_event_offset = all_event_offset,
                          .all_event_gradient = all_event_gradient,
                          .in_window_offset = in_window_offset,
                          .in_window_gradient = in_window_gradient});
}

XSP3_API int xsp3_getDeadtimeCorrectionParameters(int path, int chan, int *flags, double *all_event_gradient,
                                                  double *all_event_offset, double *in_window_offset,
                                                  double *in_window_gradient)
{
    sim_dtc dtc;
    int rc = get(path, __func__, chan, &dtc);
    if (rc < 0)
        return rc;
    if (flags != NULL)
        *flags = dtc.flags;
    put(all_event_gradient, dtc.all_event_gradient);
    put(all_event_offset, dtc.all_event_offset);
    put(in_window_offset, dtc.in_window_offset);
    put(in_window_gradient, dtc.in_window_gradient);
    return XSP3_OK;
}

/* As in the real ones of 2023 and later, the rate terms are dropped. */
XSP3_API int xsp3_setDeadtimeCorrectionParameters2(int path, int chan, int flags, double all_event_offset,
                                                   double all_event_gradient, double all_event_rate_offset,
                                                   double all_event_rate_gradient, double in_window_offset,
                                                   double in_window_gradient, double in_window_rate_offset,
                                                   double in_window_rate_gradient)
{
    (void)all_event_rate_offset;
    (void)all_event_rate_gradient;
    (void)in_window_rate_offset;
    (void)in_window_rate_gradient;
    return set(path, __func__, chan,
               &(sim_dtc){.flags = flags,
                          .all_event_offset = all_event_offset,
                          .all_event_gradient = all_event_gradient,
                          .in_window_offset = in_window_offset,
                          .in_window_gradient = in_window_gradient});
}

XSP3_API int xsp3_getDeadtimeCorrectionParameters2(int path, int chan, int *flags, double *all_event_offset,
                                                   double *all_event_gradient, double *all_event_rate_offset,
                                                   double *all_event_rate_gradient, double *in_window_offset,
                                                   double *in_window_gradient, double *in_window_rate_offset,
                                                   double *in_window_rate_gradient)
{
    sim_dtc dtc;
    int rc = get(path, __func__, chan, &dtc);
    if (rc < 0)
        return rc;
    if (flags != NULL)
        *flags = dtc.flags;
    put(all_event_offset, dtc.all_event_offset);
    put(all_event_gradient, dtc.all_event_gradient);
    put(all_event_rate_offset, 0);
    put(all_event_rate_gradient, 0);
    put(in_window_offset, dtc.in_window_offset);
    put(in_window_gradient, dtc.in_window_gradient);
    put(in_window_rate_offset, 0);
    put(in_window_rate_gradient, 0);
    return XSP3_OK;
}

XSP3_API int xsp3_getDeadtimeCorrectionFlags(int path, int chan, int *flags)
{
    sim_dtc dtc;
    int rc = get(path, __func__, chan, &dtc);
    if (rc == XSP3_OK && flags != NULL)
        *flags = dtc.flags;
    return rc;
}

XSP3_API int xsp3_setDeadtimeCalculationEnergy(int path, double energy)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    sys->dead_time_energy = energy;
    sim_release(sys);
    return XSP3_OK;
}

XSP3_API double xsp3_getDeadtimeCalculationEnergy(int path)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    double energy = sys->dead_time_energy;
    sim_release(sys);
    return energy;
}
