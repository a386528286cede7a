"""Each frame is at its place in the map, and places without a frame are not a number."""

from __future__ import annotations

import numpy as np
import pytest

from receivers.liveview.scan_map import ScanMap
from receivers.scan import Scan
from xspress3.errors import ProtocolError


def test_frames_fill_row_by_row(frames, geometry):
    scan_map = ScanMap(Scan(2, 3), geometry)
    scan_map.add(frames(1, 3))

    # Window 0 of frame f holds f in each of two channels.
    np.testing.assert_array_equal(scan_map.values(0, corrected=False), [[np.nan, 2, 4], [6, np.nan, np.nan]])
    assert scan_map.n_filled == 3


def test_a_snake_turns_round_in_each_second_row(frames, geometry):
    scan_map = ScanMap(Scan(2, 3, is_snake=True), geometry)
    scan_map.add(frames(0, 6))

    np.testing.assert_array_equal(scan_map.values(0, corrected=False), [[0, 2, 4], [10, 8, 6]])


def test_every_second_frame_is_at_its_own_place(frames, geometry):
    scan_map = ScanMap(Scan(1, 4), geometry)
    scan_map.add(frames(0, 2, step=2))

    np.testing.assert_array_equal(scan_map.values(0, corrected=False), [[0, np.nan, 4, np.nan]])


def test_counts_are_freed_of_dead_time_channel_by_channel(frames, geometry):
    scan_map = ScanMap(Scan(1, 2), geometry)
    scan_map.add(frames(9))  # outside of the scan
    scan_map.add(frames(1))

    assert scan_map.values(1, corrected=True)[0, 1] == pytest.approx(7 / 0.9 + 7 / 0.8)
    assert scan_map.n_filled == 1


def test_positions_that_came_with_the_frames_are_believed_but_not_beyond_the_map(frames, geometry):
    scan_map = ScanMap(Scan(2, 2), geometry)
    positions = np.array([[1, 0], [0, 1], [2, 0], [0, -1]], dtype="<i4")
    scan_map.add(frames(1, 4), positions)

    np.testing.assert_array_equal(scan_map.values(0, corrected=False), [[np.nan, 4], [2, np.nan]])


def test_the_metadata_tell_the_scan():
    said = {"shape": [2, 3], "snake": True, "names": ["y", "x"], "ranges": [[0, 1], [-2, 2.5]], "units": "mm"}

    scan = Scan.from_metadata({"scan": said})

    assert scan == Scan(2, 3, True, ("y", "x"), ((0.0, 1.0), (-2.0, 2.5)), "mm")


def test_what_is_said_amiss_of_the_axes_is_left_out():
    said = {"shape": [2, 3], "names": "yx", "ranges": [[0, float("inf")], [0, 1]], "units": 5}

    assert Scan.from_metadata({"scan": said}) == Scan(2, 3)


@pytest.mark.parametrize(
    "said",
    [
        5,
        [],
        {},
        {"shape": 6},
        {"shape": [2]},
        {"shape": [0, 3]},
        {"shape": [1 << 20, 2]},
        {"shape": [True, 2]},
        {"shape": [1e3, 2]},
    ],
)
def test_a_scan_without_a_sane_shape_is_refused(said):
    with pytest.raises(ProtocolError, match="scan"):
        Scan.from_metadata({"scan": said})


def test_without_a_scan_there_is_none():
    assert Scan.from_metadata({"sample": "rust"}) is None
