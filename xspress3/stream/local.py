"""Streams within one process: objects are handed over, nothing is packed, nothing is copied.

The contracts are those of `publisher`; what a reader gets is the very memory that was sent.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Any, Union

import numpy as np
import numpy.typing as npt
import zmq

from xspress3.errors import (
    ConfigurationError,
    ProtocolError,
    StateError,
    StreamEndedError,
    StreamTimeoutError,
)
from xspress3.stream.backlog import Backlog
from xspress3.stream.contract import LOSSLESS, Contract, Delivery
from xspress3.stream.control import Hello
from xspress3.stream.messages import Alive, Block, EncodedArray, Envelope, Message, SessionStart
from xspress3.stream.numbering import Numbering
from xspress3.stream.outbox import Outbox
from xspress3.stream.outgoing import Outgoing, Thin
from xspress3.stream.publisher import ReaderStatus, Samples

__all__ = ["LocalPublisher", "LocalSubscriber", "Taken", "samples_block"]

_RETRY = 0.1
"""Seconds after which a send that waits looks whether it shall give up."""

Taken = Union[Message, Samples]


class _Seat:
    """Where one reader finds what it may take.

    What the sender waits for goes straight into `inbox`, which needs no lock: the counters are written
    by one side each. What may be left out goes by `outbox`, under the lock of the publisher.
    """

    def __init__(self, hello: Hello, credit: int) -> None:
        self.hello = hello
        self.credit = credit
        self.outbox = Outbox(hello.contract, credit)
        self.inbox: queue.SimpleQueue[Union[Outgoing, Samples, None]] = queue.SimpleQueue()
        self.n_put = 0
        self.n_taken = 0
        self.n_granted = 0
        self.is_lossless = hello.contract.is_lossless
        self.has_room = threading.Event()
        self.is_waited_for = False

    @property
    def is_full(self) -> bool:
        return self.n_put - self.n_taken >= self.credit

    def put(self, item: Union[Outgoing, Samples]) -> None:
        self.n_put += 1
        self.inbox.put(item)

    def flush(self) -> None:
        while (item := self.outbox.take()) is not None:
            self.put(item)

    def grant(self) -> None:
        """Count what was taken as room for more."""
        self.outbox.grant(self.n_taken - self.n_granted)
        self.n_granted = self.n_taken
        self.flush()

    def took_one(self) -> None:
        """Called by the reader; wakes a sender that waits once there is room for some."""
        self.n_taken += 1
        if self.is_waited_for and self.n_put - self.n_taken <= self.credit // 2:
            self.is_waited_for = False
            self.has_room.set()

    def wait_for_room(self, timeout: float) -> None:
        """Called by the sender."""
        self.has_room.clear()
        self.is_waited_for = True
        if self.is_full:
            self.has_room.wait(timeout)
        self.is_waited_for = False

    def demote(self) -> None:
        """From here on nobody waits for this reader."""
        self.is_lossless = False
        self.outbox.demote()
        self.outbox.credit = 0
        self.n_granted = self.n_taken - max(self.credit - (self.n_put - self.n_taken), 0)

    def status(self) -> ReaderStatus:
        hello, outbox = self.hello, self.outbox
        on_the_way = self.n_put - self.n_taken
        return ReaderStatus(
            hello.name, hello.host, hello.pid, str(outbox.contract), on_the_way, outbox.n_left_out
        )


class LocalPublisher:
    """Sends messages to readers of this process; any thread may call::

        publisher = LocalPublisher("inproc://camera", Numbering("camera"))
        publisher.send(start)

    Parameters
    ----------
    endpoint
        `inproc://NAME`, by which `LocalSubscriber` finds it; one at a time.
    queue_messages, backlog_bytes, drop_after, state
        As of `Publisher`.
    """

    _by_endpoint: dict[str, LocalPublisher] = {}  # noqa: RUF012  # guarded by _registry
    _registry = threading.Lock()

    def __init__(
        self,
        endpoint: str,
        numbering: Numbering,
        *,
        queue_messages: int = 64,
        backlog_bytes: int = 0,
        drop_after: float | None = None,
        state: Callable[[], str] = lambda: "idle",
    ) -> None:
        if not endpoint.startswith("inproc://") or endpoint == "inproc://":
            raise ConfigurationError(f"endpoint: {endpoint!r}, allowed is inproc://NAME")
        self.endpoint = endpoint
        self._numbering = numbering
        self._queue_messages = queue_messages
        self._drop_after = drop_after
        self._state = state
        self._lock = threading.RLock()  # guards all below, and what is not the reader's in the seats
        self._backlog = Backlog(backlog_bytes)
        self._keeps_backlog = backlog_bytes > 0
        self._seats: list[_Seat] = []
        self.is_closed = False
        with self._registry:
            if endpoint in self._by_endpoint:
                raise ConfigurationError(f"endpoint: {endpoint} is in use, allowed is a name that is free")
            self._by_endpoint[endpoint] = self

    @classmethod
    def find(cls, endpoint: str) -> LocalPublisher:
        """The publisher at `endpoint`; `ConfigurationError` when there is none."""
        with cls._registry:
            found = cls._by_endpoint.get(endpoint)
            if found is None:
                there = sorted(cls._by_endpoint) or "nobody"
                raise ConfigurationError(f"nobody sends at {endpoint} in this process; there is {there}")
            return found

    @property
    def n_readers(self) -> int:
        """Readers that have joined and not left."""
        return len(self._seats)

    @property
    def readers(self) -> list[ReaderStatus]:
        """Those readers."""
        with self._lock:
            return [seat.status() for seat in self._seats]

    def send(
        self,
        message: Message,
        *,
        is_borrowed: bool = False,
        thin: Thin | None = None,
        give_up: Callable[[], bool] = lambda: False,
    ) -> Outgoing:
        """As `Publisher.send`; what is borrowed stays so until readers let go of it."""
        item = Outgoing(message, is_borrowed=is_borrowed, thin=thin)
        self._send(item, lambda: item, lambda: self._backlog.remember(item), give_up)
        item.settle()
        return item

    def send_samples(
        self,
        samples: Samples,
        block: Callable[[], Block],
        give_up: Callable[[], bool] = lambda: False,
    ) -> None:
        """The short way for a chunk; `block` makes a message of it where a reader's contract needs one."""
        made: list[Outgoing] = []

        def item() -> Outgoing:
            if not made:
                made.append(Outgoing(block()))
            return made[0]

        def remember() -> None:
            if self._keeps_backlog:
                self._backlog.remember(item())
            else:
                self._backlog.advance(samples[0], samples[2] + 1)

        self._send(samples, item, remember, give_up)

    def pass_on(
        self, samples: Samples, block: Callable[[], Block], give_up: Callable[[], bool] = lambda: False
    ) -> None:
        """As `Publisher.pass_on`."""
        if self._seats:
            self.send_samples(samples, block, give_up)
        else:
            self._backlog.advance(samples[0], samples[2] + 1)

    def serve(self, timeout: float = 0.0) -> None:
        """Does nothing: readers are served as they come."""

    def close(self) -> None:
        """Let readers see that nothing more will come; a second call does nothing."""
        with self._registry:
            if self._by_endpoint.get(self.endpoint) is self:
                del self._by_endpoint[self.endpoint]
        if self.is_closed:
            return
        self.is_closed = True
        for seat in list(self._seats):
            with self._lock:
                seat.outbox.grant(seat.outbox.n_waiting)
                seat.flush()
            seat.inbox.put(None)
            seat.has_room.set()

    def _send(
        self,
        direct: Union[Outgoing, Samples],
        item: Callable[[], Outgoing],
        remember: Callable[[], None],
        give_up: Callable[[], bool],
    ) -> None:
        while True:
            with self._lock:
                if self.is_closed:
                    raise StateError(f"send at {self.endpoint} after it was closed")
                if self._who_is_full() is None:
                    self._offer(direct, item)
                    remember()
                    return
            self.wait_room(give_up)

    def _offer(self, direct: Union[Outgoing, Samples], item: Callable[[], Outgoing]) -> None:
        """Give it to all readers."""
        for seat in self._seats:
            if seat.is_lossless:
                seat.put(direct)
            else:
                seat.outbox.offer(item())
                seat.flush()

    def wait_room(self, give_up: Callable[[], bool] = lambda: False) -> None:
        """As `Publisher.wait_room`."""
        while (seat := self._who_is_full()) is not None:
            self._wait_for(seat, give_up)

    def _who_is_full(self) -> _Seat | None:
        """A reader that must be waited for."""
        for seat in self._seats:
            if seat.is_lossless and seat.n_put - seat.n_taken >= seat.credit:
                return seat
        return None

    def _wait_for(self, seat: _Seat, give_up: Callable[[], bool]) -> None:
        """Wait until `seat` has room, without the lock: readers come, go and are looked at meanwhile."""
        began = time.monotonic()
        while seat.is_full and seat in self._seats:
            if give_up() or self.is_closed:
                raise zmq.Again
            if self._drop_after is not None and time.monotonic() - began > self._drop_after:
                with self._lock:
                    seat.demote()
                return
            seat.wait_for_room(_RETRY)

    def _join(self, hello: Hello) -> _Seat:
        with self._lock:
            seat = _Seat(hello, min(hello.credit, self._queue_messages))
            greeting = self._backlog.greeting(hello)
            for item in greeting or [Outgoing(Alive(self._numbering.envelope(), self._state()))]:
                seat.put(item)
            if not seat.is_lossless:
                seat.outbox.credit -= seat.n_put
            self._seats.append(seat)
            return seat

    def _leave(self, seat: _Seat) -> None:
        with self._lock:
            if seat in self._seats:
                self._seats.remove(seat)
        seat.has_room.set()

    def _grant(self, seat: _Seat) -> None:
        with self._lock:
            seat.grant()


