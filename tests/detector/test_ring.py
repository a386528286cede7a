"""The ring goes round: frames are those asked for, or it is said why not."""

from __future__ import annotations

import numpy as np
import pytest

from tests.detector.runs import external, internal, pattern, read
from xspress3.detector.ring import Ring
from xspress3.errors import AcquisitionError, CircularBufferOverrunError, ConfigurationError
from xspress3.model import Acquisition, TriggerMode


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


@pytest.fixture
def gates(control):
    """Send gates of 1 ms on input 1, the first one with the frame-zero input high or low."""

    def send(n, *, is_frame_zero=False):
        control.ttl(0, int(is_frame_zero))
        control.advance(1e-5)  # longer than the debounce
        for _ in range(n):
            control.gates(0.001, 0.001, 1)
            control.advance(0.002)
            control.ttl(0, 0)

    return send


def both(n_frames, mode=TriggerMode.TTL_BOTH):
    return external(mode, n_triggers=n_frames)


def test_frame_zero_at_the_first_gate_starts_a_run_as_any_other(open_detector, gates):
    detector = open_detector()
    detector.arm(both(5))
    gates(5, is_frame_zero=True)

    np.testing.assert_array_equal(read(detector, 0, 5)[0], pattern(0, 5))


@pytest.mark.parametrize("n_before", [1, 3])
@pytest.mark.parametrize("n_after", [1, 3, 4, 20])
def test_numbers_that_were_started_again_are_seen_whether_or_not_they_overtook(
    open_detector, gates, n_before, n_after
):
    detector = open_detector()
    detector.arm(both(30))
    gates(n_before)
    read(detector, 0, n_before)
    detector.acknowledge(0, n_before)

    gates(n_after, is_frame_zero=True)

    went_back = detector.frames_ready().complete < n_before
    with pytest.raises(AcquisitionError, match="the place of frame 0 was used 2 times on channel 0"):
        read(detector, n_before, max(n_after - n_before, 1))
    assert went_back == (n_after < n_before)


def test_numbers_that_start_again_within_a_read_are_seen(open_detector, gates):
    detector = open_detector()
    detector.arm(both(30))
    gates(5)
    gates(5, is_frame_zero=True)  # before anything was read: frames 0 to 4 stand there, of the second time

    with pytest.raises(AcquisitionError, match="the frame-zero input has started the numbers again"):
        read(detector, 0, 5)


def test_a_run_after_one_whose_numbers_were_started_again_is_whole(open_detector, gates):
    detector = open_detector()
    detector.arm(both(30))
    gates(3)
    gates(4, is_frame_zero=True)
    detector.arm(both(3))
    gates(3)

    np.testing.assert_array_equal(read(detector, 0, 3)[0], pattern(0, 3))


def test_more_gates_than_the_ring_has_places_are_not_taken_for_frames(open_detector, gates):
    detector = open_detector(ring_frames=8)
    detector.arm(both(8))
    gates(9)

    with pytest.raises(AcquisitionError, match="or more gates came than the ring has places, 8"):
        read(detector, 0, 8)


@pytest.mark.parametrize("mode", [TriggerMode.TTL_BOTH, TriggerMode.LVDS_BOTH])
@pytest.mark.parametrize(
    ("fields", "complaint"),
    [({"n_triggers": 65}, "frames: 65 with"), ({"is_endless": True}, "frames: without end with")],
)
def test_frames_that_the_ring_does_not_hold_are_refused_with_frame_zero(
    open_detector, mode, fields, complaint
):
    with pytest.raises(
        ConfigurationError, match=rf"{complaint} trigger mode {mode.value}, allowed is 1\.\.64"
    ):
        open_detector(ring_frames=64).arm(external(mode, **fields))


N_NUMBERS = 1 << 32


def far_beyond(detector, control, n_frames):
    """Let a run without end come to so many frames: of 2 + 2 ticks, so that 2**32 take 215 s."""
    timing = detector.arm(Acquisition(50e-9, is_endless=True))
    control.advance(n_frames * timing.period)
    return timing


def test_numbers_beyond_32_bits_go_on_where_the_ring_is_a_power_of_two(open_detector, control):
    detector = open_detector(ring_frames=64)
    far_beyond(detector, control, N_NUMBERS + 40)
    first = N_NUMBERS - 10

    histogram, _ = read(detector, first, 50)
    detector.acknowledge(first, 50)

    assert detector.frames_ready().complete == N_NUMBERS + 40
    np.testing.assert_array_equal(histogram, pattern(first, 50))


def test_numbers_end_in_words_where_the_ring_is_no_power_of_two(open_detector, control):
    detector = open_detector(ring_frames=48)
    timing = far_beyond(detector, control, N_NUMBERS - 49)
    last = N_NUMBERS - 60
    np.testing.assert_array_equal(read(detector, last, 10)[0], pattern(last, 10))

    control.advance(5 * timing.period)

    for look in (detector.frames_ready, lambda: read(detector, last + 10, 1)):
        with pytest.raises(
            AcquisitionError, match=rf"numbers end at {N_NUMBERS - 48}; .* such as ring_frames=32"
        ):
            look()


@pytest.mark.parametrize(("generation", "uses"), [("3", 0), ("4", 0), ("mini", 1)])
def test_what_a_run_left_in_the_ring_is_given_back_before_the_next_one(
    open_detector, control, generation, uses
):
    # Seen before the start, which in the simulator forgets it by itself; a Mini does, and is not asked to.
    detector = open_detector(generation=generation)
    timing = detector.arm(internal(5))
    control.advance(5 * timing.period)
    detector.stop()
    sdk = detector._sdk
    forgets = generation == "mini"

    Ring(sdk, detector.info.n_channels, detector.info.ring_frames, forgets=forgets).begin(keeps_frames=True)

    assert sdk.get_tf_status_block(0, 0, 6)["uses"].tolist() == [uses] * 5 + [0]
