"""The sink of a recorder: takes every session, and keeps what no disk takes until one does."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from receivers.hdf5.part_file import PartFile
from receivers.payload import payload_bytes
from receivers.recorder.held import NO_ROOM, Held, HeldQueue, Item
from receivers.recorder.lock import StreamLock
from receivers.recorder.options import Options
from receivers.recorder.record import INDEX_INTERVAL, Record
from receivers.recorder.recording import Recording, geometry_of
from receivers.recorder.status import Counts, Meter
from receivers.report import SessionReport
from receivers.session import UNREADABLE
from receivers.text import printable
from xspress3.errors import ProtocolError, SinkError
from xspress3.stream import Block, Contract, SessionStart
from xspress3.stream.tracker import Gap

__all__ = ["Facts", "RecorderSink"]

TICK_INTERVAL = 0.02
"""Seconds between two looks at what is due at least: blocks can come more often."""
RETRY_TIME = 0.25
"""Seconds after which what no disk took is offered again."""


@dataclass
class Facts:
    """What the sink knows for the status; read and written in its thread only."""

    received: int = 0
    lost: int = 0
    lost_here: int = 0
    duplicates: int = 0
    written_before: int = 0
    removed_before: int = 0
    sessions: int = 0
    files: int = 0
    session_id: int | None = None
    part: int | None = None
    last_frame: int | None = None
    last_file: str | None = None
    last_loss: str | None = None
    last_error: str | None = None
    lag: float | None = None
    frame_at: float | None = None
    blocked: str = ""
    frames: Meter = field(default_factory=Meter)
    payload: Meter = field(default_factory=Meter)


class RecorderSink:
    """Records sessions by the rules of `options`; see `Sink` for the order of calls::

        sink = RecorderSink(options, "xsp3")
        Receiver(subscriber, [sink]).run()
        sink.close()

    Everything of a session goes through one queue: while no disk has room it waits there, blocks up to
    `options.queue_bytes`, and what is beyond is lost, counted and told. `tick` is to be called between
    sessions too.

    Parameters
    ----------
    fallback_stream_id
        Takes the place of an empty stream id.
    notify
        Takes one line about what a person should know.
    on_tick
        Called after each tick.
    facts
        Counts to go on with, as of a sink before this one.

    Attributes
    ----------
    is_broken
        Whether a write to any file failed; HDF5 may then crash when the process ends.
    """

    def __init__(
        self,
        options: Options,
        fallback_stream_id: str,
        notify: Callable[[str], None] = lambda _line: None,
        on_tick: Callable[[], None] = lambda: None,
        facts: Facts | None = None,
    ) -> None:
        self.facts = facts or Facts()
        self.is_broken = False
        self.queue = HeldQueue(options.queue_bytes)
        self._options = options
        self._fallback = fallback_stream_id
        self._notify = notify
        self._on_tick = on_tick
        self._recording: Recording | None = None
        self._lock: tuple[str, StreamLock] | None = None
        self._retry_at = self._tick_due = 0.0
        self._without_index: list[Record] = []
        """Whose files are closed, and whose index no disk has taken yet."""
        self._index_due = 0.0

    def begin(self, start: SessionStart) -> None:
        """Take a session.

        Raises
        ------
        ProtocolError
            When it is not one that can be recorded.
        SinkError
            When another recorder writes this stream here, or this reader does not get every frame.
        """
        _check_contract(start)
        geometry_of(start)
        self._lock_stream(self._stream_id(start))
        self.facts.sessions += 1
        self._take_now(start)

    def write(self, block: Block) -> None:
        """Write the block, or keep it.

        Raises
        ------
        ProtocolError
            When it cannot be unpacked.
        """
        if block.step != 1:
            raise ProtocolError(f"block with each {block.step}th frame, only whole ones can be recorded")
        now, unix_time = time.monotonic(), time.time()
        n_given_up = self._take(Held(now, unix_time, block))
        self._count(block, now, unix_time)
        self._count_given_up(block, n_given_up)

    def lost(self, gap: Gap) -> None:
        """Note frames that will not come."""
        self.facts.lost += gap.n_frames
        self.facts.last_loss = _describe(gap)
        self._take_now(gap)

    def end(self, report: SessionReport) -> None:
        """Close the files, as soon as all is in them."""
        self.facts.duplicates += report.duplicates
        self._take_now(report)

    def tick(self) -> None:
        """Write what waits, flush, close what is due."""
        now = time.monotonic()
        if now < self._tick_due:
            return
        self._tick_due = now + TICK_INTERVAL
        if now >= self._retry_at and self._drain() and self._recording is not None:
            self._tick_recording(self._recording, now)
        if self._without_index and now >= self._index_due:
            self._write_indexes()
        self._on_tick()

    def close(self) -> None:
        """Write what can be written; what still has no place is lost, counted and told."""
        self._drain()
        while len(self.queue):
            self._give_up(self.queue.head)
            self.queue.drop_head()
        self._write_indexes()
        for record in self._without_index:
            self._notify(record.index_error)
        lock, self._lock = self._lock, None
        if lock is not None:
            lock[1].close()

    @property
    def stream_id(self) -> str:
        """What is being recorded; empty before the first session."""
        return "" if self._lock is None else self._lock[0]

    @property
    def counts(self) -> Counts:
        """Frames so far."""
        facts, recording = self.facts, self._recording
        records = [] if recording is None else recording.records
        return Counts(
            received=facts.received,
            written=facts.written_before + sum(record.frames_written for record in records),
            waiting=self.queue.n_frames + sum(record.frames_waiting for record in records),
            lost=facts.lost + self._removed,
            lost_here=facts.lost_here + self._removed,
            duplicates=facts.duplicates + (0 if recording is None else recording.duplicates),
            sessions=facts.sessions,
            files=facts.files,
        )

    @property
    def _removed(self) -> int:
        """Frames that went with files which another program removed."""
        records = [] if self._recording is None else self._recording.records
        return self.facts.removed_before + sum(record.frames_removed for record in records)

    @property
    def degraded(self) -> list[str]:
        """What somebody should look at."""
        record = None if self._recording is None else self._recording.record
        reasons = [self.facts.blocked, "" if record is None else record.index_error]
        reasons += [record.index_error for record in self._without_index]
        if self.facts.lost_here:
            reasons.append(f"{self.facts.lost_here} frames were lost for want of space")
        if self._removed:
            reasons.append(f"{self._removed} frames were lost: another program removed their files")
        return [reason for reason in reasons if reason]

    # The queue

    def _take_now(self, item: Item) -> None:
        self._take(Held(time.monotonic(), time.time(), item))

    def _take(self, held: Held) -> int:
        """Put `held` where it belongs, or behind what waits; gives the frames that this loses.

        Raises
        ------
        ProtocolError
            When its payload cannot be unpacked and it would not have to wait.
        """
        if held.now >= self._retry_at and self._drain() and self._goes(held):
            return 0
        return self.queue.add(held)

    def _drain(self) -> bool:
        """Put what waits where it belongs, until something does not go; whether all went."""
        while len(self.queue):
            try:
                if not self._goes(self.queue.head):
                    return False
            except ProtocolError:
                self._pass_over(self.queue.head)
            self.queue.drop_head()
        return True

    def _goes(self, held: Held) -> bool:
        """Put `held` where it belongs; `False` when it has to wait."""
        try:
            self._put(held)
        except SinkError as error:
            self._block(error)
            return False
        self._unblock()
        return True

    def _put(self, held: Held) -> None:
        item, recording = held.item, self._recording
        if isinstance(item, SessionStart):
            self._recording = Recording(item, self._stream_id(item), self._options, self._opened)
        elif recording is None:
            return
        elif isinstance(item, Block):
            recording.write(held)
            self.facts.last_frame = item.end_frame - 1
        elif isinstance(item, Gap):
            recording.lost(item)
        else:
            recording.finish(item)
            self._retire(recording)

    def _pass_over(self, held: Held) -> None:
        """Leave out a block that has waited and cannot be unpacked."""
        block = held.item
        assert isinstance(block, Block)
        self._lose_here(Gap(block.first_frame, block.end_frame - block.first_frame, UNREADABLE))

    def _give_up(self, held: Held) -> None:
        """Lose what has no place at the very end."""
        item, recording = held.item, self._recording
        if isinstance(item, Block):
            self._lose_here(Gap(item.first_frame, item.end_frame - item.first_frame, NO_ROOM))
        elif isinstance(item, Gap) and recording is not None:
            recording.lost(item)
        elif isinstance(item, SessionReport) and recording is not None:
            n_frames = recording.give_up(item)
            self._count_lost_here(n_frames)
            self._notify(f"session {item.session_id}: {n_frames} frames since the last flush have no place")
            self._retire(recording)

    def _tick_recording(self, recording: Recording, now: float) -> None:
        try:
            recording.tick(now, is_idle=True)
        except SinkError as error:
            self._block(error)
        else:
            self._unblock()

    def _block(self, error: SinkError) -> None:
        """Try again later; a person is told once."""
        self._retry_at = time.monotonic() + RETRY_TIME
        self.facts.last_error = str(error)
        if not self.facts.blocked:
            self._notify(f"writing waits: {printable(str(error), 1000)}")
        self.facts.blocked = str(error)

    def _unblock(self) -> None:
        if self.facts.blocked:
            self._retry_at = 0.0
            self.facts.blocked = ""
            self._notify("writing goes on")

    # Counts

    def _count(self, block: Block, now: float, unix_time: float) -> None:
        facts = self.facts
        facts.received += block.n_frames
        facts.frame_at = now
        facts.frames.add(now, block.n_frames)
        facts.payload.add(now, payload_bytes(block))
        facts.lag = unix_time - block.envelope.time_ns / 1e9

    def _count_given_up(self, block: Block, n_frames: int) -> None:
        if n_frames:
            self._count_lost_here(n_frames)
            self.facts.last_loss = _describe(Gap(block.first_frame, n_frames, NO_ROOM))

    def _lose_here(self, gap: Gap) -> None:
        self._count_lost_here(gap.n_frames)
        self.facts.last_loss = _describe(gap)
        if self._recording is not None:
            self._recording.lost(gap)

    def _count_lost_here(self, n_frames: int) -> None:
        if n_frames and not self.facts.lost_here:
            self._notify("frames are being lost: no disk has room, and the memory for waiting ones is full")
        self.facts.lost += n_frames
        self.facts.lost_here += n_frames

    def _opened(self, file: PartFile) -> None:
        facts = self.facts
        facts.files += 1
        facts.part, facts.last_file = file.part, str(file.path)
        if self._recording is not None:
            facts.session_id = self._recording.session_id
        self._notify(f"from frame {file.first_frame} on: {file.path}")

    def _retire(self, recording: Recording) -> None:
        """Forget a session whose files are closed."""
        self._recording = None
        facts = self.facts
        facts.duplicates += recording.duplicates
        facts.written_before += sum(record.frames_written for record in recording.records)
        facts.removed_before += sum(record.frames_removed for record in recording.records)
        self.is_broken = self.is_broken or any(record.is_broken for record in recording.records)
        self._without_index += [record for record in recording.records if record.index_error]

    def _write_indexes(self) -> None:
        """Write what a full disk refused; the sessions behind it did not wait for that."""
        self._index_due = time.monotonic() + INDEX_INTERVAL
        self._without_index = [one for one in self._without_index if not one.write_index_again()]

    # Names

    def _stream_id(self, start: SessionStart) -> str:
        return start.envelope.stream_id or self._fallback

    def _lock_stream(self, stream_id: str) -> None:
        """Hold the lock of `stream_id`; it is kept over sessions."""
        if self._lock is not None and self._lock[0] != stream_id:
            self._lock[1].close()
            self._lock = None
        if self._lock is None:
            self._lock = stream_id, StreamLock(self._options.data_dirs, stream_id)


def _check_contract(start: SessionStart) -> None:
    contract = Contract.parse(start.contract)
    if contract != Contract.parse("every:1") and not contract.is_lossless:
        raise SinkError(
            f"session {start.envelope.session_id} comes under the contract {start.contract!r}, "
            "allowed for a recorder are 'lossless' and 'every:1'"
        )


def _describe(gap: Gap) -> str:
    return f"{gap.first_frame}..{gap.first_frame + gap.n_frames - 1}: {printable(gap.reason)}"
