"""What one HDF5 file holds of one session: which frames, and what it says of those that are missing.

Only the small datasets are read, and the file is neither written nor locked, so that a writer that wants
to append finds it free.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from receivers.hdf5 import layout
from receivers.hdf5.naming import safe_name
from receivers.hdf5.sample_file import BLOCKS, SAMPLES
from receivers.hdf5.summary import open_file
from receivers.sessions.index import Missing
from xspress3.errors import ConfigurationError

__all__ = ["MAX_FRAMES", "RECOVERED_FROM", "Part", "Settings", "read_part", "read_settings", "sessions_in"]

MAX_FRAMES = 1 << 27
"""Rows of a file that are believed: 43 h at 860 frames/s; each costs some bytes of memory."""
MAX_SESSIONS = 1 << 20
SLAB_ROWS = 1 << 18
RECOVERED_FROM = "recovered_from"
"""Attribute of /entry in the finished copy of a file whose writer died: name of that file."""


@dataclass(frozen=True, eq=False)
class Part:
    """One file, seen from one session.

    Parameters
    ----------
    first_row
        Row of `first_frame`; not 0 where the file holds other sessions before this one.
    recorded
        For each row of the session whether its frame is there.
    missing
        Frames of which the file says that they did not come.
    frames_shape
        Channels and bins; of samples, the shape of one in each array.
    is_of_samples
        Whether it holds samples of a stream that is not a detector's.
    is_finished
        Whether its writer has closed it.
    is_complete
        Whether it says that each of its frames is there.
    frames_expected
        Frames of the session up to the end of this file, `None` where nobody said.
    recovered_from
        Name of the file of which this is the finished copy, else empty.
    """

    path: Path
    part: int
    first_frame: int
    first_row: int
    recorded: npt.NDArray[np.bool_]
    missing: tuple[Missing, ...]
    frames_shape: tuple[Any, ...]
    is_finished: bool
    is_complete: bool
    end_reason: str
    start_time: float
    end_time: float | None
    frames_expected: int | None
    frames_counted: int
    duplicates: int
    size_bytes: int
    recovered_from: str = ""
    is_of_samples: bool = False

    @property
    def group(self) -> str:
        """Where in the file its data are."""
        return SAMPLES if self.is_of_samples else layout.DETECTOR

    @property
    def end(self) -> int:
        """One behind its last frame."""
        return self.first_frame + len(self.recorded)

    @property
    def frames_written(self) -> int:
        """Frames that can be read from it."""
        return int(self.recorded.sum())


@dataclass(frozen=True)
class Settings:
    """What the sender said at the start of a session, and who wrote it down."""

    stream_id: str
    title: str
    acquisition: dict[str, Any]
    detector: dict[str, Any]
    metadata: dict[str, Any]
    versions: dict[str, str]


@dataclass(frozen=True)
class _Rows:
    """Rows of a file that belong to the session."""

    first: int
    end: int
    start_time: str
    is_shared: bool = False
    is_last: bool = True


def read_part(path: Path, stream_id: str, session_id: int) -> Part | None:
    """What `path` holds of the session; `None` where it holds other sessions only.

    Raises
    ------
    ConfigurationError
        When it cannot be read, or is not a file of this program.
    """
    with _opened(path) as file:
        if safe_name(_text(file[layout.ENTRY]["stream_id"])) != safe_name(stream_id):
            return None
        rows = _rows_of(file, session_id)
        return None if rows is None else _part(path, file, rows)


def sessions_in(path: Path) -> list[tuple[str, int]]:
    """Stream id and session id of each session in the file at `path`."""
    with _opened(path) as file:
        stream_id = _text(file[layout.ENTRY]["stream_id"])
        if layout.SESSIONS in file:
            return [(stream_id, int(one)) for one in _small(file[layout.SESSIONS]["session_id"])]
        return [(stream_id, int(file[layout.ENTRY]["session_id"][()]))]


def read_settings(path: Path) -> Settings:
    """What the start of the session said, from its first file."""
    with _opened(path) as file:
        entry = file[layout.ENTRY]
        return Settings(
            stream_id=_text(entry["stream_id"]),
            title=_text(entry["title"]),
            acquisition=_json(entry["acquisition"]),
            detector=_json(entry["detector"]),
            metadata=_json(entry["metadata"]),
            versions={
                _text(entry["program_name"]): str(entry["program_name"].attrs.get("version", "")),
                "HDF5": str(file.attrs.get("HDF5_Version", "")),
            },
        )


class _opened:  # noqa: N801  # used like a function
    """The file at `path` for reading; what is wrong with it becomes one kind of error."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = open_file(path)

    def __enter__(self) -> h5py.File:
        return self._file

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._file.close()
        if isinstance(error, (KeyError, ValueError, TypeError, AttributeError)):
            raise ConfigurationError(f"{self._path} is not a file of {layout.PROGRAM}: {error}") from error
        if isinstance(error, (OSError, RuntimeError)):
            raise ConfigurationError(f"cannot read {self._path}: {error}") from error


def _rows_of(file: h5py.File, session_id: int) -> _Rows | None:
    entry, data = file[layout.ENTRY], file[SAMPLES if SAMPLES in file else layout.DETECTOR]
    names = ("frame_number", "data") if SAMPLES not in file else tuple(data)
    n_rows = min(len(data[name]) for name in names)
    if n_rows > MAX_FRAMES:
        raise ValueError(f"{n_rows} rows, allowed is up to {MAX_FRAMES}")
    if layout.SESSIONS not in file or len(file[layout.SESSIONS]["session_id"]) < 2:
        is_it = int(entry["session_id"][()]) == session_id
        return _Rows(0, n_rows, _text(entry["start_time"])) if is_it else None
    return _rows_of_shared(file[layout.SESSIONS], n_rows, session_id)


