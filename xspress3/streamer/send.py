"""Packs blocks and sends them: every message of a session in order, to every reader."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace

import numpy as np
import zmq

from xspress3.config import StreamerConfig
from xspress3.errors import StreamError
from xspress3.stream import (
    Alive,
    Block,
    EncodedArray,
    EndReason,
    Envelope,
    FrameRing,
    Loss,
    Message,
    Publisher,
    SessionEnd,
    Slot,
    encode,
)
from xspress3.stream.compression import compress_bslz4
from xspress3.streamer.acquire import Item
from xspress3.streamer.session import Begin, Finish, Frames, Lost, Session

__all__ = ["SendLoop"]

logger = logging.getLogger(__name__)

_WAIT = 0.02
"""Seconds that a reader may wait for the answer to its joining while nothing is sent."""
_WAIT_IN_FLIGHT = 0.0005
"""The same while slots wait to be given back."""
_ALIVE_INTERVAL = 1.0
_LONG_WAIT = 1.0


class SendLoop:
    """Owns the data socket, from binding to closing.

    Parameters
    ----------
    items
        What to send, in order.
    state
        Gives the word that `Alive` messages carry.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        config: StreamerConfig,
        items: queue.SimpleQueue[Item],
        state: Callable[[], str],
    ) -> None:
        self._context = context
        self._config = config
        self._items = items
        self._state = state
        self._endpoint: Future[str] = Future()
        self._session: Session | None = None
        self._sequence = 0
        self._next_frame = 0
        self._sent_at = 0.0
        self._stopping_since: float | None = None
        self._last: tuple[Session | None, zmq.MessageTracker | None] = (None, None)
        self._in_flight: deque[tuple[zmq.MessageTracker, FrameRing, Slot]] = deque()
        self.joined = threading.Condition()  # guards n_readers
        self.n_readers = 0

    def endpoint(self) -> str:
        """Where it listens; waits for the binding and raises what that failed with."""
        return self._endpoint.result()

    def wait_readers(self, n_readers: int, timeout: float) -> bool:
        """Whether at least `n_readers` have joined within `timeout` s."""
        with self.joined:
            return self.joined.wait_for(lambda: self.n_readers >= n_readers, timeout)

    def run(self, stop: threading.Event) -> None:
        """Send until `stop` is set and nothing is left to send."""
        try:
            publisher = Publisher(
                self._context,
                f"tcp://{self._config.interface}:{self._config.data_port}",
                queue_messages=self._config.queue_messages,
                linger=self._config.linger,
            )
        except Exception as error:
            self._endpoint.set_exception(error)
            return
        self._endpoint.set_result(publisher.endpoint)
        try:
            self._serve(publisher, stop)
            self._wait_delivered(publisher)
        finally:
            publisher.close()

    def _serve(self, publisher: Publisher, stop: threading.Event) -> None:
        while True:
            with contextlib.suppress(zmq.Again):  # given up while closing; what is queued is handled below
                self._greet(publisher, stop)
            self._reclaim()
            try:
                item = self._items.get(timeout=_WAIT_IN_FLIGHT if self._in_flight else _WAIT)
            except queue.Empty:
                if stop.is_set():
                    return
                self._keep_alive(publisher)
                continue
            self._handle(item, publisher, stop)

    def _greet(self, publisher: Publisher, stop: threading.Event) -> None:
        """Answer readers that joined: the start again while a session is on, else a sign of life."""
        n_joined = publisher.poll_joins()
        if n_joined and self._session is not None:
            start = self._session.start_message(self._envelope(), self._next_frame, is_repeat=True)
            self._send(start, publisher, stop, is_numbered=False)
        elif n_joined:
            self._say_alive(publisher)
        if publisher.n_readers != self.n_readers:
            if publisher.n_readers < self.n_readers and self._session is not None:
                logger.warning("a reader left in session %d", self._session.session_id)
            with self.joined:
                self.n_readers = publisher.n_readers
                self.joined.notify_all()

    def _keep_alive(self, publisher: Publisher) -> None:
        if time.monotonic() - self._sent_at >= _ALIVE_INTERVAL:
            self._say_alive(publisher)

    def _say_alive(self, publisher: Publisher) -> None:
        """Give a sign of life; nobody waits for a reader that has other things to read."""
        with contextlib.suppress(zmq.Again):
            publisher.send(encode(Alive(self._envelope(), self._state())), give_up=lambda: True)
        self._sent_at = time.monotonic()

    def _handle(self, item: Item, publisher: Publisher, stop: threading.Event) -> None:
        session = item.session
        try:
            if isinstance(item, Begin):
                self._session, self._sequence, self._next_frame = session, 0, 0
                self._send(session.start_message(self._envelope()), publisher, stop)
            elif isinstance(item, Frames):
                self._send_frames(session, item.slot, publisher, stop)
            elif isinstance(item, Lost):
                loss = Loss(self._envelope(), item.first_frame, item.n_frames, item.reason)
                self._send(loss, publisher, stop)
                self._next_frame = item.first_frame + item.n_frames
            else:
                self._finish(session, item.reason, publisher, stop)
        except zmq.Again:
            session.fail(StreamError(f"closed while a reader did not take session {session.session_id}"))
        finally:
            if isinstance(item, Finish):
                self._session = None
                session.done.set()

    def _send_frames(self, session: Session, slot: Slot, publisher: Publisher, stop: threading.Event) -> None:
        n_frames = slot.n_frames
        is_compressed = self._config.compression == "bslz4"
        tracker = None
        try:
            block = self._block(slot)
            tracker = self._send(block, publisher, stop, track=not is_compressed)
        finally:
            if tracker is None:
                session.ring.give_back(slot)
            else:
                self._in_flight.append((tracker, session.ring, slot))
        session.streamed += n_frames
        self._next_frame = block.first_frame + n_frames

    def _block(self, slot: Slot) -> Block:
        histogram = slot.histogram[: slot.n_frames]
        # The scalers are small and copied, so that only the spectra keep the slot waiting for zmq.
        scalers = slot.scalers[: slot.n_frames].tobytes()
        if self._config.compression == "bslz4":
            payload: bytes | memoryview = compress_bslz4(histogram)
        else:
            payload = histogram.reshape(-1).view(np.uint8).data
        return Block(
            replace(self._envelope(), time_ns=slot.time_ns),
            slot.first_frame,
            slot.n_frames,
            (
                EncodedArray(
                    "histogram", histogram.dtype, histogram.shape, self._config.compression, payload
                ),
                EncodedArray(
                    "scalers", slot.scalers.dtype, (slot.n_frames, *slot.scalers.shape[1:]), "none", scalers
                ),
            ),
        )

    def _finish(
        self, session: Session, reason: EndReason, publisher: Publisher, stop: threading.Event
    ) -> None:
        counts = session.counts
        text = "" if session.error is None else f"{type(session.error).__name__}: {session.error}"[:1000]
        if session.n_short:
            text = f"{session.n_short} frames lost network packets, see clock_ticks and total_ticks; {text}"
        end = SessionEnd(self._envelope(), reason, counts.acquired, counts.streamed, counts.lost, text)
        self._last = (session, self._send(end, publisher, stop, track=True))

    def _wait_delivered(self, publisher: Publisher) -> None:
        """Wait until readers have taken the end of the last session, at most as long as they may linger."""
        session, tracker = self._last
        if session is None or tracker is None:
            return
        deadline = time.monotonic() + self._config.linger
        while not tracker.done:
            if time.monotonic() > deadline:
                text = f"a reader has not taken the end of session {session.session_id}"
                session.fail(StreamError(f"{text} within {self._config.linger} s of closing"))
                return
            publisher.poll_joins()  # lets zmq notice readers that left, with what waited for them
            with contextlib.suppress(zmq.NotDone):
                tracker.wait(_WAIT)

    def _envelope(self) -> Envelope:
        session_id = None if self._session is None else self._session.session_id
        return Envelope(self._config.stream_id, session_id, self._sequence, time.time_ns())

    def _send(
        self,
        message: Message,
        publisher: Publisher,
        stop: threading.Event,
        *,
        track: bool = False,
        is_numbered: bool = True,
    ) -> zmq.MessageTracker | None:
        """Send, waiting for slow readers; once `stop` is set, for as long as they may linger."""
        began = time.monotonic()
        tracker = publisher.send(encode(message), track=track, give_up=lambda: self._gives_up(stop))
        waited = time.monotonic() - began
        if waited > _LONG_WAIT:
            logger.warning("a slow reader held up the stream for %.1f s", waited)
        self._sequence += is_numbered
        self._sent_at = time.monotonic()
        return tracker

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
