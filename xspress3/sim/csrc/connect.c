/* Who answers at the addresses of a configuration: the detector described, or nobody. */
#include <stdio.h>

#include "connect.h"
#include "describe.h"
#include "errors.h"
#include "fault_effects.h"
#include "source.h"
#include "system.h"
#include "xsp3_api.h"

/* Like the real library: what is no dotted quad is taken as 0.0.0.0. */
static uint32_t parse_address(const char *text)
{
    unsigned part[4];
    char rest;
    if (sscanf(text, "%3u.%3u.%3u.%3u%c", &part[0], &part[1], &part[2], &part[3], &rest) != 4)
        return 0;
    for (int i = 0; i < 4; i++)
        if (part[i] > 255)
            return 0;
    return part[0] << 24 | part[1] << 16 | part[2] << 8 | part[3];
}

static int fail_no_answer(const char *call, const sim_arguments *args, int card)
{
    uint32_t address = parse_address(args->base_ip) + 1u + (uint32_t)card;
    return sim_fail_in(call, XSP3_ERROR, "Cannot initialise Fem %u.%u.%u.%u on port %d", address >> 24,
                       address >> 16 & 255, address >> 8 & 255, address & 255,
                       args->base_port < 0 ? 30123 : args->base_port);
}

/* Settle how many channels the hardware has: said, or recorded, or 4. */
static int settle_channels(const char *call, sim_description *about)
{
    int most = XSP3_MAX_CHANS;
    if (about->source == SIM_PLAYBACK)
        most = sim_playback_channels(call, about->playback);
    if (most < 0)
        return most;
    if (about->channels == 0)
        about->channels = about->source == SIM_PLAYBACK ? most : 4;
    if (about->channels > most)
        return sim_fail_in(call, XSP3_ERROR, "CHANNELS=%d, but %.256s has %d", about->channels, about->playback, most);
    if (about->n_rates > 1 && about->n_rates != about->channels)
        return sim_fail_in(call, XSP3_ERROR, "RATE has %d numbers: allowed is 1, or one for each of %d channels",
                           about->n_rates, about->channels);
    return XSP3_OK;
}

int sim_connect(const char *call, const sim_arguments *args, sim_description *about)
{
    int rc = sim_describe(call, about);
    if (rc == XSP3_OK)
        rc = sim_fault_on_config(call, about->faults);
    if (rc < 0)
        return rc;
    if (about->is_absent)
        return fail_no_answer(call, args, 0);
    if (args->n_cards > about->cards)
        return fail_no_answer(call, args, about->cards);
    rc = settle_channels(call, about);
    if (rc < 0)
        return rc;
    if (args->n_chan == 0 || args->n_chan < -1 || args->n_chan > about->channels)
        return sim_fail_in(call, XSP3_RANGE_CHECK, "nchan=%d, but the number of channels found is %d", args->n_chan,
                           about->channels);
    return XSP3_OK;
}
