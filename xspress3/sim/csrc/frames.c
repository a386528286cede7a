/* What of a frame is not the same for all of a run: its length, when it had not the collection time; its markers.
 *
 * Frames of equal length cost nothing here. Markers are noted for many frames at once, when they are
 * about to change or somebody asks.
 */
#include <stdlib.h>

#include "frames.h"
#include "system.h"
#include "xsp3_api.h"

void sim_frames_free(sim_frames *frames)
{
    free(frames->length);
    free(frames->markers);
    *frames = (sim_frames){0};
}

bool sim_frames_reset(sim_frames *frames, int64_t ring)
{
    sim_frames_free(frames);
    frames->ring = ring;
    frames->length = calloc((size_t)ring, sizeof *frames->length);
    frames->markers = calloc((size_t)ring, sizeof *frames->markers);
    if (frames->length != NULL && frames->markers != NULL)
        return true;
    sim_frames_free(frames);
    return false;
}

/* ---- lengths ---- */

void sim_frames_note(sim_system *sys, int64_t frame, int64_t half_ns)
{
    int64_t ticks = half_ns > 0 ? half_ns / sys->tick : 0;
    sys->frames.length[frame % sys->frames.ring] =
        (sim_length){.number = frame + 1, .ticks = ticks < UINT32_MAX ? (uint32_t)ticks : UINT32_MAX};
}

uint32_t sim_frame_ticks(const sim_system *sys, int64_t frame)
{
    const sim_frames *frames = &sys->frames;
    if (frames->ring == 0)
        return sys->itfg.col_time;
    const sim_length *length = &frames->length[frame % frames->ring];
    return length->number == frame + 1 ? length->ticks : sys->run.itfg.col_time;
}

/* ---- markers ---- */

static unsigned char present_markers(const sim_system *sys)
{
    const sim_input *input = sys->inputs.input;
    if (sys->run.marker_mode == XSP3_MARKERS_SOFTWARE)
        return (unsigned char)(sys->time_a[0] >> XSP3_TIME_A_SW_MARKERS_SHIFT & 3);
    return (unsigned char)((input[SIM_TTL_MARKER_0].level ? 1 : 0) | (input[SIM_TTL_MARKER_1].level ? 2 : 0));
}

void sim_frames_mark(sim_system *sys)
{
    sim_frames *frames = &sys->frames;
    int64_t begun = sys->run.begun, frame = frames->n_marked;
    if (frame < begun - frames->ring)
        frame = begun - frames->ring;
    for (; frame < begun; frame++)
        frames->markers[frame % frames->ring] = present_markers(sys);
    if (begun > frames->n_marked)
        frames->n_marked = begun;
}

static bool is_on_first_card(const sim_system *sys, int chan)
{
    int n_cards = sys->arguments.n_cards;
    return chan < (sys->n_channels + n_cards - 1) / n_cards;
}

int sim_frame_markers(sim_system *sys, int chan, int64_t frame)
{
    const sim_run *run = &sys->run;
    bool has_markers = sys->about.generation == XSP3_GEN_4 || is_on_first_card(sys, chan);
    if (!has_markers || frame < run->first || frame >= run->begun || frame < run->begun - sys->frames.ring)
        return 0;
    if (run->marker_mode == XSP3_MARKERS_ITFG)
        return run->itfg.marker_period > 0 &&
               (frame - run->first) % run->itfg.marker_period == run->itfg.marker_frame;
    sim_frames_mark(sys);
    return sys->frames.markers[frame % sys->frames.ring];
}
