"""A position counts only when it is one, and says that it is of this frame."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest

from receivers.dranspose import XrfMapReducer, XrfMapWorker
from receivers.dranspose.events import EventCutter
from receivers.dranspose.positions import PositionFields, StreamPositions, UnplacedError
from receivers.dranspose.results import UNPLACED, MapRefused
from receivers.scan import Scan
from tests.receivers.dranspose.test_maps import (
    N_FRAMES,
    block_of,
    end_of,
    event,
    give,
    results,
    start_of,
    state,
    window0,
)
from xspress3.errors import ConfigurationError

SCAN = Scan(2, 3, ranges=((10.0, 11.0), (0.5, -0.5)))
"""Rows at 10 and 11, columns at 0.5, 0 and -0.5."""
FIELDS = PositionFields("panda", "Y.Mean", "X.Mean")
RANGES = {"shape": [2, 3], "ranges": [[10.0, 11.0], [0.5, -0.5]]}
SAID = {"stream": "panda", "row": "Y.Mean", "column": "X.Mean"}
HEADER = """arm_time: 2024-10-07T08:49:10.627Z
missed: 0
process: Scaled
format: ASCII
fields:
 X double Mean 1 0 mm
 Y double Mean 1 0 mm
 COUNTER1.OUT uint32 Value

