"""The index of a session of G3 frames: its files, and what is missing by the numbers of its frames."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from receivers.g3.series import G3Part
from receivers.g3.session import ENDED, G3Session
from receivers.sessions.index import FileEntry, FileKind, IndexState, Missing, SessionIndex, index_path
from xspress3.errors import ConfigurationError

__all__ = ["G3IndexFile"]

INTERVAL = 1.0
NEVER_CAME = "never came"
NO_ROOM = "there was no room"


class G3IndexFile:
    """Keeps the index of one session on the disk::

        index = G3IndexFile(data_dir, session)
        index.write(session, time.monotonic())

    Frames are numbered as by their sender, from 0. What an earlier recorder has left is kept.
    """

    def __init__(self, data_dir: Path, session: G3Session) -> None:
        self.path = index_path(data_dir, session.stream_id, session.session_id)
        self._before = _read(self.path)
        self._written: tuple[object, ...] = ()
        self._due = 0.0

    def write(self, session: G3Session, now: float) -> None:
        """Put what is known on the disk if that has changed: files at once, counts once a second.

        Raises
        ------
        OSError
            When it cannot be written; the old one is still there, and it is tried again a second later.
        """
        files = (session.series.n_files, session.series.is_open, session.end_reason)
        counts = (session.series.frames_written, session.numbering.missing, session.lost)
        is_due = now >= self._due
        if (files, counts) == self._written or not (is_due or (self._written and files != self._written[0])):
            return
        self._due = now + INTERVAL
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._make(session).write(self.path)
        self._written = (files, counts)

    def _make(self, session: G3Session) -> SessionIndex:
        before, numbering = self._before, session.numbering
        lost = numbering.missing + session.lost
        is_closed = bool(session.end_reason)
        files = tuple(self._entry(part, is_complete=not lost) for part in session.series.files)
        index = SessionIndex(
            stream_id=session.stream_id,
            session_id=session.session_id,
            state=IndexState.CLOSED if is_closed else IndexState.OPEN,
            start_time=session.began,
            end_time=session.heard if is_closed else None,
            end_reason=session.end_reason,
            frames_expected=None,
            frames_written=session.series.frames_written,
            frames_lost=lost,
            duplicates=numbering.repeated,
            missing=_missing(session),
            complete=session.end_reason == ENDED and not lost and not numbering.restarts,
            files=files,
        )
        return index if before is None else _behind(before, index)

    def _entry(self, part: G3Part, *, is_complete: bool) -> FileEntry:
        state = IndexState(part.state)
        return FileEntry(
            name=os.path.relpath(part.path, self.path.parent)
            if part.path.parent == self.path.parent
            else str(part.path.absolute()),
            kind=FileKind.G3,
            part=part.part,
            first_frame=part.first_frame,
            frames_written=part.n_frames,
            state=state,
            complete=is_complete and state is IndexState.CLOSED,
            size_bytes=part.size_bytes,
        )


def _read(path: Path) -> SessionIndex | None:
    try:
        return SessionIndex.read(path)
    except ConfigurationError:
        return None  # there is none, or none that can be read: it is made anew


def _missing(session: G3Session) -> tuple[Missing, ...]:
    came_not = [(first, end, NEVER_CAME) for first, end in session.numbering.ranges]
    no_place = [(first, end, NO_ROOM) for first, end in session.lost_ranges]
    return tuple(sorted(came_not + no_place))


def _behind(before: SessionIndex, index: SessionIndex) -> SessionIndex:
    """`index` with what an earlier recorder has left of the same session."""
    files = [replace(file, state=_left(file.state)) for file in before.files]
    new = [replace(file, first_frame=file.first_frame + before.frames_written) for file in index.files]
    # How much the end of an unfinished file lacks nobody knows.
    is_whole = before.frames_lost == 0 and all(file.state is not IndexState.BROKEN for file in files)
    return replace(
        index,
        start_time=before.start_time,
        frames_written=before.frames_written + index.frames_written,
        frames_lost=before.frames_lost + index.frames_lost,
        duplicates=before.duplicates + index.duplicates,
        missing=(*before.missing, *index.missing),
        complete=index.complete and is_whole,
        files=(*files, *new),
    )


def _left(state: IndexState) -> IndexState:
    """State of a file whose writer is gone."""
    return IndexState.BROKEN if state is IndexState.OPEN else state
