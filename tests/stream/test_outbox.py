"""What waits for one reader, as its contract says."""

from __future__ import annotations

import numpy as np
import pytest

from xspress3.stream import Block, EncodedArray, EndReason, Envelope, Loss, SessionEnd, SessionStart
from xspress3.stream.contract import LATEST, LOSSLESS, every
from xspress3.stream.outbox import MAX_NEWS, PASSED_OVER, TOO_SLOW, Outbox
from xspress3.stream.outgoing import Outgoing


def envelope(sequence):
    return Envelope("camera", 1, sequence, 0)


def block(sequence, n_frames=2):
    data = np.arange(n_frames, dtype="<u4")
    array = EncodedArray("data", data.dtype, data.shape, "none", data.tobytes())
    return Outgoing(Block(envelope(sequence), (sequence - 1) * n_frames, n_frames, (array,)))


def end(sequence, acquired):
    return Outgoing(SessionEnd(envelope(sequence), EndReason.COMPLETE, acquired, acquired, 0))


def taken(box):
    found = []
    while (item := box.take()) is not None:
        found.append(item.message)
    return found


def brief(messages):
    return [
        (type(m).__name__, m.first_frame, m.n_frames) if isinstance(m, (Block, Loss)) else type(m).__name__
        for m in messages
    ]


def test_lossless_takes_one_at_a_time_and_refuses_without_credit():
    box = Outbox(LOSSLESS, credit=1)

    took = [box.offer(block(1)), box.offer(block(2))]
    first = taken(box)
    again = box.offer(block(2))
    box.grant(1)

    assert took == [True, False]
    assert brief(first) == [("Block", 0, 2)]
    assert not again
    assert box.has_room
    assert box.offer(block(2))
    assert not box.has_room


def test_latest_keeps_the_newest_and_says_what_it_passed_over():
    box = Outbox(LATEST, credit=1)

    for sequence in range(1, 6):
        assert box.offer(block(sequence))
    first = taken(box)
    box.grant(2)
    rest = taken(box)

    assert brief(first) == [("Block", 0, 2)]
    assert brief(rest) == [("Loss", 2, 6), ("Block", 8, 2)]
    assert (rest[0].reason, rest[0].by_contract) == (PASSED_OVER, True)
    assert (rest[0].first_sequence, rest[0].envelope.sequence) == (2, 4)
    assert box.n_left_out == 6


def test_latest_gets_the_newest_block_before_the_end():
    box = Outbox(LATEST, credit=1)
    box.offer(block(1))
    box.offer(block(2))
    box.offer(block(3))

    box.offer(end(4, 6))
    box.grant(9)

    assert brief(taken(box)) == [("Block", 0, 2), ("Loss", 2, 2), ("Block", 4, 2), "SessionEnd"]


def test_every_gets_frames_while_there_is_credit_and_then_one_loss_that_grows():
    box = Outbox(every(1), credit=2)

    for sequence in range(1, 7):
        box.offer(block(sequence))
    first = taken(box)
    box.grant(1)
    then = taken(box)
    box.offer(block(7))
    box.grant(2)

    assert brief(first) == [("Block", 0, 2), ("Block", 2, 2)]
    assert brief(then) == [("Loss", 4, 8)]
    assert (then[0].reason, then[0].by_contract) == (TOO_SLOW, False)
    assert brief(taken(box)) == [("Loss", 12, 2)]


@pytest.mark.parametrize(("step", "frames"), [(1, [0, 1, 2, 3, 4, 5]), (3, [0, 3]), (4, [0, 4]), (100, [0])])
def test_every_nth_is_told_by_the_number_of_the_frame(step, frames):
    box = Outbox(every(step), credit=9)

    for sequence in range(1, 4):
        box.offer(block(sequence))
    found = [frame for m in taken(box) for frame in range(m.first_frame, m.end_frame, m.step)]

    assert found == frames


def test_news_are_never_left_out_and_a_start_says_the_contract():
    box = Outbox(LATEST, credit=9)

    box.offer(Outgoing(SessionStart(envelope(0), None, 1, ())))
    box.offer(Outgoing(Loss(envelope(1), 0, 4, "overwritten")))

    start, loss = taken(box)
    assert start.contract == "latest"
    assert loss.reason == "overwritten"


def test_what_could_not_be_sent_comes_first_again():
    box = Outbox(every(1), credit=2)
    box.offer(block(1))
    box.offer(block(2))

    box.put_back(box.take())

    assert brief(taken(box)) == [("Block", 0, 2), ("Block", 2, 2)]


def test_who_is_given_up_is_served_like_one_that_need_not_get_all():
    box = Outbox(LOSSLESS, credit=0)

    box.demote()

    assert box.has_room
    assert box.offer(block(1))
    box.grant(1)
    assert brief(taken(box)) == [("Loss", 0, 2)]


def test_a_reader_that_takes_no_news_is_overdue():
    box = Outbox(LATEST, credit=0)

    for sequence in range(MAX_NEWS + 1):
        box.offer(Outgoing(Loss(envelope(sequence), sequence, 1, "x")))

    assert box.is_overdue
