"""The file of one session: made, written in SWMR mode, finished or left."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from receivers.geometry import HISTOGRAM, SCALERS, Geometry
from receivers.hdf5 import layout
from receivers.hdf5.append import NOTHING, Before, reopen_file
from receivers.hdf5.columns import COLUMNS, Columns, Rows
from receivers.hdf5.naming import ExistingFile, candidates, clear_way
from xspress3.errors import SinkError
from xspress3.stream import Block, SessionStart
from xspress3.stream.tracker import Gap

__all__ = ["BrokenFileError", "PartEnd", "RefusedFileError", "SessionFile", "create_file"]

FRAME_NUMBER = "frame_number"


def create_file(path: Path, policy: ExistingFile) -> tuple[h5py.File, Path]:
    """A new file at `path` or, where `policy` says so, beside it; never one that exists.

    Raises
    ------
    SinkError
        Naming the path and the reason.
    """
    if policy is ExistingFile.OVERWRITE:
        _refuse_unfinished(path)
        clear_way(path)
    for candidate in candidates(path, policy):
        if _claim(candidate):
            return _open_claimed(candidate), candidate
    raise SinkError(f"cannot create {path}: the file exists, and the policy is {policy.value!r}")


def _claim(path: Path) -> bool:
    """Make an empty file; `False` when there is something of that name.

    HDF5's own exclusive mode leaves a file behind when the disk is full, and calls it there the next time.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except FileExistsError:
        return False
    except OSError as error:
        raise RefusedFileError(f"cannot create {path}: {_reason(error)}") from error
    return True


def _open_claimed(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "w", libver=layout.LIBVER, rdcc_nbytes=layout.CACHE_BYTES)
    except (OSError, RuntimeError) as error:
        path.unlink(missing_ok=True)
        raise RefusedFileError(f"cannot create {path}: {_reason(error)}") from error


def _refuse_unfinished(path: Path) -> None:
    """Raise `SinkError` when `path` is a file that somebody still writes, or whose writer died."""
    try:
        h5py.File(path, "r+").close()
    except BlockingIOError:
        is_in_use = True
    except OSError as error:
        is_in_use = "already open" in str(error)
    else:
        is_in_use = False
    if is_in_use:
        raise SinkError(
            f"cannot overwrite {path}: it is being written, or its writer died; remove it if it is not needed"
        )


@contextlib.contextmanager
def _quiet_destructors() -> Iterator[None]:
    """Spare the user tracebacks of h5py's objects that cannot be closed properly any more."""
    before = sys.unraisablehook
    sys.unraisablehook = lambda _: None
    try:
        yield
    finally:
        sys.unraisablehook = before


class BrokenFileError(SinkError):
    """A write to a file failed, which leaves HDF5 in a state that can crash the process at its end."""


class RefusedFileError(SinkError):
    """The system did not let a file be made; another directory may."""


@dataclass(frozen=True)
class PartEnd:
    """What a file says of its end.

    Parameters
    ----------
    frames_expected
        Frames that should be in this file; `None` where nobody knows.
    is_complete
        Whether they all are.
    reason
        Why nothing more comes.
    time
        Unix time in s.
    duplicates
        Frames that came twice, told in the last file of a session.
    """

    frames_expected: int | None
    is_complete: bool
    reason: str
    time: float
    duplicates: int = 0


