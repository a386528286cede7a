"""An Xspress3 behind the library's interface, the simulator standing in for the hardware."""

from __future__ import annotations

import numpy as np
import pytest

from xspress3 import sim
from xspress3.detector import DeadTimeModel, Inputs
from xspress3.errors import (
    CircularBufferOverrunError,
    ConfigurationError,
    SdkConnectionError,
    SdkError,
    SdkRangeError,
    StateError,
)
from xspress3.model import N_SCALERS, Acquisition, Generation, TriggerMode, Window
from xspress3.sdk import Roi

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


def external(mode=TriggerMode.EXTERNAL_MULTI, n_triggers=1, frames_per_trigger=1, **fields):
    return Acquisition(
        exposure_time=EXPOSURE,
        n_triggers=n_triggers,
        frames_per_trigger=frames_per_trigger,
        trigger_mode=mode,
        **fields,
    )


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


def test_several_cards_give_the_same_frames_on_all_channels(open_detector, control, monkeypatch):
    detector = open_detector(n_cards=2, cards=2, channels=8)
    timing = detector.arm(internal(5))
    control.advance(5 * timing.period)

    histogram, _ = read(detector, 0, 5)

    assert detector.info.n_cards == 2
    np.testing.assert_array_equal(histogram, pattern(0, 5, n_channels=8))


def test_regions_make_the_spectrum_shorter(open_detector, control):
    detector = open_detector()
    detector.set_rois([Roi(100, 199, 100), Roi(1000, 1099, 10)])
    timing = detector.arm(internal(2))
    control.advance(2 * timing.period)

    histogram, _ = read(detector, 0, 2)

    full = pattern(0, 2).astype("<u8")
    summed = full[:, :, 1000:1100].reshape(2, 4, 10, 10).sum(axis=3)
    assert detector.info.n_bins == 110
    np.testing.assert_array_equal(histogram[:, :, :100], full[:, :, 100:200])
    np.testing.assert_array_equal(histogram[:, :, 100:], summed & 0xFFFFFFFF)


def test_no_regions_are_the_whole_spectrum_again(open_detector):
    detector = open_detector()
    detector.set_rois([Roi(100, 199, 100)])

    detector.set_rois([])

    assert detector.info.n_bins == 4096


@pytest.mark.parametrize(
    ("low", "high", "n_bins", "complaint"),
    [
        (100, 199, 0, "n_bins=0, allowed is a divisor of its 100 bins"),
        (100, 199, 33, "n_bins=33, allowed is a divisor"),
        (100, 199, 101, "n_bins=101"),
        (200, 100, 1, "low=200 above high=100"),
        (0, 4096, 1, r"high=4096 outside 0\.\.4095"),
    ],
)
def test_a_region_that_would_kill_the_library_does_not_reach_it(low, high, n_bins, complaint):
    with pytest.raises(ConfigurationError, match=complaint):
        Roi(low, high, n_bins)


def test_regions_that_overlap_do_not_reach_the_library(open_detector):
    with pytest.raises(ConfigurationError, match="overlap"):
        open_detector().set_rois([Roi(100, 199, 100), Roi(199, 299, 101)])


def test_what_changes_frames_is_refused_while_they_are_counted(open_detector, control):
    detector = open_detector()
    timing = detector.arm(internal(3))
    control.advance(timing.period)

    for change in (
        lambda: detector.set_rois([]),
        lambda: detector.set_good_threshold(0, 50),
        lambda: detector.set_inputs(Inputs()),
    ):
        with pytest.raises(StateError, match="after 1 of 3 frames, allowed while no run is on"):
            change()
    control.advance(2 * timing.period)
    detector.set_rois([])


def test_windows_can_be_set_at_any_time(open_detector, control):
    detector = open_detector()
    timing = detector.arm(internal(3))
    control.advance(timing.period)

    detector.set_window(2, 1, Window(100, 109))
    _, scalers = read(detector, 0, 1)

    assert detector.windows()[2] == [(0, 0), (100, 109)]
    assert scalers[0, 2, 6] == pattern(0, 1)[0, 2, 100:110].sum()


def test_event_widths_of_ones_own_change_the_correction_and_nothing_else(open_detector, control):
    detector = open_detector(source="physics", rate=500_000)
    timing = detector.arm(internal(1))
    control.advance(timing.period)
    _, scalers = read(detector, 0, 1)

    before = detector.dead_time_correction(scalers)
    detector.set_event_widths([100] * 4)
    after = detector.dead_time_correction(scalers)

    assert (after > before).all()
    np.testing.assert_array_equal(read(detector, 0, 1)[1], scalers)


@pytest.mark.parametrize(
    ("widths", "complaint"),
    [
        ([6, 6], "2 values, allowed is 4"),
        ([6, 6, 6, 1], "1 ticks for channel 3"),
        ([6, 6, 6, 128], "128 ticks"),
    ],
)
def test_event_widths_that_cannot_be_are_refused(open_detector, widths, complaint):
    with pytest.raises(ConfigurationError, match=complaint):
        open_detector().set_event_widths(widths)


def test_the_librarys_own_correction_is_nan_where_it_has_none(open_detector):
    detector = open_detector()
    scalers = np.zeros((2, 4, N_SCALERS), "<u4")
    scalers[0, :, 0] = 1000
    scalers[0, 1, 1] = 1000  # all of the time in reset
    scalers[0, 2, 1] = 500

    factors = detector.dead_time_correction(scalers, DeadTimeModel.SDK)

    # Without process dead time the factor is T / (T - R): 1, none, 2, 1; nothing counted gives none.
    np.testing.assert_array_equal(factors, [[1, np.nan, 2, 1], [np.nan] * 4])


def test_both_corrections_make_up_for_dropped_packets(open_detector):
    detector = open_detector()
    scalers = np.zeros((1, 4, N_SCALERS), "<u4")
    scalers[0, :, 0], scalers[0, :, 1], scalers[0, :, 8] = 800, 400, 1000

    # Without events all that is dead are resets: 1000 / (800 - 400) by the event width, and by the library
    # 800 / (800 - 400), of a part that has to be taken 1000 / 800 times.
    for model in DeadTimeModel:
        np.testing.assert_allclose(detector.dead_time_correction(scalers, model), 2.5)


def test_a_mini_that_runs_over_says_so(open_detector, control):
    detector = open_detector(generation="mini", channels=2, ring_frames=8)
    timing = detector.arm(internal(20))

    control.advance(20 * timing.period)

    assert "CIRCULAR_OVERRUN" in detector.frames_ready().problems
