"""What a Mini does differently."""

from __future__ import annotations

import pytest

from tests.sim.conftest import CIRCULAR, TICK
from xspress3.sdk._sdk import ffi

NULL = ffi.NULL


@pytest.fixture
def mini(simulate):
    """Two cards of two channels with a ring of 4 frames of 100 ticks, started."""

    def make(**description):
        system = simulate(generation="mini", channels=4, cards=2, ncards=2, num_tf=4, **description)
        system.setup(n_frames=0, ticks=98, flags=CIRCULAR)
        return system

    return make


def test_there_is_no_progress_before_the_first_arm(simulate, library):
    system = simulate(generation="mini")

    assert system.scaler_check_progress() == -1
    assert "armed" in library.text()
    assert system.scaler_check_progress_details(NULL, 0, NULL) == -1
    system.setup(n_frames=1, ticks=98)
    system.histogram_arm(0)
    assert (system.scaler_check_progress(), system.progress()) == (0, 0)
    system.histogram_stop(-1)
    assert system.progress() == 0


def test_the_channels_of_a_card_are_acknowledged_together_and_once(mini, control, library):
    system = mini()
    system.histogram_start(-1)
    control.advance(250 * TICK)  # 2 complete

    for channel, n in [(0, 1), (1, 1), (1, 2), (0, 3), (3, 1)]:
        assert system.histogram_circ_ack(channel, 0, n, 1) == -1
        assert "the 2 channels of a card are acknowledged together" in library.text()
    assert system.histogram_circ_ack(2, 0, 2, 1) == 0
    assert system.histogram_circ_ack(2, 0, 2, 1) == -1
    assert "acknowledged already" in library.text()
    assert system.histogram_circ_ack(0, 0, 4, 1) == -1  # half of it was
    assert system.histogram_circ_ack(0, 0, 2, 1) == 0
    assert system.histogram_circ_ack(0, 1, 4, 1) == 0
    assert system.histogram_circ_ack(0, 2, 4, 1) == -1  # not there yet
    assert system.histogram_circ_ack(0, 0, 4, 1000) == -1
    assert system.histogram_circ_ack(4, 0, 1, 1) == -6


def test_a_run_stops_at_the_first_frame_that_would_overwrite(mini, control):
    system = mini()
    flags = ffi.new("uint32_t *")
    system.histogram_start(-1)
    control.advance(350 * TICK)
    system.histogram_circ_ack(0, 0, 4, 1)
    control.advance(140 * TICK)  # 4 is in the place of 0
    before = (system.progress(), system.overrun())
    control.advance(1)
    after = [(system.scaler_check_progress_details(flags, 1, NULL), system.overrun(), flags[0])]
    system.histogram_circ_ack(0, 1, 4, 4)
    control.advance(1)

    assert before == (4, (0, 0))
    assert after == [(5, (1, 1), 0x10000)]
    assert system.progress() == 5  # it does not go on by itself
    assert (system.spectra(1, 4)[:, 0, 0] >> 16).tolist() == [1, 2, 3, 4]  # nothing was lost
    system.histogram_start(-1)
    assert (system.progress(), system.overrun()) == (0, (0, 0))


def test_a_reader_that_keeps_up_runs_for_ever(mini, control):
    system = mini()
    system.histogram_start(-1)
    for frame in range(50):
        control.advance(100 * TICK)
        assert system.progress() == frame + 1
        assert system.histogram_circ_ack(0, frame, 4, 1) == 0

    assert system.overrun() == (0, 0)


def test_on_demand_there_is_no_overrun(mini):
    system = mini(clock="demand")
    system.histogram_start(-1)
    seen = [system.progress()]
    system.histogram_circ_ack(0, 0, 4, 2)
    seen.append(system.progress())

    assert seen == [4, 6]
    assert system.overrun() == (0, 0)


def test_without_a_ring_a_run_ends_when_the_memory_is_full(simulate, control):
    system = simulate(generation="mini", num_tf=4)
    system.setup(n_frames=9, ticks=98)
    system.histogram_start(-1)
    control.advance(1)

    assert (system.progress(), system.overrun()) == (4, (0, 0))