def _rows_of_shared(sessions: h5py.Group, n_rows: int, session_id: int) -> _Rows | None:
    ids, firsts = _small(sessions["session_id"]).tolist(), _small(sessions["first_row"]).tolist()
    if session_id not in ids:
        return None
    i = ids.index(session_id)
    is_last = i + 1 == len(ids)
    first, end = min(firsts[i], n_rows), n_rows if is_last else min(firsts[i + 1], n_rows)
    if not 0 <= first <= end:
        raise ValueError(f"session {session_id} in rows {first}..{end}")
    start_time = bytes(sessions["start_time"][i]).decode(errors="replace")
    return _Rows(first, end, start_time, is_shared=True, is_last=is_last)


def _part(path: Path, file: h5py.File, rows: _Rows) -> Part:
    entry, counts, is_of_samples = file[layout.ENTRY], file[layout.COUNTS], SAMPLES in file
    first_frame = 0 if rows.first else _integer(entry, "first_frame")
    if not 0 <= first_frame < 1 << 62:
        raise ValueError(f"first_frame: {first_frame}")
    if is_of_samples:
        recorded = _recorded_samples(file[BLOCKS], rows, first_frame)
    else:
        recorded = _recorded(file[layout.DETECTOR]["frame_number"], rows)
    is_finished = _text(entry["end_reason"]) != layout.NOT_FINISHED or not rows.is_last
    n_rows = rows.end - rows.first
    counted = recorded.sum() if rows.is_shared else counts["frames_written"][()]
    return Part(
        path=path,
        part=_integer(entry, "part"),
        first_frame=first_frame,
        first_row=rows.first,
        recorded=recorded,
        missing=_missing(counts, rows),
        frames_shape=_frames_shape(file),
        is_finished=is_finished,
        is_complete=bool(recorded.all()) if rows.is_shared else bool(entry["complete"][()]),
        end_reason=_text(entry["end_reason"]) if rows.is_last else "",
        start_time=unix_time(rows.start_time) or 0.0,
        end_time=unix_time(_text(entry["end_time"])) if rows.is_last else None,
        frames_expected=n_rows if rows.is_shared and is_finished else _expected(counts, rows, first_frame),
        frames_counted=int(counted),
        duplicates=0 if rows.is_shared else int(counts["duplicates"][()]),
        size_bytes=path.stat().st_size,
        recovered_from=str(entry.attrs.get(RECOVERED_FROM, "")),
        is_of_samples=is_of_samples,
    )


def _recorded(numbers: h5py.Dataset, rows: _Rows) -> npt.NDArray[np.bool_]:
    recorded = np.zeros(rows.end - rows.first, dtype=bool)
    for first in range(rows.first, rows.end, SLAB_ROWS):
        end = min(first + SLAB_ROWS, rows.end)
        recorded[first - rows.first : end - rows.first] = numbers[first:end] >= 0
    return recorded


def _recorded_samples(blocks: h5py.Group, rows: _Rows, first_frame: int) -> npt.NDArray[np.bool_]:
    """Samples have no numbers of their own; the list of blocks tells which came."""
    recorded = np.zeros(rows.end - rows.first, dtype=bool)
    firsts, counts = _small(blocks["first_frame"]).tolist(), _small(blocks["n_frames"]).tolist()
    for first, n_frames in zip(firsts, counts, strict=False):
        if first >= first_frame and n_frames > 0:
            recorded[first - first_frame : first - first_frame + n_frames] = True
    return recorded


def _frames_shape(file: h5py.File) -> tuple[Any, ...]:
    if SAMPLES in file:
        return tuple((name, item.shape[1:]) for name, item in file[SAMPLES].items())
    n_channels, n_bins = file[layout.DETECTOR]["data"].shape[1:]
    return int(n_channels), int(n_bins)


def _expected(counts: h5py.Group, rows: _Rows, first_frame: int) -> int | None:
    said = int(counts["frames_expected"][()])
    return None if said < 0 or rows.is_shared else first_frame + said


def _missing(counts: h5py.Group, rows: _Rows) -> tuple[Missing, ...]:
    """Ranges of the session; where sessions share the file it tells rows of all of them."""
    ranges, reasons = _small(counts["missing"]).tolist(), _small(counts["missing_reason"]).tolist()
    found = []
    for (begin, stop), reason in zip(ranges, reasons, strict=False):  # a writer may have died between them
        first, end = begin, stop
        if rows.is_shared:
            first, end = max(begin, rows.first) - rows.first, min(stop, rows.end) - rows.first
        if 0 <= first < end:
            found.append((first, end, bytes(reason).decode(errors="replace")))
    return tuple(found)


def _small(dataset: h5py.Dataset) -> npt.NDArray[Any]:
    if dataset.shape[0] > MAX_SESSIONS:
        raise ValueError(f"{dataset.name}: {dataset.shape[0]} rows, allowed is up to {MAX_SESSIONS}")
    values: npt.NDArray[Any] = dataset[()]
    return values


def _integer(group: h5py.Group, name: str) -> int:
    """Number that files of before do not have, 0 there."""
    return int(group[name][()]) if name in group else 0


def _text(dataset: h5py.Dataset) -> str:
    value = dataset[()]
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _json(dataset: h5py.Dataset) -> dict[str, Any]:
    value = json.loads(_text(dataset))
    return value if isinstance(value, dict) else {}


def unix_time(text: str) -> float | None:
    """Unix time in s of an ISO 8601 text, `None` where it is none."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
