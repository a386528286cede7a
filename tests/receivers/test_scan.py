"""Frames find their place on a map."""

from __future__ import annotations

import numpy as np
import pytest

from receivers.scan import MAX_PIXELS, Scan
from xspress3.errors import ProtocolError
from xspress3.stream import Envelope, SessionStart


def scan_of(said, n_frames=None):
    metadata = {} if said is None else {"scan": said}
    return Scan.from_start(SessionStart(Envelope("x", 1, 0, 0), n_frames, 1, (), metadata=metadata))


def pixels(scan, *frames):
    return scan.pixels(np.array(frames, dtype=np.int64)).tolist()


def test_frames_go_row_by_row_and_beyond_the_last_one_nowhere():
    assert pixels(scan_of({"shape": [2, 3]}), 0, 2, 3, 5, 6, 1 << 40) == [0, 2, 3, 5, -1, -1]


def test_a_snake_comes_back_in_every_second_row():
    assert pixels(scan_of({"shape": [3, 3], "snake": True}), *range(9)) == [0, 1, 2, 5, 4, 3, 6, 7, 8]


def test_positions_outside_the_map_are_nowhere():
    positions = np.array([[0, 0], [1, 2], [2, 0], [0, 3], [-1, 0]], dtype="<i4")

    assert scan_of({"shape": [2, 3]}).pixels_at(positions).tolist() == [0, 5, -1, -1, -1]


def test_axes_have_the_values_that_were_said_or_indices():
    said = scan_of({"shape": [2, 3], "ranges": [[0, 1], [5, 6]]})
    unsaid = scan_of({"shape": [2, 3]})

    assert [said.axis(0).tolist(), said.axis(1).tolist()] == [[0, 1], [5, 5.5, 6]]
    assert unsaid.axis(1).tolist() == [0, 1, 2]


def test_without_a_scan_all_frames_are_a_line():
    scan = scan_of(None, n_frames=7)

    assert (scan.n_rows, scan.n_columns) == (1, 7)


@pytest.mark.parametrize(
    "said",
    [
        7,
        {},
        {"shape": [2]},
        {"shape": [2, -3]},
        {"shape": [2, True]},
        {"shape": [MAX_PIXELS, 2]},
    ],
)
def test_a_scan_that_cannot_be_is_refused(said):
    with pytest.raises(ProtocolError, match="scan"):
        scan_of(said)


@pytest.mark.parametrize("n_frames", [None, MAX_PIXELS + 1])
def test_a_session_without_a_scan_or_a_sensible_number_of_frames_is_refused(n_frames):
    with pytest.raises(ProtocolError, match="scan"):
        scan_of(None, n_frames)


@pytest.mark.parametrize("names", [["x", "x"], ["a b", "x"], [1, 2], "yx", ["x" * 99, "y"]])
def test_names_that_cannot_be_names_of_arrays_are_not_taken(names):
    assert scan_of({"shape": [2, 3], "names": names}).array_names == ("y", "x")


@pytest.mark.parametrize("ranges", [[[0, 1]], [[0, 1], [0, float("inf")]], [[0, "1"], [0, 1]]])
def test_ranges_that_cannot_be_are_left_out(ranges):
    assert scan_of({"shape": [2, 3], "ranges": ranges}).ranges is None
