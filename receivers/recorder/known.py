"""What the disk already holds of a session that is joined while it runs."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from receivers.recorder.names import Shelf
from receivers.sessions.index import IndexState, SessionIndex, index_path
from receivers.sessions.session import read_session
from xspress3.errors import ConfigurationError
from xspress3.stream import SessionStart

__all__ = ["NOTHING_KNOWN", "Known", "find_known", "recorded_end", "start_time"]

logger = logging.getLogger(__name__)

SAME_TIME = 0.002
"""Seconds by which the start of one session may differ in files, which say milliseconds."""


@dataclass(frozen=True)
class Known:
    """Files of before, and the frame from which on there are none."""

    index: SessionIndex | None = None
    next_frame: int = 0


NOTHING_KNOWN = Known()


def start_time(start: SessionStart) -> float:
    """Unix time at which a session began, in s."""
    return (start.start_time_ns or start.envelope.time_ns) / 1e9


def find_known(
    data_dirs: Sequence[Path], stream_id: str, session_id: int, start: SessionStart
) -> tuple[int, Known]:
    """The id under which to record the session of `start`, and what is there of it.

    An id that another session has used, as one of a sender whose clock was set back, is not used again:
    the next free one is. A session is known by the time of its start.
    """
    shelf = Shelf(data_dirs, stream_id)
    while shelf.is_taken(session_id):
        index = _read(data_dirs[0], stream_id, session_id)
        if index is not None and abs(index.start_time - start_time(start)) < SAME_TIME:
            return session_id, Known(index, recorded_end(index))
        session_id += 1
    return session_id, NOTHING_KNOWN


def recorded_end(index: SessionIndex) -> int:
    """Frame behind the last one that was written, in any file."""
    return max((_file_end(index, number) for number in range(len(index.files))), default=0)


def _file_end(index: SessionIndex, number: int) -> int:
    """Frame behind the last written one of a file: rows are frames, and those of losses count too."""
    entry = index.files[number]
    if not entry.frames_written:
        return 0
    end, left = entry.first_frame, entry.frames_written
    for first, stop, _ in sorted(index.missing):
        if stop <= end:
            continue
        if end + left <= first:
            break
        left -= max(first - end, 0)
        end = max(stop, end)
    return end + left


def _read(data_dir: Path, stream_id: str, session_id: int) -> SessionIndex | None:
    """The index, or what the files say where it may be behind them because its recorder died."""
    index: SessionIndex | None = None
    try:
        index = SessionIndex.read(index_path(data_dir, stream_id, session_id))
        if index.state is IndexState.CLOSED:
            return index
        return read_session(stream_id, session_id, data_dir).as_index()
    except (OSError, ConfigurationError) as error:
        logger.debug("session %s: %s", session_id, error)
        return index
