/* What the receiving side says of its queues: descriptors, dropped frames, work left. */
#include "acquire.h"
#include "errors.h"
#include "fault_effects.h"
#include "system.h"
#include "xsp3_api.h"

/* The DMA streams of older boxes: none of these has them. */
XSP3_API int xsp3_scaler_check_desc(int path, int card)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = sim_check_card(sys, card);
    if (rc == XSP3_OK)
        rc = sim_fail(sys, XSP3_INVALID_DMA_STREAM, "card %d has no DMA stream of scalers", card);
    sim_release(sys);
    return rc;
}

/* As in the real one the count is of the card, whichever of its channels is asked. */
static int64_t dropped_on_card(const sim_system *sys, int card)
{
    int64_t dropped = 0;
    int per_card = sim_chans_per_card(sys);
    for (int chan = card * per_card; chan < (card + 1) * per_card && chan < sys->n_channels; chan++)
        dropped += sim_fault_dropped(chan, sys->run.complete);
    return dropped;
}

XSP3_API int xsp3_histogram_get_dropped(int path, int chan)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int64_t rc = sim_check_chan(sys, chan);
    if (rc == XSP3_OK)
        rc = dropped_on_card(sys, chan / sim_chans_per_card(sys));
    sim_release(sys);
    return rc > INT32_MAX ? INT32_MAX : (int)rc;
}

/* Frames are there at once, so nothing is ever left to do. */
XSP3_API int xsp3_histogram_is_busy(int path, int chan)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = sim_check_chan(sys, chan);
    sim_release(sys);
    return rc;
}
