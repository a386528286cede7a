"""Sends recordings as live streams: to try readers without a detector, and with real data."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Protocol
from urllib.parse import urlsplit

import zmq

from receivers.geometry import HISTOGRAM, SCALERS
from receivers.recorded import open_recording
from receivers.recorded_blocks import SessionMessage, unnumbered
from xspress3.errors import ConfigurationError, StreamError
from xspress3.stream import (
    Block,
    EndReason,
    Loss,
    Numbering,
    Publisher,
    SessionEnd,
    SessionStart,
)
from xspress3.stream.dialects import OLD_DIALECTS, DialectPublisher, old_dialect
from xspress3.stream.security import ClientGate, CurveServer, no_keys
from xspress3.stream.sockets import warn_of_everybody

__all__ = ["DIALECTS", "Link", "Pace", "Replay", "Replayed", "open_link"]

Secure = Callable[[zmq.Socket[bytes]], None]
DIALECTS = ("native", *OLD_DIALECTS)
LINGER = 10.0
"""Seconds that readers have to take the rest when all was sent."""
BACKLOG_BYTES = 32 << 20
_LOOK = 0.1
"""Seconds after which a wait looks whether it shall stop."""


class Pace:
    """Lets frames go at a steady rate, or at once.

    Parameters
    ----------
    rate
        Frames a second; `None` for as fast as readers take them.
    stop
        Ends all waiting once it is set.
    """

    def __init__(self, rate: float | None, stop: threading.Event) -> None:
        self.rate = rate
        self.stop = stop
        self._began = time.monotonic()
        self._n_frames = 0

    def restart(self) -> None:
        """Count from here: a session begins."""
        self._began, self._n_frames = time.monotonic(), 0

    def until_due(self, n_frames: int) -> float:
        """Seconds until the next `n_frames` may go; they count as gone."""
        self._n_frames += n_frames
        if self.rate is None:
            return 0.0
        return self._began + (self._n_frames - n_frames) / self.rate - time.monotonic()


class Link(Protocol):
    """What a replay is sent through."""

    endpoint: str

    def wait_readers(self, n_readers: int, stop: threading.Event) -> bool:
        """Whether that many readers are there; `False` once `stop` is set."""

    def send(self, message: SessionMessage, pace: Pace) -> None:
        """Send `message`, its frames when they are due.

        Raises
        ------
        zmq.Again
            When it was stopped while a reader was waited for.
        """

    def finish(self) -> None:
        """Wait until readers have taken all.

        Raises
        ------
        StreamError
            When one has not within `LINGER` s.
        """

    def close(self, linger: float) -> None:
        """Free the port, after at most `linger` s in which zmq hands over what it has."""


class _NativeLink:
    """Our own dialect."""

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], endpoint: str, numbering: Numbering, secure: Secure
    ) -> None:
        self._publisher = Publisher(
            context,
            endpoint,
            numbering,
            backlog_bytes=BACKLOG_BYTES,
            linger=LINGER,
            state=lambda: "replaying",
            secure=secure,
        )
        self._last: zmq.MessageTracker | None = None
        self.endpoint = self._publisher.endpoint

    def wait_readers(self, n_readers: int, stop: threading.Event) -> bool:
        while self._publisher.n_readers < n_readers and not stop.is_set():
            self._publisher.serve(_LOOK)
        return self._publisher.n_readers >= n_readers

    def send(self, message: SessionMessage, pace: Pace) -> None:
        if isinstance(message, Block):
            self._serve(pace.until_due(message.n_frames), pace.stop)
        is_end = isinstance(message, SessionEnd)
        sent = self._publisher.send(message, is_borrowed=is_end, give_up=pace.stop.is_set)
        if is_end:
            self._last = sent.tracker

    def _serve(self, seconds: float, stop: threading.Event) -> None:
        """Hear readers and give signs of life for that long."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and not stop.is_set():
            self._publisher.serve(min(left, _LOOK))

    def finish(self) -> None:
        publisher, last = self._publisher, self._last
        if last is not None and not publisher.wait_taken(LINGER) and not publisher.has_handed_over(last):
            raise StreamError(f"a reader has not taken the end of the recording within {LINGER} s")

    def close(self, linger: float) -> None:
        self._publisher.close(linger)


