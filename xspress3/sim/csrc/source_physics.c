/* Frames as a silicon drift detector sees a sample of a few metals under a 12 keV beam.
 *
 * Numbers of a frame (true rate r, exposure T ticks of c seconds, event width w):
 *
 *     resets R    ~ Poisson(T c (100 + r / 2000)), each of 240 ticks
 *     all_events  ~ Poisson(r L c / (1 + r (w + 1) c)),  L = T - 240 R
 *     pileup      ~ Binomial(all_events, 1 - exp(-r * 50 ns)),  all_good = all_events - pileup, or less:
 *                   with a good threshold only those above it
 *
 * so that all_events / (c (T - all_events (w + 1) - 240 R)) estimates r. The spectrum holds the good
 * ones of all_events - pileup draws from the line shapes below.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "describe.h"
#include "errors.h"
#include "fault_effects.h"
#include "frames.h"
#include "good_counts.h"
#include "random.h"
#include "source.h"
#include "system.h"
#include "xsp3_api.h"

#define N XSP3_BINS_PER_MCA
#define EV_PER_BIN 10.0
#define RESET_TICKS 240
#define RESETS_PER_SECOND 100.0
#define EVENTS_PER_RESET 2000.0
#define PILEUP_TIME 50e-9
#define NOISE_EV 80.0      /* electronic noise, FWHM */
#define FANO_EV 0.41975    /* Fano factor 0.115 times 3.65 eV per pair */
#define FWHM_PER_SIGMA 2.3548200450309493
#define SI_K_EV 1740.0     /* what an escaping silicon photon takes along */
#define ESCAPE_PART 0.004
#define BACKGROUND_PART 0.03
#define MANY_EVENTS 100000 /* from here on bins are drawn, not events: same distribution, bounded time */

typedef struct {
    double energy; /* eV */
    double weight;
    double broadening; /* FWHM in eV on top of the detector's: Doppler width of Compton */
} line;

/* K lines in their natural proportions, elastic scatter, and Compton scatter at 90 degrees. */
static const line lines[] = {
    {3691, 0.060, 0},  {4013, 0.008, 0},    /* Ca */
    {4509, 0.040, 0},  {4932, 0.005, 0},    /* Ti */
    {6400, 0.300, 0},  {7058, 0.041, 0},    /* Fe */
    {8041, 0.120, 0},  {8905, 0.016, 0},    /* Cu */
    {8631, 0.100, 0},  {9572, 0.014, 0},    /* Zn */
    {12000, 0.080, 0}, {11725, 0.180, 220}, /* scatter */
};
#define N_LINES (sizeof lines / sizeof lines[0])

typedef struct {
    uint32_t threshold; /* keep the bin below it, of 2^32 */
    uint32_t alias;     /* else this one */
} alias_entry;

typedef struct {
    double rate, pileup_part;
    alias_entry alias[N];
    double conditional[N]; /* probability of a bin among itself and those above */
} channel_table;

typedef struct {
    int n_channels;
    channel_table channel[];
} tables;

/* What the scalers say before a spectrum is drawn; the random sequence then goes on with the events. */
typedef struct {
    uint32_t resets, events, pileup;
} counts;

/* ---- shapes ---- */

static void add_gaussian(double *shape, double energy, double weight, double broadening)
{
    double fwhm_squared = NOISE_EV * NOISE_EV + FWHM_PER_SIGMA * FWHM_PER_SIGMA * FANO_EV * energy;
    double sigma = sqrt(fwhm_squared + broadening * broadening) / FWHM_PER_SIGMA;
    int low = (int)((energy - 6 * sigma) / EV_PER_BIN), high = (int)((energy + 6 * sigma) / EV_PER_BIN);
    for (int bin = low < 0 ? 0 : low; bin <= high && bin < N; bin++) {
        double distance = (bin * EV_PER_BIN - energy) / sigma;
        shape[bin] += weight * exp(-0.5 * distance * distance) * EV_PER_BIN / (sigma * 2.5066282746310002);
    }
}

static void add_background(double *shape)
{
    double sum = 0;
    for (int bin = 40; bin < N; bin++)
        sum += exp(-bin / 500.0);
    for (int bin = 40; bin < N; bin++)
        shape[bin] += BACKGROUND_PART * exp(-bin / 500.0) / sum;
}

