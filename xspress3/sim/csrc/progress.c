/* How far a run is, and the books of the ring: acknowledges, overruns, status, clearing. */
#include <string.h>

#include "acquire.h"
#include "errors.h"
#include "fault_effects.h"
#include "followers.h"
#include "frames.h"
#include "mini.h"
#include "progress.h"
#include "slots.h"
#include "system.h"
#include "xsp3_api.h"

static int64_t n_overrun(const sim_slots *slots, int first_chan, int n_chan, int64_t *first_frame)
{
    int64_t most = 0, first = 0;
    bool is_any = false;
    for (int chan = first_chan; chan < first_chan + n_chan; chan++) {
        const sim_slots_channel *channel = &slots->channel[chan];
        if (channel->n_overrun == 0)
            continue;
        if (!is_any || channel->first_overrun < first)
            first = channel->first_overrun;
        if (channel->n_overrun > most)
            most = channel->n_overrun;
        is_any = true;
    }
    *first_frame = first;
    return most;
}

int64_t sim_complete(const sim_system *sys, int chan)
{
    int64_t most = sim_fault_frames(chan), followed = sim_follower_frames(sys, chan);
    most = followed < most ? followed : most;
    return sys->run.complete < most ? sys->run.complete : most;
}

/* Frames complete on all channels, and on the one with most. */
static int64_t complete_on_all(const sim_system *sys, int64_t *furthest)
{
    int64_t least = *furthest = sim_complete(sys, 0);
    for (int chan = 1; chan < sys->n_channels; chan++) {
        int64_t complete = sim_complete(sys, chan);
        least = complete < least ? complete : least;
        *furthest = complete > *furthest ? complete : *furthest;
    }
    return least;
}

XSP3_API int xsp3_scaler_check_progress(int path)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int64_t furthest;
    uint32_t low_word = (uint32_t)complete_on_all(sys, &furthest);
    int rc = sim_mini_check_progress(sys);
    sim_release(sys);
    if (rc < 0)
        return rc;
    int progress;
    memcpy(&progress, &low_word, sizeof progress); /* cut to 32 bits, negative from 2^31 on, as the real one */
    return progress;
}

XSP3_API int64_t xsp3_scaler_check_progress_details(int path, uint32_t *flagsP, int quiet, int64_t *furthest_frame)
{
    (void)quiet; /* nothing is ever printed */
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int64_t first, furthest, complete = complete_on_all(sys, &furthest);
    bool is_overrun = n_overrun(&sys->slots, 0, sys->n_channels, &first) > 0;
    int rc = sim_mini_check_progress(sys);
    if (rc == XSP3_OK && flagsP != NULL)
        *flagsP = is_overrun ? XSP3_ERRFLAG_CIRC_OVERRUN : 0;
    if (rc == XSP3_OK && furthest_frame != NULL)
        *furthest_frame = furthest;
    sim_release(sys);
    return rc < 0 ? rc : complete;
}

/* chan .. chan + n - 1 all exist? */
static int check_channels(const sim_system *sys, unsigned chan, unsigned n)
{
    if ((uint64_t)chan + n <= (uint64_t)sys->n_channels)
        return XSP3_OK;
    return sim_fail(sys, XSP3_RANGE_CHECK, "chan=%u num_chan=%u out of range 0..%d", chan, n, sys->n_channels - 1);
}

static int circ_ack(sim_system *sys, unsigned chan, unsigned tf, unsigned num_chan, unsigned num_tf)
{
    if (!sim_is_circular(sys))
        return sim_fail(sys, XSP3_ERROR, "Not in circular buffer mode");
    int rc = check_channels(sys, chan, num_chan);
    if (rc < 0 || sys->slots.ring == 0)
        return rc;
    if (sim_is_mini(sys)) {
        rc = sim_mini_check_ack(sys, chan, tf, num_chan, num_tf);
        if (rc < 0)
            return rc;
    }
    for (unsigned i = 0; i < num_chan; i++)
        sim_slots_ack(&sys->slots, (int)(chan + i), tf % sys->slots.ring, num_tf, sys->run.begun);
    return XSP3_OK;
}

XSP3_API int xsp3_histogram_circ_ack(int path, unsigned chan, unsigned tf, unsigned num_chan, unsigned num_tf)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = circ_ack(sys, chan, tf, num_chan, num_tf);
    sim_release(sys);
    return rc;
}

