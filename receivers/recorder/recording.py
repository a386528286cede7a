"""One session of a sender on its way to records, cut by the rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from receivers.geometry import Geometry
from receivers.hdf5.session_file import SessionFile
from receivers.hdf5.space import NoSpaceError
from receivers.recorder.held import Held
from receivers.recorder.known import NOTHING_KNOWN, Known, find_known
from receivers.recorder.names import Shelf
from receivers.recorder.options import Options
from receivers.recorder.record import Record
from receivers.recorder.rules import Decision, Rules
from receivers.report import Outcome, SessionReport
from xspress3.errors import SinkError
from xspress3.stream import Block, EncodedArray, SessionStart
from xspress3.stream.tracker import Gap

__all__ = ["Recording"]


class Recording:
    """Puts frames of one session where the rules say::

        recording = Recording(start, "xsp3", options, rules)
        recording.write(held)
        recording.finish(report)

    Raises
    ------
    ProtocolError
        When `start` does not describe what can be recorded.

    Attributes
    ----------
    duplicates
        Frames that were recorded before, by this program or one before it.
    """

    def __init__(
        self,
        start: SessionStart,
        stream_id: str,
        options: Options,
        rules: Rules,
        on_open: Callable[[SessionFile], None] = lambda _file: None,
    ) -> None:
        self.start = start
        self.duplicates = 0
        self._geometry = Geometry.from_start(start)
        self._stream_id = stream_id
        self._options = options
        self._rules = rules
        self._on_open = on_open
        self._shelf = Shelf(options.data_dirs, stream_id)
        self._said, self._known = NO_ID, NOTHING_KNOWN
        if start.envelope.session_id:
            self._said, self._known = find_known(
                options.data_dirs, stream_id, start.envelope.session_id, start
            )
        self._begin_frame = self._known.next_frame
        """Frames below it were recorded before this recording began."""
        self.record: Record | None = None
        self.ended: list[Record] = []
        self._must_roll = False
        self._gaps: list[Gap] = []

    @property
    def records(self) -> list[Record]:
        """All that this session was put into, the present one last."""
        return self.ended if self.record is None else [*self.ended, self.record]

    def write(self, held: Held) -> None:
        """Take a block, all of it or nothing; the same may be offered again after `NoSpaceError`.

        Raises
        ------
        NoSpaceError
            When no disk has room.
        SinkError
            When a file of before could not be closed; nothing was taken yet, but it may be offered again.
        ProtocolError
            When the payload cannot be unpacked.
        """
        assert isinstance(held.item, Block)
        if not held.is_decided:
            block = self._only_new(held.item)
            if block is None:
                return
            held.item, held.is_decided = block, True
            self._obey(self._rules.frame(held.now, held.unix_time, self._said or None))
        self._prepare()
        record = self._present()
        if self._gaps:
            self._tell_gaps(record)
        record.write(held.item)

    def lost(self, gap: Gap) -> None:
        """Note frames that will not come, unless they were recorded before."""
        first = max(gap.first_frame, self._begin_frame)
        n_frames = gap.first_frame + gap.n_frames - first
        if n_frames > 0:
            self._gaps.append(replace(gap, first_frame=first, n_frames=n_frames))
            if self.record is not None and not self._must_roll:
                self._tell_gaps(self.record)

    def tick(self, now: float, *, is_idle: bool) -> None:
        """Flush what is due; close the file when `is_idle` and no frame has come for too long.

        Raises
        ------
        SinkError
            When something could not be written; it is kept.
        """
        if is_idle:
            self._obey(self._rules.silence(now))
            self._prepare()
        if self.record is not None:
            self.record.tick(now)

    def finish(self, report: SessionReport) -> None:
        """Close everything; may be tried again after `SinkError`."""
        self._prepare()
        if self.record is None and (self._gaps or not self.ended):
            self._obey(self._rules.frame(0.0, report.end_time, self._said or None))
        record = self.record
        if record is None:
            return
        self._tell_gaps(record)
        record.finish(report)
        self._end_record(record)

    def give_up(self, report: SessionReport) -> int:
        """Leave everything as it is on the disks; gives the frames that this loses."""
        record = self.record
        if record is None:
            return 0
        self._end_record(record)
        return record.give_up(report)

    def _only_new(self, block: Block) -> Block | None:
        """The frames of `block` that were not recorded before; `None` where there are none."""
        n_old = min(max(self._begin_frame - block.first_frame, 0), block.n_frames)
        self.duplicates += n_old
        if self.record is not None:
            self.record.totals.duplicates += n_old
        if not n_old:
            return block
        return _without_first(block, n_old) if n_old < block.n_frames else None

    def _obey(self, decision: Decision) -> None:
        self._must_roll = self._must_roll or decision.close
        part = decision.open
        if part is not None and (self._wanted is None or self._wanted != part.session_id):
            self._wanted = part.session_id
