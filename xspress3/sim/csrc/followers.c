/* Cards after the first one see its frames as gates on an input of their own, behind a debounce of their own.
 *
 *     first card   ^^^^^^^^|_|^^^^^^^^|_|^^^^^^^^      frames with gaps between
 *     follower     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^      a debounce longer than the gap: one frame, without an end
 *
 * A follower that misses the end of a frame, or all of one, counts other numbers from there on. What it would
 * count is not worked out: its channels complete no more frames, and progress is that of the slowest channel.
 */
#include "followers.h"
#include "sizes.h"
#include "system.h"
#include "timing_source.h"
#include "xsp3_api.h"

static int n_cards(const sim_system *sys)
{
    return sys->arguments.n_cards;
}

/* May the cable from outside go to this card too? Where nobody said how cards are wired, it may. */
static bool may_have_the_gate(const sim_system *sys, int source)
{
    return sys->sync_mode <= XSP3_SYNC_NONE && sim_is_gate(&sys->run) && source == sim_run_source(&sys->run);
}

/* Does a card look at its input, and is the active level one that it gets? The veto of the first card is high. */
static bool can_follow(const sim_system *sys, int card)
{
    uint32_t word = sys->time_a[card];
    int source = (int)(word & XSP3_TIME_A_SOURCE);
    bool is_high = (word & XSP3_TIME_A_VETO_INV) == 0;
    bool is_low_gate = may_have_the_gate(sys, source) && (sys->run.time_a & XSP3_TIME_A_VETO_INV) != 0;
    return (source == XSP3_TIME_A_IDC || source >= XSP3_TIME_A_TTL_VETO_ONLY) && (is_high || is_low_gate);
}

static void limit(sim_follower *follower, int64_t n_frames)
{
    if (n_frames < follower->n_frames)
        follower->n_frames = n_frames > 0 ? n_frames : 0;
}

void sim_followers_begin(sim_system *sys)
{
    for (int card = 1; card < n_cards(sys); card++) {
        sim_follower *follower = &sys->follower[card];
        follower->n_frames = follower->is_running && can_follow(sys, card) ? SIM_UNLIMITED : 0;
    }
}

void sim_followers_see(sim_system *sys, const sim_pulse *pulse)
{
    for (int card = 1; card < n_cards(sys); card++) {
        int64_t debounce = (sys->time_a[card] >> XSP3_TIME_A_DEBOUNCE_SHIFT & 0xFF) * sys->tick;
        if (pulse->length < debounce)
            limit(&sys->follower[card], pulse->frame);
        if (pulse->before < debounce)
            limit(&sys->follower[card], pulse->frame - 1);
        if (pulse->n_frames > 1 && pulse->between < debounce)
            limit(&sys->follower[card], pulse->frame);
    }
}

void sim_followers_set(sim_system *sys, int card, bool is_running)
{
    for (int i = 1; i < n_cards(sys); i++) {
        if (card != -1 && card != i)
            continue;
        sys->follower[i].is_running = is_running;
        if (!is_running && sys->run.is_running)
            limit(&sys->follower[i], sys->run.complete);
    }
}

int64_t sim_follower_frames(const sim_system *sys, int chan)
{
    int card = chan / sim_chans_per_card(sys);
    return card == 0 ? SIM_UNLIMITED : sys->follower[card].n_frames;
}
