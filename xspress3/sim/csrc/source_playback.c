/* Frames from a file: frame f shows recorded frame f modulo the number recorded. */
#include <stdlib.h>
#include <string.h>

#include "errors.h"
#include "frames.h"
#include "good_counts.h"
#include "npz.h"
#include "source.h"
#include "system.h"
#include "xsp3_api.h"
#include "zip.h"

#define WORD sizeof(uint32_t)

/* The optional scaler arrays, by scaler number; the windows are counted, not recorded. */
static const char *const scaler_names[XSP3_SW_NUM_SCALERS] = {
    "clock_ticks", "reset_ticks", "reset_count", "all_events", "all_good", NULL, NULL, "pileup", "total_ticks"};

typedef struct {
    npz_file file;
    size_t n_frames, n_channels, n_bins;
    const unsigned char *histogram;
    const unsigned char *scaler[XSP3_SW_NUM_SCALERS]; /* NULL: not recorded */
    const unsigned char *event_width;                 /* first row; NULL: not recorded */
} recording;

static int fail(const char *call, const char *path, const char *text)
{
    return sim_fail_in(call, XSP3_ERROR, "playback file %.400s: %s", path, text);
}

static uint32_t word_at(const unsigned char *bytes, size_t index)
{
    uint32_t word;
    memcpy(&word, bytes + index * WORD, WORD); /* arrays in a zip file are not aligned */
    return word;
}

/* ---- opening ---- */

static int find_histogram(recording *rec, const char *call, const char *path)
{
    npz_array array;
    zip_problem problem;
    int rc = npz_find(&rec->file, "histogram", &array, &problem);
    if (rc < 0)
        return fail(call, path, problem.text);
    if (rc == 0)
        return fail(call, path, "it has no array histogram");
    if (array.kind != 'u' || array.n_dims != 3)
        return fail(call, path, "histogram is not uint32 (frame, channel, bin)");
    if (array.shape[0] < 1 || array.shape[1] < 1 || array.shape[1] > XSP3_MAX_CHANS || array.shape[2] < 1 ||
        array.shape[2] > XSP3_BINS_PER_MCA)
        return fail(call, path, "histogram has a shape outside (1.., 1..16, 1..4096)");
    rec->n_frames = (size_t)array.shape[0];
    rec->n_channels = (size_t)array.shape[1];
    rec->n_bins = (size_t)array.shape[2];
    rec->histogram = array.bytes;
    return XSP3_OK;
}

/* An array (frame, channel) beside the histogram; NULL into bytes when there is none. */
static int find_beside(recording *rec, const char *call, const char *path, const char *name, char kind,
                       const unsigned char **bytes)
{
    npz_array array;
    zip_problem problem;
    int rc = npz_find(&rec->file, name, &array, &problem);
    *bytes = NULL;
    if (rc < 0)
        return fail(call, path, problem.text);
    if (rc == 0)
        return XSP3_OK;
    if (array.kind != kind || array.n_dims != 2 || array.shape[0] != rec->n_frames ||
        array.shape[1] != rec->n_channels)
        return sim_fail_in(call, XSP3_ERROR, "playback file %.400s: %s is not %s (frame, channel) as the histogram",
                           path, name, kind == 'u' ? "uint32" : "int32");
    *bytes = array.bytes;
    return XSP3_OK;
}

static int find_arrays(recording *rec, const char *call, const char *path)
{
    int rc = find_histogram(rec, call, path);
    for (int i = 0; i < XSP3_SW_NUM_SCALERS && rc == XSP3_OK; i++)
        if (scaler_names[i] != NULL)
            rc = find_beside(rec, call, path, scaler_names[i], 'u', &rec->scaler[i]);
    if (rc == XSP3_OK)
        rc = find_beside(rec, call, path, "event_width", 'i', &rec->event_width);
    return rc;
}

static int open_recording(recording *rec, const char *call, const char *path)
{
    zip_problem problem;
    *rec = (recording){0};
    if (path[0] == '\0')
        return sim_fail_in(call, XSP3_ERROR, "SOURCE=playback needs PLAYBACK, the path of an .npz file");
    if (npz_open(&rec->file, path, &problem) < 0)
        return sim_fail_in(call, XSP3_ERROR, "%s", problem.text);
    int rc = find_arrays(rec, call, path);
    if (rc < 0)
        npz_close(&rec->file);
    return rc;
}

int sim_playback_channels(const char *call, const char *path)
{
    recording rec;
    int rc = open_recording(&rec, call, path);
    if (rc < 0)
        return rc;
    npz_close(&rec.file);
    return (int)rec.n_channels;
}

static int take_event_widths(sim_system *sys, const recording *rec)
{
    for (size_t chan = 0; rec->event_width != NULL && chan < rec->n_channels; chan++) {
        uint32_t width = word_at(rec->event_width, chan);
        if (width < 2 || width > 127)
            return fail(sys->call, sys->about.playback, "event_width has a value outside 2..127 in its first row");
        sys->settings.trigger_b[chan].event_time = (int)width;
    }
    return XSP3_OK;
}

