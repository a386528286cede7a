/* What a Mini does differently: frames wait in the box, and are kept until they are acknowledged. */
#include "errors.h"
#include "mini.h"
#include "slots.h"
#include "system.h"
#include "xsp3_api.h"

void sim_mini_limit(sim_system *sys, int64_t *begun, int64_t *complete)
{
    if (!sim_is_mini(sys) || !sys->run.is_circular)
        return;
    int64_t room = sim_slots_room(&sys->slots, sys->run.begun);
    if (*begun <= room)
        return;
    int64_t kept = sim_slots_frame(&sys->slots, room % sys->slots.ring, room);
    *begun = room;
    *complete = room > sys->run.first ? room : 0;
    sys->run.is_running = sys->run.count_enabled = false;
    for (int chan = 0; chan < sys->n_channels; chan++)
        if (sim_slots_uses(&sys->slots, chan, room % sys->slots.ring, room) > 0) {
            sys->slots.channel[chan].n_overrun = 1;
            sys->slots.channel[chan].first_overrun = kept;
        }
}

/* chan..chan+num_chan-1 are all channels of the cards they are on? */
static bool is_whole_cards(const sim_system *sys, unsigned chan, unsigned num_chan)
{
    unsigned per_card = (unsigned)sim_chans_per_card(sys), end = chan + num_chan;
    return chan % per_card == 0 && (end % per_card == 0 || end == (unsigned)sys->n_channels);
}

int sim_mini_check_ack(const sim_system *sys, unsigned chan, unsigned tf, unsigned num_chan, unsigned num_tf)
{
    if (!is_whole_cards(sys, chan, num_chan))
        return sim_fail(sys, XSP3_ERROR, "chan=%u num_chan=%u: the %d channels of a card are acknowledged together",
                        chan, num_chan, sim_chans_per_card(sys));
    for (unsigned i = 0; i < num_chan; i++)
        for (int64_t k = 0; k < num_tf; k++) {
            int64_t slot = ((int64_t)tf + k) % sys->slots.ring;
            if (k >= sys->slots.ring || sim_slots_uses(&sys->slots, (int)(chan + i), slot, sys->run.complete) < 1)
                return sim_fail(sys, XSP3_ERROR, "frame %lld of channel %u is acknowledged already, or not there yet",
                                (long long)tf + k, chan + i);
        }
    return XSP3_OK;
}

int sim_mini_check_progress(const sim_system *sys)
{
    if (!sim_is_mini(sys) || sys->slots.ring > 0)
        return XSP3_OK;
    return sim_fail(sys, XSP3_ERROR, "no run was armed since the system was configured or its format changed");
}
