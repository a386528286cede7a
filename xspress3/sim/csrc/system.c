/* What follows from the state of a system: which channels and cards there are, what it can do, what it holds. */
#include "errors.h"
#include "sizes.h"
#include "system.h"
#include "xsp3_api.h"

/* ---- channels and cards ---- */

int sim_check_chan(const sim_system *sys, int chan)
{
    if (chan >= 0 && chan < sys->n_channels)
        return XSP3_OK;
    return sim_fail(sys, XSP3_RANGE_CHECK, "chan=%d out of range 0..%d", chan, sys->n_channels - 1);
}

int sim_check_card_or_all(const sim_system *sys, int card)
{
    if (card >= -1 && card < sys->arguments.n_cards)
        return XSP3_OK;
    return sim_fail(sys, XSP3_ILLEGAL_CARD, "illegal card specified (%d)", card);
}

int sim_check_card(const sim_system *sys, int card)
{
    if (card >= 0)
        return sim_check_card_or_all(sys, card);
    return sim_fail(sys, XSP3_ILLEGAL_CARD, "illegal card specified (%d)", card);
}

int sim_chans_per_card(const sim_system *sys)
{
    return (sys->about.channels + sys->arguments.n_cards - 1) / sys->arguments.n_cards;
}

/* ---- generations and flags ---- */

int sim_revision_major(const sim_system *sys)
{
    return sys->about.generation == XSP3_GEN_3 ? 1 : sys->about.generation == XSP3_GEN_MINI ? 32 : 48;
}

double sim_clock_period(const sim_system *sys)
{
    return sys->about.generation == XSP3_GEN_4 ? 10e-9 : 12.5e-9;
}

bool sim_is_circular(const sim_system *sys)
{
    return (sys->run_flags & XSP3_RUN_FLAGS_CIRCULAR_BUFFER) != 0;
}

bool sim_is_mini(const sim_system *sys)
{
    return sys->about.generation == XSP3_GEN_MINI;
}

/* ---- the buffer with the present format ---- */

int64_t sim_frames_that_fit(const sim_system *sys, int bits_eng)
{
    int64_t n_frames = (int64_t)sys->arguments.num_tf << (XSP3_MAX_BITS_ENG - bits_eng);
    return n_frames < SIM_MAX_RING ? n_frames : SIM_MAX_RING;
}

int64_t sim_ring_frames(const sim_system *sys)
{
    int most_bits = 0;
    for (int chan = 0; chan < sys->n_channels; chan++)
        if (sys->bits_eng[chan] > most_bits)
            most_bits = sys->bits_eng[chan];
    return sim_frames_that_fit(sys, most_bits);
}

unsigned sim_n_bins(const sim_system *sys, unsigned chan)
{
    return sys->roi[chan].place != NULL ? sys->roi[chan].n_bins : 1u << sys->bits_eng[chan];
}
