"""Cards after the first one follow it: what they must be set to, and what shows when they are not.

Three cards of two channels; ticks of 12.5 ns, manual clock.
"""

from __future__ import annotations

import pytest

from tests.sim.conftest import BURST, CIRCULAR, FOLLOW, HARDWARE, SOFTWARE, TICK
from xspress3.sdk._sdk import ffi

VETO_INV = 1 << 4
LEMO_RADIAL = 1
GAP_TICKS = [2, 16, 40, 80]


@pytest.fixture
def cards(simulate):
    """The first card makes 10 frames of 98 ticks, the others are told to follow it."""

    def make(trigger=BURST, gap=0, **described):
        system = simulate(cards=3, ncards=3, channels=6, **described)
        system.setup(n_frames=10, ticks=98, trigger=trigger, flags=CIRCULAR, gap=gap)
        return system

    return make


def furthest(system):
    found = ffi.new("int64_t *")
    complete = system.scaler_check_progress_details(ffi.NULL, 1, found)
    return complete, found[0]


def test_they_are_started_before_the_first_card(cards, control):
    system = cards()
    for card in (1, 2):
        system.histogram_start(card)
    control.advance(1)
    before = furthest(system)
    system.histogram_start(0)
    control.advance(1)

    assert (before, furthest(system)) == ((0, 0), (10, 10))
    assert (system.scalers(0, 10)[:, :, 8] == 98).all()


def test_one_that_was_not_started_has_no_frames_and_all_wait_for_it(cards, control):
    system = cards()
    system.histogram_start(1)
    system.histogram_start(0)
    control.advance(1)

    assert furthest(system) == (0, 10)
    assert not system.spectra(0, 10)[:, 4:].any()
    assert (system.spectra(0, 10)[:, :4, 0] >> 16)[:, 3].tolist() == list(range(10))


@pytest.mark.parametrize("end", ["stop", "register"])
def test_one_that_is_stopped_in_mid_run_keeps_its_frames_and_gets_no_more(cards, control, end):
    system = cards()
    system.histogram_start(-1)
    control.advance(350 * TICK)
    if end == "stop":
        system.histogram_stop(1)
    else:
        system.set_glob_timeA(1, FOLLOW)  # the whole register, its RUN bit too
    control.advance(1)

    assert furthest(system) == (3, 10)


@pytest.mark.parametrize("source", [0, 1, 2])
def test_one_with_a_timing_of_its_own_gives_no_frames_of_the_run(cards, control, source):
    system = cards()
    system.set_glob_timeA(2, source)
    system.histogram_start(-1)
    control.advance(1)

    assert furthest(system) == (0, 10)


def test_one_whose_input_is_inverted_counts_the_gaps(cards, control):
    system = cards()
    system.set_glob_timeA(1, FOLLOW | VETO_INV)
    system.histogram_start(-1)
    control.advance(1)

    assert furthest(system) == (0, 10)


@pytest.mark.parametrize(("gap", "gap_ticks"), list(enumerate(GAP_TICKS)))
def test_a_debounce_longer_than_the_gap_makes_one_frame_of_all(cards, control, gap, gap_ticks):
    system = cards(gap=gap)
    for debounce, expected in ((gap_ticks, (10, 10)), (gap_ticks + 1, (0, 10))):
        system.set_glob_timeA(1, FOLLOW | debounce << 16)
        system.histogram_start(-1)
        control.advance(1)

        assert furthest(system) == expected


def test_a_debounce_longer_than_a_frame_leaves_it_out(cards, control):
    system = cards(trigger=SOFTWARE)
    system.set_glob_timeA(1, FOLLOW | 99 << 16)
    system.histogram_arm(-1)
    system.trigger()
    control.advance(1)

    assert furthest(system) == (0, 1)


