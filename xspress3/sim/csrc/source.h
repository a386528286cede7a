/* Where the content of frames comes from. */
#ifndef SIM_SOURCE_H
#define SIM_SOURCE_H

#include <stdint.h>

#include "system.h"

typedef struct sim_source {
    /* Write bins first..first+n-1 of channels chan..chan+n_chan-1 of frame, 4096 bins in full, [n_chan][n]. */
    void (*fill)(sim_system *sys, int64_t frame, int chan, int n_chan, unsigned first, unsigned n, uint32_t *out);
    /* Write the nine scalers of one channel. */
    void (*scalers)(sim_system *sys, int64_t frame, int chan, uint32_t *out);
    /* Make and release sys->source_data. open: 0 or a negative code with its text. */
    int (*open)(sim_system *sys);
    void (*close)(sim_system *sys);
} sim_source;

extern const sim_source sim_source_physics, sim_source_pattern, sim_source_playback;

/* Channels in the playback file (at least 1), or a negative code with its text. Not locked. */
int sim_playback_channels(const char *call, const char *path);

#endif
