"""The end that puts blocks into shared memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Union

import numpy as np
import numpy.typing as npt
import zmq

from xspress3.errors import StreamTimeoutError
from xspress3.stream.codec import encode
from xspress3.stream.local import LocalPublisher
from xspress3.stream.messages import Block, Message, SessionEnd, SessionStart
from xspress3.stream.outgoing import Outgoing, Thin
from xspress3.stream.publisher import MakeBlock, Publisher, ReaderStatus, Samples
from xspress3.stream.shared import RecordFields, RecordKind, RingWriter
from xspress3.stream.shm.missed import as_ended
from xspress3.stream.shm.ring_name import BARE, RING, WHOLE

__all__ = ["ShmPublisher"]

_RETRY = 0.1
"""Seconds after which a write that waits looks whether it shall give up."""


class ShmPublisher:
    """Puts blocks into a ring, and says by `control` where it is.

    Parameters
    ----------
    control, ring
        Closed with this one.
    drop_after
        Seconds that a lossless reader may hold up all; `None` for ever.
    """

    def __init__(
        self, control: Union[Publisher, LocalPublisher], ring: RingWriter, drop_after: float | None = None
    ) -> None:
        self.control = control
        self.ring = ring
        self.endpoint = control.endpoint
        self._drop_after = drop_after
        self._session_id = 0

    @property
    def n_readers(self) -> int:
        """Readers that have joined and not left."""
        return len(self.readers)

    @property
    def readers(self) -> list[ReaderStatus]:
        """Those readers, by the ring and by the socket."""
        by_ring = [
            ReaderStatus(info.name, "", info.pid, info.contract, info.behind, info.missed)
            for info in self.ring.readers
        ]
        return by_ring + self.control.readers

    def send(
        self,
        message: Message,
        *,
        is_borrowed: bool = False,
        thin: Thin | None = None,
        give_up: Callable[[], bool] = lambda: False,
    ) -> Outgoing:
        """As `Publisher.send`; the ring has a copy when this returns."""
        if isinstance(message, SessionStart):
            message = replace(message, metadata={**message.metadata, RING: self.ring.ring_id})
            self._session_id = message.envelope.session_id or 0
        self._write(_fields(message), [bytes(part) for part in encode(message)], give_up)
        if isinstance(message, SessionEnd):
            self.ring.note_ended(as_ended(message))
        return self.control.send(message, is_borrowed=is_borrowed, thin=thin, give_up=give_up)

    def send_samples(
        self, samples: Samples, block: MakeBlock, give_up: Callable[[], bool] = lambda: False
    ) -> None:
        """As `LocalPublisher.send_samples`; the ring has a copy when this returns."""
        self._write(self._bare(samples), samples[1], give_up)
        self.control.pass_on(samples, block, give_up)

    def send_straight(self, samples: Samples, block: MakeBlock) -> bool:
        """As `send_samples`, unless it must wait or the socket has readers: `False`, nothing is done."""
        if self.control.n_readers:
            return False
        try:
            self.ring.write(self._bare(samples), samples[1], 0)
        except StreamTimeoutError:
            return False
        self.control.pass_on(samples, block)
        return True

    def borrow(self, n_bytes: int, give_up: Callable[[], bool] = lambda: False) -> npt.NDArray[np.uint8]:
        """Memory of a slot to be filled; `commit` or `abandon` follows."""
        self.control.wait_room(give_up)
        memory: npt.NDArray[np.uint8] = self._retry(lambda: self.ring.borrow(n_bytes, _RETRY), give_up)
        return memory

    def commit(self, samples: Samples, block: MakeBlock) -> None:
        """Publish what was borrowed."""
        self.ring.commit(self._bare(samples))
        self.control.pass_on(samples, block)

    def _bare(self, samples: Samples) -> RecordFields:
        end, array, sequence, time_ns = samples
        session, n_frames = self._session_id << 1 | BARE, len(array)
        return RecordFields(RecordKind.BLOCK, session, sequence, time_ns, end - n_frames, n_frames)

    def serve(self, timeout: float = 0.0) -> None:
        """Hear readers, and give signs of life."""
        self.control.serve(timeout)

    def close(self) -> None:
        """Close both; a second call does nothing."""
        self.ring.close()
        self.control.close()

    def _write(self, fields: RecordFields, data: Any, give_up: Callable[[], bool]) -> None:
        """Write to the ring when readers of the socket have room too: all get a message, or none does.

        While the ring is waited for, others may join at the socket and fill up, so those are asked last.
        """
        while True:
            if self.control.n_readers:
                self.control.wait_room(give_up)
            try:
                self.ring.write(fields, data, 0)
            except StreamTimeoutError:
                self._retry(self._wait_ring, give_up)
            else:
                return

    def _wait_ring(self) -> None:
        self.ring.borrow(0, _RETRY)
        self.ring.abandon()

    def _retry(self, action: Callable[[], Any], give_up: Callable[[], bool]) -> Any:
        began = time.monotonic()
        while True:
            try:
                return action()
            except StreamTimeoutError:
                if give_up():
                    raise zmq.Again from None
                self.control.serve()  # readers at the socket want signs of life meanwhile
                if self._drop_after is not None and time.monotonic() - began > self._drop_after:
                    self._evict()

    def _evict(self) -> None:
        lossless = [reader for reader in self.ring.readers if reader.contract == "lossless"]
        for reader in lossless:
            if reader.behind >= self.ring.n_slots:
                self.ring.evict(reader)


def _fields(message: Message) -> RecordFields:
    envelope = getattr(message, "envelope", None)
    sequence = 0 if envelope is None else envelope.sequence
    if isinstance(message, Block):
        session = (message.envelope.session_id or 0) << 1 | WHOLE
        return RecordFields(RecordKind.BLOCK, session, sequence, 0, message.first_frame, message.n_frames)
    return RecordFields(RecordKind.MESSAGE, sequence=sequence)