static int open_source(sim_system *sys)
{
    recording *rec = malloc(sizeof *rec);
    if (rec == NULL)
        return sim_fail(sys, XSP3_OUT_OF_MEMORY, "no memory for playback");
    int rc = open_recording(rec, sys->call, sys->about.playback);
    if (rc == XSP3_OK && rec->n_channels < (size_t)sys->n_channels)
        rc = fail(sys->call, sys->about.playback, "it has changed since its channels were counted");
    if (rc == XSP3_OK)
        rc = take_event_widths(sys, rec);
    if (rc < 0) {
        npz_close(&rec->file);
        free(rec);
        return rc;
    }
    sys->source_data = rec;
    return XSP3_OK;
}

static void close_source(sim_system *sys)
{
    recording *rec = sys->source_data;
    npz_close(&rec->file);
    free(rec);
    sys->source_data = NULL;
}

/* ---- content ---- */

static size_t row_of(const recording *rec, int64_t frame, int chan)
{
    return (size_t)(frame % (int64_t)rec->n_frames) * rec->n_channels + (size_t)chan;
}

static void fill(sim_system *sys, int64_t frame, int chan, int n_chan, unsigned first, unsigned n, uint32_t *out)
{
    const recording *rec = sys->source_data;
    const unsigned char *from = rec->histogram + (row_of(rec, frame, chan) * rec->n_bins + first) * WORD;
    size_t n_recorded = first >= rec->n_bins ? 0 : rec->n_bins - first < n ? rec->n_bins - first : n;
    bool is_plain = n_recorded == rec->n_bins && n == n_recorded;
    for (int i = 0; i < n_chan; i++)
        is_plain = is_plain && sys->good_thres[chan + i] == 0;
    if (is_plain) {
        memcpy(out, from, (size_t)n_chan * n * WORD); /* channels lie side by side */
        return;
    }
    for (int i = 0; i < n_chan; i++, out += n, from += rec->n_bins * WORD) {
        if (n_recorded > 0)
            memcpy(out, from, n_recorded * WORD);
        memset(out + n_recorded, 0, (n - n_recorded) * WORD);
        for (unsigned k = 0; k < n && !sim_is_good(sys, chan + i, first + k); k++)
            out[k] = 0;
    }
}

/* Counts in bins low..high of a recorded spectrum. */
static uint32_t sum_bins(const recording *rec, size_t row, size_t low, size_t high)
{
    const unsigned char *spectrum = rec->histogram + row * rec->n_bins * WORD;
    uint32_t sum = 0;
    for (size_t bin = low; bin <= high && bin < rec->n_bins; bin++)
        sum += word_at(spectrum, bin);
    return sum;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static uint32_t recorded(const recording *rec, int scaler, size_t row, uint32_t when_missing)
{
    return rec->scaler[scaler] != NULL ? word_at(rec->scaler[scaler], row) : when_missing;
}

static void scalers(sim_system *sys, int64_t frame, int chan, uint32_t *out)
{
    const recording *rec = sys->source_data;
    const sim_window *window = sys->window[chan];
    size_t row = row_of(rec, frame, chan);
    bool has_good = rec->scaler[XSP3_SCALER_ALL_GOOD] != NULL;
    uint32_t col_time = sim_frame_ticks(sys, frame);
    uint32_t good = recorded(rec, XSP3_SCALER_ALL_GOOD, row, has_good ? 0 : sum_bins(rec, row, 0, rec->n_bins - 1));
    uint32_t events = recorded(rec, XSP3_SCALER_ALL_EVENTS, row, good);
    out[XSP3_SCALER_CLOCK_TICKS] = recorded(rec, XSP3_SCALER_CLOCK_TICKS, row, col_time);
    out[XSP3_SCALER_RESET_TICKS] = recorded(rec, XSP3_SCALER_RESET_TICKS, row, 0);
    out[XSP3_SCALER_RESET_COUNT] = recorded(rec, XSP3_SCALER_RESET_COUNT, row, 0);
    size_t thres = sys->good_thres[chan], first = thres == 0 ? 0 : thres + 1;
    uint32_t poor = first == 0 ? 0 : sum_bins(rec, row, 0, thres);
    out[XSP3_SCALER_ALL_EVENTS] = events;
    out[XSP3_SCALER_ALL_GOOD] = good > poor ? good - poor : 0;
    out[XSP3_SCALER_IN_WINDOW0] = sum_bins(rec, row, larger(window[0].low, first), window[0].high);
    out[XSP3_SCALER_IN_WINDOW1] = sum_bins(rec, row, larger(window[1].low, first), window[1].high);
    out[XSP3_SCALER_PILEUP] = recorded(rec, XSP3_SCALER_PILEUP, row, events > good ? events - good : 0);
    out[XSP3_SCALER_TOTAL_TICKS] = recorded(rec, XSP3_SCALER_TOTAL_TICKS, row, col_time);
}

const sim_source sim_source_playback = {fill, scalers, open_source, close_source};
