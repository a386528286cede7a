"""Every frame of a session is accounted for: received, or lost with a reason."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xspress3.errors import ProtocolError
from xspress3.stream import Block, EndReason, Envelope, Loss, SessionEnd, SessionStart, SessionTracker
from xspress3.stream.tracker import Gap


def envelope(sequence, session_id=100):
    return Envelope("xspress3", session_id, sequence, 0)


def start(sequence=0, **fields):
    return SessionStart(envelope(sequence), n_frames=None, frames_per_block=4, arrays=(), **fields)


def block(sequence, first_frame, n_frames=4):
    return Block(envelope(sequence), first_frame, n_frames, ())


def end(sequence, acquired, lost=0):
    return SessionEnd(envelope(sequence), EndReason.COMPLETE, acquired, acquired, lost)


def test_a_session_of_which_all_came_is_complete():
    tracker = SessionTracker(start())

    gaps = [tracker.feed(m).gaps for m in (block(1, 0), block(2, 4), end(3, acquired=8))]

    assert gaps == [(), (), ()]
    assert (tracker.received, tracker.lost, tracker.missed_messages) == (8, 0, 0)
    assert tracker.is_complete


def test_a_block_that_did_not_come_is_a_gap_when_the_next_one_does():
    tracker = SessionTracker(start())
    tracker.feed(block(1, 0))

    fed = tracker.feed(block(3, 8))

    assert fed.gaps == (Gap(4, 4, "on the way to this reader"),)
    assert (tracker.lost, tracker.missed_messages) == (4, 1)


def test_the_last_blocks_that_did_not_come_are_a_gap_at_the_end():
    tracker = SessionTracker(start())
    tracker.feed(block(1, 0))

    fed = tracker.feed(end(4, acquired=10, lost=2))

    assert fed.gaps == (Gap(4, 8, "on the way to this reader"),)
    assert not tracker.is_complete


def test_a_loss_that_the_sender_announces_keeps_its_reason():
    tracker = SessionTracker(start())

    fed = tracker.feed(Loss(envelope(1), 0, 3, "overwritten"))

    assert fed.gaps == (Gap(0, 3, "overwritten"),)
    assert tracker.next_frame == 3


def test_a_reader_that_joins_late_knows_what_it_missed():
    tracker = SessionTracker(start(sequence=9, next_frame=32, is_repeat=True))

    fed = tracker.feed(block(9, 32))

    assert tracker.joined_late == (Gap(0, 32, "before this reader joined"),)
    assert fed.gaps == ()
    assert (tracker.received, tracker.lost, tracker.missed_messages) == (4, 32, 0)


def test_a_block_that_comes_again_is_not_counted_again():
    tracker = SessionTracker(start())
    tracker.feed(block(1, 0))

    fed = tracker.feed(block(1, 0))

    assert not fed.is_new
    assert (tracker.received, tracker.duplicates, tracker.lost) == (4, 4, 0)


def test_a_block_that_overlaps_in_part_is_refused():
    tracker = SessionTracker(start())
    tracker.feed(block(1, 0))

    with pytest.raises(ProtocolError, match=r"frames 2..5 overlap"):
        tracker.feed(block(2, 2))


def test_a_message_of_another_session_is_refused():
    tracker = SessionTracker(start())

    with pytest.raises(ProtocolError, match="session 7 within session 100"):
        tracker.feed(dataclasses.replace(block(1, 0), envelope=envelope(1, session_id=7)))


@given(st.lists(st.integers(1, 9), max_size=20), st.data())
def test_frames_received_and_lost_add_up_whatever_is_dropped(sizes, data):
    tracker = SessionTracker(start())
    first, kept = 0, 0

    for sequence, n_frames in enumerate(sizes, start=1):
        if data.draw(st.booleans()):
            tracker.feed(block(sequence, first, n_frames))
            kept += n_frames
        first += n_frames
    tracker.feed(end(len(sizes) + 1, acquired=first))

    assert tracker.received == kept
    assert tracker.received + tracker.lost == first
