"""One session of a stream for a cluster, taken by a thread of its own.

The thread owns the socket. It hands over what came in heaps, and waits when too many heaps wait: then it
gives no credit, and the sender waits as for any lossless reader.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

import zmq

from receivers.dranspose.events import Item, end_of
from receivers.receiver import SILENCE_TIMEOUT, Receiver
from receivers.report import SessionReport
from xspress3.errors import ProtocolError, SinkError, StreamTimeoutError
from xspress3.stream import Block, EndReason, Envelope, SessionEnd, SessionStart, Subscriber
from xspress3.stream.security import no_keys
from xspress3.stream.tracker import Gap
from xspress3.worker import Worker

__all__ = ["PATIENCE", "STUCK", "Heap", "SessionKey", "SessionSource"]

logger = logging.getLogger(__name__)

PATIENCE = 10.0
"""Seconds for which the stream is held up by a cluster that takes nothing."""
TURN = 0.1
CLOSE_TIMEOUT = 5.0
QUEUE_MESSAGES = 8
"""Blocks on the way from the sender."""
MAX_HEAPS = 8
"""Heaps that may wait for the cluster."""
STUCK = "the cluster took nothing"

SessionKey = tuple[str, str, int]
"""Stream id, epoch and number of a session."""


@dataclass(frozen=True)
class Heap:
    """What goes over at once; `is_last` with the end, behind which nothing comes."""

    items: tuple[Item, ...]
    is_last: bool = False


class SessionSource:
    """Joins a stream, and hands over its next session::

        source = SessionSource("tcp://127.0.0.1:9999", hand_over)
        source.wait_joined(timeout=2)
        ...                    # the thread calls hand_over(heap)
        source.take_back()     # a heap was used, another one may come
        source.close()

    A session that runs already is taken when all its frames can still be had, and it is not `seen`.

    Parameters
    ----------
    hand_over
        Takes a heap, must not wait. The last one comes in any case, also when the thread fails.
    seen
        The session of the scan before, which is not taken again.
    patience
        Seconds that the cluster may take for a heap. Then frames are told as lost, until it goes on:
        a stream that is held up for ever would be lost to those who write files, too.
    """

    def __init__(
        self,
        endpoint: str,
        hand_over: Callable[[Heap], None],
        *,
        name: str = "dranspose",
        seen: SessionKey | None = None,
        patience: float = PATIENCE,
        silence_timeout: float = SILENCE_TIMEOUT,
        secure: Callable[[zmq.Socket[bytes]], None] = no_keys,
    ) -> None:
        self._endpoint = endpoint
        self._name = name
        self._secure = secure
        self._silence_timeout = silence_timeout
        self._joined = threading.Event()
        self._is_over = threading.Event()
        self._room = _Room(MAX_HEAPS, patience, self._is_over)
        self._sink = _HeapSink(self._room, hand_over, seen, self._is_over)
        self._thread = Worker(f"xsp3-{name}", self._run, self._fail)
        self._thread.start()

    @property
    def key(self) -> SessionKey | None:
        """The session that was taken, `None` before."""
        return self._sink.key

    def wait_joined(self, timeout: float) -> bool:
        """Whether the sender has answered within `timeout` s."""
        return self._joined.wait(timeout)

    def take_back(self) -> None:
        """Make room for another heap."""
        self._room.release()

    def close(self) -> None:
        """Leave the stream; a second call does nothing.

        Raises
        ------
        ShutdownTimeoutError
            When the thread does not end.
        """
        self._is_over.set()
        self._thread.close(CLOSE_TIMEOUT)

    def _run(self, _stop: threading.Event) -> None:
        with Subscriber(
            self._endpoint, name=self._name, queue_messages=QUEUE_MESSAGES, secure=self._secure
        ) as subscriber:
            while not self._joined.is_set() and not self._is_over.is_set():
                self._join(subscriber)
            try:
                Receiver(subscriber, [self._sink], silence_timeout=self._silence_timeout).run(
                    stop=self._is_over
                )
            except _LeftError:
                return

    def _join(self, subscriber: Subscriber) -> None:
        try:
            subscriber.wait_joined(TURN)
        except StreamTimeoutError:
            return
        self._joined.set()

    def _fail(self, error: Exception) -> None:
        """Nothing more will come: say so in an end, so that no scan waits for it."""
        self._sink.fail(f"{type(error).__name__}: {error}")


class _LeftError(SinkError):
    """Closed in the middle of a session."""


class _Room:
    """Counts the heaps that wait, and tells a cluster that is slow from one that is stuck."""

    def __init__(self, n_heaps: int, patience: float, is_over: threading.Event) -> None:
        self._free = threading.Semaphore(n_heaps)
        self._patience = patience
        self._is_over = is_over
        self._is_stuck = False

    def release(self) -> None:
        self._free.release()

    def take(self) -> bool:
        """Whether there is room; waited for with patience once, then not before there was room again.

        Raises
        ------
        _LeftError
            When the source was closed meanwhile.
        """
        left = 0.0 if self._is_stuck else self._patience
        while not self._free.acquire(timeout=min(left, TURN)):
            if self._is_over.is_set():
                raise _LeftError("left the stream while the cluster was waited for")
            left -= TURN
            if left <= 0:
                self._is_stuck = True
                return False
        self._is_stuck = False
        return True


class _HeapSink:
    """Puts what a `Receiver` says into heaps."""

    def __init__(
        self,
        room: _Room,
        hand_over: Callable[[Heap], None],
        seen: SessionKey | None,
        is_over: threading.Event,
    ) -> None:
        self.key: SessionKey | None = None
        self._room = room
        self._hand_over = hand_over
        self._seen = seen
        self._is_over = is_over
        self._envelope = Envelope("", 0, 0, 0)
        self._dropped: Gap | None = None
        self._n_dropped = 0
        self._has_ended = False

    def begin(self, start: SessionStart) -> None:
        """Take the session, unless it is not the one that the scan waits for."""
        envelope = start.envelope
        key = envelope.stream_id, envelope.epoch, envelope.session_id or 0
        if self.key is not None:
            raise ProtocolError(f"session {key[2]} came after that of the scan")
        if start.is_repeat and key == self._seen:
            raise ProtocolError(f"session {key[2]} was that of the scan before")
        if start.is_repeat and start.next_frame:
            raise ProtocolError(
                f"session {key[2]} was running before the scan, its frames before {start.next_frame} are gone"
            )
        self.key, self._envelope = key, envelope
        self._put(start)

    def write(self, block: Block) -> None:
        """Hand over a copy; when the cluster is stuck, tell of its frames later."""
        arrays = tuple(replace(array, payload=bytes(array.payload)) for array in block.arrays)
        self._put(replace(block, arrays=arrays))

    def lost(self, gap: Gap) -> None:
        """Hand over what will not come."""
        self._put(gap)

    def tick(self) -> None:
        """Nothing is due."""

    def end(self, report: SessionReport) -> None:
        """Hand over the end, whether there is room or not; the source has done its work."""
        end = end_of(self._envelope, report)
        n_received = end.acquired - self._n_dropped
        self._finish(replace(end, acquired=n_received, streamed=n_received, lost=end.lost + self._n_dropped))

    def fail(self, text: str) -> None:
        """Hand over an end, where none was."""
        if not self._has_ended:
            self._finish(SessionEnd(self._envelope, EndReason.FAILED, 0, 0, 0, text[:4096]))

    def close(self) -> None:
        """Nothing is open."""

    def _finish(self, end: SessionEnd) -> None:
        self._has_ended = True
        self._hand_over(Heap((*self._told_late(), end), is_last=True))
        self._is_over.set()

    def _put(self, item: SessionStart | Block | Gap) -> None:
        if self._room.take() or isinstance(item, SessionStart):
            self._hand_over(Heap((*self._told_late(), item)))
        else:
            self._drop(item)

    def _drop(self, item: Block | Gap) -> None:
        """Remember frames that are not handed over; a gap among them keeps its own count."""
        if self._dropped is None:
            logger.warning("%s: frames from %d on are not handed over", STUCK, item.first_frame)
            self._dropped = Gap(item.first_frame, 0, STUCK)
        self._dropped = replace(self._dropped, n_frames=self._dropped.n_frames + item.n_frames)
        if isinstance(item, Block):
            self._n_dropped += item.n_frames

    def _told_late(self) -> tuple[Gap, ...]:
        dropped, self._dropped = self._dropped, None
        return () if dropped is None else (dropped,)