XSP3_API int64_t xsp3_histogram_get_circ_overrun(int path, int chan, int64_t *firstP)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int64_t first = 0;
    int64_t n = chan == -1 ? XSP3_OK : sim_check_chan(sys, chan);
    if (n == XSP3_OK)
        n = chan == -1 ? n_overrun(&sys->slots, 0, sys->n_channels, &first) : n_overrun(&sys->slots, chan, 1, &first);
    if (n >= 0 && firstP != NULL)
        *firstP = first;
    sim_release(sys);
    return n;
}

/* ---- status of places ---- */

static Xsp3TFStatus circular_status(sim_system *sys, int chan, int64_t slot)
{
    int64_t frame = sim_slots_frame(&sys->slots, slot, sys->run.begun);
    int64_t uses = frame < 0 ? 0 : sim_slots_uses(&sys->slots, chan, slot, sys->run.begun);
    return (Xsp3TFStatus){.state = uses > INT32_MAX ? INT32_MAX : (int)uses,
                          .time_frame = frame < 0 ? 0 : frame,
                          .markers = sim_frame_markers(sys, chan, frame)};
}

static Xsp3TFStatus plain_status(sim_system *sys, int chan, int64_t frame)
{
    return (Xsp3TFStatus){.time_frame = frame, .markers = sim_frame_markers(sys, chan, frame)};
}

static int tf_status_block(sim_system *sys, int chan, unsigned tf, unsigned ntf, Xsp3TFStatus *status)
{
    int64_t ring = sim_ring_frames(sys);
    int rc = sim_check_chan(sys, chan);
    if (rc < 0)
        return rc;
    bool is_circular = sim_is_circular(sys);
    if (ntf > ring || (!is_circular && (int64_t)tf + ntf > ring))
        return sim_fail(sys, XSP3_ERROR, "tf=%u ntf=%u out of range 0..%lld", tf, ntf, (long long)ring - 1);
    if (status == NULL)
        return sim_fail(sys, XSP3_ERROR, "tf_status is NULL");
    for (unsigned i = 0; i < ntf; i++)
        status[i] = is_circular ? circular_status(sys, chan, ((int64_t)tf + i) % ring)
                                : plain_status(sys, chan, (int64_t)tf + i);
    return XSP3_OK;
}

static int status_path(int path, const char *call, int chan, unsigned tf, unsigned ntf, Xsp3TFStatus *status)
{
    sim_system *sys = sim_acquire(path, call);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = tf_status_block(sys, chan, tf, ntf, status);
    sim_release(sys);
    return rc;
}

XSP3_API int xsp3_histogram_get_tf_status(int path, int chan, unsigned tf, Xsp3TFStatus *tf_status)
{
    return status_path(path, __func__, chan, tf, 1, tf_status);
}

XSP3_API int xsp3_histogram_get_tf_status_block(int path, int chan, unsigned tf, unsigned ntf,
                                                Xsp3TFStatus *tf_status)
{
    return status_path(path, __func__, chan, tf, ntf, tf_status);
}

/* ---- clearing ---- */

static int clear(sim_system *sys, int first_chan, int num_chan, int first_frame, int num_frames)
{
    int64_t ring = sim_ring_frames(sys);
    if (first_chan == -1) {
        first_chan = 0;
        num_chan = sys->n_channels;
    }
    if (first_chan < 0 || num_chan < 0 || (int64_t)first_chan + num_chan > sys->n_channels)
        return sim_fail(sys, XSP3_RANGE_CHECK, "first_chan=%d num_chan=%d out of range 0..%d", first_chan, num_chan,
                        sys->n_channels - 1);
    bool is_beyond = (int64_t)first_frame + num_frames > ring && sys->about.generation != XSP3_GEN_MINI;
    if (first_frame < 0 || num_frames < 0 || is_beyond)
        return sim_fail(sys, XSP3_RANGE_CHECK, "first_frame=%d num_frames=%d out of range 0..%lld", first_frame,
                        num_frames, (long long)ring - 1);
    for (int chan = first_chan; chan < first_chan + num_chan; chan++)
        if (!sim_slots_clear(&sys->slots, chan, first_frame, num_frames, sys->run.complete))
            return sim_fail(sys, XSP3_OUT_OF_MEMORY, "no memory to note what is cleared");
    return XSP3_OK;
}

XSP3_API int xsp3_histogram_clear(int path, int first_chan, int num_chan, int first_frame, int num_frames)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = clear(sys, first_chan, num_chan, first_frame, num_frames);
    sim_release(sys);
    if (rc == XSP3_OK)
        sim_fault_slow_clear();
    return rc;
}
