"""Where blocks go: what a program must offer to be fed by a `Receiver`."""

from __future__ import annotations

from typing import Protocol

from receivers.report import SessionReport
from xspress3.stream import Block, SessionStart
from xspress3.stream.tracker import Gap

__all__ = ["Sink"]


class Sink(Protocol):
    """Takes the frames of one session after the other, always called from one thread::

        begin ( write | lost | tick )* end    and again, at last    close

    A sink raises `SinkError` when it cannot go on; the receiver then calls `end` of every sink that
    has begun, this one too, and the run is over.
    """

    def begin(self, start: SessionStart) -> None:
        """A session starts; called once for it, before anything else about it.

        Raises
        ------
        ProtocolError
            When `start` does not describe what the sink can take; the session is passed over and
            the run goes on. `end` is not called then.
        SinkError
            When the sink cannot take any session.
        """

    def write(self, block: Block) -> None:
        """Frames that are new, in order, and shaped as the start said.

        The payload is valid during this call only: copy what is kept.

        Raises
        ------
        ProtocolError
            When the payload cannot be unpacked; nothing of the block may have been taken. `lost`
            is called for its frames next.
        """

    def lost(self, gap: Gap) -> None:
        """Frames that will not come, called before the block behind them."""

    def tick(self) -> None:
        """Time has passed: called after every message, and ten times a second when none comes."""

    def end(self, report: SessionReport) -> None:
        """The session is over, by its sender or by force, see `report.outcome`."""

    def close(self) -> None:
        """Nothing more will come; called by whoever made the sink. A second call does nothing."""