/* The sample is not quite the same for each channel, so that a mix-up of channels shows. */
static double weight_seen(size_t i, int chan)
{
    return lines[i].weight * (1.0 + 0.05 * (double)((i + (size_t)chan) % 3));
}

static void make_shape(double *shape, int chan)
{
    memset(shape, 0, N * sizeof *shape);
    add_background(shape);
    for (size_t i = 0; i < N_LINES; i++) {
        double weight = weight_seen(i, chan);
        add_gaussian(shape, lines[i].energy, weight * (1 - ESCAPE_PART), lines[i].broadening);
        add_gaussian(shape, lines[i].energy - SI_K_EV, weight * ESCAPE_PART, lines[i].broadening);
    }
    double sum = 0;
    for (int bin = 0; bin < N; bin++)
        sum += shape[bin];
    for (int bin = 0; bin < N; bin++)
        shape[bin] /= sum;
}

static void make_conditional(channel_table *table, const double *shape)
{
    double above = 0;
    for (int bin = N - 1; bin >= 0; bin--) {
        above += shape[bin];
        table->conditional[bin] = above > 0 ? shape[bin] / above : 1;
    }
}

static uint32_t to_threshold(double part)
{
    return part >= 1 ? UINT32_MAX : (uint32_t)(part * 4294967296.0);
}

/* Walker's alias table, filled by Vose's two stacks, which share one array from both ends. */
static void make_alias(channel_table *table, const double *shape)
{
    double part[N];
    uint32_t stack[N];
    size_t n_small = 0, large = N;
    for (uint32_t bin = 0; bin < N; bin++) {
        part[bin] = shape[bin] * N;
        table->alias[bin] = (alias_entry){UINT32_MAX, bin};
        if (part[bin] < 1)
            stack[n_small++] = bin;
        else
            stack[--large] = bin;
    }
    while (n_small > 0 && large < N) {
        uint32_t poor = stack[--n_small], rich = stack[large];
        table->alias[poor] = (alias_entry){to_threshold(part[poor]), rich};
        part[rich] -= 1 - part[poor];
        if (part[rich] < 1) {
            large++;
            stack[n_small++] = rich;
        }
    }
}

static int open(sim_system *sys)
{
    size_t n = (size_t)sys->n_channels;
    tables *all = malloc(sizeof *all + n * sizeof all->channel[0]);
    if (all == NULL)
        return sim_fail(sys, XSP3_OUT_OF_MEMORY, "no memory for the line shapes");
    for (int chan = 0; chan < sys->n_channels; chan++) {
        double shape[N];
        channel_table *table = &all->channel[chan];
        table->rate = sim_rate(&sys->about, chan);
        table->pileup_part = -expm1(-table->rate * PILEUP_TIME);
        make_shape(shape, chan);
        make_conditional(table, shape);
        make_alias(table, shape);
    }
    all->n_channels = sys->n_channels;
    sys->source_data = all;
    return XSP3_OK;
}

static void close(sim_system *sys)
{
    free(sys->source_data);
    sys->source_data = NULL;
}

/* ---- drawing ---- */

static const channel_table *table_of(const sim_system *sys, int chan)
{
    const tables *all = sys->source_data;
    return &all->channel[chan];
}

static int64_t at_most(int64_t value, int64_t limit)
{
    return value < limit ? value : limit;
}

static counts draw_counts(const sim_system *sys, sim_random *random, int64_t frame, int chan)
{
    const channel_table *table = table_of(sys, chan);
    int64_t ticks = (int64_t)sim_frame_ticks(sys, frame) - sim_fault_ticks(chan, frame); /* those that arrive */
    double period = sim_clock_period(sys), rate = table->rate, seconds = (double)ticks * period;
    int64_t dead_ticks = sys->settings.trigger_b[chan].event_time + 1;
    if (ticks <= 0)
        return (counts){0};
    int64_t resets = sim_random_poisson(random, seconds * (RESETS_PER_SECOND + rate / EVENTS_PER_RESET));
    resets = at_most(resets, (ticks - 1) / RESET_TICKS);
    int64_t live = ticks - resets * RESET_TICKS;
    double mean = rate * (double)live * period / (1 + rate * (double)dead_ticks * period);
    int64_t events = at_most(sim_random_poisson(random, mean), (live - 1) / dead_ticks);
    int64_t pileup = sim_random_binomial(random, events, table->pileup_part);
    return (counts){(uint32_t)resets, (uint32_t)events, (uint32_t)pileup};
}

