/* Writing a settings directory; its format stands in settings_files.c. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "errors.h"
#include "settings_files.h"
#include "settings_save.h"
#include "sizes.h"
#include "xsp3_api.h"

typedef void (*file_writer)(FILE *file, const sim_settings *settings, int n_channels);

/* 17 digits give back the same double. */
static void write_dtc(FILE *file, const sim_settings *settings, int n_channels)
{
    for (int chan = 0; chan < n_channels; chan++) {
        const sim_dtc *dtc = &settings->dtc[chan];
        fprintf(file, "channel %d %d %.17g %.17g %.17g %.17g\n", chan, dtc->flags, dtc->all_event_offset,
                dtc->all_event_gradient, dtc->in_window_offset, dtc->in_window_gradient);
    }
}

static void write_trigger_b(FILE *file, const sim_settings *settings, int n_channels)
{
    for (int chan = 0; chan < n_channels; chan++)
        for (size_t i = 0; i < SIM_N_TRIGGER_FIELDS; i++) {
            int value;
            memcpy(&value, (const char *)&settings->trigger_b[chan] + sim_trigger_fields[i].offset, sizeof value);
            fprintf(file, "%s %d %d\n", sim_trigger_fields[i].name, chan, value);
        }
}

static void write_revision(FILE *file, const sim_settings *settings, int n_channels)
{
    (void)n_channels;
    fprintf(file, "major %d\n", settings->revision_major);
}

static int write_file(const char *call, const char *directory, const char *name, file_writer write,
                      const sim_settings *settings, int n_channels)
{
    char path[SIM_PATH_CHARS];
    int length = snprintf(path, sizeof path, "%s/%s", directory, name);
    if (length < 0 || (size_t)length >= sizeof path)
        return sim_fail_in(call, XSP3_ERROR, "path of %s is longer than %d", name, SIM_PATH_CHARS - 1);
    FILE *file = fopen(path, "we");
    if (file == NULL)
        return sim_fail_in(call, XSP3_ERROR, "Cannot open output file %.800s: %s", path, strerror(errno));
    write(file, settings, n_channels);
    bool is_written = ferror(file) == 0;
    if (fclose(file) != 0 || !is_written)
        return sim_fail_in(call, XSP3_FILE_WRITE_FAILED, "Cannot write %.800s", path);
    return XSP3_OK;
}

int sim_settings_save(const char *call, const char *directory, const sim_settings *settings, int n_channels)
{
    int rc = write_file(call, directory, "dtc_parameters.dat", write_dtc, settings, n_channels);
    if (rc == XSP3_OK)
        rc = write_file(call, directory, "trigger_b.dat", write_trigger_b, settings, n_channels);
    if (rc == XSP3_OK)
        rc = write_file(call, directory, "revision.dat", write_revision, settings, n_channels);
    return rc;
}
