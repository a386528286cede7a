"""The sink that writes each session to HDF5 files: to one, unless that fails or its disk fills up."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from receivers.geometry import Geometry
from receivers.hdf5.naming import DEFAULT_PATTERN, ExistingFile, check_pattern, file_name, part_name
from receivers.hdf5.part_file import PartFile
from receivers.hdf5.sample_file import is_of_samples
from receivers.hdf5.series import FileFacts, FileSeries
from receivers.hdf5.space import MIN_FREE_BYTES, check_directory
from receivers.report import SessionReport
from xspress3.errors import ConfigurationError, ProtocolError, SinkError
from xspress3.stream import Block, Contract, SessionStart
from xspress3.stream.tracker import Gap

__all__ = ["FLUSH_INTERVAL", "Hdf5Sink"]

FLUSH_INTERVAL = 1.0


class Hdf5Sink:
    """Writes sessions to files of their own, readable while they grow::

        sink = Hdf5Sink(Path("/data"))
        Receiver(subscriber, [sink]).run(sessions=1)
        sink.close()

    A writer that is killed costs what came since the last flush. A file that fails, or whose disk fills
    up, is followed by another one in the next directory with room, see `series`.

    Parameters
    ----------
    directories
        One or several, must exist and be writable; the first that has room is taken.
    policy
        What to do when a file of that name exists.
    pattern
        Name of the file, with the fields stream_id and session_id.
    flush_interval
        Seconds between two flushes while frames come.
    min_free_bytes
        Space left on a disk below which nothing more is written there.
    notify
        Takes one line about each file behind the first one of a session.

    Attributes
    ----------
    finished
        Report and path of the first file of each session that ended here, broken ones too.
    files
        All files of the session that runs, or of the last one.
    is_broken
        Whether a write to any file failed; HDF5 may then crash when the process ends.

    Raises
    ------
    ConfigurationError
        For values that cannot be.
    SinkError
        When the directory cannot be used.
    """

    def __init__(
        self,
        directories: Path | Sequence[Path],
        policy: ExistingFile = ExistingFile.SUFFIX,
        *,
        pattern: str = DEFAULT_PATTERN,
        flush_interval: float = FLUSH_INTERVAL,
        min_free_bytes: int = MIN_FREE_BYTES,
        notify: Callable[[str], None] = lambda _line: None,
    ) -> None:
        if not flush_interval >= 0:
            raise ConfigurationError(f"flush_interval: {flush_interval} s, allowed is 0 s and more")
        chosen = [directories] if isinstance(directories, Path) else directories
        self._directories = [check_directory(directory) for directory in chosen]
        self._policy = policy
        self._pattern = check_pattern(pattern)
        self._flush_interval = flush_interval
        self._min_free_bytes = min_free_bytes
        self._notify = notify
        self._series: FileSeries | None = None
        self._next_flush = 0.0
        self._names: set[str] = set()
        self.finished: list[tuple[SessionReport, Path]] = []
        self.files: list[FileFacts] = []
        self.is_broken = False

    def begin(self, start: SessionStart) -> None:
        """Create the file, with all but its rows.

        Raises
        ------
        SinkError
            Also when this reader does not get every frame: a row that was not wanted would look lost.
        """
        _check_contract(start)
        envelope = start.envelope
        name = file_name(self._pattern, envelope.stream_id, envelope.session_id or 0)
        self._open(self._directories, name, self._policy_for(name, start), start)

    def _open(
        self,
        directories: Sequence[Path],
        name: str,
        policy: ExistingFile,
        start: SessionStart,
        *,
        append: bool = False,
    ) -> Path:
        """Begin a series of files and its first file; gives the path."""
        series = FileSeries(
            start,
            None if is_of_samples(start) else Geometry.from_start(start),
            directories,
            lambda part: part_name(name, part),
            policy,
            min_free_bytes=self._min_free_bytes,
            on_open=self._opened,
        )
        try:
            path = series.open(append=append)
        finally:
            self.is_broken = self.is_broken or series.is_broken
        self._series = series
        self._next_flush = time.monotonic() + self._flush_interval
        return path

    def _opened(self, file: PartFile) -> None:
        if file.part:
            self._notify(f"from frame {file.first_frame} on the session is written to {file.path}")

    def _policy_for(self, name: str, start: SessionStart) -> ExistingFile:
        """The policy, but what was written here, or may be the first part of a session, stays."""
        if self._policy is ExistingFile.OVERWRITE and (name in self._names or start.is_repeat):
            return ExistingFile.SUFFIX
        self._names.add(name)
        return self._policy

    def write(self, block: Block) -> None:
        """Write the histogram now, the scalers at the next flush."""
        if self._series is None:
            return
        if block.step != 1:
            raise ProtocolError(f"block with each {block.step}th frame, only whole ones can be written")
        self._series.write(block)

    def lost(self, gap: Gap) -> None:
        """Note what is missing."""
        if self._series is not None:
            self._series.lost(gap)

    def tick(self) -> None:
        """Flush when it is time."""
        if self._series is not None and time.monotonic() >= self._next_flush:
            self._series.flush()
            self._next_flush = time.monotonic() + self._flush_interval

    def end(self, report: SessionReport) -> None:
        """Finish and close the open file."""
        series, self._series = self._series, None
        if series is None:
            return
        self.finished.append((report, series.files[0].path))
        try:
            series.finish(report)
        finally:
            self.files = series.files
            self.is_broken = self.is_broken or series.is_broken

    def close(self) -> None:
        """Nothing is held between sessions; `end` has closed the file."""


def _check_contract(start: SessionStart) -> None:
    contract = Contract.parse(start.contract)
    if contract != Contract.parse("every:1") and not contract.is_lossless:
        raise SinkError(
            f"session {start.envelope.session_id} comes under the contract {start.contract!r}, "
            "allowed for a file are 'lossless' and 'every:1': join with one of these"
        )
