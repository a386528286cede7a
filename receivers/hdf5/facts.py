"""What is known of one file of a session, without opening it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from receivers.hdf5.part_file import PartFile

__all__ = ["FileFacts", "FileState", "facts_of"]


class FileState(str, Enum):
    """What became of a file."""

    OPEN = "open"
    CLOSED = "closed"
    BROKEN = "broken"
    """A write failed: it holds what its last flush has put there."""


@dataclass(frozen=True)
class FileFacts:
    """One file of a session.

    Parameters
    ----------
    frames_written
        Frames that are there when the file is opened again, whatever happens to this process.
    is_complete
        Whether it holds each frame from its first to that of the next file, or to the end.
    """

    path: Path
    part: int
    first_frame: int
    frames_written: int
    state: FileState
    is_complete: bool
    size_bytes: int


def facts_of(file: PartFile, state: FileState, *, is_complete: bool) -> FileFacts:
    """What there is to say of `file`."""
    try:
        size_bytes = file.path.stat().st_size
    except OSError:
        size_bytes = 0
    return FileFacts(
        file.path, file.part, file.first_frame, file.frames_written, state, is_complete, size_bytes
    )