class SessionFile:
    """Writes blocks of one session, or of a part of it, to a file of its own.

    After any failed write the file is left alone: HDF5 would take more, and lose it silently. What
    the last flush wrote stays readable.

    Parameters
    ----------
    append
        Whether the file exists and holds other sessions.
    first_frame, part
        The frame that comes first in this file, and the how manieth file of the session it is.

    Attributes
    ----------
    path
        Where the file is.
    first_row
        Row of `first_frame`: behind those of the sessions that the file held before.
    frames_taken
        Frames whose histogram and scalers were handed to HDF5, or wait for the next flush.
    frames_written
        Frames that the last flush has put into the file: these survive the death of this process.
    frames_lost
        Frames that will not come, as far as they would stand in this file.
    is_broken
        Whether a write failed; HDF5 may then crash when the process ends.
    """

    def __init__(
        self,
        path: Path,
        policy: ExistingFile,
        start: SessionStart,
        geometry: Geometry,
        *,
        append: bool = False,
        first_frame: int = 0,
        part: int = 0,
    ) -> None:
        self._before: Before = NOTHING
        if append:
            self._file, self._before = reopen_file(path, start, geometry)
            self.path = path
        else:
            self._file, self.path = create_file(path, policy)
        self.first_frame = first_frame
        self.part = part
        self.first_row = self._before.n_rows
        self._offset = self.first_row - first_frame  # from frame to row
        self._inode = self.path.stat().st_ino
        self._start = start
        self._geometry = geometry
        self._columns = Columns(geometry)
        self._histogram: Any = None
        self._datasets: dict[str, Any] = {}
        self._compression = ""
        self._chunk_rows = 1
        self._rows = self.first_row
        self._gaps: list[Gap] = []
        self._is_dirty = False
        self.frames_taken = self.frames_written = self.frames_lost = 0
        self.is_broken = False
        try:
            if not append:
                with self._guard("writing the structure"):
                    layout.build(self._file, start, geometry, first_frame, part)
            self._open_histogram(geometry.compression, is_there=append)
        except BrokenFileError:
            if not append:
                self.path.unlink(missing_ok=True)  # made here, and without a frame
            raise

    def write(self, block: Block) -> None:
        """Write the histogram and keep the scalers for the next flush.

        Raises
        ------
        ProtocolError
            When the payload cannot be unpacked; nothing was written.
        SinkError
            When HDF5 failed.
        """
        scalers = np.array(block[SCALERS].decode())
        self._write_histogram(block)
        self._columns.add(block.first_frame, scalers, block.envelope.time_ns)
        self.frames_taken += block.n_frames
        self._is_dirty = True

    def lost(self, gap: Gap) -> None:
        """Keep `gap` for the next flush."""
        self._gaps.append(gap)
        self.frames_lost += gap.n_frames
        self._is_dirty = True

    @property
    def n_rows(self) -> int:
        """Frames from the first to the last one that has a row here, whether they came or not."""
        return self._rows - self.first_row

    @property
    def n_waiting(self) -> int:
        """Frames whose scalers are not in the file yet."""
        return self._columns.n_frames

    def flush(self) -> None:
        """Put all that waits into the file, in an order that readers of a growing file can stand."""
        if not self._is_dirty or self._file is None or self._histogram is None:
            return
        self._is_dirty = False
        with self._guard("writing what waited"):
            self._write_gaps()
            for rows in self._columns.take():
                self._write_rows(rows)
            self._grow_columns()
            self._set_count("frames_written", self._before.frames_written + self.frames_taken)
            self._set_count("frames_lost", self._before.frames_lost + self.frames_lost)
            self._histogram.flush()
            for dataset in self._datasets.values():
                dataset.flush()
            self.frames_written = self.frames_taken

    def finish(self, end: PartEnd) -> None:
        """Write the counts and the end, close the file, and wait until it is on disk.

        Raises
        ------
        SinkError
            When HDF5 or the disk failed.
        """
        if self._file is None:
            return
        self._is_dirty = True
        self.flush()
        with self._guard("writing the end of the session"):
            self._set_count("duplicates", self._before.duplicates + end.duplicates)
            if end.frames_expected is not None:
                self._set_count("frames_expected", self._before.frames_expected + end.frames_expected)
            entry = self._file[layout.ENTRY]
            entry["end_time"][()] = layout.fixed_text(layout.iso_time(end.time), layout.TEXT_BYTES)
            entry["end_reason"][()] = layout.fixed_text(end.reason, layout.TEXT_BYTES)
            entry["complete"][()] = end.is_complete and self._before.is_complete
            file, self._file = self._file, None
            file.close()
            self._check_replaced()
            _sync(self.path)

    def _check_replaced(self) -> None:
        """Raise `OSError` when another program has put its own file in the place of this one."""
        if not self.path.exists() or self.path.stat().st_ino != self._inode:
            raise OSError(f"another program has removed or replaced {self.path} meanwhile")

    @contextlib.contextmanager
    def _guard(self, action: str) -> Iterator[None]:
        """Turn an error of HDF5 into a `SinkError`, and leave the file alone from then on."""
        try:
            yield
        except (OSError, RuntimeError, ValueError, KeyError) as error:
            self._abandon()
            raise BrokenFileError(
                f"{action} to {self.path} failed: {_reason(error)}; "
                "the file is left as it was at its last flush"
            ) from error

    def _abandon(self) -> None:
        self.is_broken = True
        file, self._file = self._file, None
        with _quiet_destructors():  # the cause is raised by the caller; these are its echoes
            self._histogram = None
            self._datasets.clear()
            if file is not None:
                with contextlib.suppress(Exception):
                    file.close()

    def _open_histogram(self, compression: str, *, is_there: bool) -> None:
        """Make the last dataset, and let readers in."""
        with self._guard("writing the structure"):
            self._compression = compression
            if is_there:
                self._histogram = self._file[layout.DETECTOR]["data"]
            else:
                self._histogram = layout.create_histogram(
                    self._file, self._geometry, self._start, compression
                )
            self._chunk_rows = self._histogram.chunks[0]
            detector, counts = self._file[layout.DETECTOR], self._file[layout.COUNTS]
            self._datasets = {column.name: detector[column.name] for column in COLUMNS}
            self._datasets.update((name, counts[name]) for name in counts)
            self._file.flush()
            self._file.swmr_mode = True

    def _write_histogram(self, block: Block) -> None:
        """Put in the chunk as it came, or the rows of it where block and chunk differ."""
        array = block[HISTOGRAM]
        first_row = block.first_frame + self._offset
        is_chunk = (
            first_row % self._chunk_rows == 0
            and block.n_frames == self._chunk_rows
            and array.compression == self._compression
        )
        rows = None if is_chunk else array.decode()
        end = first_row + block.n_frames
        with self._guard(f"writing frames {block.first_frame}..{block.first_frame + block.n_frames - 1}"):
            self._grow_histogram(end)
            if rows is None:
                self._histogram.id.write_direct_chunk((first_row, 0, 0), array.payload)
            else:
                self._histogram[first_row:end] = rows

    def _grow_histogram(self, n_rows: int) -> None:
        # h5py's own `resize`, `shape` and `chunks` take longer than the write of a small chunk.
        if n_rows > self._rows:
            self._histogram.id.set_extent((n_rows, self._geometry.n_channels, self._geometry.n_bins))
            self._rows = n_rows

    def _write_rows(self, rows: Rows) -> None:
        first_row = rows.first + self._offset
        end = first_row + rows.n_rows
        for name, values in rows.values.items():
            dataset = self._datasets[name]
            if end > dataset.shape[0]:
                dataset.resize(end, axis=0)
            is_number = name == FRAME_NUMBER and self.first_row
            dataset[first_row:end] = (
                np.where(values < 0, values, values + self.first_row) if is_number else values
            )

    def _grow_columns(self) -> None:
        """Give rows to frames that were lost behind the last one that came."""
        for column in COLUMNS:
            dataset = self._datasets[column.name]
            if dataset.shape[0] < self._rows:
                dataset.resize(self._rows, axis=0)

    def _write_gaps(self) -> None:
        gaps, self._gaps = self._gaps, []
        if not gaps:
            return
        ranges = [(g.first_frame + self.first_row, g.first_frame + g.n_frames + self.first_row) for g in gaps]
        self._grow_histogram(max(end for _, end in ranges) - self.first_frame)
        missing, reasons = self._datasets["missing"], self._datasets["missing_reason"]
        first = missing.shape[0]
        for dataset in (missing, reasons):
            dataset.resize(first + len(gaps), axis=0)
        missing[first:] = np.array(ranges, dtype="<i8")
        texts = [layout.fixed_text(gap.reason, layout.REASON_BYTES) for gap in gaps]
        reasons[first:] = np.array(texts, dtype=h5py.string_dtype("utf-8", layout.REASON_BYTES))

    def _set_count(self, name: str, value: int) -> None:
        self._datasets[name][()] = value


def _reason(error: Exception) -> str:
    """What the system says where it was the system, else what HDF5 says, which is longer."""
    number = error.errno if isinstance(error, OSError) else None
    return str(error) if number is None else os.strerror(number)


def _sync(path: Path) -> None:
    """Wait until the file and its name are on the disk; HDF5 never does."""
    for target in (path, path.parent):
        descriptor = os.open(target, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