"""


def pcap(frame, **fields):
    said = {"message_id": 1, "version": 1, "message_type": "data", "frame_number": frame, **fields}
    return stream("PCAP", json.dumps(said))


def stream(kind, *texts):
    return {"panda": SimpleNamespace(typ=kind, frames=[text.encode() for text in texts])}


def pixel(streams, frame=4, fields=FIELDS):
    return StreamPositions(fields, SCAN).pixel(streams, frame)


@pytest.mark.parametrize(
    ("y", "x", "expected"),
    [
        (10.0, 0.5, 0),
        (10.0, -0.5, 2),
        (11.0, 0.0, 4),
        (10.4, 0.2, 1),
        (11.49, -0.74, 5),
        (9.51, 0.74, 0),
        (11.51, 0.0, -1),
        (10.0, 0.76, -1),
        (1e300, 0.0, -1),
    ],
)
def test_a_frame_goes_to_the_pixel_whose_centre_is_nearest(y, x, expected):
    assert pixel(pcap(4, **{"Y.Mean": y, "X.Mean": x})) == expected


@pytest.mark.parametrize(
    ("streams", "text"),
    [
        ({}, "no panda in the event"),
        (pcap(5, **{"Y.Mean": 10, "X.Mean": 0}), "frame_number is 5, expected 4"),
        (pcap(None, **{"Y.Mean": 10, "X.Mean": 0}), "frame_number is None"),
        (pcap(True, **{"Y.Mean": 10, "X.Mean": 0}), "frame_number is True"),
        (pcap(4, **{"X.Mean": 0}), "Y.Mean is None"),
        (pcap(4, **{"Y.Mean": 10, "X.Mean": math.nan}), "X.Mean is nan"),
        (pcap(4, **{"Y.Mean": -math.inf, "X.Mean": 0}), "Y.Mean is -inf"),
        (pcap(4, **{"Y.Mean": [10], "X.Mean": 0}), "Y.Mean is [10]"),
        (pcap(4, **{"Y.Mean": 10**400, "X.Mean": 0}), "Y.Mean is 1000"),
        (stream("PCAP", "{"), "no JSON"),
        (stream("PCAP", "[" * 100_000), "no JSON"),
        (stream("PCAP", "{}", "{}"), "2 parts"),
        (stream("PCAP", " " * (1 << 20) + "{}"), "allowed are 1048576"),
        (stream("PCAP", '{"message_type": "series-end"}'), "an end in place of a position"),
        (stream("contrast", "."), "of type contrast"),
        (stream("PCAP_RAW", " 0 10 4\n"), "3 values for 0 fields"),
    ],
)
def test_what_is_no_position_of_this_frame_gives_no_pixel(streams, text):
    with pytest.raises(UnplacedError) as caught:
        pixel(streams)
    assert text in str(caught.value)


def test_lines_of_text_are_read_by_the_names_in_their_header():
    fields = PositionFields("panda", "Y.Mean", "X.Mean", "COUNTER1.OUT.Value", first=1)
    positions = StreamPositions(fields, SCAN)
    positions.hear(stream("PCAP_RAW", HEADER))

    assert positions.pixel(stream("PCAP_RAW", " -0.5 11.0 5\n"), 4) == 5
    for line in (" -0.5 11.0 4\n", " -0.5 11.0\n", "END 0 Disarmed\n", " nan 11.0 5\n"):
        with pytest.raises(UnplacedError):
            positions.pixel(stream("PCAP_RAW", line), 4)


def test_lines_that_do_not_say_their_frame_place_nothing():
    positions = StreamPositions(FIELDS, SCAN)
    positions.hear(stream("PCAP_RAW", HEADER))

    with pytest.raises(UnplacedError, match="does not say of which frame"):
        positions.pixel(stream("PCAP_RAW", " -0.5 11.0 4\n"), 4)


@pytest.mark.parametrize(
    "said",
    [
        7,
        {},
        {**SAID, "row": 1},
        {**SAID, "column": ""},
        {**SAID, "first": True},
        {**SAID, "frame": "x" * 200},
    ],
)
def test_fields_that_cannot_be_are_refused(said):
    with pytest.raises(ConfigurationError, match="positions"):
        PositionFields.from_metadata({"positions": said})


def test_fields_are_said_by_a_text_as_well():
    assert PositionFields.from_text(" panda: Y.Mean ,X.Mean") == FIELDS
    assert PositionFields.from_text("panda: Y, X, N").frame == "N"
    with pytest.raises(ConfigurationError):
        PositionFields.from_text("panda Y X")


@pytest.mark.parametrize("scan", [{"shape": [2, 3]}, {"shape": [2, 3], "ranges": [[1, 1], [0, 1]]}])
def test_a_session_whose_positions_cannot_be_pixels_is_refused(scan):
    ((result,),) = results(XrfMapWorker(), start_of(scan=scan, positions=SAID))

    assert isinstance(result, MapRefused)


def test_frames_without_a_place_are_counted_and_are_nowhere_on_the_map():
    worker, reducer, cutter = XrfMapWorker(), XrfMapReducer(), EventCutter(1)
    places = {
        0: pcap(0, **{"Y.Mean": 11, "X.Mean": -0.5}),
        1: pcap(2, **{"Y.Mean": 10, "X.Mean": 0.5}),
        2: pcap(2, **{"Y.Mean": math.nan, "X.Mean": 0.5}),
        3: {},
        4: pcap(4, **{"Y.Mean": 0, "X.Mean": 0.5}),
        5: pcap(5, **{"Y.Mean": 11, "X.Mean": -0.4}),
    }
    said = [worker.process_event(event(next(cutter.events(start_of(scan=RANGES, positions=SAID)))))]
    for frame, parts in enumerate(cutter.events(block_of(0, N_FRAMES))):
        streams = {**event(parts).streams, **places[frame]}
        said.append(worker.process_event(SimpleNamespace(streams=streams)))
    said += [worker.process_event(event(parts)) for parts in cutter.events(end_of())]

    give(reducer, said[::-1][-1:] + said[::-1][:-1])

    assert [result.pixels.tolist() for (result,) in said[1:-1]] == [
        [5],
        [UNPLACED],
        [UNPLACED],
        [UNPLACED],
        [-1],
        [5],
    ]
    assert window0(reducer)[5] == 10  # of the two frames at this place the last one
    assert np.isnan(window0(reducer)[:5]).all()
    assert state(reducer) == {"state": "complete", "frames": 2, "lost": 0, "outside": 1}
    assert [reducer.publish["state"][name] for name in ("unplaced", "repeated", "missing")] == [3, 1, 0]
    assert "has no place: " in reducer.publish["state"]["text"]


def test_an_event_of_several_frames_has_one_position_which_is_of_none_of_them():
    worker, cutter = XrfMapWorker(), EventCutter(2)
    worker.process_event(event(next(cutter.events(start_of(scan=RANGES, positions=SAID)))))
    (parts, *_) = cutter.events(block_of(0, 4))

    (result,) = worker.process_event(
        SimpleNamespace(streams={**event(parts).streams, **pcap(0, **{"Y.Mean": 10, "X.Mean": 0})})
    )

    assert result.pixels.tolist() == [UNPLACED, UNPLACED]
