/* The places of the ring: which frame is in which, what was acknowledged, overwritten, cleared.
 *
 * No frame is ever stored, so a place is described by counting. With a ring of 4 after 6 frames:
 *
 *     place    0   1   2   3
 *     frame    4   5   2   3     the last frame f < 6 with f % 4 == place
 *     fills    2   2   1   1     how many such frames there were
 *     uses     fills less those at the last acknowledge of the place
 */
#include <stdlib.h>
#include <string.h>

#include "slots.h"
#include "xsp3_api.h"

static int64_t fills(int64_t ring, int64_t slot, int64_t begun)
{
    return begun > slot ? (begun - 1 - slot) / ring + 1 : 0;
}

static int64_t *acked_fills(const sim_slots *slots, int chan, int64_t slot)
{
    return &slots->acked[(size_t)chan * (size_t)slots->ring + (size_t)slot];
}

static int64_t *cleared_below(const sim_slots *slots, int chan, int64_t slot)
{
    return &slots->cleared[(size_t)chan * (size_t)slots->ring + (size_t)slot];
}

static int64_t *new_table(const sim_slots *slots)
{
    return calloc((size_t)slots->n_channels * (size_t)slots->ring, sizeof(int64_t));
}

void sim_slots_free(sim_slots *slots)
{
    free(slots->acked);
    free(slots->cleared);
    free(slots->left);
    *slots = (sim_slots){0};
}

bool sim_slots_reset(sim_slots *slots, int n_channels, int64_t ring, bool is_circular)
{
    sim_slots_free(slots);
    slots->n_channels = n_channels;
    slots->ring = ring;
    if (!is_circular)
        return true;
    slots->acked = new_table(slots);
    if (slots->acked == NULL)
        *slots = (sim_slots){0};
    return slots->acked != NULL;
}

void sim_slots_rewind(sim_slots *slots, int64_t first)
{
    free(slots->cleared);
    slots->cleared = NULL;
    memset(slots->channel, 0, sizeof slots->channel);
    for (int chan = 0; chan < slots->n_channels; chan++) {
        slots->channel[chan].oldest = first;
        for (int64_t slot = 0; slots->acked != NULL && slot < slots->ring; slot++)
            *acked_fills(slots, chan, slot) = fills(slots->ring, slot, first);
    }
}

static int64_t *uses_left(const sim_slots *slots, int chan, int64_t slot)
{
    return &slots->left[(size_t)chan * (size_t)slots->ring + (size_t)slot];
}

/* Without memory for it, what was left is forgotten. */
void sim_slots_restart(sim_slots *slots, int64_t first, int64_t begun)
{
    size_t ring = (size_t)slots->ring;
    int64_t *left = slots->acked == NULL ? NULL : calloc(((size_t)slots->n_channels + 1) * ring, sizeof *left);
    for (int64_t slot = 0; left != NULL && slot < slots->ring; slot++) {
        for (int chan = 0; chan < slots->n_channels; chan++)
            left[(size_t)chan * ring + (size_t)slot] = sim_slots_uses(slots, chan, slot, begun);
        left[(size_t)slots->n_channels * ring + (size_t)slot] = sim_slots_frame(slots, slot, begun);
    }
    sim_slots_channel channel[XSP3_MAX_CHANS];
    memcpy(channel, slots->channel, sizeof channel);
    sim_slots_rewind(slots, first);
    for (int chan = 0; chan < slots->n_channels; chan++) {
        slots->channel[chan].n_overrun = channel[chan].n_overrun;
        slots->channel[chan].first_overrun = channel[chan].first_overrun;
    }
    free(slots->left);
    slots->left = left;
    slots->first = first;
}

/* Frame of this run, or since the numbers started again. */
static int64_t new_frame(const sim_slots *slots, int64_t slot, int64_t begun)
{
    if (slots->ring == 0 || begun <= slot)
        return -1;
    return slot + (fills(slots->ring, slot, begun) - 1) * slots->ring;
}

int64_t sim_slots_frame(const sim_slots *slots, int64_t slot, int64_t begun)
{
    int64_t frame = new_frame(slots, slot, begun);
    return slots->left != NULL && frame < slots->first ? *uses_left(slots, slots->n_channels, slot) : frame;
}

int64_t sim_slots_uses(const sim_slots *slots, int chan, int64_t slot, int64_t begun)
{
    if (slots->acked == NULL)
        return 0;
    int64_t left = slots->left == NULL ? 0 : *uses_left(slots, chan, slot);
    return fills(slots->ring, slot, begun) - *acked_fills(slots, chan, slot) + left;
}

