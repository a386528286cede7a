/* What a system says of itself. */
#include "acquire.h"
#include "errors.h"
#include "system.h"
#include "xsp3_api.h"

XSP3_API int xsp3_get_revision(int path)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int revision = sim_revision_major(sys) << 12;
    sim_release(sys);
    return revision;
}

XSP3_API int xsp3_get_generation(int path, int card)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_ERROR);
    int generation = sys->about.generation;
    if (card < 0 || card >= sys->arguments.n_cards)
        generation = sim_fail(sys, XSP3_ERROR, "illegal card specified (%d)", card);
    sim_release(sys);
    return generation;
}

XSP3_API int xsp3_get_num_chan(int path)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int n_channels = sys->n_channels;
    sim_release(sys);
    return n_channels;
}

XSP3_API int xsp3_get_max_num_chan(int path)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int n_channels = sys->about.channels;
    sim_release(sys);
    return n_channels;
}

XSP3_API int xsp3_get_num_cards(int path)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int n_cards = sys->arguments.n_cards;
    sim_release(sys);
    return n_cards;
}

XSP3_API int xsp3_get_chans_per_card(int path)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int n_channels = sim_chans_per_card(sys);
    sim_release(sys);
    return n_channels;
}

static int num_chan_used(const sim_system *sys, int card)
{
    if (sys->arguments.n_cards == 1)
        return sys->n_channels; /* the real one does not look at the card then */
    int rc = sim_check_card(sys, card);
    if (rc < 0)
        return rc;
    int n = sys->n_channels - card * sim_chans_per_card(sys);
    return n < 0 ? 0 : n < sim_chans_per_card(sys) ? n : sim_chans_per_card(sys);
}

XSP3_API int xsp3_get_num_chan_used(int path, int card)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = num_chan_used(sys, card);
    sim_release(sys);
    return rc;
}

XSP3_API int xsp3_get_bins_per_mca(int path)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    sim_release(sys);
    return XSP3_BINS_PER_MCA;
}

XSP3_API double xsp3_get_clock_period(int path, int card)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(-1);
    double period = sim_clock_period(sys);
    if (card < 0 || card >= sys->arguments.n_cards)
        period = sim_fail(sys, XSP3_ERROR, "illegal card specified (%d)", card);
    sim_release(sys);
    return period;
}

XSP3_API int xsp3_measure_clock_frequency(int path, int card)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = sim_check_card(sys, card);
    if (rc == XSP3_OK)
        rc = (int)(2000000000 / sys->tick);
    sim_release(sys);
    return rc;
}
