"""The files of one session, one after the other: what one cannot take goes first into the next.

After a failed write HDF5 takes more, says that all is well, and loses it. So the file is left for ever, and
what came since its last good flush, which this module keeps in memory, is written again into a new one: to
rewrite a second of data is cheap, to find out how much of it had reached the disk is not, because the
library answers from its own memory. Frames can therefore stand in two files, of which the later one counts.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from receivers.geometry import Geometry
from receivers.hdf5.create import RefusedFileError
from receivers.hdf5.facts import FileFacts, FileState, facts_of
from receivers.hdf5.kept import Kept
from receivers.hdf5.naming import ExistingFile
from receivers.hdf5.part_file import BrokenFileError, PartEnd, PartFile
from receivers.hdf5.sample_file import SampleFile
from receivers.hdf5.session_file import SessionFile
from receivers.hdf5.space import MIN_FREE_BYTES, NoSpaceError, check_space
from receivers.payload import payload_bytes
from receivers.report import Outcome, SessionReport
from xspress3.errors import SinkError
from xspress3.stream import Block, SessionStart
from xspress3.stream.tracker import Gap

__all__ = ["CONTINUED", "FileFacts", "FileSeries", "FileState"]

MAX_KEPT_BYTES = 32 << 20
"""Payload that may wait in memory for a flush; more of it makes one.

