"""The `.g3` files of one session, one after the other: what one cannot take goes first into the next."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from receivers.g3.frame import Frame
from receivers.g3.g3_file import G3File
from receivers.hdf5.space import MIN_FREE_BYTES, NoSpaceError, check_space
from xspress3.errors import SinkError

__all__ = ["G3Part", "G3Series"]

RETRY_TIME = 0.5
"""Seconds for which a directory is left alone that could not take a frame."""


@dataclass(frozen=True)
class G3Part:
    """One file of a session.

    Parameters
    ----------
    first_frame
        How many frames of the session are in the files before it.
    n_frames
        Frames of the session in it; those repeated at its start are not among them.
    state
        "open", "closed", or "broken" after a failed write.
    """

    path: Path
    part: int
    first_frame: int
    n_frames: int
    state: str
    size_bytes: int


class G3Series:
    """Writes frames of one session, never over what exists::

        series = G3Series([Path("/data/17636/crate1slot2")], "1763683200_{:03d}.g3".format)
        series.write(frame, carried=[observation, status])
        series.roll()

    Parameters
    ----------
    directories
        Where files go: the first one that has room; made when needed.
    name
        Name of the file of a part; a part whose name is taken is passed over.
    notify
        Called with a line for each file that had to be left.
    """

    def __init__(
        self,
        directories: Sequence[Path],
        name: Callable[[int], str],
        *,
        first_part: int = 0,
        min_free_bytes: int = MIN_FREE_BYTES,
        clock: Callable[[], float] = time.monotonic,
        notify: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self._directories = list(directories)
        self._name = name
        self._min_free_bytes = min_free_bytes
        self._clock = clock
        self._notify = notify
        self._left_alone: dict[Path, float] = {}
        self._done: list[G3Part] = []
        self._next_part = first_part
        self._file: G3File | None = None
        self._part = 0
        self._repeated = 0
        self.frames_written = 0

    @property
    def is_open(self) -> bool:
        """Whether a file is open; the next frame goes there unless it fails."""
        return self._file is not None

    @property
    def n_files(self) -> int:
        """How many `files` there are."""
        return len(self._done) + self.is_open

    @property
    def files(self) -> list[G3Part]:
        """Every file so far, the open one last."""
        return self._done if self._file is None else [*self._done, self._facts(self._file, "open")]

    def write(self, frame: Frame, carried: Sequence[Frame]) -> None:
        """Write `frame`; where that takes a new file, `carried` come first.

        Raises
        ------
        NoSpaceError
            When no directory can take it; nothing of it was written, and it may be offered again.
        """
        reason: SinkError | None = None
        for _ in range(len(self._directories) + 1):
            file = self._file_for(frame, carried)
            try:
                file.write(frame)
            except SinkError as error:
                reason = error
                self._leave(file, str(error))
                continue
            self.frames_written += 1
            return
        raise NoSpaceError(str(reason)) from reason

    def sync(self) -> None:
        """Have the disk keep what was written; a file whose disk refuses is left."""
        if self._file is None:
            return
        try:
            self._file.sync()
        except SinkError as error:
            self._leave(self._file, str(error))

    def roll(self) -> None:
        """Close the open file, if there is one; the next frame opens another."""
        file, self._file = self._file, None
        if file is not None:
            self._close(file, "")

    def _file_for(self, frame: Frame, carried: Sequence[Frame]) -> G3File:
        size_bytes = len(frame.raw)
        if self._file is not None and not self._has_room(self._file, size_bytes):
            self.roll()
        if self._file is None:
            self._file = self._open_next(size_bytes + sum(len(kept.raw) for kept in carried), carried)
        return self._file

    def _has_room(self, file: G3File, size_bytes: int) -> bool:
        """Whether `file` can grow; raises `NoSpaceError` when no other can either, then it stays open."""
        directory = file.path.parent
        try:
            check_space(directory, size_bytes, self._min_free_bytes, file.path)
        except SinkError as error:
            if all(other == directory for other in self._usable(size_bytes, [])):
                raise NoSpaceError(str(error)) from error
            return False
        return True

    def _open_next(self, size_bytes: int, carried: Sequence[Frame]) -> G3File:
        refusals: list[str] = []
        for directory in self._usable(size_bytes, refusals):
            try:
                file = self._make(directory)
            except SinkError as error:
                self._leave_alone(directory)
                refusals.append(str(error))
                continue
            try:
                for kept in carried:
                    file.write(kept)
            except SinkError as error:
                refusals.append(str(error))
                self._take_back(file)
                continue
            self._repeated = len(carried)
            return file
        raise NoSpaceError("; ".join(refusals))

    def _usable(self, size_bytes: int, refusals: list[str]) -> Iterator[Path]:
        """Directories that may take a file; why the others may not goes to `refusals`."""
        for directory in self._directories:
            if self._clock() < self._left_alone.get(directory, 0.0):
                refusals.append(f"{directory} could not be written to a moment ago")
                continue
            try:
                _make_directory(directory)
                check_space(directory, size_bytes, self._min_free_bytes)
            except SinkError as error:
                refusals.append(str(error))
                continue
            yield directory

    def _make(self, directory: Path) -> G3File:
        """A file of the next part whose name is free in every directory."""
        while True:
            self._part, self._next_part = self._next_part, self._next_part + 1
            name = self._name(self._part)
            if any(_exists(other / name) for other in self._directories):
                continue
            try:
                return G3File(directory / name)
            except FileExistsError:
                continue

    def _leave(self, file: G3File, reason: str) -> None:
        """Leave a file for ever; what it has taken is in it."""
        self._file = None
        self._leave_alone(file.path.parent)
        self._close(file, reason)

    def _close(self, file: G3File, broken: str) -> None:
        try:
            file.close()
        except SinkError as error:
            broken = broken or str(error)
        self._done.append(self._facts(file, "broken" if broken else "closed"))
        if broken:
            self._notify(f"{file.path} is left with {file.n_frames} frames: {broken}")

    def _take_back(self, file: G3File) -> None:
        """Remove a file of ours that could not even take what it begins with: no frame is in it alone."""
        self._leave_alone(file.path.parent)
        with contextlib.suppress(SinkError):
            file.close()
        file.path.unlink(missing_ok=True)
        self._next_part = self._part

    def _leave_alone(self, directory: Path) -> None:
        self._left_alone[directory] = self._clock() + RETRY_TIME

    def _facts(self, file: G3File, state: str) -> G3Part:
        n_frames = file.n_frames - self._repeated
        first = sum(part.n_frames for part in self._done)
        return G3Part(file.path, self._part, first, n_frames, state, file.size_bytes)


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SinkError(error.errno, f"cannot make {directory}: {error.strerror}") from error


def _exists(path: Path) -> bool:
    """Whether there is such a file; a directory that does not answer has none that is of use."""
    try:
        return path.exists()
    except OSError:
        return False
