"""What a sender remembers of the running session, for readers that join late or come back."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import replace

from xspress3.stream.control import Hello
from xspress3.stream.messages import Block, Loss, Message, SessionEnd, SessionStart
from xspress3.stream.outgoing import Outgoing

__all__ = ["Backlog"]


class Backlog:
    """The start of the session, how far it is, and its last messages, up to a number of bytes::

        backlog.remember(item)           # each message that was sent
        items = backlog.greeting(hello)  # what a reader gets at once

    Parameters
    ----------
    limit_bytes
        Payload to keep; borrowed payload is not kept.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._start: SessionStart | None = None
        self._has_ended = False
        self._next_frame = 0
        self._next_sequence = 0
        self._kept: deque[tuple[int, Outgoing]] = deque()
        self._size_bytes = 0

    def remember(self, item: Outgoing) -> None:
        """Note that `item` was sent."""
        message = item.message
        if isinstance(message, SessionStart):
            self._begin(message)
        elif isinstance(message, (Block, Loss, SessionEnd)) and self._start is not None:
            self._next_sequence = message.envelope.sequence + 1
            self._keep(item)
            if isinstance(message, SessionEnd):
                self._has_ended = True
            else:
                self._next_frame = _end_frame(message)

    def advance(self, next_frame: int, next_sequence: int) -> None:
        """Note that frames were sent of which nothing shall be kept."""
        self._next_frame, self._next_sequence = next_frame, next_sequence

    def greeting(self, hello: Hello) -> list[Outgoing]:
        """The start again and what was kept, as far as the reader wants it; nothing between sessions."""
        start = self._start
        if start is None:
            return []
        is_back = self._is_of_this_session(hello)
        if self._has_ended and not is_back:
            return []
        kept = self._wanted(hello, is_back)
        envelope, next_frame = start.envelope, self._next_frame
        sequence = self._next_sequence
        if kept:
            next_frame = self._kept[len(self._kept) - len(kept)][0]
            first = kept[0].message
            assert isinstance(first, (Block, Loss, SessionEnd))
            sequence = first.envelope.sequence
        again = replace(
            start,
            envelope=replace(envelope, sequence=sequence, time_ns=time.time_ns()),
            next_frame=next_frame,
            is_repeat=True,
            contract=str(hello.contract),
        )
        return [Outgoing(again), *kept]

    def _begin(self, start: SessionStart) -> None:
        if start.is_repeat:
            return
        self._start, self._has_ended = start, False
        self._next_frame, self._next_sequence = start.next_frame, start.envelope.sequence + 1
        self._forget_all()

    def _forget_all(self) -> None:
        self._kept.clear()
        self._size_bytes = 0

    def _keep(self, item: Outgoing) -> None:
        if not self._limit_bytes:
            return
        if item.is_borrowed and isinstance(item.message, Block):
            self._forget_all()  # what is kept has no holes
            return
        self._kept.append((self._next_frame, item.owned()))
        self._size_bytes += item.size_bytes
        while self._kept and (self._size_bytes > self._limit_bytes or len(self._kept) > _MAX_MESSAGES):
            self._size_bytes -= self._kept.popleft()[1].size_bytes

    def _is_of_this_session(self, hello: Hello) -> bool:
        assert self._start is not None
        mine, its = self._start.envelope, hello.resume
        return its is not None and (its.epoch, its.session_id) == (mine.epoch, mine.session_id)

    def _wanted(self, hello: Hello, is_back: bool) -> list[Outgoing]:
        """What was kept, for a lossless reader: from where it was, or all of it where it is new."""
        if not hello.contract.is_lossless or not (is_back or hello.wants_backlog):
            return []
        from_frame = hello.resume.next_frame if is_back and hello.resume is not None else 0
        return [item for _, item in self._kept if _reaches(item.message, from_frame)]


_MAX_MESSAGES = 4096
"""Messages kept at most, however small they are."""


def _end_frame(message: Block | Loss) -> int:
    return message.end_frame if isinstance(message, Block) else message.first_frame + message.n_frames


def _reaches(message: Message | None, frame: int) -> bool:
    """Whether `message` tells of `frame` or of later ones."""
    return isinstance(message, SessionEnd) or (
        isinstance(message, (Block, Loss)) and _end_frame(message) > frame
    )
