"""Frames on their way to files: written at once where there is room, else kept in order until there is."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from receivers.g3.frame import Frame
from receivers.g3.session import G3Session
from receivers.hdf5.space import NoSpaceError

__all__ = ["Room"]

TELL_INTERVAL = 1.0
"""Least seconds between two lines about frames that found no place."""


class Room:
    """Writes frames in the order in which they came, from one thread::

        room = Room(600.0, 256 << 20, time.monotonic, print)
        room.offer(session, frame)
        room.roll(session)
        room.drain()
        room.close()

    Parameters
    ----------
    time_per_file
        Seconds after which a file ends.
    limit_bytes
        How much may wait; what is beyond is lost, counted and told.

    Attributes
    ----------
    n_waiting, waiting_bytes
        Frames that wait, and their bytes.
    why
        Why frames wait; empty when none do.
    written, files, lost
        Frames in files, files that were made for them, frames that found no place.
    last_loss
        What was said last about frames that are not in the files.
    """

    def __init__(
        self,
        time_per_file: float,
        limit_bytes: int,
        clock: Callable[[], float],
        notify: Callable[[str], None],
    ) -> None:
        self.n_waiting = self.waiting_bytes = 0
        self.written = self.files = self.lost = 0
        self.why = self.last_loss = ""
        self._time_per_file = time_per_file
        self._limit_bytes = limit_bytes
        self._clock = clock
        self._notify = notify
        self._waiting: deque[tuple[G3Session, Frame | None]] = deque()
        """`None` in the place of a frame closes the file."""
        self._untold = 0
        self._told = -TELL_INTERVAL

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._waiting

    def offer(self, session: G3Session, frame: Frame) -> None:
        """Write `frame` behind those that wait, or have it wait."""
        self.drain()
        if not self._waiting and self._write(session, frame):
            return
        if self.waiting_bytes + len(frame.raw) > self._limit_bytes:
            session.lose(frame)
            self._lose(1)
            return
        self._waiting.append((session, frame))
        self._count_waiting(1, len(frame.raw))

    def roll(self, session: G3Session) -> None:
        """Close the file of `session`, behind the frames that wait for it."""
        entry = (session, None)
        if not self._waiting:
            session.series.roll()
        elif self._waiting[-1] != entry:
            self._waiting.append(entry)

    def drain(self) -> None:
        """Write what waits, as far as there is room."""
        while self._waiting:
            session, frame = self._waiting[0]
            if frame is None:
                session.series.roll()
            elif self._write(session, frame):
                self._count_waiting(-1, -len(frame.raw))
            else:
                return
            self._waiting.popleft()

    def close(self) -> None:
        """Write what can be written; frames that still have no room are lost. Closes their files."""
        self.drain()
        for session, frame in self._waiting:
            if frame is not None:
                session.lose(frame)
        self._lose(self.n_waiting)
        self._count_waiting(-self.n_waiting, -self.waiting_bytes)
        for session, _ in self._waiting:
            session.series.roll()
        self._waiting.clear()
        self._tell_lost()

    def tell_loss(self, line: str) -> None:
        """Tell about frames that are not in the files."""
        self.last_loss = line
        self._notify(line)

    def _write(self, session: G3Session, frame: Frame) -> bool:
        n_files = session.series.n_files
        try:
            session.write(frame, self._clock(), self._time_per_file)
        except NoSpaceError as error:
            if not self.why:
                self._notify(f"no room, frames wait in memory: {error}")
            self.why = str(error)
            return False
        if self.why:
            self._notify("there is room again")
        self.why = ""
        self.written += 1
        self.files += session.series.n_files - n_files
        return True

    def _count_waiting(self, n_frames: int, n_bytes: int) -> None:
        self.n_waiting += n_frames
        self.waiting_bytes += n_bytes

    def _lose(self, n_frames: int) -> None:
        self.lost += n_frames
        self._untold += n_frames
        if self._clock() >= self._told + TELL_INTERVAL:
            self._tell_lost()

    def _tell_lost(self) -> None:
        if self._untold:
            self.tell_loss(f"{self._untold} frames are lost: {self.why}")
            self._untold, self._told = 0, self._clock()
