"""The sending end of a stream: one socket, and for each reader a box ruled by its contract.

A ROUTER socket: readers say who they are and how much they can take, see `control`, and each gets
messages as far as its credit goes. Who has none is waited for, or left out and told so, see `outbox`.
Nobody else notices.
"""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Union

import numpy.typing as npt
import zmq

from xspress3.errors import ConfigurationError, ProtocolError
from xspress3.stream.backlog import Backlog
from xspress3.stream.codec import encode
from xspress3.stream.control import MAX_REQUEST_BYTES, Bye, Credit, Hello, Request, decode_request
from xspress3.stream.messages import Alive, Block, Message
from xspress3.stream.numbering import Numbering
from xspress3.stream.outbox import Outbox
from xspress3.stream.outgoing import Outgoing, Thin
from xspress3.stream.sockets import bind, keep_alive, widen

__all__ = ["HEARTBEAT", "MakeBlock", "Publisher", "ReaderStatus", "Samples"]

logger = logging.getLogger(__name__)

HEARTBEAT = 1.0
"""Seconds after which a reader that was sent nothing gets a sign of life."""

Samples = tuple[int, npt.NDArray[Any], int, int]
"""A chunk on a short way: number of the sample after its last, the array, sequence, and time in ns."""
MakeBlock = Callable[[Samples], Block]
"""Makes the long form of a chunk, for readers who need a message."""
_RETRY_MS = 100
"""How often a send that waits looks whether it shall give up."""
_HEAR_INTERVAL = 0.002
"""Seconds for which a sender that has room does not listen to its readers."""
_BUSY = 4
"""Messages on the way to a reader from which on it pays to gather more."""
_LOOK_MS = 20
"""How often it is looked whether readers have taken all."""
_SPARE_MESSAGES = 64
"""Signs of life that may wait beside what has credit."""
_MAX_READERS = 1024

Buffer = Union[bytes, bytearray, memoryview]


@dataclass(frozen=True)
class ReaderStatus:
    """One reader, as its sender sees it.

    Parameters
    ----------
    n_on_the_way
        Messages that were sent to it and that it has not taken.
    n_left_out
        Frames that it did not get, because of its contract.
    """

    name: str
    host: str
    pid: int
    contract: str
    n_on_the_way: int
    n_left_out: int

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return vars(self).copy()


@dataclass
class _Reader:
    identity: bytes
    hello: Hello
    outbox: Outbox
    credit: int
    sent_at: float

    @property
    def is_waited_for(self) -> bool:
        """Whether it must get all, and has not taken all yet."""
        return self.outbox.contract.is_lossless and (
            self.outbox.credit < self.credit or self.outbox.n_waiting > 0
        )

    def status(self) -> ReaderStatus:
        hello, outbox = self.hello, self.outbox
        on_the_way = max(self.credit - outbox.credit, 0)
        return ReaderStatus(
            hello.name, hello.host, hello.pid, str(outbox.contract), on_the_way, outbox.n_left_out
        )


