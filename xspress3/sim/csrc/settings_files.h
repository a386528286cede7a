/* Trigger and dead-time parameters, and reading them from a settings directory. */
#ifndef SIM_SETTINGS_FILES_H
#define SIM_SETTINGS_FILES_H

#include <stddef.h>

#include "xsp3_api.h"

typedef struct {
    int flags;
    double all_event_offset, all_event_gradient; /* s, s/keV */
    double in_window_offset, in_window_gradient;
} sim_dtc;

typedef struct {
    int revision_major;
    Xspress3_TriggerB trigger_b[XSP3_MAX_CHANS]; /* event_time: 2..127 */
    sim_dtc dtc[XSP3_MAX_CHANS];
} sim_settings;

/* Read a settings directory over what settings holds. 0, or -1 with its text; settings is then not to be used. */
int sim_settings_read(const char *call, const char *directory, sim_settings *settings);

/* One int of the trigger parameters: its name in a settings directory and its place. */
typedef struct {
    const char *name;
    size_t offset;
} sim_trigger_field;

#define SIM_N_TRIGGER_FIELDS (sizeof(Xspress3_TriggerB) / sizeof(int))
extern const sim_trigger_field sim_trigger_fields[SIM_N_TRIGGER_FIELDS];

#endif
