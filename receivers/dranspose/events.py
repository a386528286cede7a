"""Events for a cluster, made of a session: its start, its frames one by one, its end.

An event is the parts of one or more messages of our protocol, one after the other, so workers read it
with the same code, and the same checks, as any reader::

    event 0                 the start
    event 1 + i             the frames i * k to i * k + k - 1, with k frames in an event: blocks, and a
                            loss for those that will not come
    all events after them   the end

Event numbers and frame numbers thus stay together, whatever was lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Union

from receivers.dranspose.pieces import cut_block
from receivers.report import Outcome, SessionReport
from receivers.session import UNREADABLE
from xspress3.errors import ProtocolError
from xspress3.stream import (
    Block,
    EndReason,
    Envelope,
    Loss,
    Message,
    SessionEnd,
    SessionStart,
    decode,
    encode,
)
from xspress3.stream.codec import MAX_HEADER_BYTES
from xspress3.stream.tracker import Gap

__all__ = ["EVENT_TYPE", "Event", "EventCutter", "Item", "end_of", "event_of", "messages_of"]

EVENT_TYPE = "xspress3"
"""What dranspose calls the type of a stream."""

Event = list[bytes]
Item = Union[SessionStart, Block, Gap, SessionEnd]
Buffer = Union[bytes, bytearray, memoryview]

_SAID_BY_SENDER = {Outcome(reason.value): reason for reason in EndReason}


def event_of(message: Message) -> Event:
    """The event that holds `message` alone."""
    return [bytes(part) for part in encode(message)]


def messages_of(parts: Sequence[Buffer]) -> Iterator[Message]:
    """The messages that an event holds.

    Raises
    ------
    ProtocolError
        When `parts` are no messages of ours.
    """
    at = 0
    while at < len(parts):
        end = at + 1 + _n_arrays(parts[at])
        yield decode(parts[at:end])
        at = end


def _n_arrays(header: Buffer) -> int:
    if len(header) > MAX_HEADER_BYTES:
        raise ProtocolError(f"event: header of {len(header)} bytes, allowed is {MAX_HEADER_BYTES}")
    try:
        said = json.loads(bytes(header))
    except (ValueError, RecursionError):
        raise ProtocolError("event: a header that is no JSON") from None
    if not isinstance(said, dict) or said.get("type") != "block":
        return 0
    arrays = said.get("arrays")
    return len(arrays) if isinstance(arrays, list) else 0


class EventCutter:
    """Cuts a session into events of so many frames::

        cutter = EventCutter(frames_per_event=1)
        for event in cutter.events(item):
            ...

    Items are a start, then blocks and gaps that follow each other, then an end.
    """

    def __init__(self, frames_per_event: int) -> None:
        self._frames_per_event = frames_per_event
        self._next_frame = 0
        self._parts: Event = []
        self._envelope = Envelope("", 0, 0, 0)

    def events(self, item: Item) -> Iterator[Event]:
        """Events that are whole with `item`; made one by one, because a gap may be long."""
        if isinstance(item, Block):
            yield from self._cut(item)
        elif isinstance(item, Gap):
            yield from self._lose(item)
        else:
            self._envelope = item.envelope
            yield from self._finish()
            yield event_of(item)

    def _cut(self, block: Block) -> Iterator[Event]:
        assert block.first_frame == self._next_frame
        try:
            pieces = cut_block(block, self._sizes(block.n_frames))
        except ProtocolError as error:
            yield from self._lose(Gap(block.first_frame, block.n_frames, f"{UNREADABLE}: {error}"[:4096]))
            return
        for piece in pieces:
            yield from self._append(piece.n_frames, event_of(piece))

    def _lose(self, gap: Gap) -> Iterator[Event]:
        left = gap.n_frames
        while left:
            n_frames = min(left, self._room())
            loss = Loss(self._envelope, self._next_frame, n_frames, gap.reason)
            yield from self._append(n_frames, event_of(loss))
            left -= n_frames

    def _finish(self) -> Iterator[Event]:
        event, self._parts = self._parts, []
        if event:
            yield event

    def _room(self) -> int:
        """Frames that the event which is being put together still takes."""
        return self._frames_per_event - self._next_frame % self._frames_per_event

    def _sizes(self, n_frames: int) -> list[int]:
        """Frames of a block that go into the same event."""
        first = min(n_frames, self._room())
        n_whole, rest = divmod(n_frames - first, self._frames_per_event)
        return [first] + [self._frames_per_event] * n_whole + [rest] * bool(rest)

    def _append(self, n_frames: int, parts: Event) -> Iterator[Event]:
        self._next_frame += n_frames
        self._parts += parts
        if self._next_frame % self._frames_per_event == 0:
            yield from self._finish()


def end_of(envelope: Envelope, report: SessionReport) -> SessionEnd:
    """What a worker is told of the end, with the counts of this reader.

    An end that the sender did not say is a failure, and the text says which.
    """
    reason = _SAID_BY_SENDER.get(report.outcome)
    text = report.text if reason else f"{report.outcome.value}: {report.text}"
    received = report.frames_received
    return SessionEnd(
        envelope, reason or EndReason.FAILED, received, received, report.frames_lost, text[:4096]
    )
