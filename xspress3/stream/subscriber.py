"""The receiving end of a stream: one DEALER socket that speaks in messages."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from types import TracebackType
from typing import Union

import zmq
from zmq.utils.monitor import recv_monitor_message

from xspress3.errors import ConfigurationError, ProtocolError, StreamTimeoutError
from xspress3.stream.codec import MAX_ARRAY_BYTES, decode
from xspress3.stream.contract import LOSSLESS, Contract, Delivery
from xspress3.stream.control import MAX_NAME, Bye, Credit, Hello, Position, encode_request
from xspress3.stream.handshake import HANDSHAKE_EVENTS, Handshakes
from xspress3.stream.memory import keep_freed_memory
from xspress3.stream.messages import Alive, Block, Loss, Message, SessionEnd, SessionStart
from xspress3.stream.sockets import keep_alive, widen

__all__ = ["Subscriber"]

_SOON_MS = 1
"""For how long more messages are waited for before those that were taken are said."""
_BYE_LINGER_MS = 100
"""For how long closing waits to get the farewell out; without it the sender notices a second later."""


class Subscriber:
    """Receives messages; connects by itself, again and again::

        with Subscriber("tcp://127.0.0.1:9999", name="writer") as subscriber:
            subscriber.wait_joined(timeout=5)
            message = subscriber.receive(timeout=1)

    After a broken connection it tells the sender how far it was, and goes on from there where the
    sender still keeps what came since.

    Parameters
    ----------
    endpoint
        `tcp://HOST:PORT` or `ipc://PATH` of the sender, which need not be there yet.
    name
        What people call this reader, up to 64 characters.
    contract
        What is wanted: `lossless`, `latest`, or `every:N`.
    queue_messages
        Messages that may be on the way at a time.
    wants_backlog
        Whether, joining late, what the sender keeps of the running session is wanted.
    secure
        Is given the socket before it connects, to put keys on it.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        name: str | None = None,
        contract: Union[str, Contract] = LOSSLESS,
        queue_messages: int = 64,
        wants_backlog: bool = True,
        secure: Callable[[zmq.Socket[bytes]], None] = lambda _socket: None,
    ) -> None:
        self.endpoint = endpoint
        self.contract = Contract.parse(contract)
        self.name = (name or f"reader-{os.getpid()}")[:MAX_NAME]
        # Whoever wants the newest only has nothing on the way that could grow old.
        self._credit = 1 if self.contract.delivery is Delivery.LATEST else queue_messages
        self._wants_backlog = wants_backlog
        self._n_taken = 0
        self._position: Position | None = None
        self._was_cut_off = False
        self._handshakes = Handshakes()
        self._heard_at = time.monotonic()
        self._waiting: Message | None = None
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.RCVHWM, self._credit + 64)
        self._socket.setsockopt(zmq.RCVTIMEO, _SOON_MS)
        self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_ARRAY_BYTES)
        self._socket.setsockopt(zmq.LINGER, _BYE_LINGER_MS)
        keep_alive(self._socket)
        widen(self._socket, zmq.RCVBUF)
        keep_freed_memory()
        self._events = self._socket.get_monitor_socket(HANDSHAKE_EVENTS)
        self._poller = zmq.Poller()
        self._poller.register(self._socket, zmq.POLLIN)
        self._poller.register(self._events, zmq.POLLIN)
        self._connect(secure)

    def _connect(self, secure: Callable[[zmq.Socket[bytes]], None]) -> None:
        try:
            secure(self._socket)
            self._socket.connect(self.endpoint)
            self._say_hello()  # zmq keeps it until somebody is there
        except zmq.ZMQError as error:
            self.close()
            raise ConfigurationError(
                f"cannot connect to {self.endpoint}: {error.strerror}; allowed is tcp://HOST:PORT or ipc://PATH"
            ) from None
        except BaseException:
            self.close()
            raise

    def wait_joined(self, timeout: float) -> None:
        """Wait until the sender has answered; that message is kept for `receive`.

        Raises
        ------
        StreamTimeoutError
            When nobody has answered within `timeout` s.
        """
        if self._waiting is None:
            self._waiting = self.receive(timeout)
        if self._waiting is None:
            raise StreamTimeoutError(f"nobody answers at {self.endpoint} within {timeout} s")

    def keep(self, message: Message) -> None:
        """Let `receive` give `message` next."""
        self._waiting = message

    def receive(self, timeout: float) -> Message | None:
        """The next message, or `None` when none came within `timeout` s.

        Raises
        ------
        ProtocolError
            When what came is not a message; the next call goes on with the one after it.
        StreamRefusedError
            When the sender does not let this reader in, and says or shows why; each further call too.
        """
        if self._waiting is not None:
            message, self._waiting = self._waiting, None
            return message
        if self._credit == 1:
            self._give_credit()  # who wants the newest asks for it when it wants it
        try:
            # For a moment (RCVTIMEO) in the call itself: to ask first and then to wait costs as much again.
            frames = self._socket.recv_multipart(0 if timeout > 0 else zmq.NOBLOCK, copy=False)
        except zmq.Again:
            if not self._wait(timeout):
                return None
            frames = self._socket.recv_multipart(copy=False)
        self._heard_at = time.monotonic()
        return self._take([frame.buffer for frame in frames])

    take = receive

    def _wait(self, timeout: float) -> bool:
        """Whether something came within `timeout` s; says hello to each new connection meanwhile.

        What was taken is not said at once, or who is fast would answer each message.

        Raises
        ------
        StreamRefusedError
            When nothing came because the connection was refused.
        """
        if timeout > 0 or self.silent_for > _SOON_MS / 1000:
            self._give_credit()
        deadline = time.monotonic() + timeout
        while True:
            self._hear_events()
            self._handshakes.check()
            left = max(deadline - time.monotonic(), 0)
            ready = dict(self._poller.poll(int(left * 1000)))
            if self._socket in ready:
                return True
            if not left and not ready:
                return False

    def _take(self, parts: list[memoryview]) -> Message:
        try:
            message = decode(parts)
        except ProtocolError:
            self._count()
            raise
        if not isinstance(message, Alive):
            self._count()
        if isinstance(message, SessionEnd):
            self._give_credit()  # the sender waits for it before it closes
        self._note(message)
        return message

    def _count(self) -> None:
        """One message of our credit is used; it is given back in heaps, or when there is time."""
        self._n_taken += 1
        if self._n_taken * 2 >= self._credit > 1:
            self._give_credit()

    def _give_credit(self) -> None:
        if self._n_taken:
            self._say(encode_request(Credit(self._n_taken)))
            self._n_taken = 0

    def _note(self, message: Message) -> None:
        """Remember how far we are, for when the connection breaks."""
        if isinstance(message, Block):
            next_frame = message.end_frame
        elif isinstance(message, SessionStart):
            next_frame = message.next_frame
        elif isinstance(message, Loss):
            next_frame = message.first_frame + message.n_frames
        else:
            return
        envelope = message.envelope
        self._position = Position(envelope.epoch, envelope.session_id or 0, next_frame)

    def _hear_events(self) -> None:
        while self._events.poll(0):
            said = recv_monitor_message(self._events)
            was_connected = self._handshakes.is_connected
            self._handshakes.take(int(said["event"]), int(said["value"]))
            if was_connected:
                self._was_cut_off = True
            if self._handshakes.is_connected and self._was_cut_off:
                self._say_hello()

    def _say_hello(self) -> None:
        self._n_taken = 0
        self._was_cut_off = False
        hello = Hello(self.name, self.contract, self._credit, self._wants_backlog, self._position)
        self._say(encode_request(hello))

    def _say(self, request: bytes) -> None:
        try:
            self._socket.send(request, zmq.NOBLOCK)
        except zmq.Again:
            return  # not connected: the next hello starts anew

    @property
    def is_connected(self) -> bool:
        """Whether the sender is connected."""
        self._hear_events()
        return self._handshakes.is_connected

    @property
    def silent_for(self) -> float:
        """Seconds since the sender said anything; it gives a sign of life each second."""
        return time.monotonic() - self._heard_at

    def close(self) -> None:
        """Say farewell and close the socket; a second call does nothing."""
        if not self._socket.closed:
            if self.is_connected:
                self._say(encode_request(Bye()))
            self._socket.disable_monitor()
            self._events.close()
        self._socket.close()
        self._context.term()

    def __enter__(self) -> Subscriber:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
