"""The sink that says how far its file is, to the program that started it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from receivers.hdf5.naming import DEFAULT_PATTERN, ExistingFile
from receivers.hdf5.writer import FLUSH_INTERVAL, Hdf5Sink
from receivers.report import SessionReport
from xspress3.stream import SessionStart

__all__ = ["TellingSink"]

PROGRESS_INTERVAL = 0.2


class TellingSink(Hdf5Sink):
    """Writes as `Hdf5Sink` does, and tells what becomes of it.

    Parameters
    ----------
    tell
        Called with an event and its values: `begin` (session_id, path), `progress` (session_id, written),
        `end` (session_id, path, written, complete, text). Written is what is in the files for good,
        whatever happens to this process; path is the first file of the session.
    """

    def __init__(
        self,
        tell: Callable[..., None],
        directories: Path | Sequence[Path],
        policy: ExistingFile = ExistingFile.SUFFIX,
        *,
        pattern: str = DEFAULT_PATTERN,
        flush_interval: float = FLUSH_INTERVAL,
        notify: Callable[[str], None] = lambda _line: None,
    ) -> None:
        super().__init__(directories, policy, pattern=pattern, flush_interval=flush_interval, notify=notify)
        self._tell = tell
        self._session_id = 0
        self._path = Path("/")
        self._told, self._told_at = 0, 0.0

    def _open(
        self,
        directories: Sequence[Path],
        name: str,
        policy: ExistingFile,
        start: SessionStart,
        *,
        append: bool = False,
    ) -> Path:
        """Begin a file, and say so."""
        self._path = super()._open(directories, name, policy, start, append=append)
        self._session_id, self._told = start.envelope.session_id or 0, 0
        self._tell("begin", session_id=self._session_id, path=str(self._path))
        return self._path

    def tick(self) -> None:
        """Flush when it is time, and say how far that is, also while no frames come."""
        super().tick()
        now = time.monotonic()
        if self._series is None or now - self._told_at < PROGRESS_INTERVAL:
            return
        written = self._series.frames_written
        if written != self._told:
            self._told, self._told_at = written, now
            self._tell("progress", session_id=self._session_id, written=written)

    def end(self, report: SessionReport) -> None:
        """Close the file and say so: from then on it is on the disk."""
        series = self._series
        super().end(report)
        if series is not None:
            written = series.frames_written
            self._tell(
                "end",
                session_id=report.session_id,
                path=str(self._path),
                written=written,
                complete=report.is_complete and written == report.frames_received,
                text=report.text,
            )
