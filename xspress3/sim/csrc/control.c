/* The simulator's own controls. */
#include <math.h>

#include "acquire.h"
#include "clock.h"
#include "describe.h"
#include "errors.h"
#include "source.h"
#include "system.h"
#include "xsp3_api.h"

#define MAX_ADVANCE 1e8 /* s: three years, far from where int64_t ends */

XSP3_API int xsp3sim_set(const char *key, const char *value)
{
    return sim_describe_set(__func__, key, value);
}

XSP3_API int xsp3sim_advance(double seconds)
{
    if (!(seconds >= 0 && seconds <= MAX_ADVANCE))
        return sim_fail_in(__func__, XSP3_ERROR, "seconds=%g out of range 0..%g", seconds, MAX_ADVANCE);
    sim_clock_advance(llround(seconds * 2e9));
    return XSP3_OK;
}

XSP3_API int xsp3sim_truth(int path, int chan, int64_t frame, uint32_t *spectrum, uint32_t *scalers)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = sim_check_chan(sys, chan);
    if (rc == XSP3_OK && frame < 0)
        rc = sim_fail(sys, XSP3_RANGE_CHECK, "frame=%lld is negative", (long long)frame);
    if (rc == XSP3_OK && spectrum != NULL)
        sys->source->fill(sys, frame, chan, 1, 0, XSP3_BINS_PER_MCA, spectrum);
    if (rc == XSP3_OK && scalers != NULL)
        sys->source->scalers(sys, frame, chan, scalers);
    sim_release(sys);
    return rc;
}
