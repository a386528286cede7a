/* Regions of interest. */
#ifndef SIM_ROI_H
#define SIM_ROI_H

#include <stdint.h>

#include "system.h"

void sim_roi_free(sim_system *sys);

/* Sum a full spectrum into the output bins of the regions. */
void sim_roi_fill(const sim_roi *roi, const uint32_t *full, uint32_t *out);

#endif