Of the time with uncompressed frames 21 % went into flushes with 8 MiB, 9 % with 32 MiB, 4 % with 128 MiB."""
MAX_WAITING = 1 << 18
"""Frames whose scalers may wait for a flush."""
RETRY_TIME = 1.0
"""Seconds for which a directory is left alone that could not take a single frame."""
CONTINUED = "continued"
"""Reason of the end of a file behind which the session goes on in another one."""
REMOVED = "its file was removed by another program"
_PROPER = (Outcome.COMPLETE, Outcome.STOPPED, Outcome.RESTARTED)


class FileSeries:
    """Writes one session to as many files as it takes::

        series = FileSeries(start, geometry, [Path("/data"), Path("/spare")], "scan_{:03d}.h5".format)
        series.write(block)
        series.flush()
        series.finish(report)

    Parameters
    ----------
    geometry
        Of the frames; `None` where these are samples of another stream, see `sample_file`.
    directories
        Where files go: the first one that has room; must exist, and at least one.
    name
        Name of the file of a part, below a directory; folders in it are made. Parts are counted from
        `first_part`.
    policy
        What to do when the first file exists; those behind it go beside what exists.
    min_free_bytes
        Space left on a disk below which nothing more is written there.
    on_open
        Called with each new file.

    Attributes
    ----------
    is_broken
        Whether a write to any file failed; HDF5 may then crash when the process ends.
    removed
        Frames that went with files which another program removed.
    """

    def __init__(
        self,
        start: SessionStart,
        geometry: Geometry | None,
        directories: Sequence[Path],
        name: Callable[[int], str],
        policy: ExistingFile = ExistingFile.SUFFIX,
        *,
        min_free_bytes: int = MIN_FREE_BYTES,
        first_part: int = 0,
        on_open: Callable[[PartFile], None] = lambda _file: None,
    ) -> None:
        self._start = start
        self._geometry = geometry
        self._directories = list(directories)
        self._name = name
        self._policy = policy
        self._min_free_bytes = min_free_bytes
        self._on_open = on_open
        self._next_part = first_part
        self._file: PartFile | None = None
        self._directory = self._directories[0]  # of the open file
        self._done: list[FileFacts] = []
        self._kept = Kept()  # all since the last good flush
        self._left_alone: dict[Path, tuple[float, str]] = {}  # until when, and why
        self.is_broken = False
        self.removed: list[Gap] = []

    @property
    def files(self) -> list[FileFacts]:
        """Every file so far, the open one last."""
        file = self._file
        return (
            self._done if file is None else [*self._done, facts_of(file, FileState.OPEN, is_complete=False)]
        )

    @property
    def frames_written(self) -> int:
        """Frames that are in the files for good, each counted once."""
        open_file = 0 if self._file is None else self._file.frames_written
        return sum(facts.frames_written for facts in self._done) + open_file

    @property
    def frames_waiting(self) -> int:
        """Frames that were taken and would be lost if this process died now."""
        return self._kept.n_frames

    def open(self, *, append: bool = False, first_frame: int = 0) -> Path:
        """Open the first file before any frame has come; gives its path.

        Parameters
        ----------
        append
            Whether the file exists, and the session goes behind those that it holds.
        """
        self._open_next(first_frame, 0, append=append)
        assert self._file is not None
        return self._file.path

    def write(self, block: Block) -> None:
        """Take `block`, into a new file where there is none or the open one fails.

        Raises
        ------
        NoSpaceError
            When no directory can take it; nothing of it was taken.
        ProtocolError
            When the payload cannot be unpacked; the same.
        """
        size_bytes = payload_bytes(block)
        for _ in range(len(self._directories) + 1):
            file = self._file_for(block.first_frame, size_bytes)
            try:
                file.write(block)
            except BrokenFileError as error:
                self._leave(file, error)
                reason = error
                continue
            self._keep(block, size_bytes)
            return
        raise NoSpaceError(str(reason)) from reason

    def lost(self, gap: Gap) -> None:
        """Note frames that will not come."""
        self._kept.add_gap(gap)
        if self._file is not None:
            self._file.lost(gap)

    def flush(self) -> None:
        """Make sure that all that was taken is in a file.

        Raises
        ------
        NoSpaceError
            When it is not, and no directory has room for another file; it is kept for the next attempt.
        """
        file = self._file
        if file is not None:
            try:
                file.flush()
            except BrokenFileError as error:
                self._leave(file, error)
            else:
                self._kept.clear()
        if self.frames_waiting:
            self._open_next(0, 0)

    def roll(self) -> None:
        """Finish the open file, if there is one; the next block opens another one."""
        file = self._file
        if file is None:
            return
        self.flush()
        if file is self._file:
            with contextlib.suppress(BrokenFileError):  # all is in it; that it is broken is in `files`
                self._close(file, _end_of_part(file))

    def finish(self, report: SessionReport) -> list[FileFacts]:
        """Write and close what is open; gives `files`.

        Raises
        ------
        SinkError
            When a file could not be closed properly, or frames that waited have no place.
        """
        try:
            self.flush()
            # Losses behind the last frame, where no file is open, would be told by none.
            if self._file is None and self._kept.first_frame is not None:
                self._open_next(0, 0)
        except NoSpaceError as error:
            raise SinkError(f"{self.frames_waiting} frames could not be written: {error}") from error
        file = self._file
        if file is not None:
            self._close(file, self._end_of_session(file, report))
        return self.files

    # One file after the other

    def _file_for(self, frame: int, size_bytes: int) -> PartFile:
        """The open file while its disk has room, else a new one; where no disk has, it stays open."""
        if self._file is not None:
            try:
                check_space(self._directory, size_bytes, self._min_free_bytes, self._file.path)
            except SinkError:
                if not any(self._usable(size_bytes, [])):
                    raise
                self.roll()
        if self._file is None:
            self._open_next(frame, size_bytes)
        assert self._file is not None
        return self._file

    def _open_next(self, frame: int, size_bytes: int, *, append: bool = False) -> None:
        """Open a file for `frame`, wherever there is room, and put there first what waits."""
        kept_from = self._kept.first_frame
        first_frame = frame if kept_from is None else kept_from
        refusals: list[str] = []
        for directory in self._usable(size_bytes + self._kept.size_bytes, refusals):
            try:
                self._file = self._make(directory, first_frame, append=append)
            except (BrokenFileError, RefusedFileError) as error:
                self.is_broken = self.is_broken or isinstance(error, BrokenFileError)
                self._leave_alone(directory, error)
                refusals.append(str(error))
                continue
            if self._write_again(self._file, refusals):
                return
        raise NoSpaceError("; ".join(refusals))

    def _make(self, directory: Path, first_frame: int, *, append: bool) -> PartFile:
        part = self._next_part
        path = directory / self._name(part)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RefusedFileError(f"cannot make {path.parent}: {error.strerror}") from error
        policy = ExistingFile.SUFFIX if self._done else self._policy
        start, geometry = self._start, self._geometry
        file: PartFile
        if geometry is None:
            file = SampleFile(path, policy, start, first_frame=first_frame, part=part)
        else:
            file = SessionFile(
                path, policy, start, geometry, append=append, first_frame=first_frame, part=part
            )
        self._next_part += 1
        self._directory = directory
        self._on_open(file)
        return file

    def _write_again(self, file: PartFile, refusals: list[str]) -> bool:
        """Put into `file` what no other has for certain; `False` when it does not take it."""
        if self._kept.first_frame is None:
            return True
        try:
            for kept in self._kept:
                if isinstance(kept, Block):
                    file.write(kept)
                else:
                    file.lost(kept)
            file.flush()
        except BrokenFileError as error:
            self._leave(file, error)
            refusals.append(str(error))
            return False
        self._kept.clear()
        return True

    def _usable(self, size_bytes: int, refusals: list[str]) -> Iterator[Path]:
        """Directories that may take a file; why the others may not goes to `refusals`."""
        now = time.monotonic()
        for directory in list(self._directories):
            until, why = self._left_alone.get(directory, (now, ""))
            if now < until:
                refusals.append(why)
                continue
            try:
                check_space(directory, size_bytes, self._min_free_bytes)
            except SinkError as error:
                refusals.append(str(error))
                continue
            yield directory

    def _leave_alone(self, directory: Path, error: SinkError) -> None:
        self._left_alone[directory] = time.monotonic() + RETRY_TIME, str(error)

    def _leave(self, file: PartFile, error: SinkError) -> None:
        """Leave a broken file as it is, for ever, and its directory to the last."""
        self.is_broken = True
        self._file = None
        self._done.append(facts_of(file, FileState.BROKEN, is_complete=False))
        self._directories.remove(self._directory)
        self._directories.append(self._directory)
        if file.frames_removed:
            self._note_removed(file)
        if not file.frames_written:
            self._leave_alone(self._directory, error)

    def _note_removed(self, file: PartFile) -> None:
        """Have the next file tell which frames went with `file`."""
        first_kept = self._kept.first_frame
        end = file.first_frame + file.n_rows if first_kept is None else first_kept
        gap = Gap(file.first_frame, end - file.first_frame, REMOVED)
        self.removed.append(gap)
        self._kept.add_removed(gap)

    def _close(self, file: PartFile, end: PartEnd) -> None:
        try:
            file.finish(end)
        except BrokenFileError as error:
            self._leave(file, error)
            raise
        self._file = None
        self._kept.clear()
        self._done.append(facts_of(file, FileState.CLOSED, is_complete=end.is_complete))

    def _end_of_session(self, file: PartFile, report: SessionReport) -> PartEnd:
        expected = report.frames_expected
        if expected is not None:
            expected = max(expected - file.first_frame, 0)
        is_whole = report.outcome in _PROPER and not file.frames_lost and file.frames_taken == expected
        if not self._done:
            is_whole = report.is_complete and file.frames_taken == report.frames_received
        reason = f"{report.outcome.value}: {report.text}" if report.text else report.outcome.value
        return PartEnd(expected, is_whole, reason, report.end_time, report.duplicates)

    def _keep(self, block: Block, size_bytes: int) -> None:
        self._kept.add_block(block, size_bytes)
        file = self._file
        if self._kept.size_bytes >= MAX_KEPT_BYTES or (file is not None and file.n_waiting >= MAX_WAITING):
            with contextlib.suppress(NoSpaceError):  # the block was taken; the next one is refused
                self.flush()


def _end_of_part(file: PartFile) -> PartEnd:
    is_whole = not file.frames_lost and file.frames_taken == file.n_rows
    return PartEnd(file.n_rows, is_whole, CONTINUED, time.time())
