"""The end that hands over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Union

import zmq

from xspress3.errors import ConfigurationError, StateError
from xspress3.stream.backlog import Backlog
from xspress3.stream.control import Hello
from xspress3.stream.local.seat import Seat
from xspress3.stream.messages import Alive, Message
from xspress3.stream.numbering import Numbering
from xspress3.stream.outgoing import Outgoing, Thin
from xspress3.stream.publisher import MakeBlock, ReaderStatus, Samples

__all__ = ["LocalPublisher"]

_RETRY = 0.1
"""Seconds after which a send that waits looks whether it shall give up."""


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
        self._seats: list[Seat] = []
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

    def send_straight(self, samples: Samples, block: MakeBlock) -> bool:
        """As `send_samples`, where nobody needs more than `samples` or has to be waited for.

        Else `False`, and nothing is done: `send_samples` knows what to do.
        """
        del block
        with self._lock:
            if self.is_closed or self._keeps_backlog:
                return False
            for seat in self._seats:
                if not seat.is_lossless or seat.n_put - seat.n_taken >= seat.credit:
                    return False
            for seat in self._seats:
                seat.put(samples)
            self._backlog.advance(samples[0], samples[2] + 1)
        return True

    def send_samples(
        self, samples: Samples, block: MakeBlock, give_up: Callable[[], bool] = lambda: False
    ) -> None:
        """The short way for a chunk; `block` makes a message of it where a reader's contract needs one."""
        made: list[Outgoing] = []

        def item() -> Outgoing:
            if not made:
                made.append(Outgoing(block(samples)))
            return made[0]

        def remember() -> None:
            if self._keeps_backlog:
                self._backlog.remember(item())
            else:
                self._backlog.advance(samples[0], samples[2] + 1)

        self._send(samples, item, remember, give_up)

    def pass_on(
        self, samples: Samples, block: MakeBlock, give_up: Callable[[], bool] = lambda: False
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

    def _who_is_full(self) -> Seat | None:
        """A reader that must be waited for."""
        for seat in self._seats:
            if seat.is_lossless and seat.n_put - seat.n_taken >= seat.credit:
                return seat
        return None

    def _wait_for(self, seat: Seat, give_up: Callable[[], bool]) -> None:
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

    def join(self, hello: Hello) -> Seat:
        """A seat for a reader, with what it is greeted by."""
        with self._lock:
            seat = Seat(hello, min(hello.credit, self._queue_messages))
            greeting = self._backlog.greeting(hello)
            for item in greeting or [Outgoing(Alive(self._numbering.envelope(), self._state()))]:
                seat.put(item)
            if not seat.is_lossless:
                seat.outbox.credit -= seat.n_put
            self._seats.append(seat)
            return seat

    def leave(self, seat: Seat) -> None:
        """Do without this reader; a second call does nothing."""
        with self._lock:
            if seat in self._seats:
                self._seats.remove(seat)
        seat.has_room.set()

    def grant(self, seat: Seat) -> None:
        """Let a reader that is not waited for have more."""
        with self._lock:
            seat.grant()
