"""Who says a message, in which session, and as which: the sender's side of `Envelope`."""

from __future__ import annotations

import secrets
import threading
import time

from xspress3.stream.messages import Envelope

__all__ = ["Numbering", "next_session_id"]


class Numbering:
    """Numbers the messages of one stream::

    numbering = Numbering("xspress3")
    numbering.begin(session_id=1763683200)
    envelope = numbering.envelope()
    numbering.advance()
    """

    def __init__(self, stream_id: str) -> None:
        self.stream_id = stream_id
        self.epoch = secrets.token_hex(8)
        """Tells this sender from the one that ran before it under the same name."""
        self.session_id: int | None = None
        self.sequence = 0

    def begin(self, session_id: int) -> None:
        """From here on messages are of this session, numbered from 0."""
        self.session_id = session_id
        self.sequence = 0

    def end(self) -> None:
        """From here on messages are of no session."""
        self.session_id = None

    def envelope(self, time_ns: int | None = None) -> Envelope:
        """Of the next message; said now, unless another time is given."""
        said_at = time.time_ns() if time_ns is None else time_ns
        return Envelope(self.stream_id, self.session_id, self.sequence, said_at, self.epoch)

    def advance(self) -> None:
        """The message with the number that `envelope` gave was sent."""
        self.sequence += 1


_last_session_id = 0
_session_id_lock = threading.Lock()  # guards _last_session_id


def next_session_id() -> int:
    """Unix seconds, or one more than the last where that was this second.

    For streams that keep nothing on disk: a process that is started again may give a number twice, and
    readers tell its sessions from those before by the epoch.
    """
    global _last_session_id  # noqa: PLW0603  # one counter for all streams of the process
    with _session_id_lock:
        _last_session_id = max(_last_session_id + 1, int(time.time()))
        return _last_session_id
