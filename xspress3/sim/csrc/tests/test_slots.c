/* The books of the ring against a model that really has places. */
#include "check.h"
#include "random.h"
#include "slots.h"

#define RING 7
#define CHANNELS 2

typedef struct {
    int64_t frame[RING];
    int uses[CHANNELS][RING];
    int64_t n_overrun[CHANNELS], first_overrun[CHANNELS], begun;
} model;

static void model_begin(model *m)
{
    int64_t slot = m->begun % RING;
    for (int c = 0; c < CHANNELS; c++) {
        if (m->uses[c][slot] > 0) {
            /* A place that was overwritten loses one frame each time it is used again. */
            if (m->n_overrun[c]++ == 0)
                m->first_overrun[c] = m->frame[slot];
        }
        m->uses[c][slot]++;
    }
    m->frame[slot] = m->begun++;
}

static void compare(const sim_slots *slots, const model *m)
{
    for (int64_t slot = 0; slot < RING; slot++) {
        int64_t frame = sim_slots_frame(slots, slot, m->begun);
        CHECK_EQUAL(frame, m->frame[slot]);
        for (int c = 0; c < CHANNELS; c++)
            CHECK_EQUAL(sim_slots_uses(slots, c, slot, m->begun), m->uses[c][slot]);
    }
    for (int c = 0; c < CHANNELS; c++) {
        CHECK_EQUAL(slots->channel[c].n_overrun, m->n_overrun[c]);
        if (m->n_overrun[c] > 0)
            CHECK_EQUAL(slots->channel[c].first_overrun, m->first_overrun[c]);
    }
}

/* With restarts the numbers begin at 0 again now and then, what the places hold staying in them. */
static void random_steps(uint64_t seed, bool has_restarts)
{
    sim_random random;
    sim_slots slots = {0};
    model m = {0};
    for (int64_t slot = 0; slot < RING; slot++)
        m.frame[slot] = -1;
    sim_random_start(&random, seed, 0, 0);
    CHECK(sim_slots_reset(&slots, CHANNELS, RING, true));
    for (int step = 0; step < 300; step++) {
        uint64_t bits = sim_random_next(&random);
        if (has_restarts && bits % 23 == 1) {
            sim_slots_restart(&slots, 0, m.begun);
            m.begun = 0;
        } else if (bits % 3 == 0) {
            int64_t n = (int64_t)(bits >> 8 & 7) * (bits >> 16 & 1 ? 1 : 3), before = m.begun;
            for (int64_t i = 0; i < n; i++)
                model_begin(&m);
            sim_slots_advance(&slots, before, m.begun);
        } else {
            int c = (int)(bits >> 8 & 1);
            int64_t slot = (int64_t)((bits >> 16) % RING), n = (int64_t)((bits >> 32) % 4);
            sim_slots_ack(&slots, c, slot, n, m.begun);
            for (int64_t i = 0; i < n; i++)
                m.uses[c][(slot + i) % RING] = 0;
        }
        compare(&slots, &m);
    }
    sim_slots_free(&slots);
}

static void in_order_is_not_looked_at_frame_by_frame(void)
{
    sim_slots slots = {0};
    CHECK(sim_slots_reset(&slots, 1, 1000, true));

    sim_slots_advance(&slots, 0, INT64_C(1) << 60);

    CHECK_EQUAL(slots.channel[0].n_overrun, (INT64_C(1) << 60) - 1000);
    CHECK_EQUAL(slots.channel[0].first_overrun, 0);
    sim_slots_free(&slots);
}

int main(void)
{
    for (uint64_t seed = 0; seed < 300; seed++)
        random_steps(seed, seed % 2 == 1);
    in_order_is_not_looked_at_frame_by_frame();
    return 0;
}
