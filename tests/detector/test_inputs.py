"""Edges and gates from outside."""

from __future__ import annotations

import numpy as np
import pytest

from tests.detector.runs import EXPOSURE, external, pattern, read
from xspress3.detector import Inputs
from xspress3.model import TriggerMode


def test_a_hardware_edge_starts_all_frames(open_detector, control):
    detector = open_detector()
    timing = detector.arm(external(frames_per_trigger=4))
    control.advance(10 * timing.period)
    before = detector.frames_ready().complete

    control.edges(1, 0.001)
    control.advance(10 * timing.period)

    assert (before, detector.frames_ready().complete) == (0, 4)
    np.testing.assert_array_equal(read(detector, 0, 4)[0], pattern(0, 4))


def test_each_hardware_edge_starts_a_frame(open_detector, control):
    detector = open_detector()
    detector.arm(external(n_triggers=4))

    control.edges(3, 2 * EXPOSURE)
    control.advance(20 * EXPOSURE)

    assert detector.frames_ready().complete == 3


GATES = [TriggerMode.EXTERNAL_MULTI_GATE, TriggerMode.TTL_BOTH]


@pytest.mark.parametrize("mode", GATES)
def test_a_gate_is_a_frame_as_long_as_it_is_high(open_detector, control, mode):
    detector = open_detector()
    detector.arm(external(mode, n_triggers=3))

    control.gates(0.004, 0.002, 3)
    control.advance(0.1)
    _, scalers = read(detector, 0, 3)

    assert detector.frames_ready().complete == 3
    assert (scalers[:, :, 8] == 0.004 / 12.5e-9).all()


@pytest.mark.parametrize("mode", [TriggerMode.LVDS_GATE, TriggerMode.LVDS_BOTH])
def test_gates_come_on_the_lvds_input_too(open_detector, control, mode):
    detector = open_detector()
    detector.arm(external(mode, n_triggers=2))

    for _ in range(2):
        control.ttl(9, 1)
        control.advance(0.004)
        control.ttl(9, 0)
        control.advance(0.002)

    assert detector.frames_ready().complete == 2
    assert (read(detector, 0, 2)[1][:, :, 8] == 0.004 / 12.5e-9).all()


def test_frame_zero_takes_the_number_back_to_the_first(open_detector, control):
    detector = open_detector()
    detector.arm(external(TriggerMode.TTL_BOTH, n_triggers=10))
    control.gates(0.004, 0.002, 3)
    control.advance(0.1)
    before = detector.frames_ready().complete

    control.ttl(0, 1)
    control.gates(0.004, 0.002, 1)
    control.advance(0.1)
    control.ttl(0, 0)

    assert (before, detector.frames_ready().complete) == (3, 1)


def test_a_gate_inverted_is_low(open_detector, control):
    detector = open_detector()
    detector.set_inputs(Inputs(is_veto_inverted=True, debounce_ticks=0))
    control.ttl(1, 1)
    detector.arm(external(TriggerMode.EXTERNAL_MULTI_GATE, n_triggers=2))

    control.gates(0.004, 0.002, 2)
    control.advance(0.1)

    assert detector.frames_ready().complete == 2
    control.ttl(1, 0)


def test_pulses_shorter_than_the_debounce_start_nothing(open_detector, control):
    detector = open_detector()
    detector.set_inputs(Inputs(debounce_ticks=255))
    detector.arm(external(TriggerMode.EXTERNAL_MULTI_GATE, n_triggers=5))

    control.gates(200 * 12.5e-9, 0.001, 5)
    control.advance(1.0)

    assert detector.frames_ready().complete == 0
