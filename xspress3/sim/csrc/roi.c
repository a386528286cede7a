/* Regions of interest: a table that sends each full bin to an output bin, or nowhere. */
#include <stdlib.h>
#include <string.h>

#include "acquire.h"
#include "errors.h"
#include "roi.h"
#include "system.h"
#include "xsp3_api.h"

static void reset(sim_roi *roi)
{
    free(roi->place);
    *roi = (sim_roi){0};
}

void sim_roi_free(sim_system *sys)
{
    for (int chan = 0; chan < XSP3_MAX_CHANS; chan++)
        reset(&sys->roi[chan]);
}

void sim_roi_fill(const sim_roi *roi, const uint32_t *full, uint32_t *out)
{
    memset(out, 0, roi->n_bins * sizeof *out);
    for (unsigned bin = 0; bin < XSP3_BINS_PER_MCA; bin++)
        if (roi->place[bin] > 0)
            out[roi->place[bin] - 1] += full[bin];
}

static int check_region(const sim_system *sys, int i, const XSP3Roi *roi)
{
    int width = roi->rhs - roi->lhs + 1;
    if (roi->lhs < 0 || roi->rhs >= XSP3_BINS_PER_MCA || roi->lhs > roi->rhs)
        return sim_fail(sys, XSP3_RANGE_CHECK, "region %d: lhs=%d rhs=%d, allowed is 0 <= lhs <= rhs <= %d", i,
                        roi->lhs, roi->rhs, XSP3_BINS_PER_MCA - 1);
    if (roi->out_bins < 1) /* here the real one divides by zero */
        return sim_fail(sys, XSP3_RANGE_CHECK, "region %d: out_bins=%d, allowed is 1..%d", i, roi->out_bins, width);
    if (width % roi->out_bins != 0)
        return sim_fail(sys, XSP3_RANGE_CHECK, "region %d: %d bins are not a multiple of out_bins=%d", i, width,
                        roi->out_bins);
    return XSP3_OK;
}

/* Enter a checked region behind those entered before. */
static int enter(const sim_system *sys, sim_roi *table, int i, const XSP3Roi *roi)
{
    int per_bin = (roi->rhs - roi->lhs + 1) / roi->out_bins;
    for (int bin = roi->lhs; bin <= roi->rhs; bin++) {
        if (table->place[bin] != 0)
            return sim_fail(sys, XSP3_RANGE_CHECK, "region %d: bin %d is in another region too", i, bin);
        table->place[bin] = (uint16_t)((int)table->n_bins + (bin - roi->lhs) / per_bin + 1);
    }
    table->n_bins += (unsigned)roi->out_bins;
    return XSP3_OK;
}

static int set_roi(sim_system *sys, int chan, int num_roi, const XSP3Roi *roi)
{
    int rc = sim_check_chan(sys, chan);
    if (rc < 0)
        return rc;
    if (num_roi < 0)
        return sim_fail(sys, XSP3_RANGE_CHECK, "num_roi=%d is negative", num_roi);
    if (num_roi > 0 && roi == NULL)
        return sim_fail(sys, XSP3_ERROR, "roi is NULL");
    sim_roi table = {.place = calloc(XSP3_BINS_PER_MCA, sizeof *table.place)};
    if (table.place == NULL)
        return sim_fail(sys, XSP3_OUT_OF_MEMORY, "no memory for the regions");
    for (int i = 0; i < num_roi && rc == XSP3_OK; i++) {
        rc = check_region(sys, i, &roi[i]);
        if (rc == XSP3_OK)
            rc = enter(sys, &table, i, &roi[i]);
    }
    reset(rc < 0 ? &table : &sys->roi[chan]);
    if (rc < 0)
        return rc;
    sys->roi[chan] = table;
    return (int)table.n_bins;
}

XSP3_API int xsp3_set_roi(int path, int chan, int num_roi, XSP3Roi *roi)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = set_roi(sys, chan, num_roi, roi);
    sim_release(sys);
    return rc;
}

XSP3_API int xsp3_init_roi(int path, int chan)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = chan == -1 ? XSP3_OK : sim_check_chan(sys, chan);
    for (int i = 0; rc == XSP3_OK && i < sys->n_channels; i++)
        if (chan == -1 || chan == i)
            reset(&sys->roi[i]);
    sim_release(sys);
    return rc;
}

XSP3_API int xsp3_has_roi(int path, int chan)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = sim_check_chan(sys, chan);
    sim_release(sys);
    return rc < 0 ? rc : 1;
}
