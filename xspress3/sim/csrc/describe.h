/* What detector is simulated. */
#ifndef SIM_DESCRIBE_H
#define SIM_DESCRIBE_H

#include <stdbool.h>
#include <stdint.h>

#include "sizes.h"
#include "xsp3_api.h"

typedef enum { SIM_PHYSICS, SIM_PATTERN, SIM_PLAYBACK } sim_source_kind;
typedef enum { SIM_CLOCK_REAL, SIM_CLOCK_DEMAND, SIM_CLOCK_MANUAL } sim_clock_kind;

typedef struct {
    int channels; /* 0: not said */
    int cards;
    int generation;
    uint64_t seed;
    sim_source_kind source;
    sim_clock_kind clock;
    char playback[SIM_PATH_CHARS]; /* empty: none */
    double rate[XSP3_MAX_CHANS];
    int n_rates;
    int event_width;
    bool is_absent;
    char faults[SIM_FAULTS_CHARS]; /* list of faults, checked */
    int itfg_code;                /* what xsp3_has_itfg says */
    bool is_cut_reported;
    char socket[SIM_SOCKET_CHARS]; /* empty: none */
} sim_description;

/* Read what shall be simulated. 0, or -1 with a text in the name of call. */
int sim_describe(const char *call, sim_description *about);

/* xsp3sim_set, see xsp3_api.h. */
int sim_describe_set(const char *call, const char *key, const char *value);

/* True input rate of a channel in 1/s. */
double sim_rate(const sim_description *about, int chan);

#endif
