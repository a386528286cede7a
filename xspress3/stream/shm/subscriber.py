"""The end that looks at blocks in shared memory, where they are."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import replace
from types import TracebackType
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from xspress3.errors import ProtocolError, ReaderDroppedError
from xspress3.stream.codec import decode
from xspress3.stream.contract import Contract
from xspress3.stream.local import samples_block
from xspress3.stream.messages import (
    Block,
    Envelope,
    Loss,
    Message,
    SessionEnd,
    SessionStart,
    UnknownMessage,
)
from xspress3.stream.outgoing import thin_block
from xspress3.stream.publisher import Samples
from xspress3.stream.shared import Record, RecordKind, RingReader
from xspress3.stream.shared.records import NBYTES, OFFSET
from xspress3.stream.shm.leases import Lease, Leases
from xspress3.stream.shm.missed import gap, unseen_end
from xspress3.stream.shm.ring_name import BARE, WHOLE, ring_of

__all__ = ["ShmSubscriber"]

_NAME_BYTES = 63


class ShmSubscriber:
    """Reads a ring as a `Subscriber` reads a socket; arrays are views of the ring, and hold their slot.

    The sender waits for slots that are held, also by arrays that outlive `close`.

    Parameters
    ----------
    start
        What the stream said when it was joined; it names the ring.
    name, contract, wants_backlog
        As of `Subscriber`; the backlog is what is in the ring. Readers that are not lossless have copies.
    """

    def __init__(
        self,
        endpoint: str,
        start: SessionStart,
        *,
        name: str,
        contract: Contract,
        wants_backlog: bool = True,
    ) -> None:
        self.endpoint = endpoint
        self.contract = contract
        self.name = name
        self._wants_backlog = wants_backlog
        self._start = start
        # With the newest record, which is passed over, it is known where the session is.
        self._sit_down("oldest" if wants_backlog else "newest")
        self._was_dropped = False
        self._look_at_start()
        self._is_greeted = False
        self._has_ended = False
        self._next_frame: int | None = None
        self._next_sequence = 0
        self._queue: deque[Union[Message, Samples]] = deque()

    def take(self, timeout: float) -> Union[Message, Samples, None]:
        """The next message or chunk, or `None` when none came within `timeout` s.

        Raises
        ------
        StreamEndedError, SenderDiedError
            When the sender has closed the ring, or died.
        """
        if self._queue:
            return self._queue.popleft()
        while (record := self._read(timeout)) is not None:
            usual = self._usual(record)
            if usual is not None:
                return usual
            found = self._found(record)
            if found is not None:
                self._tell_gap(found)
                if not self._queue:
                    return found
                self._queue.append(found)
            if self._queue:
                return self._queue.popleft()
            timeout = 0
        return None

    def _sit_down(self, begin: str, beside: RingReader | None = None) -> None:
        name = self.name.encode()[:_NAME_BYTES].decode(errors="ignore")
        ring_id = str(ring_of(self._start))
        self._ring = RingReader(ring_id, name, str(self.contract), start=begin, beside=beside)
        self._leases = Leases(self._ring)

    def _read(self, timeout: float) -> Record | None:
        """The next record; who was taken off the list sits down again, at the newest."""
        try:
            return self._ring.read(timeout)
        except ReaderDroppedError:
            left = self._leases
            self._sit_down("newest", beside=self._ring)
            self._was_dropped = True
            left.leave()
            return self._ring.read(timeout)

    def _found(self, record: Record) -> Union[Message, Samples, None]:
        """What `record` says; `None` when it is of before this reader's time."""
        session_id = record.fields.session_id >> 1
        message = None
        if record.is_message:
            message = self._message(record)
            if isinstance(message, UnknownMessage):
                return message
            session_id = message.envelope.session_id or 0
        if session_id < (self._start.envelope.session_id or 0):
            record.release()
            return None
        if isinstance(message, SessionStart):
            self._tell_ended(session_id)
            self._start, self._is_greeted, self._has_ended = message, True, False
            self._look_at_start()
            return message
        self._notice_session(session_id)
        found = message or self._block(record)
        self._has_ended = self._has_ended or isinstance(message, SessionEnd)
        return found if self._is_greeted else self._greeted(found, record.missed + self._was_dropped)

    def _notice_session(self, session_id: int) -> None:
        """Go on in a session whose start was overwritten before we came by; all of one sender are alike."""
        if session_id > (self._start.envelope.session_id or 0):
            self._tell_ended(session_id)
            self._start = self._start_of(session_id)
            self._look_at_start()
            self._is_greeted = self._has_ended = False

    def _start_of(self, session_id: int) -> SessionStart:
        """What the start of another session said, but for when that was."""
        return replace(
            self._start,
            envelope=replace(self._start.envelope, session_id=session_id, sequence=1),
            next_frame=0,
            is_repeat=True,
            start_time_ns=0,
            contract=str(self.contract),
        )

    def _tell_ended(self, session_id: int) -> None:
        """Tell of what ended unseen before the session of this number: the rest of ours, and whole ones."""
        mine = self._start.envelope.session_id or 0
        at = None if self._has_ended else self._next_frame
        for ended in self._ring.ended_sessions():
            if ended.session_id == mine < session_id and at is not None:
                self._queue.extend(unseen_end(self._start, self.contract, at, self._next_sequence, ended))
            elif mine < ended.session_id < session_id:
                start = self._start_of(ended.session_id)
                self._queue.append(start)
                self._queue.extend(unseen_end(start, self.contract, 0, 1, ended))

    def receive(self, timeout: float) -> Message | None:
        """As `take`, with a chunk as a block."""
        taken = self.take(timeout)
        if isinstance(taken, tuple):
            end, array, sequence, time_ns = taken
            return samples_block(self._envelope(sequence, time_ns), end - len(array), array)
        return taken

    @property
    def has_ended(self) -> bool:
        """Whether the end of the last session was told."""
        return self._has_ended

    @property
    def is_connected(self) -> bool:
        """Always: a ring whose writer died says so when it is read."""
        return True

    @property
    def silent_for(self) -> float:
        """0, for the same reason."""
        return 0.0

    def close(self) -> None:
        """Leave, as soon as no array of the ring is held any more; a second call does nothing."""
        self._queue.clear()
        self._leases.leave()

    def __enter__(self) -> ShmSubscriber:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _message(self, record: Record) -> Message:
        with record:
            message = decode([bytes(part) for part in record.parts])
        return replace(message, contract=str(self.contract)) if isinstance(message, SessionStart) else message

    def _block(self, record: Record) -> Union[Block, Samples]:
        fields = record.fields
        if fields.session_id & 1 == WHOLE:
            with record:
                block = decode([bytes(part) for part in record.parts])
            assert isinstance(block, Block)
            return self._thinned(block)
        dtype, shape = self._layout
        whole_shape = (fields.n_frames, *shape)
        if int(np.prod(whole_shape, dtype=np.int64)) * dtype.itemsize != record.nbytes:
            record.release()
            raise ProtocolError(f"ring: {record.nbytes} bytes for shape {whole_shape} of {dtype}")
        end = fields.first_frame + fields.n_frames
        if self.contract.is_lossless:
            array = self._leased(record, fields.n_frames)
        else:
            with record:
                array = np.frombuffer(bytes(record.memory), dtype).reshape(whole_shape)
        samples = end, array, fields.sequence, fields.time_ns
        if self.contract.step == 1:
            return samples
        envelope = self._envelope(fields.sequence, fields.time_ns)
        return self._thinned(samples_block(envelope, fields.first_frame, array))

    def _leased(self, record: Record, n_frames: int) -> npt.NDArray[Any]:
        """The array where it is, read-only."""
        address = self._ring.address + record.values[OFFSET]
        shape = (n_frames, *self._layout[1])
        array: npt.NDArray[Any] = np.asarray(Lease(record, address, self._kind, shape, self._leases))
        return array

    def _usual(self, record: Record) -> Samples | None:
        """The samples of `record` when they follow those before and nothing is to be told; most do."""
        kind, session_id, sequence, time_ns, first, n_frames = record.values[:6]
        if (
            first != self._next_frame
            or sequence != self._next_sequence
            or session_id != self._usual_session
            or kind != RecordKind.BLOCK
            or record.values[NBYTES] != n_frames * self._frame_bytes
        ):
            return None
        self._next_frame, self._next_sequence = first + n_frames, sequence + 1
        return first + n_frames, self._leased(record, n_frames), sequence, time_ns

    def _look_at_start(self) -> None:
        """Note what does not change in a session."""
        dtype, shape = self._layout = _layout(self._start)
        self._frame_bytes = math.prod(shape) * dtype.itemsize
        self._kind = {"typestr": dtype.str, "version": 3}
        if dtype.names:
            self._kind["descr"] = dtype.descr
        session_id = self._start.envelope.session_id or 0
        self._usual_session = session_id << 1 | BARE if self.contract.is_lossless else -1

    def _thinned(self, block: Block) -> Block:
        step = self.contract.step
        return (thin_block(block, step) or block) if step > 1 else block

    def _envelope(self, sequence: int, time_ns: int) -> Envelope:
        return replace(self._start.envelope, sequence=sequence, time_ns=time_ns)

    def _greeted(self, found: Union[Message, Samples], n_missed: int) -> Union[Message, Samples, None]:
        """The start for who did not find it in the ring; then `found`, unless it is not wanted.

        What was sent before this reader joined is no loss to it, what was overwritten since then is.
        """
        self._is_greeted = True
        at, sequence = _first_frame(found), _sequence(found)
        is_wanted = self._wants_backlog or at is None or n_missed > 0
        if not is_wanted:
            at, sequence = _end_frame(found), sequence + 1
        if at is None or (n_missed and at > self._start.next_frame):
            at, sequence = self._start.next_frame, min(sequence, self._start.envelope.sequence)
        self._start = replace(
            self._start,
            envelope=replace(self._start.envelope, sequence=sequence),
            next_frame=at,
            is_repeat=True,
            contract=str(self.contract),
        )
        self._queue.append(self._start)
        self._next_frame, self._next_sequence = at, sequence
        return found if is_wanted else None

    def _tell_gap(self, found: Union[Message, Samples]) -> None:
        """Say which frames were left out before `found`, and why."""
        first = _first_frame(found)
        if isinstance(found, SessionEnd):
            first = found.acquired + found.lost
        was_dropped, self._was_dropped = self._was_dropped, False
        if isinstance(found, SessionStart):
            self._next_frame, self._next_sequence = 0, 1
            return
        sequence = _sequence(found)
        may_miss = was_dropped or not self.contract.is_lossless
        if may_miss and first is not None and self._next_frame is not None:
            sequences = self._next_sequence, sequence - 1
            loss = gap(self._start, self.contract, (self._next_frame, first), sequences)
            if loss is not None:
                self._queue.append(loss)
        self._next_sequence = sequence + 1
        end = _end_frame(found)
        self._next_frame = end if end is not None else self._next_frame


def _layout(start: SessionStart) -> tuple[np.dtype[Any], tuple[int, ...]]:
    array = start.arrays[0]
    return np.dtype(array.dtype), array.shape


def _first_frame(found: Union[Message, Samples]) -> int | None:
    if isinstance(found, tuple):
        return found[0] - len(found[1])
    return found.first_frame if isinstance(found, (Block, Loss)) else None


def _end_frame(found: Union[Message, Samples]) -> int | None:
    if isinstance(found, tuple):
        return found[0]
    if isinstance(found, Block):
        return found.end_frame
    return found.first_frame + found.n_frames if isinstance(found, Loss) else None


def _sequence(found: Union[Message, Samples]) -> int:
    if isinstance(found, tuple):
        return found[2]
    envelope = getattr(found, "envelope", None)
    return 0 if envelope is None else int(envelope.sequence)
