"""What checks have in common: what came, and whether it is what must come."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from xspress3.stream.messages import Block, Loss, Message, SessionEnd
from xspress3.testing.ends import ReceivingEnd
from xspress3.testing.transport_tools import Bench, account, frames_of

__all__ = ["WIDE", "expect_all", "expect_exact", "frames_in", "lost_in", "next_of"]

WIDE = 1 << 18
"""Values of a frame that fills a megabyte, so that no buffer of the system hides who is slow."""


def frames_in(messages: Sequence[Message]) -> list[int]:
    """Numbers of the frames that came, each checked to be what was sent."""
    return [frame for message in messages if isinstance(message, Block) for frame in frames_of(message)]


def lost_in(messages: list[Message]) -> list[int]:
    """Numbers of the frames that are told not to come."""
    return [
        frame
        for message in messages
        if isinstance(message, Loss)
        for frame in range(message.first_frame, message.first_frame + message.n_frames)
    ]


def next_of(bench: Bench, reader: ReceivingEnd) -> Message:
    """The next message of a session that goes on."""
    message = bench.receive(reader)
    assert message is not None, "the sender ended within a session"
    return message


def expect_all(messages: Sequence[Message], n_frames: int) -> None:
    """A whole session of `n_frames`, in order, each message once."""
    sequences = [message.envelope.sequence for message in messages]  # type: ignore[union-attr]
    assert sequences == sorted(set(sequences)), f"messages came out of order or twice: {_break(sequences)}"
    frames = frames_in(messages)
    assert frames == list(range(n_frames)), (
        f"expected frames 0..{n_frames - 1} in order, came {len(frames)}: {_break(frames)}"
    )
    tracker = account(messages)
    assert tracker.is_complete, f"{tracker.lost} frames are told as lost to a lossless reader"
    assert not tracker.missed_messages, f"{tracker.missed_messages} messages are missing"


def expect_exact(found: list[Message], n_frames: int) -> None:
    """Each frame came or was told not to come, once."""
    end = found[-1]
    assert isinstance(end, SessionEnd), f"the last message is a {type(end).__name__}, expected SessionEnd"
    both = sorted(frames_in(found) + lost_in(found))
    missing = sorted(set(range(n_frames)) - set(both))
    assert not missing, f"frames {missing[:5]}... neither came nor were told as lost ({len(missing)} of them)"
    assert len(both) == n_frames, f"{len(both)} frames came or were told as lost, {n_frames} were sent"


def _break(numbers: list[int]) -> str:
    """Where numbers stop to follow each other."""
    for before, after in pairwise(numbers):
        if after != before + 1:
            return f"after {before} comes {after}"
    return f"{numbers[:1]} to {numbers[-1:]}"
