/* Frames of a run: how they begin, end and are counted; all locked. */
#ifndef SIM_RUN_FRAMES_H
#define SIM_RUN_FRAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "system.h"

/* Let the time come and count the frames of a segment up to it. */
void sim_run_step_to(sim_system *sys, int64_t time);

/* What makes frames, at sys->time. */
void sim_run_begin_segment(sim_system *sys, int64_t n_frames);
void sim_run_open_frame(sim_system *sys, int64_t since);
void sim_run_close_frame(sim_system *sys);
void sim_run_cut(sim_system *sys, bool is_kept); /* end the frame that counts, if one does */
void sim_run_rewind(sim_system *sys);            /* the next frame is the first one again */
bool sim_run_is_counting(const sim_system *sys);

/* Frames that this run may take at most when there shall be n. */
int64_t sim_run_limit(const sim_system *sys, int64_t n);

/* Frames below this one have a place, or are not held up for want of one. */
int64_t sim_run_room(const sim_system *sys);

#endif
