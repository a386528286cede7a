"""Frames that every file of a session begins with, so that each can be understood alone."""

from __future__ import annotations

from receivers.g3.frame import Frame, FrameKind

__all__ = ["Carried", "is_whole_status"]

DUMP_KEY = "dump"
MAX_BYTES = 1 << 26
"""Changes of the status are carried as long as they, with the status, take no more than this."""


def is_whole_status(frame: Frame) -> bool:
    """Whether a Wiring frame says the whole status, and not what has changed of it."""
    return bool(frame.boolean(DUMP_KEY) or frame.integer(DUMP_KEY))


class Carried:
    """The last Observation frame, the last whole status (Wiring frame), and changes of it since then::

    carried = Carried()
    carried.note(frame)
    for frame in carried.frames():
        write(frame)
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin without any frame, as at the end of a session."""
        self.is_cut = False
        """Whether changes were left out because they grew too large."""
        self._observation: Frame | None = None
        self._status: list[Frame] = []

    def note(self, frame: Frame) -> None:
        """Keep `frame` if it is one to be repeated."""
        if frame.kind == FrameKind.OBSERVATION:
            self._observation = frame
        elif frame.kind == FrameKind.WIRING:
            self._note_status(frame)

    def frames(self) -> list[Frame]:
        """What a new file begins with, in this order."""
        return ([] if self._observation is None else [self._observation]) + self._status

    def holds(self, frame: Frame) -> bool:
        """Whether this very frame is among them, as when a sender repeats it to a reader that joins."""
        return any(frame.raw == kept.raw for kept in self.frames())

    def _note_status(self, frame: Frame) -> None:
        if is_whole_status(frame):
            self.is_cut = False
            self._status = [frame]
        elif not self.is_cut and sum(len(kept.raw) for kept in self._status) + len(frame.raw) <= MAX_BYTES:
            self._status.append(frame)
        else:
            # A part of the changes would be a status that never was.
            self.is_cut = True
            self._status = self._status[:1]
