/* What of a frame is not the same for all of a run: lengths and markers. */
#ifndef SIM_FRAMES_H
#define SIM_FRAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "system.h"

/* Forget everything. False when memory lacks; frames is then empty but valid. */
bool sim_frames_reset(sim_frames *frames, int64_t ring);
void sim_frames_free(sim_frames *frames);

/* A frame lasted this time. */
void sim_frames_note(sim_system *sys, int64_t frame, int64_t half_ns);

/* Ticks of a frame; of one that is not there, the collection time. */
uint32_t sim_frame_ticks(const sim_system *sys, int64_t frame);

/* Give those frames that began since the last call the present markers; to be called before these change. */
void sim_frames_mark(sim_system *sys);
int sim_frame_markers(sim_system *sys, int chan, int64_t frame);

#endif
