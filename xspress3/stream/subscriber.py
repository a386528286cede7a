"""The receiving end of a stream: one SUB socket that speaks in messages."""

from __future__ import annotations

from types import TracebackType

import zmq
from zmq.utils.monitor import recv_monitor_message

from xspress3.errors import ConfigurationError, StreamTimeoutError
from xspress3.stream.codec import MAX_ARRAY_BYTES, decode
from xspress3.stream.messages import Message
from xspress3.stream.publisher import keep_alive

__all__ = ["Subscriber"]


class Subscriber:
    """Receives messages; connects by itself, again and again::

        with Subscriber("tcp://127.0.0.1:9999") as subscriber:
            subscriber.wait_joined(timeout=5)
            message = subscriber.receive(timeout=1)

    Parameters
    ----------
    endpoint
        `tcp://HOST:PORT` of the sender, which need not be there yet.
    queue_messages
        Messages that may wait here before the sender's queue fills.
    """

    def __init__(self, endpoint: str, *, queue_messages: int = 64) -> None:
        self.endpoint = endpoint
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.setsockopt(zmq.RCVHWM, queue_messages)
        self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_ARRAY_BYTES)
        self._socket.setsockopt(zmq.LINGER, 0)
        keep_alive(self._socket)
        self._events = self._socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED)
        self._is_connected = False
        self._waiting: Message | None = None
        try:
            self._socket.connect(endpoint)
        except zmq.ZMQError as error:
            self.close()
            raise ConfigurationError(
                f"cannot connect to {endpoint}: {error.strerror}; allowed is tcp://HOST:PORT"
            ) from None
        self._socket.setsockopt(zmq.SUBSCRIBE, b"")

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

    def receive(self, timeout: float) -> Message | None:
        """The next message, or `None` when none came within `timeout` s.

        Raises
        ------
        ProtocolError
            When what came is not a message; the next call goes on with the one after it.
        """
        if self._waiting is not None:
            message, self._waiting = self._waiting, None
            return message
        if not self._socket.poll(int(timeout * 1000)):
            return None
        frames = self._socket.recv_multipart(copy=False)
        return decode([frame.buffer for frame in frames])

    @property
    def is_connected(self) -> bool:
        """Whether the sender is connected; a sender that waits for another reader is, and is silent."""
        while self._events.poll(0):
            event = recv_monitor_message(self._events)["event"]
            self._is_connected = event == zmq.EVENT_HANDSHAKE_SUCCEEDED
        return self._is_connected

    def close(self) -> None:
        """Close the socket; a second call does nothing."""
        if not self._socket.closed:
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
