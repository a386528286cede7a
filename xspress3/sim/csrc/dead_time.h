/* Dead-time correction as the SDK does it. */
#ifndef SIM_DEAD_TIME_H
#define SIM_DEAD_TIME_H

#include <stdbool.h>
#include <stdint.h>

#include "system.h"

typedef struct {
    double factor, input; /* input: estimated counts, NaN when the channel is omitted */
    bool is_omitted;
    int scaler; /* the one that input estimates */
} sim_correction;

/* Lower solution x of y = x exp(-x); 1 for y > 1/e. */
double sim_lower_lambert(double y);

/* Locked. From nine raw scalers. */
sim_correction sim_correct(const sim_system *sys, int chan, const uint32_t *nine);

#endif
