"""One session of G3 frames: its numbers, what its files begin with, and the files."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import NamedTuple

from receivers.g3.carried import Carried
from receivers.g3.frame import Frame
from receivers.g3.framing import read_frames
from receivers.g3.numbering import NUMBER_KEY, Numbering
from receivers.g3.series import G3Series
from receivers.report import MAX_GAPS_KEPT
from xspress3.errors import ProtocolError

__all__ = ["ENDED", "SESSION_KEY", "STREAM_KEY", "G3Session", "SaidIds", "said_ids"]

SESSION_KEY, STREAM_KEY = "session_id", "sostream_id"
ENDED = "its sender ended it"


class SaidIds(NamedTuple):
    """What a frame says about where it belongs; `None` where it says nothing that can be used."""

    stream_id: str | None
    session_id: int | None

    def covers(self, frame: SaidIds) -> bool:
        """Whether a frame that says `frame` is of the session whose first frame said this.

        What a frame leaves out contradicts nothing; what it says must be the same.
        """
        return all(its is None or its == mine for mine, its in zip(self, frame, strict=True))


def said_ids(frame: Frame) -> SaidIds:
    """Stream and session that `frame` names; some senders say session 0, always: that names none."""
    session_id = frame.integer(SESSION_KEY)
    return SaidIds(frame.text(STREAM_KEY) or None, session_id if session_id and session_id > 0 else None)


class G3Session:
    """Files frames of one session, from one thread.

    Parameters
    ----------
    ids
        What its first frame said.
    session_id
        By which it is known: said, or the second in which it began.
    before
        A session without an id that goes on in this one, as after a gap.
    """

    def __init__(
        self,
        ids: SaidIds,
        stream_id: str,
        session_id: int,
        series: G3Series,
        before: G3Session | None = None,
    ) -> None:
        self.ids = ids
        self.stream_id = stream_id
        self.session_id = session_id
        self.series = series
        self.carried: Carried = Carried() if before is None else before.carried
        self.numbering: Numbering = Numbering() if before is None else before.numbering
        self.is_over = False
        """Whether its sender said so."""
        self.began = self.heard = 0.0
        """Unix time of its first and of its last frame here."""
        self.end_reason = ""
        """Why it is not recorded any more; empty while it is."""
        self.lost = 0
        """Frames that came and found no place."""
        self.lost_ranges: list[tuple[int, int]] = []
        """Their numbers, half open, as far as they have any."""
        self._opened = 0.0

    def write(self, frame: Frame, now: float, time_per_file: float) -> None:
        """Write `frame`, into a new file where the open one is older than `time_per_file` seconds.

        Raises
        ------
        NoSpaceError
            When there is no room; it may be offered again.
        """
        if self.series.is_open and now - self._opened > time_per_file:
            self.series.roll()
        n_files = self.series.n_files
        self.series.write(frame, self.carried.frames())
        if self.series.n_files != n_files:
            self._opened = now
        self.carried.note(frame)

    def lose(self, frame: Frame) -> None:
        """Count `frame`, for which there is no place."""
        self.lost += 1
        number = frame.integer(NUMBER_KEY)
        if number is None:
            return
        if self.lost_ranges and self.lost_ranges[-1][1] == number:
            self.lost_ranges[-1] = (self.lost_ranges[-1][0], number + 1)
        elif len(self.lost_ranges) < MAX_GAPS_KEPT:
            self.lost_ranges.append((number, number + 1))

    def resume(self, path: Path) -> None:
        """Go on behind the last file of an earlier recorder; one that is damaged counts as far as it goes."""
        with contextlib.suppress(ProtocolError, OSError):
            for frame in read_frames(path):
                self.numbering.resume(frame)
                self.carried.note(frame)
        for frame in self.carried.frames():  # those are what a sender repeats
            self.numbering.resume(frame)

    def reopen(self) -> None:
        """Go on after it was over; its sender says again what files begin with."""
        self.end_reason = ""
        if self.is_over:
            self.is_over = False
            self.carried = Carried()