/* Does a frame begin in a place that holds one from before the restart, which nobody acknowledged? */
static bool is_over_left(const sim_slots *slots, int chan, int64_t frame)
{
    bool is_first_fill = slots->left != NULL && frame >= slots->first && frame < slots->first + slots->ring;
    return is_first_fill && *uses_left(slots, chan, frame % slots->ring) > 0;
}

int64_t sim_slots_room(const sim_slots *slots, int64_t begun)
{
    int64_t room = sim_slots_oldest(slots) + slots->ring;
    for (int64_t frame = begun; slots->left != NULL && frame < room; frame++)
        for (int chan = 0; chan < slots->n_channels; chan++)
            if (is_over_left(slots, chan, frame))
                return frame;
    return room;
}

static bool is_acked(const sim_slots *slots, int chan, int64_t frame)
{
    return *acked_fills(slots, chan, frame % slots->ring) > frame / slots->ring;
}

/* Move oldest over frames that were acknowledged before it. */
static void settle(sim_slots *slots, int chan)
{
    sim_slots_channel *channel = &slots->channel[chan];
    while (channel->n_ahead > 0 && is_acked(slots, chan, channel->oldest)) {
        channel->oldest++;
        channel->n_ahead--;
    }
}

static void lose(sim_slots_channel *channel, int64_t first, int64_t n)
{
    if (channel->n_overrun == 0)
        channel->first_overrun = first;
    channel->n_overrun += n;
}

/* Frames below `end` are overwritten. Those acknowledged out of order are looked at one by one. */
static void overwrite(sim_slots *slots, int chan, int64_t end)
{
    sim_slots_channel *channel = &slots->channel[chan];
    while (channel->oldest < end && channel->n_ahead > 0) {
        if (is_acked(slots, chan, channel->oldest))
            channel->n_ahead--;
        else
            lose(channel, channel->oldest, 1);
        channel->oldest++;
    }
    if (channel->oldest < end) {
        lose(channel, channel->oldest, end - channel->oldest);
        channel->oldest = end;
    }
    settle(slots, chan);
}

static void overwrite_left(sim_slots *slots, int chan, int64_t from, int64_t to)
{
    for (int64_t frame = from; frame < to && frame < slots->first + slots->ring; frame++)
        if (is_over_left(slots, chan, frame))
            lose(&slots->channel[chan], *uses_left(slots, slots->n_channels, frame % slots->ring), 1);
}

void sim_slots_advance(sim_slots *slots, int64_t from, int64_t to)
{
    if (slots->acked == NULL || to <= from)
        return;
    for (int chan = 0; chan < slots->n_channels; chan++) {
        if (slots->left != NULL)
            overwrite_left(slots, chan, from, to);
        overwrite(slots, chan, to - slots->ring);
    }
}

void sim_slots_ack(sim_slots *slots, int chan, int64_t slot, int64_t n_slots, int64_t begun)
{
    sim_slots_channel *channel = &slots->channel[chan];
    if (slots->acked == NULL)
        return;
    for (int64_t i = 0; i < n_slots && i < slots->ring; i++) {
        int64_t place = (slot + i) % slots->ring;
        int64_t frame = new_frame(slots, place, begun);
        if (slots->left != NULL)
            *uses_left(slots, chan, place) = 0;
        if (frame >= channel->oldest && !is_acked(slots, chan, frame))
            channel->n_ahead++;
        *acked_fills(slots, chan, place) = fills(slots->ring, place, begun);
    }
    settle(slots, chan);
}

int64_t sim_slots_oldest(const sim_slots *slots)
{
    int64_t oldest = slots->channel[0].oldest;
    for (int chan = 1; chan < slots->n_channels; chan++)
        if (slots->channel[chan].oldest < oldest)
            oldest = slots->channel[chan].oldest;
    return oldest;
}

bool sim_slots_clear(sim_slots *slots, int chan, int64_t slot, int64_t n_slots, int64_t complete)
{
    if (complete == 0 || slots->ring == 0)
        return true;
    if (slots->cleared == NULL)
        slots->cleared = new_table(slots);
    if (slots->cleared == NULL)
        return false;
    for (int64_t i = 0; i < n_slots && slot + i < slots->ring; i++)
        *cleared_below(slots, chan, slot + i) = complete;
    return true;
}

bool sim_slots_is_cleared(const sim_slots *slots, int chan, int64_t slot, int64_t frame)
{
    return slots->cleared != NULL && frame < *cleared_below(slots, chan, slot);
}
