/* Markers of frames; xsp3_histogram_get_tf_status_block gives them too. */
#include "acquire.h"
#include "errors.h"
#include "frames.h"
#include "slots.h"
#include "system.h"
#include "xsp3_api.h"

/* Circular: the place is asked, else the frame. */
static int marker_at(sim_system *sys, int chan, int64_t tf, int64_t ring)
{
    int64_t frame = sim_is_circular(sys) ? sim_slots_frame(&sys->slots, tf % ring, sys->run.begun) : tf;
    return sim_frame_markers(sys, chan, frame);
}

static int get_markers(sim_system *sys, int chan, unsigned tf, unsigned num_tf, int *markers)
{
    int64_t ring = sim_ring_frames(sys);
    int rc = sim_check_chan(sys, chan);
    if (rc < 0)
        return rc;
    if (num_tf > ring || (!sim_is_circular(sys) && (int64_t)tf + num_tf > ring))
        return sim_fail(sys, XSP3_ERROR, "tf=%u num_tf=%u out of range 0..%lld", tf, num_tf, (long long)ring - 1);
    if (markers == NULL)
        return sim_fail(sys, XSP3_ERROR, "markers is NULL");
    for (unsigned i = 0; i < num_tf; i++)
        markers[i] = marker_at(sys, chan, (int64_t)tf + i, ring);
    return XSP3_OK;
}

XSP3_API int xsp3_histogram_get_tf_markers(int path, int chan, unsigned tf, unsigned num_tf, int *markers)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = get_markers(sys, chan, tf, num_tf, markers);
    sim_release(sys);
    return rc;
}
