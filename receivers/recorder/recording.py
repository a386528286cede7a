"""One session of a sender on its way to records, cut by the rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from receivers.geometry import Geometry
from receivers.hdf5.part_file import PartFile
from receivers.hdf5.sample_file import is_of_samples
from receivers.recorder.held import Held
from receivers.recorder.known import NOTHING_KNOWN, Known, find_known
from receivers.recorder.names import Shelf
from receivers.recorder.options import Options
from receivers.recorder.record import Record
from receivers.recorder.rules import NOTHING, Decision, Part, Rules
from receivers.report import SessionReport
from xspress3.stream import Block, EncodedArray, SessionStart
from xspress3.stream.tracker import Gap

__all__ = ["Recording", "geometry_of"]


class Recording:
    """Puts frames of one session where the rules say::

        recording = Recording(start, "xsp3", options)
        recording.write(held)
        recording.finish(report)

    Every method may raise `SinkError`; then it has taken nothing, and may be called again with the same.

    Raises
    ------
    ProtocolError
        When `start` does not describe what can be recorded.

    Attributes
    ----------
    record
        What is written now.
    ended
        Records of this session before it.
    duplicates
        Frames that were recorded before this recording began, and came again.
    """

    def __init__(
        self,
        start: SessionStart,
        stream_id: str,
        options: Options,
        on_open: Callable[[PartFile], None] = lambda _file: None,
    ) -> None:
        self.start = start
        self.record: Record | None = None
        self.ended: list[Record] = []
        self.duplicates = 0
        self._geometry = geometry_of(start)
        self._stream_id = stream_id
        self._options = options
        self._on_open = on_open
        self._said, self._known = self._find(start)
        self._rules = Rules(options.preset, Shelf(options.data_dirs, stream_id), options.time_per_file)
        self._part: Part | None = None
        """What the rules want to be open."""
        self._close: Decision | None = None
        """What the rules want to be closed before."""
        self._gaps: list[Gap] = []

    def _find(self, start: SessionStart) -> tuple[int | None, Known]:
        session_id = start.envelope.session_id
        if not session_id:
            return None, NOTHING_KNOWN
        return find_known(self._options.data_dirs, self._stream_id, session_id, start)

    @property
    def session_id(self) -> int | None:
        """Id under which frames are recorded now."""
        return None if self._part is None else self._part.session_id

    @property
    def records(self) -> list[Record]:
        """All that this session was put into, the present one last."""
        return self.ended if self.record is None else [*self.ended, self.record]

    def write(self, held: Held) -> None:
        """Take a block.

        Raises
        ------
        ProtocolError
            When its payload cannot be unpacked.
        """
        assert isinstance(held.item, Block)
        if not held.is_decided:
            block = self._only_new(held.item)
            if block is None:
                return
            held.item = block
            self._obey(self._rules.frame(held.now, held.unix_time, self._said))
            held.is_decided = True
        self._close_what_must()
        record = self._open(held.item.first_frame)
        self._tell_gaps(record)
        record.write(held.item)

    def lost(self, gap: Gap) -> None:
        """Note frames that will not come, unless they were recorded before."""
        first = max(gap.first_frame, self._known.next_frame)
        n_frames = gap.first_frame + gap.n_frames - first
        if n_frames > 0:
            self._gaps.append(replace(gap, first_frame=first, n_frames=n_frames))
        if self.record is not None and self._close is None:
            self._tell_gaps(self.record)

    def tick(self, now: float, *, is_idle: bool) -> None:
        """Flush what is due; when `is_idle`, close the file if no frame has come for too long."""
        if is_idle:
            self._obey(self._rules.silence(now))
            self._close_what_must()
        if self.record is not None:
            self.record.tick(now)

    def finish(self, report: SessionReport) -> None:
        """Close everything. A session of which nothing is known but losses gets a file that says so."""
        self._close_what_must()
        if self.record is None and self._gaps:
            self._obey(self._rules.frame(0.0, report.end_time, self._said))
            self._open(self._gaps[0].first_frame)
        if self.record is not None:
            self._tell_gaps(self.record)
            self.record.finish(report)
            self._end_record(self.record)

    def give_up(self, report: SessionReport) -> int:
        """Leave everything as it is on the disks; gives the frames that this loses."""
        record = self.record
        if record is None:
            return 0
        self._end_record(record)
        return record.give_up(report)

    def _only_new(self, block: Block) -> Block | None:
        """The frames of `block` that were not recorded before; `None` where there are none."""
        n_old = min(max(self._known.next_frame - block.first_frame, 0), block.n_frames)
        self.duplicates += n_old
        if self.record is not None:
            self.record.totals.duplicates += n_old
        if not n_old:
            return block
        return _without_first(block, n_old) if n_old < block.n_frames else None

    def _obey(self, decision: Decision) -> None:
        if decision is NOTHING:
            return
        if decision.close or decision.is_end:
            self._close = decision
        if decision.open is not None:
            self._part = decision.open

    def _close_what_must(self) -> None:
        decision, record = self._close, self.record
        if decision is None:
            return
        if record is not None:
            if decision.is_end:
                record.cut(decision.why)
                self._end_record(record)
            else:
                record.roll()
        self._close = None

    def _open(self, frame: int) -> Record:
        """The present record, or a new one that begins with `frame`."""
        if self.record is not None:
            return self.record
        part = self._part
        assert part is not None
        is_first = part.session_id == self._said and not self.ended
        self.record = Record(
            self.start,
            self._geometry,
            self._options,
            part.session_id,
            self._stream_id,
            part.number,
            self._known if is_first else NOTHING_KNOWN,
            first_frame=0 if is_first else frame,
            on_open=self._on_open,
        )
        self.record.totals.duplicates = self.duplicates if is_first else 0
        return self.record

    def _end_record(self, record: Record) -> None:
        self.ended.append(record)
        self.record = None

    def _tell_gaps(self, record: Record) -> None:
        if not self._gaps:
            return
        gaps, self._gaps = self._gaps, []
        for gap in gaps:
            record.lost(gap)


def geometry_of(start: SessionStart) -> Geometry | None:
    """What `start` says of frames of the detector; `None` for samples of another stream.

    Raises
    ------
    ProtocolError
        When it does not describe what can be recorded.
    """
    return None if is_of_samples(start) else Geometry.from_start(start)


def _without_first(block: Block, n_frames: int) -> Block:
    """`block` without its first frames, unpacked."""
    arrays = []
    for array in block.arrays:
        values = array.decode()[n_frames:]
        arrays.append(EncodedArray(array.name, array.dtype, values.shape, "none", values.tobytes()))
    return replace(
        block,
        first_frame=block.first_frame + n_frames,
        n_frames=block.n_frames - n_frames,
        arrays=tuple(arrays),
    )
