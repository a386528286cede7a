"""Frames that come by themselves, or after a software trigger."""

from __future__ import annotations

import numpy as np
import pytest

from tests.detector.runs import external, internal, pattern, read, software
from xspress3.errors import (
    ConfigurationError,
    StateError,
)
from xspress3.model import TriggerMode


def test_an_internal_run_gives_a_frame_each_period(open_detector, control):
    detector = open_detector()

    timing = detector.arm(internal(5))
    counts = []
    for _ in range(7):
        control.advance(timing.period)
        counts.append(detector.frames_ready().complete)

    assert counts == [1, 2, 3, 4, 5, 5, 5]


def test_frames_hold_what_the_detector_counted(open_detector, control):
    detector = open_detector()
    timing = detector.arm(internal(5))
    control.advance(5 * timing.period)

    histogram, scalers = read(detector, 0, 5)

    np.testing.assert_array_equal(histogram, pattern(0, 5))
    assert (scalers[:, :, 0] == timing.collection_ticks).all()
    assert (scalers[:, :, 8] == timing.collection_ticks).all()
    np.testing.assert_array_equal(scalers[:, :, 3], np.broadcast_to(np.arange(5)[:, None], (5, 4)))


def test_one_software_trigger_starts_all_frames(open_detector, control):
    detector = open_detector()
    timing = detector.arm(software(frames_per_trigger=3))
    control.advance(10 * timing.period)
    before = detector.frames_ready().complete

    detector.trigger()
    control.advance(3 * timing.period)

    assert (before, detector.frames_ready().complete) == (0, 3)


def test_each_software_trigger_starts_one_frame(open_detector, control):
    detector = open_detector()
    timing = detector.arm(software(n_triggers=3))
    counts = []

    for _ in range(3):
        detector.trigger()
        counts.append(detector.frames_ready().complete)
        control.advance(10 * timing.period)
        counts.append(detector.frames_ready().complete)

    assert counts == [0, 1, 1, 2, 2, 3]


@pytest.mark.parametrize("armed", [None, internal(1)])
def test_a_trigger_that_nothing_waits_for_is_refused(open_detector, armed):
    detector = open_detector()
    if armed is not None:
        detector.arm(armed)

    with pytest.raises(StateError, match="allowed with trigger mode software"):
        detector.trigger()


def test_a_second_run_counts_from_zero_again(open_detector, control):
    detector = open_detector()
    timing = detector.arm(internal(5))
    control.advance(3 * timing.period)

    detector.arm(internal(5))

    assert detector.frames_ready().complete == 0


def test_a_stop_keeps_what_is_complete(open_detector, control):
    detector = open_detector()
    timing = detector.arm(internal(100))
    control.advance(3.5 * timing.period)

    detector.stop()
    control.advance(10 * timing.period)

    assert detector.frames_ready().complete == 3
    np.testing.assert_array_equal(read(detector, 0, 3)[0], pattern(0, 3))


@pytest.mark.parametrize("mode", [TriggerMode.INTERNAL, TriggerMode.SOFTWARE])
def test_frames_without_end_go_on_until_a_stop(open_detector, control, mode):
    detector = open_detector(ring_frames=16)
    timing = detector.arm(external(mode, is_endless=True))
    if mode is TriggerMode.SOFTWARE:
        detector.trigger()

    for frame in range(100):
        control.advance(timing.period)
        assert detector.frames_ready().complete == frame + 1
        detector.acknowledge(frame, 1)
    detector.stop()
    control.advance(10 * timing.period)

    assert detector.frames_ready().complete == 100


def test_frames_without_end_are_refused_where_the_generator_counts_them(open_detector):
    detector = open_detector(itfg=1)

    with pytest.raises(ConfigurationError, match="is_endless: the timing generator of this xspress3 counts"):
        detector.arm(external(TriggerMode.INTERNAL, is_endless=True))


def test_without_a_timing_generator_only_gates_are_possible(open_detector):
    detector = open_detector(itfg=0)

    with pytest.raises(ConfigurationError, match="has no timing generator; allowed are gates"):
        detector.arm(internal(1))
    detector.arm(external(TriggerMode.EXTERNAL_MULTI_GATE))
