"""Several cards are one detector: the first one makes the timing, the others must be set to follow it.

The simulated followers see the frames of the first card behind a debounce of their own; one that is set
wrongly, or started too late, has no frames, and progress with it.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.detector.runs import EXPOSURE, external, internal, pattern, read, software
from xspress3.detector import Inputs
from xspress3.errors import SdkConnectionError
from xspress3.model import Acquisition, TriggerMode

GAPS = [0.0, 100e-9, 500e-9, 1e-6]
"""Pauses that make the generator use each of its gaps at 80 MHz: 2, 16, 40 and 80 ticks."""


@pytest.fixture(params=[2, 3])
def cards(request, open_detector):
    """A detector of that many cards with two channels each."""
    n = request.param
    return open_detector(n_cards=n, cards=n, channels=2 * n)


def check_frames(detector, n_frames):
    histogram, scalers = read(detector, 0, n_frames)
    np.testing.assert_array_equal(histogram, pattern(0, n_frames, n_channels=detector.info.n_channels))
    assert (scalers[:, :, 8] == scalers[:, :1, 8]).all()


@pytest.mark.parametrize("latency_time", GAPS)
def test_frames_back_to_back_with_each_gap(cards, control, latency_time):
    timing = cards.arm(Acquisition(EXPOSURE, latency_time, frames_per_trigger=5))
    control.advance(5 * timing.period)

    assert cards.frames_ready() == type(cards.frames_ready())(5, 5)
    check_frames(cards, 5)


def test_a_gap_chosen_after_another_one_sets_the_debounce_of_the_others_anew(cards, control):
    for latency_time in (1e-6, 0.0, 500e-9):
        timing = cards.arm(Acquisition(EXPOSURE, latency_time, frames_per_trigger=5))
        control.advance(5 * timing.period)

        assert cards.frames_ready().complete == 5


@pytest.mark.parametrize("acquisition", [software(frames_per_trigger=4), software(n_triggers=4)])
def test_software_triggers_reach_all_cards(cards, control, acquisition):
    timing = cards.arm(acquisition)
    control.advance(timing.period)
    before = cards.frames_ready().complete

    for _ in range(acquisition.n_triggers):
        cards.trigger()
        control.advance(acquisition.frames_per_trigger * timing.period)

    assert (before, cards.frames_ready().complete) == (0, 4)
    check_frames(cards, 4)


@pytest.mark.parametrize("acquisition", [external(frames_per_trigger=4), external(n_triggers=4)])
def test_hardware_triggers_reach_all_cards(cards, control, acquisition):
    cards.arm(acquisition)
    control.edges(acquisition.n_triggers, 2 * EXPOSURE)
    control.advance(20 * EXPOSURE)

    assert cards.frames_ready().complete == 4
    check_frames(cards, 4)


@pytest.mark.parametrize("inputs", [Inputs(), Inputs(debounce_ticks=255), Inputs(debounce_ticks=0)])
@pytest.mark.parametrize("mode", [TriggerMode.EXTERNAL_MULTI_GATE, TriggerMode.TTL_BOTH])
def test_gates_reach_all_cards(cards, control, mode, inputs):
    cards.set_inputs(inputs)
    cards.arm(external(mode, n_triggers=3))

    control.gates(0.004, 0.002, 3)
    control.advance(0.1)

    assert cards.frames_ready().complete == 3
    check_frames(cards, 3)


@pytest.mark.parametrize("mode", [TriggerMode.EXTERNAL_MULTI_GATE, TriggerMode.EXTERNAL_MULTI])
def test_an_input_that_is_inverted_is_so_on_the_first_card_alone(cards, control, mode):
    control.ttl(1, 1)
    cards.set_inputs(Inputs(is_veto_inverted=True))
    cards.arm(external(mode, n_triggers=3))

    control.gates(0.02, 0.02, 3)
    control.advance(1.0)

    assert cards.frames_ready().complete == 3
    check_frames(cards, 3)
    control.ttl(1, 0)


def test_gates_on_the_lvds_input_reach_all_cards(cards, control):
    cards.arm(external(TriggerMode.LVDS_GATE, n_triggers=2))
    for _ in range(2):
        control.ttl(9, 1)
        control.advance(0.004)
        control.ttl(9, 0)
        control.advance(0.002)

    assert cards.frames_ready().complete == 2


def test_frames_without_end_on_all_cards(cards, control):
    timing = cards.arm(external(TriggerMode.INTERNAL, is_endless=True))
    for frame in range(200):
        control.advance(timing.period)
        assert cards.frames_ready().complete == frame + 1
        cards.acknowledge(frame, 1)
    cards.stop()
    control.advance(10 * timing.period)

    assert cards.frames_ready().complete == 200


def test_a_run_after_another_one_of_another_kind(cards, control):
    cards.arm(external(TriggerMode.EXTERNAL_MULTI_GATE, n_triggers=3))
    control.gates(0.004, 0.002, 1)
    control.advance(0.1)
    timing = cards.arm(internal(5))
    control.advance(5 * timing.period)

    assert cards.frames_ready().complete == 5


def test_sixteen_cards(open_detector, control):
    detector = open_detector(n_cards=16, cards=16, channels=16)
    timing = detector.arm(internal(3))
    control.advance(3 * timing.period)

    assert (detector.info.n_cards, detector.info.n_channels) == (16, 16)
    check_frames(detector, 3)


def test_a_card_that_is_not_there_is_told_by_its_address(open_detector):
    with pytest.raises(SdkConnectionError, match=r"Fem 192\.168\.0\.3"):
        open_detector(n_cards=2, cards=1)
