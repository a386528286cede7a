"""One session on its way from the stream to the sinks."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Union

import numpy as np

from receivers.payload import payload_bytes
from receivers.report import MAX_GAPS_KEPT, Outcome, SessionReport
from receivers.sink import Sink
from xspress3.errors import ProtocolError
from xspress3.stream import Alive, Block, EndReason, Loss, SessionEnd, SessionStart, SessionTracker
from xspress3.stream.tracker import Gap

__all__ = ["MAX_FRAMES", "Session"]

logger = logging.getLogger(__name__)

MAX_FRAMES = 1 << 40
"""Frame numbers from here on are not believed: at a million frames a second they take twelve days."""
MAX_GAP = 1 << 24
"""Frames that may be missing at once in a session without a planned end."""
UNREADABLE = "could not be unpacked"
NEVER_CAME = "never came: the session broke off"
_BROKEN_OFF = (Outcome.SILENT, Outcome.SUPERSEDED, Outcome.END_MISSED)
"""Ends after which frames that were planned will not come any more."""


class Session:
    """Checks and counts what comes, and hands it to each sink::

    session = Session(start, sinks)
    session.begin()
    session.feed(message)
    report, error = session.close(Outcome.INTERRUPTED)
    """

    def __init__(self, start: SessionStart, sinks: Sequence[Sink]) -> None:
        self.start = start
        self._tracker = SessionTracker(start)
        self._waiting = list(sinks)
        self._sinks: list[Sink] = []
        self._began = time.monotonic()
        self._gaps: list[Gap] = []
        self._n_gaps = 0
        self._n_unreadable = 0
        self._size_bytes = 0

    def begin(self) -> None:
        """Begin every sink; frames from before a late join are told as lost at once."""
        self._check_range(self.start)
        while self._waiting:
            self._waiting[0].begin(self.start)
            self._sinks.append(self._waiting.pop(0))
        self._lose(self._tracker.joined_late)

    def owns(self, message: Union[SessionStart, Block, Loss, SessionEnd, Alive]) -> bool:
        """Whether `message` belongs to this session."""
        mine, its = self.start.envelope, message.envelope
        return (its.stream_id, its.epoch, its.session_id) == (mine.stream_id, mine.epoch, mine.session_id)

    def rejoin(self, start: SessionStart) -> None:
        """Go on after the connection was broken; what the sender did not keep meanwhile is lost."""
        self._check_range(start)
        self._lose(self._tracker.rejoin(start))

    def feed(self, message: Union[Block, Loss, SessionEnd]) -> None:
        """Take `message`, which is one of this session's.

        Raises
        ------
        ProtocolError
            When it does not fit the session; its frames were not taken.
        SinkError
            From a sink.
        """
        self._check_range(message)
        if isinstance(message, Block):
            check_arrays(message, self.start)
        fed = self._tracker.feed(message)
        self._lose(fed.gaps)
        if isinstance(message, Block) and fed.is_new:
            self._write(message)

    def tick(self) -> None:
        """Let the sinks do what is due."""
        for sink in self._sinks:
            sink.tick()

    def close(self, outcome: Outcome, text: str = "") -> tuple[SessionReport, Exception | None]:
        """End the session in every sink; gives the report, and the first error of a sink."""
        if outcome in _BROKEN_OFF:
            self._lose(self._tracker.give_up(self.start.n_frames or 0, NEVER_CAME))
        report = self._report(outcome, text)
        first: Exception | None = None
        while self._sinks:
            try:
                self._sinks.pop(0).end(report)
            except Exception as error:  # each sink must be ended; the caller raises the first error
                logger.warning("end of session %s: %s", report.session_id, error)
                first = first or error
        if first is not None and report.is_complete:
            report = replace(report, outcome=Outcome.SINK_FAILED, text=str(first), is_complete=False)
        return report, first

    def _check_range(self, message: Union[SessionStart, Block, Loss, SessionEnd]) -> None:
        limit = self._limit()
        if isinstance(message, SessionStart):
            end = message.next_frame
        elif isinstance(message, SessionEnd):
            end = message.acquired + message.lost
        elif isinstance(message, Block):
            end = message.end_frame
        else:
            end = message.first_frame + message.n_frames
        if end > limit:
            raise ProtocolError(
                f"{type(message).__name__.lower()} tells of frames up to {end - 1}, the session has {limit}"
            )

    def _limit(self) -> int:
        """Frames that the session can have: what the start said, else no more than a gap may be long."""
        planned = self.start.n_frames
        return self._tracker.next_frame + MAX_GAP if planned is None else min(planned, MAX_FRAMES)

    def _lose(self, gaps: Sequence[Gap]) -> None:
        for gap in gaps:
            self._keep(gap)
            for sink in self._sinks:
                sink.lost(gap)

    def _keep(self, gap: Gap) -> None:
        self._n_gaps += 1
        if len(self._gaps) < MAX_GAPS_KEPT:
            self._gaps.append(gap)

    def _write(self, block: Block) -> None:
        self._size_bytes += payload_bytes(block)
        gap = Gap(block.first_frame, block.end_frame - block.first_frame, UNREADABLE)
        unreadable: ProtocolError | None = None
        for sink in self._sinks:
            try:
                sink.write(block)
            except ProtocolError as error:
                unreadable = error
                sink.lost(gap)
        if unreadable is not None:
            self._n_unreadable += block.n_frames
            self._keep(gap)
            raise unreadable

    def _report(self, outcome: Outcome, text: str) -> SessionReport:
        tracker, end = self._tracker, self._tracker.end
        has_failed = end is not None and end.reason is EndReason.FAILED
        return SessionReport(
            stream_id=self.start.envelope.stream_id,
            session_id=self.start.envelope.session_id or 0,
            outcome=outcome,
            text=text,
            frames_expected=self._expected(),
            frames_received=tracker.received - self._n_unreadable,
            frames_lost=tracker.lost + self._n_unreadable,
            frames_skipped=tracker.skipped,
            duplicates=tracker.duplicates,
            missed_messages=tracker.missed_messages,
            gaps=tuple(self._gaps),
            n_gaps=self._n_gaps,
            duration=time.monotonic() - self._began,
            size_bytes=self._size_bytes,
            end_time=time.time() if end is None else end.envelope.time_ns / 1e9,
            is_complete=tracker.is_complete and not has_failed and not self._n_unreadable,
        )

    def _expected(self) -> int | None:
        """Frames of the session: what its end says, unless that end was not the planned one."""
        end, planned = self._tracker.end, self.start.n_frames
        if end is None or (end.reason is EndReason.FAILED and planned is not None):
            return planned
        return end.acquired + end.lost


def check_arrays(block: Block, start: SessionStart) -> None:
    """Raise `ProtocolError` unless `block` has every array that `start` promised, shaped as said."""
    found = {array.name: array for array in block.arrays}
    for said in start.arrays:
        array = found.get(said.name)
        if array is None:
            raise ProtocolError(f"block: array {said.name!r} is missing")
        if array.dtype != np.dtype(said.dtype) or array.shape[1:] != said.shape:
            raise ProtocolError(
                f"array {said.name!r}: {array.dtype} {array.shape} in a block, "
                f"the start said {said.dtype} {said.shape} for a frame"
            )