static inline uint32_t draw_bin(const channel_table *table, sim_random *random)
{
    uint64_t bits = sim_random_next(random);
    uint32_t bin = (uint32_t)(bits >> 52);
    const alias_entry *entry = &table->alias[bin];
    return (uint32_t)(bits >> 16) < entry->threshold ? bin : entry->alias;
}

static void draw_events(const channel_table *table, sim_random *random, uint32_t n, uint32_t *spectrum)
{
    memset(spectrum, 0, N * sizeof *spectrum);
    for (uint32_t i = 0; i < n; i++)
        spectrum[draw_bin(table, random)]++;
}

/* The same by bins: how many of those left fall into this one? */
static void draw_bins(const channel_table *table, sim_random *random, uint32_t n, uint32_t *spectrum)
{
    for (int bin = 0; bin < N; bin++) {
        spectrum[bin] = (uint32_t)sim_random_binomial(random, n, table->conditional[bin]);
        n -= spectrum[bin];
    }
}

static void draw_spectrum(const channel_table *table, sim_random *random, uint32_t n, uint32_t *spectrum)
{
    if (n < MANY_EVENTS)
        draw_events(table, random, n, spectrum);
    else
        draw_bins(table, random, n, spectrum);
}

static void fill(sim_system *sys, int64_t frame, int chan, int n_chan, unsigned first, unsigned n, uint32_t *out)
{
    for (int i = 0; i < n_chan; i++, out += n) {
        uint32_t *spectrum = n == N ? out : sys->scratch;
        sim_random random;
        sim_random_start(&random, sys->about.seed, chan + i, frame);
        counts drawn = draw_counts(sys, &random, frame, chan + i);
        draw_spectrum(table_of(sys, chan + i), &random, drawn.events - drawn.pileup, spectrum);
        sim_keep_good(sys, chan + i, spectrum);
        if (spectrum != out)
            memcpy(out, spectrum + first, n * sizeof *out);
    }
}

/* Counts of a drawn spectrum by bins; returns the good ones. */
static uint32_t count_bins(sim_system *sys, int chan, uint32_t n, uint32_t *in_window)
{
    uint32_t poor = sim_keep_good(sys, chan, sys->scratch);
    in_window[0] = sim_window_sum(sys, chan, 0, sys->scratch);
    in_window[1] = sim_window_sum(sys, chan, 1, sys->scratch);
    return n - poor;
}

/* Window counts and good ones need the events, but while they are few not the spectrum. */
static uint32_t count_events(sim_system *sys, sim_random *random, int chan, uint32_t n, uint32_t *in_window)
{
    const channel_table *table = table_of(sys, chan);
    const sim_window *window = sys->window[chan];
    uint32_t good = 0;
    in_window[0] = in_window[1] = 0;
    if (n >= MANY_EVENTS) {
        draw_bins(table, random, n, sys->scratch);
        return count_bins(sys, chan, n, in_window);
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t bin = draw_bin(table, random);
        bool is_good = sim_is_good(sys, chan, bin);
        good += is_good;
        in_window[0] += is_good && bin >= window[0].low && bin <= window[0].high;
        in_window[1] += is_good && bin >= window[1].low && bin <= window[1].high;
    }
    return good;
}

static void scalers(sim_system *sys, int64_t frame, int chan, uint32_t *out)
{
    sim_random random;
    sim_random_start(&random, sys->about.seed, chan, frame);
    counts drawn = draw_counts(sys, &random, frame, chan);
    out[XSP3_SCALER_CLOCK_TICKS] = out[XSP3_SCALER_TOTAL_TICKS] = sim_frame_ticks(sys, frame);
    out[XSP3_SCALER_RESET_TICKS] = drawn.resets * RESET_TICKS;
    out[XSP3_SCALER_RESET_COUNT] = drawn.resets;
    out[XSP3_SCALER_ALL_EVENTS] = drawn.events;
    out[XSP3_SCALER_PILEUP] = drawn.pileup;
    out[XSP3_SCALER_ALL_GOOD] =
        count_events(sys, &random, chan, drawn.events - drawn.pileup, &out[XSP3_SCALER_IN_WINDOW0]);
}

const sim_source sim_source_physics = {fill, scalers, open, close};
