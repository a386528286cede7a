"""Brings a stream to the model, and the state of its sender next to it, in two threads."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import zmq

from receivers.liveview.control import Written
from receivers.liveview.model import LiveModel
from receivers.liveview.monitor_client import MonitorClient
from receivers.receiver import MISSED_HEARTBEATS, Receiver
from receivers.report import SessionReport
from receivers.sink import Sink
from receivers.text import printable
from xspress3.errors import ShutdownTimeoutError, StreamRefusedError, Xspress3Error
from xspress3.stream import Block, Contract, SessionStart, Subscriber
from xspress3.stream.contract import LATEST
from xspress3.stream.publisher import HEARTBEAT
from xspress3.stream.security import no_keys
from xspress3.stream.tracker import Gap
from xspress3.worker import Worker

__all__ = ["Connection", "Feed"]

logger = logging.getLogger(__name__)

BLOCK_INTERVAL = 0.01
"""Seconds between two blocks that are taken when newest is enough, at least."""
SHARE = 0.1
"""Of one processor that taking blocks may cost when newest is enough; the other blocks are left out."""
STATUS_INTERVAL = 0.5
STATUS_TIMEOUT = 1.0
RETRY_TIME = 2.0
"""Seconds after which one that was refused tries again."""
RATE_TIME = 5.0
"""Seconds over which the frame rate is taken."""
CLOSE_TIME = 5.0


@dataclass(frozen=True)
class Connection:
    """How it stands with the stream, and a sentence for people.

    `state` is `waiting`, `joined`, `silent`, `refused` or `foreign`.
    """

    state: str
    text: str


class Feed:
    """Feeds `model` from a stream, for as long as it is open::

        with Feed(LiveModel(), "tcp://127.0.0.1:9999", "tcp://127.0.0.1:9998") as feed:
            feed.connection, feed.status

    Parameters
    ----------
    monitor
        Endpoint of the monitor socket; `None` where the state of the sender is not wanted.
    contract
        `latest`, or `every:1` for all frames as long as this program keeps pace. The sender waits in
        neither case.
    ask_written
        Says how far the writer is; may take its time, and raise errors of ours.

    Attributes
    ----------
    written
        What it said last.
    """

    def __init__(
        self,
        model: LiveModel,
        endpoint: str,
        monitor: str | None = None,
        *,
        name: str = "view",
        contract: Contract = LATEST,
        secure: Callable[[zmq.Socket[bytes]], None] = no_keys,
        ask_written: Callable[[], Written] = Written,
    ) -> None:
        self.model = model
        self.endpoint = endpoint
        self._monitor = monitor
        self._name = name
        self._contract = contract
        self._secure = secure
        self._subscriber: Subscriber | None = None
        self._receiver: Receiver | None = None
        self._is_joined = False
        self._refusal = ""
        self._notice = ""
        self._status: dict[str, Any] | None = None
        self._status_text = ""
        self._rate = FrameRate()
        self.written = Written()
        self._ask_written = ask_written
        self._died: Exception | None = None
        self._workers = [Worker("xsp3-view-stream", self._receive, self._on_failure)]
        if monitor is not None:
            self._workers.append(Worker("xsp3-view-status", self._ask, self._on_failure))
        if ask_written is not Written:
            self._workers.append(Worker("xsp3-view-written", self._follow_writer, self._on_failure))
        for worker in self._workers:
            worker.start()

    def _on_failure(self, error: Exception) -> None:
        self._died = error
        self.model.on_change()

    def _receive(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                self._receive_once(stop)
            except StreamRefusedError as error:
                self._refusal = str(error)
                stop.wait(RETRY_TIME)
            finally:
                self._subscriber, self._is_joined = None, False

    def _receive_once(self, stop: threading.Event) -> None:
        sink: Sink = _Paced(self.model, stop) if self._contract == LATEST else self.model
        with Subscriber(
            self.endpoint,
            name=self._name,
            contract=self._contract,
            wants_backlog=False,
            secure=self._secure,
        ) as subscriber:
            self._subscriber = subscriber
            self._receiver = Receiver(subscriber, [sink], notify=self._notify, announce=self._announce)
            self._receiver.run(stop=stop)

    def _notify(self, line: str) -> None:
        self._notice = printable(line, 400)

    def _announce(self, _line: str) -> None:
        self._is_joined, self._refusal, self._notice = True, "", ""

    def _ask(self, stop: threading.Event) -> None:
        assert self._monitor is not None
        with MonitorClient(self._monitor, self._secure) as client:
            while not stop.wait(STATUS_INTERVAL):
                try:
                    self._take_status(client.ask(b"status", STATUS_TIMEOUT))
                except Xspress3Error as error:
                    self._status, self._status_text = None, printable(str(error), 400)

    def _follow_writer(self, stop: threading.Event) -> None:
        while not stop.wait(STATUS_INTERVAL):
            try:
                self.written = self._ask_written()
            except Xspress3Error as error:
                self.written = Written()
                logger.debug("how far the writer is, is not known: %s", error)

    def _take_status(self, status: dict[str, Any]) -> None:
        self._status, self._status_text = status, ""
        acquired, session = status.get("acquired"), status.get("session_id")
        if type(acquired) is int and type(session) is int:
            self._rate.add(time.monotonic(), session, acquired)

    @property
    def status(self) -> dict[str, Any] | None:
        """What the monitor socket said last; `None` when it does not answer. It came from the network."""
        return self._status

    @property
    def frame_rate(self) -> float | None:
        """Frames a second of the sender, over the last seconds."""
        return self._rate.value

    @property
    def connection(self) -> Connection:
        """How it stands with the stream just now."""
        if self._died is not None:
            return Connection("refused", f"the live view does not follow any more: {self._died}")
        subscriber = self._subscriber
        if self._refusal:
            return Connection("refused", self._refusal)
        if self.model.complaint:
            return Connection("foreign", f"the session cannot be shown: {self.model.complaint}")
        if subscriber is None or not self._is_joined:
            if self._receiver is not None and self._receiver.protocol_errors:
                return Connection("foreign", self._notice)
            return Connection("waiting", f"waiting for {self.endpoint}")
        if subscriber.silent_for > MISSED_HEARTBEATS * HEARTBEAT + 1:
            text = f"nothing was heard of the sender at {self.endpoint} for {subscriber.silent_for:.0f} s"
            return Connection("silent", text)
        return Connection("joined", self._status_text)

    def close(self) -> None:
        """Leave the stream and end the threads; raises what one of them died of."""
        late = None
        for worker in self._workers:
            try:
                worker.close(CLOSE_TIME)
            except ShutdownTimeoutError as error:
                late = late or error
        died, self._died = self._died or late, None
        if died is not None:
            raise died

    def __enter__(self) -> Feed:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class FrameRate:
    """Frames a second from counts that were seen now and then; begins anew with each session."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()
        self._session: int | None = None
        self.value: float | None = None

    def add(self, now: float, session: int, count: int) -> None:
        """At `now`, in s, the session had `count` frames."""
        seen = self._seen
        if session != self._session or (seen and count < seen[-1][1]):
            seen.clear()
            self._session = session
        seen.append((now, count))
        while len(seen) > 2 and now - seen[1][0] >= RATE_TIME:
            seen.popleft()
        elapsed = now - seen[0][0]
        if elapsed > 0:
            self.value = (count - seen[0][1]) / elapsed


class _Paced:
    """Feeds a sink and lets some time pass after each block: what is left out meanwhile was not wanted.

    Not after the first of a session, so that sessions of single frames are not kept waiting.
    """

    def __init__(self, sink: Sink, stop: threading.Event) -> None:
        self._sink = sink
        self._stop = stop
        self._due = 0.0

    def begin(self, start: SessionStart) -> None:
        self._due = 0.0
        self._sink.begin(start)

    def write(self, block: Block) -> None:
        began, cost = time.monotonic(), time.thread_time()
        self._sink.write(block)
        cost = time.thread_time() - cost
        self._stop.wait(max(self._due - began, 0.0))
        self._due = time.monotonic() + max(BLOCK_INTERVAL, cost / SHARE)

    def lost(self, gap: Gap) -> None:
        self._sink.lost(gap)

    def tick(self) -> None:
        self._sink.tick()

    def end(self, report: SessionReport) -> None:
        self._sink.end(report)

    def close(self) -> None:
        self._sink.close()
