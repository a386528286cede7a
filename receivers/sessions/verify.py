"""Reads a session whole, every chunk of it, and says what does not hold."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from receivers.hdf5 import layout
from receivers.hdf5.columns import NO_COUNT
from receivers.hdf5.summary import open_file
from receivers.sessions.find import Found, find_files
from receivers.sessions.g3 import g3_index, is_g3, needs_g3
from receivers.sessions.part import Part
from receivers.sessions.session import RecordedSession, read_session
from xspress3.errors import ConfigurationError
from xspress3.model import SCALER_NAMES

__all__ = ["Verdict", "verify", "verify_session"]

SLAB_BYTES = 32 << 20
"""Histograms that are read at once, at least one chunk."""
COLUMN_ROWS = 1 << 16
MAX_PROBLEMS = 1000

Flags = npt.NDArray[np.bool_]
Progress = Callable[[int, int], None]
"""Called with the frames that were read so far, and all."""


@dataclass(frozen=True)
class Verdict:
    """What reading a session whole has shown.

    Parameters
    ----------
    problems
        What does not hold: parts that cannot be read, counts that differ, holes that nobody told of.
    """

    stream_id: str
    session_id: int
    frames_read: int
    frames_lost: int
    is_complete: bool
    problems: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def is_sound(self) -> bool:
        """Whether all that the files say to have can be read, and nothing contradicts."""
        return not self.problems

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**dataclasses.asdict(self), "is_sound": self.is_sound}


def verify(
    stream_id: str, session_id: int, base_dir: Path, progress: Progress = lambda _done, _all: None
) -> Verdict:
    """Read all files of a session, of detector frames, samples or G3 frames, and check what they say.

    Raises
    ------
    FileNotFoundError
        When there is no file of the session.
    ConfigurationError
        When none can be read; or when there is no index of G3 frames to hold them against.
    """
    found = find_files(stream_id, session_id, base_dir)
    if is_g3(found):
        return _verify_g3(found, progress)
    return verify_session(read_session(stream_id, session_id, base_dir), progress)


def _verify_g3(found: Found, progress: Progress) -> Verdict:
    index = g3_index(found)
    with needs_g3():
        from receivers.g3.verify import verify_files  # noqa: PLC0415  # an extra
    problems: list[str] = []
    done = 0
    for n_read, problem in verify_files(index, found.paths):
        done += n_read
        progress(done, index.frames_written)
        if problem and len(problems) < MAX_PROBLEMS:
            problems.append(problem)
    return Verdict(
        stream_id=index.stream_id,
        session_id=index.session_id,
        frames_read=done,
        frames_lost=index.frames_lost,
        is_complete=index.complete,
        problems=tuple(problems),
        notes=found.notes,
    )


def verify_session(session: RecordedSession, progress: Progress = lambda _done, _all: None) -> Verdict:
    """Read every chunk that counts in every file of `session`, and check what they say against what is there.

    Frames of a broken file that a later one has again do not count.
    """
    problems: list[str] = []
    done, n_rows = 0, sum(len(part.recorded) for part in session.parts)
    for number, part in enumerate(session.parts):
        counting = session.counting(number)
        checks = itertools.chain(_check_part(part, counting), ((0, text) for text in _check_counts(part)))
        for n_read, problem in checks:
            done += n_read
            progress(done, n_rows)
            if problem and len(problems) < MAX_PROBLEMS:
                problems.append(f"{part.path.name}: {problem}")
    return Verdict(
        stream_id=session.stream_id,
        session_id=session.session_id,
        frames_read=session.frames_written,
        frames_lost=session.frames_lost,
        is_complete=session.is_complete,
        problems=tuple(problems),
        notes=session.notes,
    )


def _check_part(part: Part, counting: Flags) -> Iterator[tuple[int, str]]:
    """Rows that were read, and what was found wrong with them, empty for nothing."""
    try:
        with open_file(part.path) as file:
            if part.is_of_samples:
                yield from _check_samples(file[part.group], part, counting)
                return
            detector = file[layout.DETECTOR]
            yield from _check_rows(detector["data"], part, counting)
            yield from ((0, problem) for problem in _check_columns(detector, part, counting))
    except (ConfigurationError, OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        yield 0, f"cannot be read: {error}"


def _check_samples(arrays: h5py.Group, part: Part, counting: Flags) -> Iterator[tuple[int, str]]:
    """All can be read; whether a value was never written cannot be told from it."""
    for number, (name, dataset) in enumerate(arrays.items()):
        for n_rows, problem in _check_rows(dataset, part, counting, is_fill_told=False):
            yield (n_rows if number == 0 else 0), problem and f"{name}: {problem}"


def _check_rows(
    dataset: h5py.Dataset, part: Part, counting: Flags, *, is_fill_told: bool = True
) -> Iterator[tuple[int, str]]:
    chunk_rows = int(dataset.chunks[0])
    row_bytes = max(int(np.prod(dataset.shape[1:])) * dataset.dtype.itemsize, 1)
    # Whole chunks of the file, so that each is unpacked once.
    step = max(SLAB_BYTES // (row_bytes * chunk_rows), 1) * chunk_rows
    last = part.first_row + len(part.recorded)
    first = part.first_row
    while first < last:
        end = min((first // step + 1) * step, last)
        here = counting[first - part.first_row : end - part.first_row]
        yield (
            end - first,
            _check_slab(dataset, first, end, here if is_fill_told else np.zeros_like(here), part)
            if here.any()
            else "",
        )
        first = end


def _check_slab(dataset: h5py.Dataset, first: int, end: int, counting: Flags, part: Part) -> str:
    where = f"frames {_frame(part, first)}..{_frame(part, end) - 1}"
    try:
        counts = dataset[first:end]
    except (OSError, RuntimeError) as error:
        return f"{where} cannot be read: {error}"
    # What was never written, or lost after a failed write, reads as fill values.
    if not counting.any():  # then any value can be data
        return ""
    is_empty = (counts == NO_COUNT).all(axis=(1, 2)) & counting
    if is_empty.any():
        rows = np.flatnonzero(is_empty)
        return f"{len(rows)} of {where} have no histogram, the first is {_frame(part, first + int(rows[0]))}"
    return ""


def _frame(part: Part, row: int) -> int:
    return part.first_frame + row - part.first_row


def _check_columns(detector: h5py.Group, part: Part, counting: Flags) -> Iterator[str]:
    """Each small dataset reads, and scalers are there where the frame is."""
    for name, dataset in detector.items():
        if name == "data" or not isinstance(dataset, h5py.Dataset) or dataset.is_virtual:
            continue
        if dataset.maxshape[:1] != (None,):
            dataset[()]
            continue
        n_wrong = sum(
            int((slab[here[: len(slab)]] == NO_COUNT).any(axis=-1).sum()) if name in SCALER_NAMES else 0
            for slab, here in _slabs(dataset, part, counting)
        )
        if n_wrong:
            yield f"{n_wrong} frames have no {name}"
        if dataset.shape[0] < part.first_row + len(part.recorded):
            yield f"{name} has {dataset.shape[0]} rows, fewer than others"


def _slabs(dataset: h5py.Dataset, part: Part, counting: Flags) -> Iterator[tuple[npt.NDArray[Any], Flags]]:
    for first in range(0, len(counting), COLUMN_ROWS):
        here = counting[first : first + COLUMN_ROWS]
        row = part.first_row + first
        yield dataset[row : row + len(here)], here


def _check_counts(part: Part) -> Iterator[str]:
    n_written = part.frames_written
    if part.is_finished and part.frames_counted != n_written:
        yield f"says to hold {part.frames_counted} frames, and holds {n_written}"
    if not part.is_finished and part.frames_counted > n_written:
        yield f"said to hold {part.frames_counted} frames when its writer died, and holds {n_written}"
    if part.is_finished and part.is_complete and not part.recorded.all():
        yield "says to be complete, and is not"
    n_untold = int((~part.recorded & ~_told(part)).sum())
    if part.is_finished and n_untold:
        yield f"{n_untold} frames are not there, and nothing is said of them"


def _told(part: Part) -> Flags:
    told = np.zeros(len(part.recorded), dtype=bool)
    for first, end, _ in part.missing:
        told[max(first - part.first_frame, 0) : max(end - part.first_frame, 0)] = True
    return told