def samples_block(envelope: Envelope, first: int, array: npt.NDArray[Any]) -> Block:
    """An array of samples as a block with one array, `data`, not copied where that can be."""
    plain = np.ascontiguousarray(array)
    payload = plain.reshape(-1).view(np.uint8).data
    return Block(
        envelope, first, len(array), (EncodedArray("data", plain.dtype, plain.shape, "none", payload),)
    )


class LocalSubscriber:
    """Receives from a `LocalPublisher` of this process, as a `Subscriber` does from elsewhere.

    Parameters
    ----------
    endpoint
        `inproc://NAME` of a publisher that is there.
    name, contract, queue_messages, wants_backlog
        As of `Subscriber`.

    Raises
    ------
    ConfigurationError
        When nobody sends there.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        name: str | None = None,
        contract: Union[str, Contract] = LOSSLESS,
        queue_messages: int = 64,
        wants_backlog: bool = True,
    ) -> None:
        self.endpoint = endpoint
        self.contract = Contract.parse(contract)
        self.name = name or threading.current_thread().name[:64]
        credit = 1 if self.contract.delivery is Delivery.LATEST else queue_messages
        self._publisher = LocalPublisher.find(endpoint)
        self._seat = self._publisher._join(Hello(self.name, self.contract, credit, wants_backlog))
        self._waiting: Message | None = None
        self._session: Envelope | None = None

    def wait_joined(self, timeout: float) -> None:
        """Wait for the answer of the sender, which is there at once; kept for `receive`."""
        if self._waiting is None:
            self._waiting = self.receive(timeout)
        if self._waiting is None:
            raise StreamTimeoutError(f"nobody answers at {self.endpoint} within {timeout} s")

    def keep(self, message: Message) -> None:
        """Let `receive` give `message` next."""
        self._waiting = message

    def receive(self, timeout: float) -> Message | None:
        """The next message, or `None` when none came within `timeout` s; errors as of `take`."""
        taken = self.take(timeout)
        return self._as_block(taken) if isinstance(taken, tuple) else taken

    def _as_block(self, samples: Samples) -> Block:
        """A chunk the long way, of the session whose start was taken: the sender may be further."""
        end, array, sequence, time_ns = samples
        if self._session is None:
            raise ProtocolError("samples of a session whose start did not come")
        envelope = replace(self._session, sequence=sequence, time_ns=time_ns)
        return samples_block(envelope, end - len(array), array)

    def take(self, timeout: float) -> Taken | None:
        """As `receive`, and chunks that came the short way as they came.

        Raises
        ------
        StreamEndedError
            When all was taken and the sender is closed.
        """
        if self._waiting is not None:
            message, self._waiting = self._waiting, None
            return message
        seat = self._seat
        if seat.n_granted < seat.n_taken and not seat.is_lossless:
            self._publisher._grant(seat)
        try:
            item = seat.inbox.get(timeout=timeout) if timeout > 0 else seat.inbox.get_nowait()
        except queue.Empty:
            return None
        if item is None:
            seat.inbox.put(None)  # for the next look
            raise StreamEndedError(f"{self.endpoint}: the sender is closed")
        seat.took_one()
        if not isinstance(item, Outgoing):
            return item
        if isinstance(item.message, SessionStart):
            self._session = item.message.envelope
        return item.message

    @property
    def is_connected(self) -> bool:
        """Whether the sender is there."""
        return not self._publisher.is_closed

    @property
    def silent_for(self) -> float:
        """0: within a process nobody is silent unless there is nothing to say."""
        return 0.0

    def close(self) -> None:
        """Leave; a second call does nothing."""
        self._publisher._leave(self._seat)

    def __enter__(self) -> LocalSubscriber:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