class Publisher:
    """Sends messages to readers, to each as its contract says; used in one thread at a time::

        publisher = Publisher(context, "tcp://127.0.0.1:0", Numbering("xspress3"))
        publisher.send(start)
        publisher.serve(timeout=0.02)     # in between: hear readers, give signs of life

    Parameters
    ----------
    endpoint
        `tcp://ADDRESS:PORT`, port 0 takes any; or `ipc://PATH`. See the attribute `endpoint`.
    numbering
        Says who speaks in signs of life.
    queue_messages
        Messages that may be on the way to one reader at most.
    backlog_bytes
        Payload of the running session to keep for readers that come late or come back.
    drop_after
        Seconds that one reader may hold up all, after which it is not waited for any more; `None` for ever.
    linger
        Seconds that `close` waits for zmq to hand over what it has.
    heartbeat
        Seconds after which a reader that was sent nothing gets a sign of life.
    state
        Gives the word that signs of life carry.
    secure
        Is given the socket before it is bound, to put keys on it.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        endpoint: str,
        numbering: Numbering,
        *,
        queue_messages: int = 64,
        backlog_bytes: int = 0,
        drop_after: float | None = None,
        linger: float = 2.0,
        heartbeat: float = HEARTBEAT,
        state: Callable[[], str] = lambda: "idle",
        secure: Callable[[zmq.Socket[bytes]], None] = lambda _socket: None,
    ) -> None:
        self._queue_messages = queue_messages
        self._numbering = numbering
        self._drop_after = drop_after
        self._state = state
        self._heartbeat = heartbeat
        self._readers: dict[bytes, _Reader] = {}
        self._backlog = Backlog(backlog_bytes)
        self._looked_at = 0.0
        self._heard_at = 0.0
        self.n_joined = 0
        self.n_refused = 0
        self._socket = context.socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.ROUTER_MANDATORY, 1)  # tells of readers that are gone
        self._socket.setsockopt(zmq.SNDHWM, queue_messages + _SPARE_MESSAGES)
        self._socket.setsockopt(zmq.LINGER, int(linger * 1000))
        self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_REQUEST_BYTES)
        keep_alive(self._socket)
        widen(self._socket, zmq.SNDBUF)
        try:
            secure(self._socket)
            self.endpoint = bind(self._socket, endpoint)
        except ConfigurationError:
            self._socket.close(linger=0)
            raise

    @property
    def n_readers(self) -> int:
        """Readers that have joined and not left."""
        return len(self._readers)

    @property
    def readers(self) -> list[ReaderStatus]:
        """Those readers; any thread may ask."""
        return [reader.status() for reader in list(self._readers.values())]

    def send(
        self,
        message: Message,
        *,
        is_borrowed: bool = False,
        thin: Thin | None = None,
        give_up: Callable[[], bool] = lambda: False,
    ) -> Outgoing:
        """Offer `message` to every reader, waiting for those that must not miss it.

        Parameters
        ----------
        is_borrowed
            The payload is wanted back: `Outgoing.tracker` tells when.
        thin
            Leaves out frames for readers that want each n-th, see `outgoing.Thin`.
        give_up
            Asked every 100 ms while a reader is waited for.

        Raises
        ------
        zmq.Again
            When it was given up; no reader has got it, so the same may be sent again.
        """
        item = Outgoing(message, is_borrowed=is_borrowed, thin=thin)
        self.send_item(item, give_up)
        return item

    def send_item(self, item: Outgoing, give_up: Callable[[], bool] = lambda: False) -> None:
        """What `send` does, for what is packed already."""
        if time.monotonic() - self._heard_at > _HEAR_INTERVAL:
            self.serve()
        try:
            self.wait_room(give_up)
            for reader in list(self._readers.values()):
                reader.outbox.offer(item)
                self._flush(reader)
        finally:
            item.settle()
        self._backlog.remember(item)

    @property
    def is_busy(self) -> bool:
        """Whether a reader that must get all has some on the way already."""
        for reader in self._readers.values():
            outbox = reader.outbox
            if reader.credit - outbox.credit >= _BUSY and outbox.contract.is_lossless:
                return True
        return False

    def wait_room(self, give_up: Callable[[], bool] = lambda: False) -> None:
        """Wait until every reader has room for one message; `zmq.Again` when it was given up.

        All or none get a message, so one that was given up can be sent again without harm.
        """
        began = 0.0
        while any(not reader.outbox.has_room for reader in self._readers.values()):
            now = time.monotonic()
            began = began or now
            if give_up():
                raise zmq.Again
            if self._drop_after is not None and now - began > self._drop_after:
                self._demote_who_waits()
            else:
                self.serve(_RETRY_MS / 1000)

    def send_samples(
        self, samples: Samples, block: MakeBlock, give_up: Callable[[], bool] = lambda: False
    ) -> None:
        """Send a chunk of samples, of which `block` makes a message."""
        self.send_item(Outgoing(block(samples)), give_up)

    def pass_on(
        self, samples: Samples, block: MakeBlock, give_up: Callable[[], bool] = lambda: False
    ) -> None:
        """Note a chunk that went another way, and send it to those who stayed here."""
        if self._readers:
            self.send_item(Outgoing(block(samples)), give_up)
        else:
            self._backlog.advance(samples[0], samples[2] + 1)

    def serve(self, timeout: float = 0.0) -> None:
        """Hear what readers say, for up to `timeout` s until the first word, and give signs of life."""
        self._heard_at = time.monotonic()
        if timeout and not self._socket.poll(max(int(timeout * 1000), 1)):
            self._look_after()
            return
        with suppress(zmq.Again):
            while True:
                self._hear(self._socket.recv_multipart(zmq.NOBLOCK))
        self._look_after()

    def wait_taken(self, timeout: float) -> bool:
        """Whether lossless readers have said within `timeout` s that they took all.

        To be asked before `close`: when a reader gives credit to a socket that was closed, the system
        throws away what it had not sent yet.
        """
        deadline = time.monotonic() + timeout
        while any(reader.is_waited_for for reader in self._readers.values()):
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self.serve(min(left, _LOOK_MS / 1000))
        return True

    def has_handed_over(self, last: zmq.MessageTracker) -> bool:
        """Whether the system has the bytes of the `last` message, which was borrowed."""
        return last.done and not any(
            reader.outbox.n_waiting for reader in self._readers.values() if reader.is_waited_for
        )

    def close(self, linger: float | None = None) -> None:
        """Send what waits for readers and close the socket; a second call does nothing."""
        if not self._socket.closed:
            for reader in list(self._readers.values()):
                reader.outbox.grant(min(reader.outbox.n_waiting, _SPARE_MESSAGES))
                self._flush(reader)
        self._readers.clear()
        self._socket.close(None if linger is None else int(linger * 1000))

    def _demote_who_waits(self) -> None:
        for reader in self._readers.values():
            if not reader.outbox.has_room:
                logger.warning("reader %s is not waited for any more: too slow", reader.hello.name)
                reader.outbox.demote()

    def _flush(self, reader: _Reader) -> None:
        """Send what has credit."""
        while (item := reader.outbox.take()) is not None:
            try:
                self._socket.send_multipart([reader.identity, *item.parts], zmq.NOBLOCK, copy=False)
            except zmq.ZMQError as error:
                reader.outbox.put_back(item)
                self._failed(reader, error)
                return
            reader.sent_at = time.monotonic()
        if reader.outbox.is_overdue:
            logger.warning("reader %s takes nothing and is forgotten", reader.hello.name)
            self._forget(reader)

    def _failed(self, reader: _Reader, error: zmq.ZMQError) -> None:
        """A reader that is gone is forgotten; one whose pipe is full is tried again."""
        if error.errno == errno.EHOSTUNREACH:
            logger.info("reader %s has gone", reader.hello.name)
            self._forget(reader)
        elif error.errno != errno.EAGAIN:
            raise error

    def _forget(self, reader: _Reader) -> None:
        self._readers.pop(reader.identity, None)

    def _hear(self, said: list[bytes]) -> None:
        identity, *parts = said
        try:
            if len(parts) != 1:
                raise ProtocolError(f"request of {len(parts)} parts, allowed is 1")
            request = decode_request(parts[0])
        except ProtocolError as error:
            self.n_refused += 1
            logger.debug("passed over: %s", error)
            return
        self._obey(identity, request)

    def _obey(self, identity: bytes, request: Request) -> None:
        reader = self._readers.get(identity)
        if isinstance(request, Hello):
            self._greet(identity, request)
        elif reader is None:
            logger.debug("a reader that is not known says %s", request)
        elif isinstance(request, Credit):
            reader.outbox.grant(min(request.n_messages, reader.credit - reader.outbox.credit))
            self._flush(reader)
        elif isinstance(request, Bye):
            self._forget(reader)

    def _greet(self, identity: bytes, hello: Hello) -> None:
        """Let a reader join: the session that runs, or a sign of life."""
        if len(self._readers) >= _MAX_READERS and identity not in self._readers:
            self.n_refused += 1
            return
        credit = min(hello.credit, self._queue_messages)
        outbox = Outbox(hello.contract, credit)
        reader = _Reader(identity, hello, outbox, credit, 0.0)
        self._readers[identity] = reader
        self.n_joined += 1
        logger.info("reader %s of %s joined, %s", hello.name, hello.host, hello.contract)
        outbox.greet(self._backlog.greeting(hello))
        self._flush(reader)
        if not reader.sent_at:
            self._say_alive(reader)

    def _look_after(self) -> None:
        """A sign of life for who was sent nothing; who is gone is found out that way."""
        now = time.monotonic()
        if now - self._looked_at < self._heartbeat / 4:
            return
        self._looked_at = now
        for reader in list(self._readers.values()):
            self._flush(reader)
            if now - reader.sent_at >= self._heartbeat:
                self._say_alive(reader)

    def _say_alive(self, reader: _Reader) -> None:
        parts: list[Buffer] = encode(Alive(self._numbering.envelope(), self._state()))
        reader.sent_at = time.monotonic()
        try:
            self._socket.send_multipart([reader.identity, *parts], zmq.NOBLOCK)
        except zmq.ZMQError as error:
            self._failed(reader, error)
