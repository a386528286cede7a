"""Sums over regions, held against work by hand."""

from __future__ import annotations

import numpy as np
import pytest

from receivers.dranspose.sums import RegionSums, parse_channels, parse_regions, regions_of
from receivers.geometry import Geometry
from xspress3.errors import ConfigurationError
from xspress3.model import SCALER_NAMES

GEOMETRY = Geometry(2, 8, 12.5e-9, (9, 9), None)


def scalers_of(**values):
    """One frame of two channels; each scaler the same in both."""
    scalers = np.zeros((1, 2, 9), dtype="<u4")
    for name, value in values.items():
        scalers[..., SCALER_NAMES.index(name)] = value
    return scalers


def test_both_ends_of_a_region_belong_to_it_and_channels_are_added():
    histogram = np.arange(16, dtype="<u4").reshape(1, 2, 8)
    scalers = scalers_of(clock_ticks=1000, total_ticks=1000, all_events=50, in_window0=7, in_window1=9)

    counts, corrected = RegionSums(GEOMETRY, parse_regions("a: 2-4"), (0, 1)).of(histogram, scalers)

    assert counts.tolist() == [[14], [18], [2 + 3 + 4 + 10 + 11 + 12]]
    assert corrected.tolist() == [[28], [36], [84]]  # 50 events of 10 ticks: half of the time was dead


def test_only_the_chosen_channels_are_added():
    histogram = np.ones((1, 2, 8), dtype="<u4")
    scalers = scalers_of(clock_ticks=1000, total_ticks=1000)
    scalers[0, 0, SCALER_NAMES.index("clock_ticks")] = 0  # channel 0 was not live

    both = RegionSums(GEOMETRY, parse_regions("a: 0-7"), (0, 1)).of(histogram, scalers)[1]
    second = RegionSums(GEOMETRY, parse_regions("a: 0-7"), (1,)).of(histogram, scalers)[1]

    assert np.isnan(both[2, 0])
    assert second[2, 0] == 8


def test_sums_beyond_32_bits_are_whole():
    histogram = np.full((1, 2, 8), 0xFFFFFFFF, dtype="<u4")

    counts, _ = RegionSums(GEOMETRY, parse_regions("a: 0-7"), (0, 1)).of(histogram, scalers_of())

    assert int(counts[2, 0]) == 16 * 0xFFFFFFFF


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "a: 5-3",
        "a: -1-3",
        "in_window0: 1-2",
        "a: 1-2, a: 3-4",
        "x y: 1-2",
        "a_attrs: 1-2",
        "a: 1-9999999",
    ],
)
def test_a_text_that_is_no_region_is_refused(text):
    with pytest.raises(ConfigurationError):
        parse_regions(text)


def test_a_region_beyond_the_last_bin_is_refused():
    with pytest.raises(ConfigurationError, match=r"region a: high=8 outside 0\.\.7"):
        RegionSums(GEOMETRY, parse_regions("a: 2-8"), (0,))


@pytest.mark.parametrize("said", [7, {"a": 7}, {"a": [1, 2, 3]}, {"a": ["1", None]}, {"a: 1-2, b": [1, 2]}])
def test_regions_in_metadata_that_cannot_be_are_refused(said):
    with pytest.raises(ConfigurationError):
        regions_of({"rois": said})


def test_regions_come_from_metadata_or_there_are_none():
    assert [(r.name, r.low, r.high) for r in regions_of({"rois": {"fe": [620, 660]}})] == [("fe", 620, 660)]
    assert regions_of({}) == ()


def test_channels_are_named_by_number_or_are_all():
    assert parse_channels(" 2, 0", 4) == (2, 0)
    assert parse_channels("", 3) == (0, 1, 2)
    for text in ("4", "x", "1, 1", "-1"):
        with pytest.raises(ConfigurationError):
            parse_channels(text, 4)
