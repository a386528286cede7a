/* Writing a settings directory. */
#ifndef SIM_SETTINGS_SAVE_H
#define SIM_SETTINGS_SAVE_H

#include "settings_files.h"

/* Write a directory that sim_settings_read reads. 0, or a negative code with its text. */
int sim_settings_save(const char *call, const char *directory, const sim_settings *settings, int n_channels);

#endif
