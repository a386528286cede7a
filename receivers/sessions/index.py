"""The index of a session: a small JSON file beside its data that says what there is, and where.

It is written whole or not at all, so that a reader finds the old one or the new one, and it can be made
again from the files: where both speak, the files are right.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from receivers.recorder.names import session_directory
from xspress3.errors import ConfigurationError, SinkError

__all__ = ["FileEntry", "FileKind", "IndexState", "Missing", "SessionIndex", "index_path"]

SCHEMA = "xspress3-session/1"
MAX_INDEX_BYTES = 64 << 20
"""Longest index that is read: enough for a million holes."""
MAX_COUNT = (1 << 63) - 1

Missing = tuple[int, int, str]
"""Frames that are not there: first, one behind the last, why."""


class IndexState(str, Enum):
    """What became of a file, or of the session."""

    OPEN = "open"
    """Not finished: it is being written, or its writer died."""
    CLOSED = "closed"
    BROKEN = "broken"
    """Nothing more will be written, and it has no proper end."""


class FileKind(str, Enum):
    """Format of a file."""

    HDF5 = "hdf5"
    G3 = "g3"


@dataclass(frozen=True)
class FileEntry:
    """One file of a session.

    Parameters
    ----------
    name
        Relative to the directory of the index; absolute where the file lies elsewhere.
    frames_written
        Frames that can be read from it.
    complete
        Whether it holds each frame from its first to that of the next file, or to the end.
    """

    name: str
    kind: FileKind
    part: int
    first_frame: int
    frames_written: int
    state: IndexState
    complete: bool
    size_bytes: int


@dataclass(frozen=True)
class SessionIndex:
    """What is known of a session::

        index.write(index_path(data_dir, "xsp3", 1763683200))
        index = SessionIndex.read(index_path(data_dir, "xsp3", 1763683200))

    Parameters
    ----------
    start_time, end_time
        Unix time in s; the second is `None` while nobody said the end.
    frames_expected
        Frames of the whole session, `None` where nobody said.
    frames_written
        Different frames in all files.
    frames_lost
        Frames that are known not to come; those of `missing`.
    """

    stream_id: str
    session_id: int
    state: IndexState
    start_time: float
    end_time: float | None
    end_reason: str
    frames_expected: int | None
    frames_written: int
    frames_lost: int
    duplicates: int
    missing: tuple[Missing, ...]
    complete: bool
    files: tuple[FileEntry, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"schema": SCHEMA, **dataclasses.asdict(self)}

    def write(self, path: Path) -> None:
        """Put it at `path`, on the disk, in one step; also where another one was.

        Raises
        ------
        SinkError
            When it cannot be written; what was at `path` is still there.
        """
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            _write_synced(draft, json.dumps(self.as_dict(), indent=1))
            draft.replace(path)
            _sync(path.parent)
        except OSError as error:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
            raise SinkError(f"cannot write {path}: {error.strerror}") from error

    @classmethod
    def read(cls, path: Path) -> SessionIndex:
        """The index at `path`.

        Raises
        ------
        ConfigurationError
            When it is not there, not an index, or too long to be one.
        """
        try:
            with path.open("rb") as file:
                text = file.read(MAX_INDEX_BYTES + 1)
        except OSError as error:
            raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error
        if len(text) > MAX_INDEX_BYTES:
            raise ConfigurationError(f"{path}: longer than {MAX_INDEX_BYTES} bytes, which no index is")
        try:
            return _from_dict(cls, json.loads(text))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise ConfigurationError(f"{path} is not the index of a session: {error}") from error


def index_path(data_dir: Path, stream_id: str, session_id: int) -> Path:
    """Where the index of a session lies; `stream_id` as it came."""
    return session_directory(data_dir, session_id, stream_id) / f"{session_id}.json"


def _write_synced(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# From JSON, with types checked: the file may be anybody's.


def _from_dict(cls: type[SessionIndex], said: Any) -> SessionIndex:
    if not isinstance(said, dict) or said.get("schema") != SCHEMA:
        raise ValueError(f"schema {str(said)[:64]}, expected {SCHEMA!r}")
    return cls(
        stream_id=_text(said, "stream_id"),
        session_id=_count(said, "session_id"),
        state=IndexState(said["state"]),
        start_time=_time(said["start_time"]),
        end_time=None if said["end_time"] is None else _time(said["end_time"]),
        end_reason=_text(said, "end_reason"),
        frames_expected=None if said["frames_expected"] is None else _count(said, "frames_expected"),
        frames_written=_count(said, "frames_written"),
        frames_lost=_count(said, "frames_lost"),
        duplicates=_count(said, "duplicates"),
        missing=tuple(_missing(one) for one in _list(said, "missing")),
        complete=_truth(said, "complete"),
        files=tuple(_file_entry(one) for one in _list(said, "files")),
    )


def _file_entry(said: Any) -> FileEntry:
    if not isinstance(said, dict):
        raise TypeError(f"file {str(said)[:64]}, expected an object")
    return FileEntry(
        name=_text(said, "name"),
        kind=FileKind(said["kind"]),
        part=_count(said, "part"),
        first_frame=_count(said, "first_frame"),
        frames_written=_count(said, "frames_written"),
        state=IndexState(said["state"]),
        complete=_truth(said, "complete"),
        size_bytes=_count(said, "size_bytes"),
    )


def _text(said: Mapping[str, Any], key: str) -> str:
    if not isinstance(said[key], str):
        raise TypeError(f"{key}: {str(said[key])[:64]}, expected a text")
    return str(said[key])


def _count(said: Mapping[str, Any], key: str) -> int:
    return _integer(said[key], key)


def _integer(value: Any, key: str) -> int:
    if type(value) is not int or not 0 <= value <= MAX_COUNT:
        raise TypeError(f"{key}: {str(value)[:64]}, expected an integer from 0 on")
    return value


def _time(value: Any) -> float:
    if type(value) not in (int, float) or not 0 <= value < 1e12:  # false for NaN
        raise TypeError(f"time {str(value)[:64]}, expected seconds since 1970")
    return float(value)


def _truth(said: Mapping[str, Any], key: str) -> bool:
    if not isinstance(said[key], bool):
        raise TypeError(f"{key}: {str(said[key])[:64]}, expected true or false")
    return bool(said[key])


def _list(said: Mapping[str, Any], key: str) -> list[Any]:
    if not isinstance(said[key], list):
        raise TypeError(f"{key}: {str(said[key])[:64]}, expected a list")
    return list(said[key])


def _missing(said: Any) -> Missing:
    if not isinstance(said, list) or len(said) != 3 or not isinstance(said[2], str):
        raise TypeError(f"missing: {str(said)[:64]}, expected [first, end, reason]")
    first, end = _integer(said[0], "missing"), _integer(said[1], "missing")
    if first >= end:
        raise ValueError(f"missing: [{first}, {end}), expected a range with frames in it")
    return first, end, said[2]
