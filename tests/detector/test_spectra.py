"""Regions, windows, event widths and corrections."""

from __future__ import annotations

import numpy as np
import pytest

from tests.detector.runs import internal, pattern, read
from xspress3.detector import DeadTimeModel, Inputs
from xspress3.errors import (
    ConfigurationError,
    StateError,
)
from xspress3.model import N_SCALERS, Window
from xspress3.sdk import Roi


def test_windows_are_read_back(open_detector):
    assert open_detector(channels=2).windows() == [[(0, 0), (0, 0)]] * 2


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
