"""A session becomes events whose numbers follow those of its frames."""

from __future__ import annotations

import json

import numpy as np
import pytest

from receivers.dranspose.events import EventCutter, event_of, messages_of
from tests.receivers.dranspose.test_pieces import block_of, frames
from xspress3.errors import ProtocolError
from xspress3.stream import Block, EndReason, Envelope, Loss, SessionEnd, SessionStart
from xspress3.stream.tracker import Gap

ENVELOPE = Envelope("x", 1, 0, 3)
START = SessionStart(ENVELOPE, None, 4, ())
END = SessionEnd(ENVELOPE, EndReason.COMPLETE, 9, 9, 0)


def told(events):
    """Of each event, its messages as (kind, first frame, number of frames)."""
    return [[_told(message) for message in messages_of(event)] for event in events]


def _told(message):
    if isinstance(message, (Block, Loss)):
        return type(message).__name__, message.first_frame, message.n_frames
    return type(message).__name__


def cut(frames_per_event, *items):
    cutter = EventCutter(frames_per_event)
    return [event for item in items for event in cutter.events(item)]


def test_with_one_frame_in_an_event_its_number_is_that_of_the_frame_and_one():
    events = cut(1, START, block_of(frames(2, 4096), first_frame=0), Gap(2, 2, "gone"), END)

    assert told(events) == [
        ["SessionStart"],
        [("Block", 0, 1)],
        [("Block", 1, 1)],
        [("Loss", 2, 1)],
        [("Loss", 3, 1)],
        ["SessionEnd"],
    ]
    assert next(messages_of(events[4])).reason == "gone"


def test_events_of_several_frames_are_filled_from_blocks_and_gaps():
    events = cut(
        4,
        START,
        block_of(frames(3, 4096), first_frame=0),
        Gap(3, 2, "gone"),
        block_of(frames(5, 4096), first_frame=5),
        END,
    )

    assert told(events) == [
        ["SessionStart"],
        [("Block", 0, 3), ("Loss", 3, 1)],
        [("Loss", 4, 1), ("Block", 5, 3)],
        [("Block", 8, 2)],
        ["SessionEnd"],
    ]


def test_the_frames_are_right_whatever_event_they_are_in():
    histogram = frames(10, 4096)

    events = cut(4, START, block_of(histogram, first_frame=0), END)

    blocks = [m for event in events for m in messages_of(event) if isinstance(m, Block)]
    np.testing.assert_array_equal(np.concatenate([b["histogram"].decode() for b in blocks]), histogram)


def test_a_block_that_cannot_be_unpacked_is_lost_frames():
    whole = block_of(frames(2, 100), first_frame=0)
    payload = bytearray(whole["histogram"].payload)
    payload[20:60] = b"\xff" * 40
    broken = block_of(frames(2, 100), first_frame=0)
    object.__setattr__(broken.arrays[0], "payload", bytes(payload))

    events = cut(1, START, broken, END)

    assert told(events) == [["SessionStart"], [("Loss", 0, 1)], [("Loss", 1, 1)], ["SessionEnd"]]
    assert "could not be unpacked" in next(messages_of(events[1])).reason


def test_a_long_gap_takes_no_memory_before_its_events_are_asked_for():
    events = EventCutter(1).events(Gap(0, 1 << 40, "gone"))

    assert told([next(events), next(events)]) == [[("Loss", 0, 1)], [("Loss", 1, 1)]]


@pytest.mark.parametrize(
    "parts",
    [
        [b"no json"],
        [b"[" * 100000],
        [b"x" * (1 << 21)],
        [b"{}"],
        [*event_of(block_of(frames(1, 4096), first_frame=0))[:1]],
        [json.dumps({"type": "block", "arrays": 7}).encode()],
    ],
)
def test_parts_that_are_no_event_are_refused(parts):
    with pytest.raises(ProtocolError):
        list(messages_of(parts))
