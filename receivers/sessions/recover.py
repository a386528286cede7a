"""A finished copy of a file whose writer died: `x.h5` becomes `x.recovered.h5`, and stays as it is.

The copy is made under a hidden name, put on the disk, and only then given its own, so that a copy that can
be seen is whole.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from receivers.hdf5 import layout
from receivers.hdf5.columns import COLUMNS
from receivers.hdf5.sample_file import BLOCKS
from receivers.hdf5.space import MIN_FREE_BYTES, check_space
from receivers.hdf5.summary import open_file
from receivers.recorded_blocks import NOT_RECORDED
from receivers.sessions.find import Found, find_files
from receivers.sessions.g3 import is_g3, needs_g3
from receivers.sessions.index import SessionIndex
from receivers.sessions.part import RECOVERED_FROM, Part, read_part
from receivers.sessions.session import RECOVERED, RecordedSession, read_session
from xspress3.errors import SinkError

__all__ = ["Recovered", "recover_index", "recover_part", "recover_session", "recovered_path"]


@dataclass(frozen=True)
class Recovered:
    """What was made: copies of files, and the index, with its place if it has one."""

    made: list[Path]
    index: SessionIndex
    index_path: Path | None


END_REASON = f"{RECOVERED}: its writer died"


def recovered_path(path: Path) -> Path:
    """Where the finished copy of `path` goes."""
    return path.with_name(f"{path.stem}.{RECOVERED}{path.suffix}")


def recover_session(session: RecordedSession) -> list[Path]:
    """Make a finished copy of each file of `session` that is not finished; gives the paths of these.

    Raises
    ------
    SinkError
        When one cannot be made; those before it stand.
    """
    unfinished = [part for part in session.parts if not part.is_finished]
    return [recover_part(part, session.session_id) for part in unfinished]


def recover_index(stream_id: str, session_id: int, base_dir: Path, also: Sequence[Path] = ()) -> Recovered:
    """Finish what was cut short, as `recover_session`, and write the index again from the files.

    Files of G3 frames need no end: of these the index is made only. Directories are as of `find_files`.

    Raises
    ------
    FileNotFoundError, ConfigurationError
        As of `read_session`.
    SinkError
        When something cannot be written.
    """
    found = find_files(stream_id, session_id, base_dir, also)
    if is_g3(found):
        made, index = [], _g3_index(stream_id, session_id, found)
    else:
        made = recover_session(read_session(stream_id, session_id, base_dir, also))
        index = read_session(stream_id, session_id, base_dir, also).as_index()
    if found.index_path is not None:
        found.index_path.parent.mkdir(parents=True, exist_ok=True)
        index.write(found.index_path)
    return Recovered(made, index, found.index_path)


def _g3_index(stream_id: str, session_id: int, found: Found) -> SessionIndex:
    """The index where there is one, for it knows more than the files; else one made of these."""
    if found.index is not None:
        return found.index
    with needs_g3():
        from receivers.g3.rebuild import rebuild_index  # noqa: PLC0415  # an extra
    directory = found.paths[0].parent if found.index_path is None else found.index_path.parent
    return rebuild_index(stream_id, session_id, found.paths, directory)


def recover_part(part: Part, session_id: int) -> Path:
    """A finished copy of the file of `part`; gives its path.

    Raises
    ------
    SinkError
        When there is one already, the disk has no room, or the file cannot be read whole; nothing is left.
    """
    target = recovered_path(part.path)
    if target.exists():
        raise SinkError(f"cannot recover {part.path}: {target} is there already")
    check_space(target.parent, 2 * part.size_bytes, MIN_FREE_BYTES, target)
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with _failures_told(part.path):
            _copy(part, draft)
            _check(part, draft, session_id)
            _sync(draft)
            os.link(draft, target)  # unlike a rename it never replaces what came meanwhile
            _sync(target.parent)
    finally:
        draft.unlink(missing_ok=True)
    return target


@contextlib.contextmanager
def _failures_told(path: Path) -> Iterator[None]:
    try:
        yield
    except SinkError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise SinkError(f"cannot recover {path}: {error}") from error


def _copy(part: Part, draft: Path) -> None:
    with open_file(part.path) as source, h5py.File(draft, "x", libver=layout.LIBVER) as copy:
        copy.attrs.update(source.attrs)
        for name in source:
            source.copy(source[name], copy, name)
        _finish(copy, part)


def _finish(copy: h5py.File, part: Part) -> None:
    """Say what there is, and that this is not how its writer left it."""
    entry, counts, data = copy[layout.ENTRY], copy[layout.COUNTS], copy[part.group]
    entry.attrs[RECOVERED_FROM] = part.path.name
    names = list(data) if part.is_of_samples else ["data", *(column.name for column in COLUMNS)]
    n_rows = max(len(data[name]) for name in names)
    for name in names:
        data[name].resize(n_rows, axis=0)
    recorded = np.zeros(n_rows, dtype=bool)
    if part.is_of_samples:
        recorded[: len(part.recorded)] = part.recorded
        times = copy[BLOCKS]["timestamp"][()]
    else:
        recorded[:] = data["frame_number"][()] >= 0
        times = data["timestamp"][()]
    holes = _untold(part, recorded)
    _add_missing(counts, holes)
    counts["frames_written"][()] = int(recorded.sum())
    counts["frames_lost"][()] = int((~recorded).sum())
    end_time = np.nanmax(times) if np.isfinite(times).any() else part.start_time
    entry["end_time"][()] = layout.fixed_text(layout.iso_time(float(end_time)), layout.TEXT_BYTES)
    entry["end_reason"][()] = layout.fixed_text(END_REASON, layout.TEXT_BYTES)
    entry["complete"][()] = 0


def _untold(part: Part, recorded: Any) -> list[tuple[int, int]]:
    """Ranges of rows without a frame of which the file does not tell, as it tells them."""
    is_hole = ~recorded
    offset = part.first_frame - part.first_row
    for first, end, _ in part.missing:
        is_hole[max(first - offset, 0) : max(end - offset, 0)] = False
    edges = np.flatnonzero(np.diff(np.concatenate(([False], is_hole, [False])).astype(np.int8)))
    shift = part.first_frame if not part.first_row else 0
    return [(int(a) + shift, int(b) + shift) for a, b in edges.reshape(-1, 2)]


def _add_missing(counts: h5py.Group, holes: list[tuple[int, int]]) -> None:
    missing, reasons = counts["missing"], counts["missing_reason"]
    first = min(len(missing), len(reasons))
    for dataset in (missing, reasons):
        dataset.resize(first + len(holes), axis=0)
    if holes:
        missing[first:] = np.array(holes, dtype="<i8")
        text = layout.fixed_text(NOT_RECORDED, layout.REASON_BYTES)
        reasons[first:] = np.array([text] * len(holes), dtype=reasons.dtype)


def _check(part: Part, draft: Path, session_id: int) -> None:
    """Raise `SinkError` unless the copy has each frame of the file."""
    with open_file(draft) as file:
        stream_id = bytes(file[layout.ENTRY]["stream_id"][()]).decode()
    made = read_part(draft, stream_id, session_id)
    if made is None or made.frames_written < part.frames_written:
        n_frames = 0 if made is None else made.frames_written
        raise SinkError(f"cannot recover {part.path}: {n_frames} of {part.frames_written} frames came over")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