class _OldLink:
    """One of the old dialects; it cannot say what was lost, frame numbers jump."""

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], endpoint: str, dialect: str, secure: Secure
    ) -> None:
        self._publisher = DialectPublisher(
            context, endpoint, old_dialect(dialect), linger=LINGER, secure=secure
        )
        self.endpoint = self._publisher.endpoint

    def wait_readers(self, n_readers: int, stop: threading.Event) -> bool:
        while not self._publisher.wait_readers(n_readers, _LOOK, stop.is_set):
            if stop.is_set():
                return False
        return True

    def send(self, message: SessionMessage, pace: Pace) -> None:
        if isinstance(message, SessionStart):
            self._publisher.begin(message, pace.stop.is_set)
        elif isinstance(message, Block):
            self._send_frames(message, pace)
        elif isinstance(message, SessionEnd):
            self._publisher.end(message, pace.stop.is_set)

    def _send_frames(self, block: Block, pace: Pace) -> None:
        """Send each frame when it is due."""
        histogram, scalers = block[HISTOGRAM].decode(), block[SCALERS].decode()
        for row in range(block.n_frames):
            pace.stop.wait(max(pace.until_due(1), 0))
            self._publisher.send(
                block.first_frame + row * block.step,
                histogram[row : row + 1],
                scalers[row : row + 1],
                time_ns=block.envelope.time_ns,
                give_up=pace.stop.is_set,
            )

    def finish(self) -> None:
        """Nothing: closing lets zmq hand over what it has."""

    def close(self, linger: float) -> None:
        self._publisher.close(linger)


def open_link(
    context: zmq.Context[zmq.Socket[bytes]],
    endpoint: str,
    dialect: str,
    numbering: Numbering,
    secure: Secure = no_keys,
) -> Link:
    """A bound socket of that dialect.

    Raises
    ------
    ConfigurationError
        When the dialect is unknown or the port is taken.
    """
    if dialect not in DIALECTS:
        raise ConfigurationError(f"dialect: {dialect!r}, allowed are {', '.join(DIALECTS)}")
    if dialect == "native":
        return _NativeLink(context, endpoint, numbering, secure)
    return _OldLink(context, endpoint, dialect, secure)


@dataclass(frozen=True)
class Replayed:
    """What was sent."""

    n_sessions: int = 0
    n_frames: int = 0
    n_lost: int = 0

    def describe(self) -> str:
        """One line for people."""
        sessions = "session" if self.n_sessions == 1 else "sessions"
        lost = f", {self.n_lost:,} announced as lost" if self.n_lost else ""
        return f"replayed {self.n_frames:,} frames in {self.n_sessions} {sessions}{lost}"


