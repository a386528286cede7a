"""An Xspress3 behind the library's interface, the simulator standing in for the hardware."""

from __future__ import annotations

import numpy as np
import pytest

from xspress3 import sim
from xspress3.errors import (
    CircularBufferOverrunError,
    ConfigurationError,
    SdkConnectionError,
    SdkError,
    SdkRangeError,
    StateError,
)
from xspress3.model import N_SCALERS, Acquisition, Generation, TriggerMode

EXPOSURE = 0.01


def internal(n_frames):
    return Acquisition(exposure_time=EXPOSURE, frames_per_trigger=n_frames)


def software(n_triggers=1, frames_per_trigger=1):
    return Acquisition(
        exposure_time=EXPOSURE,
        n_triggers=n_triggers,
        frames_per_trigger=frames_per_trigger,
        trigger_mode=TriggerMode.SOFTWARE,
    )


def read(detector, first_frame, n_frames):
    info = detector.info
    histogram = np.empty((n_frames, info.n_channels, info.n_bins), "<u4")
    scalers = np.empty((n_frames, info.n_channels, N_SCALERS), "<u4")
    detector.read_into(first_frame, histogram, scalers)
    return histogram, scalers


def pattern(first_frame, n_frames, n_channels=4, n_bins=4096):
    """What the simulator documents for its source `pattern`."""
    frame = np.arange(first_frame, first_frame + n_frames, dtype="<u8")[:, None, None]
    channel = np.arange(n_channels, dtype="<u8")[None, :, None]
    return ((frame & 0xFFFF) << 16 | channel << 12 | np.arange(n_bins, dtype="<u8")).astype("<u4")


@pytest.mark.parametrize(
    ("generation", "expected", "clock_period"),
    [
        ("3", Generation.XSPRESS3, 12.5e-9),
        ("mini", Generation.XSPRESS3_MINI, 12.5e-9),
        ("4", Generation.XSPRESS4, 10e-9),
    ],
)
def test_what_it_is_is_asked_of_the_hardware(open_detector, generation, expected, clock_period):
    info = open_detector(generation=generation, channels=2, event_width=7).info

    assert info.generation is expected
    assert info.clock_period == pytest.approx(clock_period)
    assert (info.n_cards, info.n_channels, info.n_bins, info.ring_frames) == (1, 2, 4096, 64)
    assert info.event_widths == (7, 7)


def test_settings_are_restored_before_event_widths_are_read(open_detector, tmp_path):
    directory = sim.write_settings(tmp_path / "settings", n_channels=4, event_widths=[5, 6, 7, 8])

    assert open_detector(settings=str(directory)).info.event_widths == (5, 6, 7, 8)


def test_a_settings_directory_without_files_is_refused_and_the_hardware_let_go(open_detector, tmp_path):
    with pytest.raises(SdkError, match=f"Cannot open input file {tmp_path}"):
        open_detector(settings=str(tmp_path))

    open_detector(ring_frames=32)  # other arguments: possible only after the first was closed


def test_nobody_at_the_address_is_told_in_the_librarys_words(open_detector):
    with pytest.raises(SdkConnectionError, match=r"Cannot initialise Fem .* on port 30123"):
        open_detector(absent=1)


def test_more_channels_than_there_are_is_refused_with_both_numbers(open_detector):
    with pytest.raises(SdkRangeError, match=r"(?s)5.*4"):
        open_detector(channels=4, n_channels=5)


def test_an_address_that_is_none_does_not_reach_the_library():
    from xspress3.config import DetectorConfig
    from xspress3.detector import Xspress3Detector

    with pytest.raises(ConfigurationError, match="base_ip='detector', allowed is an address"):
        Xspress3Detector.open(DetectorConfig(library=str(sim.library_path()), base_ip="detector"))


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


def test_a_stop_keeps_what_is_complete(open_detector, control):
    detector = open_detector()
    timing = detector.arm(internal(100))
    control.advance(3.5 * timing.period)

    detector.stop()
    control.advance(10 * timing.period)

    assert detector.frames_ready().complete == 3
    np.testing.assert_array_equal(read(detector, 0, 3)[0], pattern(0, 3))


def test_windows_are_read_back(open_detector):
    assert open_detector(channels=2).windows() == [[(0, 0), (0, 0)]] * 2


def test_closing_twice_does_nothing_more(open_detector):
    detector = open_detector()

    detector.close()
    detector.close()
