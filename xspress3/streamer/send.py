"""Packs blocks and sends them: every message of a session in order, to every reader."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future

import numpy as np
import zmq

from xspress3.config import StreamerConfig
from xspress3.errors import StreamError
from xspress3.stream import (
    Block,
    EncodedArray,
    EndReason,
    FrameRing,
    Loss,
    Message,
    Publisher,
    ReaderStatus,
    SessionEnd,
    Slot,
)
from xspress3.stream.numbering import Numbering
from xspress3.stream.outgoing import Outgoing, Thin, thin_arrays
from xspress3.streamer.acquire import Item
from xspress3.streamer.old_readers import OldReaders
from xspress3.streamer.pack import Packer
from xspress3.streamer.session import Begin, Finish, Frames, Lost, Session

__all__ = ["SendLoop"]

logger = logging.getLogger(__name__)

_WAIT = 0.02
"""Seconds that a reader may wait for the answer to its joining while nothing is sent."""
_WAIT_IN_FLIGHT = 0.0005
"""The same while slots wait to be given back."""
_LONG_WAIT = 1.0


class SendLoop:
    """Owns the data socket, from binding to closing.

    Parameters
    ----------
    items
        What to send, in order.
    state
        Gives the word that signs of life carry.
    secure
        Puts keys on the socket, where there are any.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        config: StreamerConfig,
        items: queue.SimpleQueue[Item],
        state: Callable[[], str],
        secure: Callable[[zmq.Socket[bytes]], None],
    ) -> None:
        self._context = context
        self._secure = secure
        self._config = config
        self._items = items
        self._state = state
        self._endpoint: Future[str] = Future()
        self._numbering = Numbering(config.stream_id)
        self._stopping_since: float | None = None
        self._last: tuple[Session, zmq.MessageTracker] | None = None
        self._in_flight: deque[tuple[zmq.MessageTracker, FrameRing, Slot]] = deque()
        self.joined = threading.Condition()  # guards readers
        self.readers: list[ReaderStatus] = []

    def endpoint(self) -> str:
        """Where it listens; waits for the binding and raises what that failed with."""
        return self._endpoint.result()

    def old_endpoints(self) -> dict[str, str]:
        """Where it speaks which old dialect, once `endpoint` has answered."""
        return self._old.endpoints

    @property
    def n_readers(self) -> int:
        """Readers that have joined."""
        return len(self.readers)

    def missing(self, names: tuple[str, ...]) -> list[str]:
        """Those of `names` that no reader has."""
        present = {reader.name for reader in self.readers}
        return [name for name in names if name not in present]

    def wait_readers(self, n_readers: int, timeout: float, names: tuple[str, ...] = ()) -> bool:
        """Whether at least `n_readers` have joined within `timeout` s, and one of each name."""
        with self.joined:
            return self.joined.wait_for(
                lambda: self.n_readers >= n_readers and not self.missing(names), timeout
            )

    def run(self, stop: threading.Event) -> None:
        """Send until `stop` is set and nothing is left to send."""
        config = self._config
        try:
            publisher = Publisher(
                self._context,
                f"tcp://{config.interface}:{config.data_port}",
                self._numbering,
                queue_messages=config.queue_messages,
                backlog_bytes=config.backlog_bytes,
                drop_after=config.drop_after,
                linger=config.linger,
                state=self._state,
                secure=self._secure,
            )
        except Exception as error:
            self._endpoint.set_exception(error)
            return
        try:
            self._old = OldReaders(self._context, config, self._secure)
        except Exception as error:
            publisher.close()
            self._endpoint.set_exception(error)
            return
        self._endpoint.set_result(publisher.endpoint)
        try:
            with Packer(self._items, config.packing_threads) as packer:
                self._serve(publisher, packer, stop)
            self._wait_taken(publisher)
        finally:
            publisher.close()
            self._old.close()

    def _serve(self, publisher: Publisher, packer: Packer, stop: threading.Event) -> None:
        while True:
            publisher.serve()
            self._old.serve()
            self._look_at_readers(publisher)
            self._reclaim()
            packed = packer.next(_WAIT_IN_FLIGHT if self._in_flight else _WAIT)
            if packed is not None:
                self._handle(*packed, publisher, stop)
            elif stop.is_set():
                return

    def _look_at_readers(self, publisher: Publisher) -> None:
        """Tell those who wait for readers, and the log when one left in the middle."""
        readers = publisher.readers + self._old.readers
        if len(readers) < len(self.readers) and self._numbering.session_id is not None:
            logger.warning("a reader left in session %d", self._numbering.session_id)
        has_changed = [reader.name for reader in readers] != [reader.name for reader in self.readers]
        with self.joined:
            self.readers = readers
            if has_changed:
                self.joined.notify_all()

    def _handle(self, item: Item, payload: bytes | None, publisher: Publisher, stop: threading.Event) -> None:
        session = item.session
        try:
            if isinstance(item, Begin):
                self._numbering.begin(session.session_id)
                start = session.start_message(self._numbering.envelope())
                self._send(start, publisher, stop)
                self._old.begin(start, lambda: self._gives_up(stop))
            elif isinstance(item, Frames):
                self._send_frames(session, item.slot, payload, publisher, stop)
            elif isinstance(item, Lost):
                loss = Loss(self._numbering.envelope(), item.first_frame, item.n_frames, item.reason)
                self._send(loss, publisher, stop)
            else:
                self._finish(session, item.reason, publisher, stop)
        except zmq.Again:
            session.fail(StreamError(f"closed while a reader did not take session {session.session_id}"))
        finally:
            if isinstance(item, Finish):
                self._numbering.end()
                session.done.set()

    def _send_frames(
        self, session: Session, slot: Slot, payload: bytes | None, publisher: Publisher, stop: threading.Event
    ) -> None:
        n_frames = slot.n_frames
        sent: Outgoing | None = None
        try:
            sent = self._send(
                self._block(slot, payload),
                publisher,
                stop,
                is_borrowed=payload is None,
                thin=lambda step: self._thin(slot, step),
            )
            self._old.send(slot, lambda: self._gives_up(stop))
        finally:
            if sent is not None and sent.is_borrowed:
                self._in_flight.append((sent.tracker, session.ring, slot))
            else:
                session.ring.give_back(slot)
        session.streamed += n_frames

    def _block(self, slot: Slot, payload: bytes | None) -> Block:
        """The slot as a block: its histogram packed, or as it is and borrowed."""
        histogram = slot.histogram[: slot.n_frames]
        # The scalers are small and copied, so that only the spectra keep the slot waiting for zmq.
        scalers = slot.scalers[: slot.n_frames]
        packed = EncodedArray(
            "histogram",
            histogram.dtype,
            histogram.shape,
            "none" if payload is None else "bslz4",
            histogram.reshape(-1).view(np.uint8).data if payload is None else payload,
        )
        return Block(
            self._numbering.envelope(slot.time_ns),
            slot.first_frame,
            slot.n_frames,
            (packed, EncodedArray("scalers", scalers.dtype, scalers.shape, "none", scalers.tobytes())),
        )

    def _thin(self, slot: Slot, step: int) -> Block | None:
        """The frames of the slot whose number is a multiple of `step`."""
        arrays = (("histogram", slot.histogram), ("scalers", slot.scalers))
        envelope = self._numbering.envelope(slot.time_ns)
        return thin_arrays(envelope, slot.first_frame, slot.n_frames, arrays, step)

    def _finish(
        self, session: Session, reason: EndReason, publisher: Publisher, stop: threading.Event
    ) -> None:
        counts = session.counts
        text = "" if session.error is None else f"{type(session.error).__name__}: {session.error}"[:1000]
        if session.n_short:
            text = f"{session.n_short} frames lost network packets, see clock_ticks and total_ticks; {text}"
        envelope = self._numbering.envelope()
        end = SessionEnd(envelope, reason, counts.acquired, counts.streamed, counts.lost, text)
        self._last = session, self._send(end, publisher, stop, is_borrowed=True).tracker
        self._old.end(end, lambda: self._gives_up(stop))

    def _wait_taken(self, publisher: Publisher) -> None:
        """Wait until readers have taken the last session, at most as long as they may linger."""
        if self._last is None:
            return
        session, end = self._last
        if not publisher.wait_taken(self._config.linger) and not publisher.has_handed_over(end):
            text = f"a reader has not taken the end of session {session.session_id}"
            session.fail(StreamError(f"{text} within {self._config.linger} s of closing"))

    def _send(
        self,
        message: Message,
        publisher: Publisher,
        stop: threading.Event,
        *,
        is_borrowed: bool = False,
        thin: Thin | None = None,
    ) -> Outgoing:
        """Send, waiting for slow readers; once `stop` is set, for as long as they may linger."""
        began = time.monotonic()
        sent = publisher.send(
            message, is_borrowed=is_borrowed, thin=thin, give_up=lambda: self._gives_up(stop)
        )
        waited = time.monotonic() - began
        if waited > _LONG_WAIT:
            logger.warning("a slow reader held up the stream for %.1f s", waited)
        self._numbering.advance()
        return sent

    def _gives_up(self, stop: threading.Event) -> bool:
        if not stop.is_set():
            return False
        self._stopping_since = self._stopping_since or time.monotonic()
        return time.monotonic() - self._stopping_since > self._config.linger

    def _reclaim(self) -> None:
        """Give slots back whose bytes zmq has sent."""
        while self._in_flight and self._in_flight[0][0].done:
            _, ring, slot = self._in_flight.popleft()
            ring.give_back(slot)
