"""Files and index under one session id."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from receivers.geometry import Geometry
from receivers.hdf5.naming import ExistingFile
from receivers.hdf5.part_file import PartFile
from receivers.hdf5.series import FileFacts, FileSeries
from receivers.recorder.known import NOTHING_KNOWN, Known, start_time
from receivers.recorder.names import file_name, session_directory
from receivers.recorder.options import Options
from receivers.report import Outcome, SessionReport
from receivers.sessions.index import FileEntry, FileKind, IndexState, Missing, SessionIndex, index_path
from xspress3.stream import Block, SessionStart
from xspress3.stream.tracker import Gap

__all__ = ["INDEX_INTERVAL", "Record", "Totals"]

INDEX_INTERVAL = 1.0
"""Seconds between two indexes at least, but at the end of a session."""
COUNTS_INTERVAL = 5.0
"""Seconds after which the index is written anew though only counts have changed: the disk waits for it."""
MAX_RANGES = 10_000
"""Ranges of missing frames that an index lists; all of them are counted, and stand in the files."""
PROPER_ENDS = (Outcome.COMPLETE, Outcome.STOPPED, Outcome.RESTARTED)


@dataclass
class Totals:
    """Counts of one record, with those of the files that were there before."""

    next_frame: int = 0
    frames_taken: int = 0
    frames_lost: int = 0
    duplicates: int = 0


class Record:
    """Writes frames under one session id, and keeps the index of its files::

        record = Record(start, geometry, options, session_id, first_part=0)
        record.write(block)
        record.tick(time.monotonic())
        record.finish(report)

    Parameters
    ----------
    session_id
        The one in names and files; that of the sender unless it was in use.
    first_part
        Number of its first file.
    known
        What is there of the session, when it is joined again.
    first_frame
        Frame with which the record begins; those before it belong to another one.
    on_open
        Called with each new file.

    Attributes
    ----------
    index_error
        Why the index could not be written, empty when it could.
    """

    def __init__(
        self,
        start: SessionStart,
        geometry: Geometry | None,
        options: Options,
        session_id: int,
        stream_id: str,
        first_part: int,
        known: Known = NOTHING_KNOWN,
        first_frame: int = 0,
        on_open: Callable[[PartFile], None] = lambda _file: None,
    ) -> None:
        self.session_id = session_id
        self.stream_id = stream_id
        self.totals = Totals(next_frame=first_frame)
        self.index_error = ""
        self._start = replace(start, envelope=replace(start.envelope, session_id=session_id))
        self._known = known
        self._first_frame = first_frame
        self._on_open = on_open
        self._missing: list[Gap] = []
        self._index_due = self._indexed_at = 0.0
        self._flush_due = time.monotonic() + options.flush_interval
        self._last_index: SessionIndex | None = None
        self._flush_interval = options.flush_interval
        self._index_path = index_path(options.data_dirs[0], stream_id, session_id)
        self._series = FileSeries(
            self._start,
            geometry,
            options.data_dirs,
            self._path_of,
            ExistingFile.SUFFIX,
            min_free_bytes=options.min_free_bytes,
            first_part=first_part,
            on_open=self._opened,
        )

    def _path_of(self, part: int) -> str:
        directory = session_directory(Path(), self.session_id, self.stream_id)
        return str(directory / file_name(self.session_id, part))

    @property
    def is_broken(self) -> bool:
        """Whether a write to any file failed; HDF5 may then crash when the process ends."""
        return self._series.is_broken

    @property
    def files(self) -> Sequence[FileFacts]:
        """Files that this program has made."""
        return self._series.files

    @property
    def frames_written(self) -> int:
        """Frames of this program that are in files for good."""
        return self._series.frames_written

    @property
    def frames_removed(self) -> int:
        """Frames that were in files which another program has removed."""
        return sum(gap.n_frames for gap in self._series.removed)

    @property
    def frames_waiting(self) -> int:
        """Frames since the last flush."""
        return self._series.frames_waiting

    def write(self, block: Block) -> None:
        """Take a block whose frames are new.

        Raises
        ------
        NoSpaceError
            Nothing was taken, and the same block may be offered again.
        ProtocolError
            When the payload cannot be unpacked; nothing was taken.
        """
        self._series.write(block)
        self.totals.frames_taken += block.n_frames
        self.totals.next_frame = block.end_frame

    def lost(self, gap: Gap) -> None:
        """Note frames that will not come."""
        self._series.lost(gap)
        self.totals.frames_lost += gap.n_frames
        last = self._missing[-1] if self._missing else None
        if last is not None and last.reason == gap.reason and _end(last) == gap.first_frame:
            self._missing[-1] = replace(last, n_frames=last.n_frames + gap.n_frames)
        elif len(self._missing) < MAX_RANGES:
            self._missing.append(gap)

    def tick(self, now: float) -> None:
        """Flush and write the index when that is due.

        Raises
        ------
        NoSpaceError
            When what waits could not be flushed; it is kept.
        """
        if now >= self._flush_due:
            self._series.flush()
            self._flush_due = now + self._flush_interval
        if now >= self._index_due:
            self._write_index(self._index(IndexState.OPEN))

    def roll(self) -> None:
        """Finish the open file; the next frame opens another one."""
        self._series.roll()
        self._want_index()

    def finish(self, report: SessionReport) -> None:
        """Close all and write the index for the last time; may be tried again after an error.

        Raises
        ------
        SinkError
            When frames wait that have no place, or a file could not be closed properly.
        """
        mine = self._as_seen_here(report)
        self._series.finish(mine)
        self._write_index(self._index(IndexState.CLOSED, mine))

    def write_index_again(self) -> bool:
        """Write the index that could not be written; whether it is there now."""
        if self.index_error and self._last_index is not None:
            self._write_index(self._last_index)
        return not self.index_error

    def cut(self, why: str) -> None:
        """Close all, because what comes next belongs to another record; as `finish`."""
        self.finish(self._report_of_cut(why))

    def give_up(self, report: SessionReport) -> int:
        """Leave the session as it is on the disk; gives the frames that this loses."""
        self._write_index(self._index(IndexState.BROKEN, self._as_seen_here(report)))
        return self._series.frames_waiting

    def _opened(self, file: PartFile) -> None:
        self._want_index()
        self._on_open(file)

    def _want_index(self) -> None:
        """Have the index written soon: files have changed."""
        self._index_due = min(self._index_due, self._indexed_at + INDEX_INTERVAL)

    def _as_seen_here(self, report: SessionReport) -> SessionReport:
        """`report` for the frames of this record, which may be a part of the session."""
        totals = self.totals
        is_whole = report.outcome in PROPER_ENDS and not totals.frames_lost and not self.frames_removed
        return replace(
            report,
            session_id=self.session_id,
            frames_received=totals.frames_taken,
            frames_lost=totals.frames_lost + self.frames_removed,
            duplicates=totals.duplicates + report.duplicates,
            is_complete=is_whole,
        )

    def _report_of_cut(self, why: str) -> SessionReport:
        return SessionReport(
            stream_id=self.stream_id,
            session_id=self.session_id,
            outcome=Outcome.STOPPED,
            text=why,
            frames_expected=self.totals.next_frame,
            frames_received=0,
            end_time=time.time(),
            is_complete=True,
        )

    # The index

    def _index(self, state: IndexState, report: SessionReport | None = None) -> SessionIndex:
        before = self._known.index
        files = [] if before is None else [_no_longer_open(entry) for entry in before.files]
        written = self.frames_written + (0 if before is None else before.frames_written)
        missing = self._all_missing()
        lost = self.totals.frames_lost + self.frames_removed
        lost += sum(stop - first for first, stop, _ in self._missing_before())
        expected = self._start.n_frames if report is None else report.frames_expected
        expected = None if expected is None else max(expected - self._first_frame, 0)
        duplicates = self.totals.duplicates if report is None else report.duplicates
        is_complete = report is not None and report.outcome in PROPER_ENDS and not lost
        return SessionIndex(
            stream_id=self.stream_id,
            session_id=self.session_id,
            state=state,
            start_time=start_time(self._start),
            end_time=None if report is None else report.end_time,
            end_reason="" if report is None else _reason(report),
            frames_expected=expected,
            frames_written=written,
            frames_lost=lost,
            duplicates=duplicates + (0 if before is None else before.duplicates),
            missing=missing,
            complete=is_complete and (expected is None or written == expected),
            files=(*files, *map(self._entry, self._series.files)),
        )

    def _missing_before(self) -> list[Missing]:
        """Ranges that earlier files miss for ever: what they missed at their end may have come since."""
        index, end = self._known.index, self._known.next_frame
        return [] if index is None else [gap for gap in index.missing if gap[1] <= end]

    def _all_missing(self) -> tuple[Missing, ...]:
        mine = [(gap.first_frame, _end(gap), gap.reason) for gap in (*self._series.removed, *self._missing)]
        return (*self._missing_before(), *mine)

    def _entry(self, facts: FileFacts) -> FileEntry:
        directory = self._index_path.parent
        is_beside = facts.path.parent == directory
        return FileEntry(
            name=facts.path.name if is_beside else str(facts.path.absolute()),
            kind=FileKind.HDF5,
            part=facts.part,
            first_frame=facts.first_frame,
            frames_written=facts.frames_written,
            state=IndexState(facts.state.value),
            complete=facts.is_complete,
            size_bytes=facts.size_bytes,
        )

    def _write_index(self, index: SessionIndex) -> None:
        """Write it; that it could not be is told in the status, and mended by the next time."""
        self._indexed_at = time.monotonic()
        self._index_due = self._indexed_at + COUNTS_INTERVAL
        self._last_index = index
        try:
            self._index_path.parent.mkdir(parents=True, exist_ok=True)
            index.write(self._index_path)
        except OSError as error:  # SinkError is one
            self._want_index()
            self.index_error = f"the index {self._index_path} cannot be written: {error}"
        else:
            self.index_error = ""


def _no_longer_open(entry: FileEntry) -> FileEntry:
    """`entry` as it is to a recorder that came later: whoever wrote the file is gone."""
    return replace(entry, state=IndexState.BROKEN) if entry.state is IndexState.OPEN else entry


def _end(gap: Gap) -> int:
    return gap.first_frame + gap.n_frames


def _reason(report: SessionReport) -> str:
    return f"{report.outcome.value}: {report.text}" if report.text else report.outcome.value