@pytest.mark.parametrize("trigger", [SOFTWARE, HARDWARE])
def test_triggers_far_apart_leave_room_for_any_debounce(cards, control, trigger):
    system = cards(trigger=trigger)
    system.set_glob_timeA(1, FOLLOW | 90 << 16)
    system.histogram_start(-1)
    for _ in range(10):
        if trigger == SOFTWARE:
            system.trigger()
        control.edges(1, 1e-6)
        control.advance(300 * TICK)

    assert furthest(system) == (10, 10)


def test_a_trigger_too_early_for_the_debounce_is_where_one_falls_behind(cards, control):
    system = cards(trigger=SOFTWARE)
    system.set_glob_timeA(1, FOLLOW | 50 << 16)
    system.histogram_arm(-1)
    for wait in (200, 200, 98 + 49, 200):  # the fourth frame begins 49 ticks after the third one
        system.trigger()
        control.advance(wait * TICK)

    assert furthest(system) == (2, 4)  # the third one goes on


@pytest.mark.parametrize(
    ("gap_at_timing", "gap", "expected"), [(3, 3, (10, 10)), (0, 0, (10, 10)), (3, 0, (0, 10))]
)
def test_set_timing_takes_the_debounce_of_the_others_from_the_gap_set_before(
    cards, control, gap_at_timing, gap, expected
):
    system = cards(gap=gap_at_timing)
    assert system.set_timing([{"t_src": 1, "debounce": 80}]) == 0
    system.itfg_setup(0, 10, 98, BURST, gap)
    system.histogram_start(-1)
    control.advance(1)

    assert furthest(system) == expected


@pytest.mark.parametrize(
    ("sync", "first", "others", "expected"),
    [
        (None, FOLLOW | 80 << 16, FOLLOW | 80 << 16, 5),
        (None, FOLLOW | VETO_INV, FOLLOW | VETO_INV, 5),  # the cable of the gate goes to all cards
        (None, FOLLOW | VETO_INV, FOLLOW, 5),  # or that of the first card's veto, which is high
        (LEMO_RADIAL, FOLLOW | VETO_INV, FOLLOW, 5),
        (LEMO_RADIAL, FOLLOW | VETO_INV, FOLLOW | VETO_INV, 0),
        (None, FOLLOW, FOLLOW | VETO_INV, 0),
        (None, 6, FOLLOW, 5),  # LVDS on the first one, its veto on the others
        (None, FOLLOW, FOLLOW | 101 << 16, 0),  # gates of 100 ticks
    ],
)
def test_gates_reach_those_that_listen(cards, control, sync, first, others, expected):
    system = cards()
    if sync is not None:
        system.set_sync_mode(sync, 0, 0)
    is_low = bool(first & VETO_INV)
    wire = 9 if first & 7 == 6 else 1
    control.ttl(wire, is_low)
    system.set_glob_timeA(-1, others)
    system.set_glob_timeA(0, first)
    system.histogram_start(-1)
    for _ in range(5):
        control.ttl(wire, not is_low)
        control.advance(100 * TICK)
        control.ttl(wire, is_low)
        control.advance(200 * TICK)

    assert furthest(system) == (expected, 5)


@pytest.mark.parametrize(("cut_frame", "expected"), [("drop", 3), ("report", 4)])
def test_a_frame_cut_off_by_a_stop_of_all_is_cut_off_on_all(cards, control, cut_frame, expected):
    system = cards(cut_frame=cut_frame)
    system.histogram_start(-1)
    control.advance(350 * TICK)
    system.histogram_stop(-1)

    assert furthest(system) == (expected, expected)


def test_sixteen_cards_of_a_channel_each(simulate, control):
    system = simulate(cards=16, ncards=16, channels=16)
    system.setup(n_frames=3, ticks=98)
    system.histogram_start(-1)
    control.advance(1)

    assert [system.get_num_chan_used(card) for card in range(16)] == [1] * 16
    assert system.progress() == 3
    system.set_glob_timeA(15, 0)
    system.histogram_start(-1)
    assert system.progress() == 0
