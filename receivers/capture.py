"""Writes the raw messages of a stream to a file, in any dialect, to be replayed or looked at."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import zmq

from receivers.recording_file import RecordingWriter
from receivers.replay import DIALECTS
from xspress3.errors import ConfigurationError, ProtocolError
from xspress3.stream import Alive, Message, SessionEnd, Subscriber
from xspress3.stream.codec import MAX_ARRAY_BYTES, MAX_HEADER_BYTES
from xspress3.stream.handshake import HandshakeWatch
from xspress3.stream.security import no_keys
from xspress3.stream.sockets import keep_alive

__all__ = ["Captured", "capture", "open_source"]

Secure = Callable[[zmq.Socket[bytes]], None]
FLUSH_INTERVAL = 1.0
_POLL_TIME = 0.1
_QUEUE_MESSAGES = 10_000
"""Messages that may wait here: senders of old dialects drop what does not fit."""


@dataclass(frozen=True)
class Captured:
    """What was written."""

    path: Path
    n_sessions: int
    n_messages: int
    size_bytes: int

    def describe(self) -> str:
        """One line for people."""
        sessions = "session" if self.n_sessions == 1 else "sessions"
        return (
            f"{self.path}: {self.n_messages:,} messages of {self.n_sessions} {sessions}, "
            f"{self.size_bytes / 1e6:,.2f} MB"
        )


class Source(Protocol):
    """Where raw messages come from."""

    def receive(self, timeout: float) -> tuple[Sequence[bytes | memoryview], bool] | None:
        """A message, and whether a session ends with it; `None` when none came within `timeout` s."""

    def close(self) -> None:
        """Leave the stream."""


class _NativeSource(Subscriber):
    """Our own dialect; signs of life are left out."""

    _parts: Sequence[memoryview] = ()

    def _take(self, parts: list[memoryview]) -> Message:
        self._parts = parts
        return super()._take(parts)


class _NativeRaw:
    """The raw messages that a subscriber gets."""

    def __init__(self, endpoint: str, name: str, secure: Secure) -> None:
        self._subscriber = _NativeSource(endpoint, name=name, secure=secure)

    def receive(self, timeout: float) -> tuple[Sequence[bytes | memoryview], bool] | None:
        try:
            message = self._subscriber.receive(timeout)
        except ProtocolError:  # also what cannot be read is written: that is what captures are for
            return self._subscriber._parts, False
        if message is None or isinstance(message, Alive):
            return None
        return self._subscriber._parts, isinstance(message, SessionEnd)

    def close(self) -> None:
        self._subscriber.close()


class _OldRaw:
    """The raw messages of a sender of an old dialect, which is a PUB socket."""

    def __init__(self, endpoint: str, secure: Secure) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.setsockopt(zmq.RCVHWM, _QUEUE_MESSAGES)
        self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_ARRAY_BYTES)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.SUBSCRIBE, b"")
        keep_alive(self._socket)
        self._watch: HandshakeWatch | None = None
        try:
            secure(self._socket)
            self._watch = HandshakeWatch(self._socket)
            self._socket.connect(endpoint)
        except zmq.ZMQError as error:
            self.close()
            raise ConfigurationError(f"cannot connect to {endpoint}: {error.strerror}") from None
        except BaseException:
            self.close()
            raise

    def receive(self, timeout: float) -> tuple[Sequence[bytes | memoryview], bool] | None:
        if not self._socket.poll(int(timeout * 1000)):
            if self._watch is not None:
                self._watch.check()
            return None
        parts = self._socket.recv_multipart()
        return parts, len(parts) == 1 and _is_series_end(parts[0])

    def close(self) -> None:
        if self._watch is not None:
            self._watch.close()
        self._socket.close()
        self._context.term()


def _is_series_end(part: bytes) -> bool:
    if len(part) > MAX_HEADER_BYTES or b"series_end" not in part[:64]:
        return False
    try:
        said = json.loads(part)
    except (ValueError, RecursionError):
        return False
    return isinstance(said, dict) and said.get("htype") == "series_end"


def open_source(endpoint: str, dialect: str, *, name: str = "capture", secure: Secure = no_keys) -> Source:
    """A reader of the stream at `endpoint` that gives what it gets.

    Raises
    ------
    ConfigurationError
        When the endpoint or the dialect cannot be.
    """
    if dialect not in DIALECTS:
        raise ConfigurationError(f"dialect: {dialect!r}, allowed are {', '.join(DIALECTS)}")
    return _NativeRaw(endpoint, name, secure) if dialect == "native" else _OldRaw(endpoint, secure)


def capture(
    path: Path,
    endpoint: str,
    dialect: str = "native",
    *,
    name: str = "capture",
    secure: Secure = no_keys,
    sessions: int | None = None,
    stop: threading.Event | None = None,
) -> Captured:
    """Write what comes to a new file until `sessions` have ended, or soon after `stop` is set.

    Parameters
    ----------
    name
        By which the sender knows this reader; old dialects have no names.
    secure
        Puts keys on the socket.

    Raises
    ------
    SinkError
        When the file exists, or cannot be written.
    ConfigurationError
        As `open_source`.
    StreamRefusedError
        When the sender does not admit this reader.
    """
    stop = stop or threading.Event()
    n_sessions = 0
    flushed_at = time.monotonic()
    source = open_source(endpoint, dialect, name=name, secure=secure)
    with contextlib.closing(source), RecordingWriter(path) as writer:
        while not stop.is_set() and (sessions is None or n_sessions < sessions):
            received = source.receive(_POLL_TIME)
            if received is not None:
                parts, is_end = received
                writer.write(parts)
                n_sessions += is_end
            if time.monotonic() - flushed_at > FLUSH_INTERVAL:
                writer.flush()
                flushed_at = time.monotonic()
    return Captured(path, n_sessions, writer.n_messages, writer.size_bytes)