class Replay:
    """A recording and the socket that it leaves through::

        with Replay(Path("scan.h5"), "tcp://127.0.0.1:9999") as replay:
            replayed = replay.run(readers=1)

    Sessions get new numbers; all else is as recorded, times too, or the present where none is recorded.

    Parameters
    ----------
    endpoint
        `tcp://ADDRESS:PORT`; port 0 takes any, see the attribute `endpoint`.
    dialect
        One of `DIALECTS`.
    security
        Whom to admit; `None` for everybody.

    Raises
    ------
    ConfigurationError
        When the file is no recording, or the port is taken.
    """

    def __init__(
        self, path: Path, endpoint: str, dialect: str = "native", *, security: CurveServer | None = None
    ) -> None:
        self._path = path
        self._messages = open_recording(path)
        self._numbering = Numbering("replay")
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._session_id = 0
        self._replayed = Replayed()
        self._is_given_up = False
        self._gate = None if security is None else ClientGate(self._context, security)
        secure = no_keys if security is None else security.apply
        try:
            self._link = open_link(self._context, endpoint, dialect, self._numbering, secure)
        except BaseException:
            self._end_context()
            raise
        self.endpoint = self._link.endpoint
        warn_of_everybody(urlsplit(endpoint).hostname or "", has_keys=security is not None)

    def run(
        self,
        *,
        rate: float | None = None,
        loop: bool = False,
        readers: int = 1,
        stop: threading.Event | None = None,
    ) -> Replayed:
        """Send the recording, or with `loop` send it again and again.

        Parameters
        ----------
        rate
            Frames a second; `None` for as fast as readers take them.
        readers
            Readers to wait for before each session.
        stop
            Ends it soon after it is set; a session that is on ends as stopped.

        Raises
        ------
        ConfigurationError, ProtocolError
            Where the recording cannot be read.
        StreamError
            When a reader does not take the end.
        """
        pace = Pace(rate, stop or threading.Event())
        try:
            while not pace.stop.is_set():
                before = self._replayed.n_sessions
                self._send_all(self._messages(), pace, readers)
                if before == self._replayed.n_sessions and not pace.stop.is_set():
                    raise ConfigurationError(f"{self._path} holds no session")
                if not loop:
                    break
            self._link.finish()
        except zmq.Again:  # stopped while a reader did not take it; readers see that no end came
            self._is_given_up = True
        return self._replayed

    def _send_all(self, messages: Iterator[SessionMessage], pace: Pace, readers: int) -> None:
        n_frames = n_lost = 0
        for message in messages:
            if isinstance(message, SessionStart):
                n_frames = n_lost = 0
                if not self._link.wait_readers(readers, pace.stop):
                    return
                self._begin(message, pace)
            elif pace.stop.is_set():
                stopped = SessionEnd(unnumbered(), EndReason.STOPPED, n_frames, n_frames, n_lost)
                self._end(stopped, pace)
                return
            elif isinstance(message, SessionEnd):
                self._end(message, pace)
            else:
                self._send(message, pace)
                n_frames += message.n_frames if isinstance(message, Block) else 0
                n_lost += message.n_frames if isinstance(message, Loss) else 0

    def _begin(self, start: SessionStart, pace: Pace) -> None:
        self._session_id = max(int(time.time()), self._session_id + 1)
        self._numbering.stream_id = start.envelope.stream_id or "replay"
        self._numbering.begin(self._session_id)
        pace.restart()
        self._send(start, pace)

    def _end(self, end: SessionEnd, pace: Pace) -> None:
        self._send(end, pace)
        self._numbering.end()
        done = self._replayed
        self._replayed = Replayed(done.n_sessions + 1, done.n_frames + end.streamed, done.n_lost + end.lost)

    def _send(self, message: SessionMessage, pace: Pace) -> None:
        self._link.send(_numbered(message, self._numbering), pace)
        self._numbering.advance()

    def close(self) -> None:
        """Free the port, after at most `LINGER` s; a second call does nothing."""
        self._link.close(0 if self._is_given_up else LINGER)
        self._end_context()

    def _end_context(self) -> None:
        if self._gate is not None:
            self._gate.close()
        self._context.term()

    def __enter__(self) -> Replay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _numbered(message: SessionMessage, numbering: Numbering) -> SessionMessage:
    """`message` as the next one of the session that is sent, said when it was recorded, else now."""
    envelope = numbering.envelope(message.envelope.time_ns or None)
    if isinstance(message, SessionStart):
        began = message.start_time_ns or envelope.time_ns
        return replace(message, envelope=envelope, start_time_ns=began, contract="lossless")
    if isinstance(message, Loss):
        return replace(message, envelope=envelope, first_sequence=None)
    return replace(message, envelope=envelope)
