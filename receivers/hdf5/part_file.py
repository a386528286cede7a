"""One file of a session: made, written in SWMR mode, finished or left; what stands in it, others say."""

from __future__ import annotations

import contextlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from receivers.hdf5 import layout
from receivers.hdf5.append import NOTHING, Before
from receivers.hdf5.broken import abandon, close_once
from receivers.hdf5.create import create_file, make_image, publish, reason_of
from receivers.hdf5.naming import ExistingFile
from xspress3.errors import SinkError
from xspress3.stream import Block
from xspress3.stream.tracker import Gap

__all__ = ["FAILURES", "BrokenFileError", "PartEnd", "PartFile"]

FAILURES = (OSError, RuntimeError, ValueError, KeyError)
"""What h5py raises when HDF5 or the disk fails."""


class BrokenFileError(SinkError):
    """A write to a file failed, which leaves HDF5 in a state that can crash the process at its end."""


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


class PartFile(ABC):
    """Writes blocks of one session, or of a part of it, to a file of its own.

    After any failed write the file is left alone: HDF5 would take more, and lose it silently. What
    the last flush wrote stays readable.

    Parameters
    ----------
    path, policy
        Where the file shall be, and what to do when there is one.
    first_frame, part
        The frame that comes first in this file, and the number of the file in its session.
    reopened
        A file that exists, at `path`, and what it holds.

    Attributes
    ----------
    path
        Where the file is.
    first_row
        Row of `first_frame`: behind those of the sessions that the file held before.
    frames_taken
        Frames that were handed to HDF5, or wait for the next flush.
    frames_written
        Frames that the last flush has put into the file: these survive the death of this process.
    frames_lost
        Frames that will not come, as far as they would stand in this file.
    is_broken
        Whether a write failed; HDF5 may then crash when the process ends.
    frames_removed
        Frames that were written, and went with the file when another program removed it.

    Raises
    ------
    BrokenFileError
        When the structure could not be written; no file is left, unless it was there before.
    SinkError
        When it could not be made, or the policy allows no name for it.
    """

    def __init__(
        self,
        path: Path,
        policy: ExistingFile,
        first_frame: int,
        part: int,
        reopened: tuple[h5py.File, Before] | None = None,
    ) -> None:
        self.path = path
        self.first_frame = first_frame
        self.part = part
        self._file: Any
        self._file, self._before = reopened or (None, NOTHING)
        self.first_row = self._before.n_rows
        self.frames_taken = self.frames_written = self.frames_lost = 0
        self.frames_removed = 0
        self.is_broken = False
        self._offset = self.first_row - first_frame  # from frame to row
        self._rows = self.first_row
        self._gaps: list[Gap] = []
        self._is_dirty = False
        self._datasets: dict[str, Any] = {}
        if reopened is None:
            self._make(policy)
        else:
            self._open(self._file)
        self._inode = self.path.stat().st_ino

    def _make(self, policy: ExistingFile) -> None:
        """Make the file, and name it when it can be read."""
        with self._guard("making the structure"):
            image = make_image(self._build)
        self._file, new = create_file(self.path.parent, image)
        try:
            self._open(self._file)
            self.path = publish(new, self.path, policy)
        except SinkError:
            if self._file is not None:
                self._file.close()
            new.unlink(missing_ok=True)
            raise

    def _open(self, file: h5py.File) -> None:
        """Find what grows."""
        with self._guard("opening the structure"):
            self._datasets = self._find(file)
            self._datasets.update((name, file[layout.COUNTS][name]) for name in file[layout.COUNTS])

    @abstractmethod
    def _build(self, file: h5py.File) -> None:
        """Make all groups and datasets."""

    @abstractmethod
    def _find(self, file: h5py.File) -> dict[str, Any]:
        """Datasets that grow, in the order in which they are flushed."""

    @abstractmethod
    def _store(self, block: Block) -> None:
        """Write `block`, or keep it for `_store_waiting`."""

    @abstractmethod
    def _store_waiting(self) -> None:
        """Write what waits, and give all datasets `_rows` rows."""

    @abstractmethod
    def _grow(self, n_rows: int) -> None:
        """Give the largest dataset `n_rows` rows, unless it has more, and set `_rows`."""

    @property
    def n_waiting(self) -> int:
        """Frames of which something is not in the file yet."""
        return 0

    def write(self, block: Block) -> None:
        """Write `block`; parts of it may wait for the next flush.

        Raises
        ------
        ProtocolError
            When the payload cannot be unpacked; nothing was written.
        BrokenFileError
            When HDF5 failed.
        """
        self._store(block)
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

    def flush(self) -> None:
        """Put all that waits into the file, in an order that readers of a growing file can stand."""
        if not self._is_dirty or self._file is None:
            return
        self._is_dirty = False
        with self._guard("writing what waited"):
            self._write_gaps()
            self._store_waiting()
            self._set_count("frames_written", self._before.frames_written + self.frames_taken)
            self._set_count("frames_lost", self._before.frames_lost + self.frames_lost)
            for dataset in self._datasets.values():
                dataset.flush()
            self._check_replaced()
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
            self._file.flush()
            file, self._file = self._file, None
            close_once(file)
            self._check_replaced()
            _sync(self.path)

    def _check_replaced(self) -> None:
        """Raise `OSError` when another program has removed the file, or put its own in its place."""
        if not self.path.exists() or self.path.stat().st_ino != self._inode:
            self.frames_removed, self.frames_written = self.frames_written, 0
            raise OSError(f"another program has removed or replaced {self.path} meanwhile")

    @contextlib.contextmanager
    def _guard(self, action: str) -> Iterator[None]:
        """Turn an error of HDF5 into a `SinkError`, and leave the file alone from then on."""
        try:
            yield
        except FAILURES as error:
            raise self._failed(action, error) from error

    def _failed(self, action: str, error: Exception) -> BrokenFileError:
        """Leave the file alone from now on; gives what to raise."""
        self.is_broken = True
        self._datasets.clear()
        file, self._file = self._file, None
        if file is not None:
            abandon(file)
        return BrokenFileError(
            f"{action} to {self.path} failed: {reason_of(error)}; "
            "the file is left as it was at its last flush"
        )

    def _write_gaps(self) -> None:
        gaps, self._gaps = self._gaps, []
        if not gaps:
            return
        ranges = [(g.first_frame + self.first_row, g.first_frame + g.n_frames + self.first_row) for g in gaps]
        self._grow(max(end for _, end in ranges) - self.first_frame)
        missing, reasons = self._datasets["missing"], self._datasets["missing_reason"]
        first = missing.shape[0]
        for dataset in (missing, reasons):
            dataset.resize(first + len(gaps), axis=0)
        missing[first:] = np.array(ranges, dtype="<i8")
        texts = [layout.fixed_text(gap.reason, layout.REASON_BYTES) for gap in gaps]
        reasons[first:] = np.array(texts, dtype=h5py.string_dtype("utf-8", layout.REASON_BYTES))

    def _set_count(self, name: str, value: int) -> None:
        self._datasets[name][()] = value


def _sync(path: Path) -> None:
    """Wait until the file and its name are on the disk; HDF5 never does."""
    for target in (path, path.parent):
        descriptor = os.open(target, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
