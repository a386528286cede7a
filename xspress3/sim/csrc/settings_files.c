/* Settings directories: three text files of lines `key value...`, `#` begins a comment.
 *
 *     dtc_parameters.dat   channel <n> <flags> <all-event offset> <gradient> <in-window offset> <gradient>
 *     trigger_b.dat        event_width <n> <ticks 2..127>; other trigger parameters by name
 *     revision.dat         major <n>
 *
 * Channels that a file does not name keep what they had. Written by settings_save.c and by
 * xspress3.sim.write_settings.
 */
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "errors.h"
#include "settings_files.h"
#include "sizes.h"
#include "xsp3_api.h"

#define LINE_CHARS 256

typedef struct {
    const char *call;
    const char *path;
    int line;
    sim_settings *settings;
} reader;

#define FIELD(name) {#name, offsetof(Xspress3_TriggerB, name)}
const sim_trigger_field sim_trigger_fields[SIM_N_TRIGGER_FIELDS] = {
    FIELD(avemode),
    FIELD(two_over_mode),
    FIELD(enable),
    FIELD(enb_otd_split),
    FIELD(disable_split),
    FIELD(combined),
    FIELD(scaled_thres_mode),
    FIELD(arm_thres),
    FIELD(end_thres),
    FIELD(rearm_thres),
    FIELD(sep1),
    FIELD(sep2),
    FIELD(data_delay),
    {"event_width", offsetof(Xspress3_TriggerB, event_time)},
    FIELD(over_thres_delay),
    FIELD(over_thres_stretch),
    FIELD(over_thres_trim),
    FIELD(enb_fast_otd),
    FIELD(fast_avemode),
    FIELD(fast_sep1),
    FIELD(fast_align),
    FIELD(fast_arm_thres),
    FIELD(fast_end_thres),
    FIELD(enb_variable_width),
    FIELD(variable_width_delay),
    FIELD(enb_split_touching),
    FIELD(enb_fast_diff2),
};
#undef FIELD

typedef bool (*line_parser)(sim_settings *settings, const char *line);

static bool is_channel(int chan)
{
    return chan >= 0 && chan < XSP3_MAX_CHANS;
}

/* used is where sscanf stood when all fields were read, 0 when it never came there. */
static bool is_all_read(const char *line, int used)
{
    return used > 0 && line[used + (int)strspn(line + used, " \t\r\n")] == '\0';
}

static bool parse_dtc(sim_settings *settings, const char *line)
{
    sim_dtc dtc;
    int chan = -1, used = 0;
    long flags = 0;
    sscanf(line, " channel %9d %11ld %lf %lf %lf %lf%n", &chan, &flags, &dtc.all_event_offset, &dtc.all_event_gradient,
           &dtc.in_window_offset, &dtc.in_window_gradient, &used);
    if (!is_all_read(line, used) || !is_channel(chan) || !isfinite(dtc.all_event_offset) ||
        !isfinite(dtc.all_event_gradient) || !isfinite(dtc.in_window_offset) || !isfinite(dtc.in_window_gradient) ||
        flags < INT_MIN || flags > INT_MAX)
        return false;
    dtc.flags = (int)flags;
    settings->dtc[chan] = dtc;
    return true;
}

static const sim_trigger_field *find_field(const char *name)
{
    for (size_t i = 0; i < SIM_N_TRIGGER_FIELDS; i++)
        if (strcmp(name, sim_trigger_fields[i].name) == 0)
            return &sim_trigger_fields[i];
    return NULL;
}

static bool parse_trigger_b(sim_settings *settings, const char *line)
{
    char name[32];
    int chan = -1, used = 0;
    long value = 0;
    sscanf(line, " %31s %9d %11ld%n", name, &chan, &value, &used);
    const sim_trigger_field *field = used > 0 ? find_field(name) : NULL;
    if (field == NULL || !is_all_read(line, used) || !is_channel(chan) || value < INT_MIN || value > INT_MAX)
        return false;
    int word = (int)value;
    if (field->offset == offsetof(Xspress3_TriggerB, event_time) && (value < 2 || value > 127))
        return false;
    memcpy((char *)&settings->trigger_b[chan] + field->offset, &word, sizeof word);
    return true;
}

static bool parse_revision(sim_settings *settings, const char *line)
{
    int major = -1, used = 0;
    sscanf(line, " major %9d%n", &major, &used);
    if (!is_all_read(line, used) || major < 0 || major > 0xFFF)
        return false;
    settings->revision_major = major;
    return true;
}

/* Parse one line as fgets gave it; one that did not fit, or holds a NUL, has no newline and is refused. */
static bool parse_line(sim_settings *settings, char *line, bool is_last, line_parser parse)
{
    if (strchr(line, '\n') == NULL && !is_last)
        return false;
    line[strcspn(line, "#")] = '\0';
    return line[strspn(line, " \t\r\n")] == '\0' || parse(settings, line);
}

static int read_lines(reader *in, FILE *file, line_parser parse)
{
    char line[LINE_CHARS];
    for (in->line = 1; fgets(line, sizeof line, file) != NULL; in->line++)
        if (!parse_line(in->settings, line, feof(file) != 0, parse))
            return sim_fail_in(in->call, XSP3_ERROR, "%s, line %d is malformed", in->path, in->line);
    if (ferror(file))
        return sim_fail_in(in->call, XSP3_ERROR, "Cannot read input file %s", in->path);
    return XSP3_OK;
}

static int read_file(const char *call, const char *directory, const char *name, line_parser parse,
                     sim_settings *settings)
{
    char path[SIM_PATH_CHARS];
    int length = snprintf(path, sizeof path, "%s/%s", directory, name);
    if (length < 0 || (size_t)length >= sizeof path)
        return sim_fail_in(call, XSP3_ERROR, "path of %s is longer than %d", name, SIM_PATH_CHARS - 1);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return sim_fail_in(call, XSP3_ERROR, "Cannot open input file %.900s", path);
    reader in = {.call = call, .path = path, .settings = settings};
    int rc = read_lines(&in, file, parse);
    fclose(file);
    return rc;
}

int sim_settings_read(const char *call, const char *directory, sim_settings *settings)
{
    settings->revision_major = -1;
    int rc = read_file(call, directory, "dtc_parameters.dat", parse_dtc, settings);
    if (rc == XSP3_OK)
        rc = read_file(call, directory, "trigger_b.dat", parse_trigger_b, settings);
    if (rc == XSP3_OK)
        rc = read_file(call, directory, "revision.dat", parse_revision, settings);
    if (rc == XSP3_OK && settings->revision_major < 0)
        rc = sim_fail_in(call, XSP3_ERROR, "%.900s/revision.dat has no line `major <n>`", directory);
    return rc;
}
