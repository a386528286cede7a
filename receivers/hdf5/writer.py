"""The sink that writes each session to an HDF5 file."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from receivers.geometry import Geometry
from receivers.hdf5.naming import DEFAULT_PATTERN, ExistingFile, check_pattern, file_name
from receivers.hdf5.session_file import BrokenFileError, SessionFile
from receivers.report import SessionReport
from xspress3.errors import ConfigurationError, ProtocolError, SinkError
from xspress3.stream import Block, Contract, SessionStart
from xspress3.stream.tracker import Gap

__all__ = ["FLUSH_INTERVAL", "MIN_FREE_BYTES", "Hdf5Sink", "check_directory"]

FLUSH_INTERVAL = 1.0
MIN_FREE_BYTES = 64 << 20
MAX_WAITING = 1 << 18
"""Frames whose scalers may wait in memory, however long the flush interval is."""


class Hdf5Sink:
    """Writes sessions to files of their own, readable while they grow::

        sink = Hdf5Sink(Path("/data"))
        Receiver(subscriber, [sink]).run(sessions=1)
        sink.close()

    A writer that is killed costs what came since the last flush.

    Parameters
    ----------
    directory
        Must exist and be writable.
    policy
        What to do when a file of that name exists.
    pattern
        Name of the file, with the fields stream_id and session_id.
    flush_interval
        Seconds between two flushes while frames come.
    min_free_bytes
        Space left on the disk below which nothing more is written.
    is_checked
        Whether the directory is looked at now; one that is chosen later cannot be.

    Attributes
    ----------
    finished
        Report and path of each session that ended here, broken ones too.
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
        directory: Path,
        policy: ExistingFile = ExistingFile.SUFFIX,
        *,
        pattern: str = DEFAULT_PATTERN,
        flush_interval: float = FLUSH_INTERVAL,
        min_free_bytes: int = MIN_FREE_BYTES,
        is_checked: bool = True,
    ) -> None:
        if not flush_interval >= 0:
            raise ConfigurationError(f"flush_interval: {flush_interval} s, allowed is 0 s and more")
        self._directory = check_directory(directory) if is_checked else directory
        self._policy = policy
        self._pattern = check_pattern(pattern)
        self._flush_interval = flush_interval
        self._min_free_bytes = min_free_bytes
        self._file: SessionFile | None = None
        self._next_flush = 0.0
        self._names: set[str] = set()
        self.finished: list[tuple[SessionReport, Path]] = []
        self.is_broken = False

    def begin(self, start: SessionStart) -> None:
        """Create the file, with all but its rows.

        Raises
        ------
        SinkError
            Also when this reader does not get every frame: a row that was not wanted would look lost.
        """
        _check_contract(start)
        geometry = Geometry.from_start(start)
        self._check_space()
        envelope = start.envelope
        name = file_name(self._pattern, envelope.stream_id, envelope.session_id or 0)
        self._open(self._directory / name, self._policy_for(name, start), start, geometry)

    def _open(
        self, path: Path, policy: ExistingFile, start: SessionStart, geometry: Geometry, append: bool = False
    ) -> SessionFile:
        try:
            self._file = SessionFile(path, policy, start, geometry, append=append)
        except BrokenFileError:
            self.is_broken = True
            raise
        self._next_flush = time.monotonic() + self._flush_interval
        return self._file

    def _policy_for(self, name: str, start: SessionStart) -> ExistingFile:
        """The policy, but what was written here, or may be the first part of a session, stays."""
        if self._policy is ExistingFile.OVERWRITE and (name in self._names or start.is_repeat):
            return ExistingFile.SUFFIX
        self._names.add(name)
        return self._policy

    def write(self, block: Block) -> None:
        """Write the histogram now, the scalers at the next flush."""
        if self._file is None:
            return
        if block.step != 1:
            raise ProtocolError(f"block with each {block.step}th frame, only whole ones can be written")
        self._check_space()
        self._file.write(block)
        if self._file.n_waiting >= MAX_WAITING:
            self._file.flush()

    def lost(self, gap: Gap) -> None:
        """Note what is missing."""
        if self._file is not None:
            self._file.lost(gap)

    def tick(self) -> None:
        """Flush when it is time."""
        if self._file is not None and time.monotonic() >= self._next_flush:
            self._file.flush()
            self._next_flush = time.monotonic() + self._flush_interval

    def end(self, report: SessionReport) -> None:
        """Finish and close the file, unless writing to it has failed before."""
        file, self._file = self._file, None
        if file is None:
            return
        self.finished.append((report, file.path))
        try:
            file.finish(report)
        finally:
            self.is_broken = self.is_broken or file.is_broken

    def close(self) -> None:
        """Nothing is held between sessions; `end` has closed the file."""

    def _check_space(self) -> None:
        """Raise `SinkError` when the disk is nearly full; 4 us, so it is done for every block."""
        try:
            free = shutil.disk_usage(self._directory).free
        except OSError as error:
            raise SinkError(f"cannot look at {self._directory}: {error.strerror}") from error
        if free < self._min_free_bytes:
            where = self._directory if self._file is None else self._file.path
            raise SinkError(
                f"disk nearly full: {free} bytes are free for {where}, "
                f"writing stops below {self._min_free_bytes}"
            )


def _check_contract(start: SessionStart) -> None:
    contract = Contract.parse(start.contract)
    if contract != Contract.parse("every:1") and not contract.is_lossless:
        raise SinkError(
            f"session {start.envelope.session_id} comes under the contract {start.contract!r}, "
            "allowed for a file are 'lossless' and 'every:1': join with one of these"
        )


def check_directory(directory: Path) -> Path:
    """Give `directory` back when files can be made in it, else raise `SinkError`."""
    if not directory.exists():
        raise SinkError(f"directory {directory} does not exist")
    if not directory.is_dir():
        raise SinkError(f"{directory} is not a directory")
    if not os.access(directory, os.W_OK | os.X_OK):
        raise SinkError(f"directory {directory} cannot be written to")
    return directory
