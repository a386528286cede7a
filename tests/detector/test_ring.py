"""The ring goes round: frames are those asked for, or it is said why not."""

from __future__ import annotations

import numpy as np
import pytest

from tests.detector.runs import internal, pattern, read
from xspress3.errors import (
    CircularBufferOverrunError,
)


def test_frame_numbers_go_on_beyond_the_ring(open_detector, control):
    detector = open_detector(ring_frames=8)
    timing = detector.arm(internal(100))

    for frame in range(100):
        control.advance(timing.period)
        histogram, _ = read(detector, frame, 1)
        np.testing.assert_array_equal(histogram, pattern(frame, 1))
        detector.acknowledge(frame, 1)


def test_reading_across_the_end_of_the_ring_gives_frames_in_order(open_detector, control):
    detector = open_detector(ring_frames=8)
    timing = detector.arm(internal(100))
    control.advance(6 * timing.period)
    detector.acknowledge(0, 6)
    control.advance(6 * timing.period)

    histogram, _ = read(detector, 5, 7)

    np.testing.assert_array_equal(histogram, pattern(5, 7))


@pytest.mark.parametrize(
    ("elapsed", "n_overwritten"),
    # Ring of 8. After 7 periods frames 0..6 are complete and frame 7 fills the last free place. After 8
    # frame 8 begins in the place of frame 0, after 11 frame 11 in that of frame 3, after 40 all are gone that
    # were complete 8 frames before.
    [(7, 0), (8, 1), (11, 4), (40, 32)],
)
def test_frames_that_were_overwritten_are_named(open_detector, control, elapsed, n_overwritten):
    detector = open_detector(ring_frames=8)
    timing = detector.arm(internal(100))
    control.advance((elapsed + 0.5) * timing.period)

    if not n_overwritten:
        read(detector, 0, 4)
        return
    with pytest.raises(CircularBufferOverrunError) as caught:
        read(detector, 0, 4)
    assert (caught.value.first_frame, caught.value.n_frames) == (0, n_overwritten)


def test_a_full_ring_at_the_end_of_a_run_has_lost_nothing(open_detector, control):
    detector = open_detector(ring_frames=8)
    timing = detector.arm(internal(8))
    control.advance(100 * timing.period)

    histogram, _ = read(detector, 0, 8)

    np.testing.assert_array_equal(histogram, pattern(0, 8))


def test_a_mini_that_runs_over_says_so(open_detector, control):
    detector = open_detector(generation="mini", channels=2, ring_frames=8)
    timing = detector.arm(internal(20))

    control.advance(20 * timing.period)

    assert "CIRCULAR_OVERRUN" in detector.frames_ready().problems
