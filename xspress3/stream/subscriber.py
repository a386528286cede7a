"""The receiving end of a stream: one SUB socket that speaks in messages."""

from __future__ import annotations

from types import TracebackType

import zmq

from xspress3.errors import ConfigurationError, StreamTimeoutError
from xspress3.stream.codec import MAX_ARRAY_BYTES, decode
from xspress3.stream.messages import Message
from xspress3.stream.publisher import DEAD_AFTER_MS, HEARTBEAT_MS

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
        self._socket.setsockopt(zmq.HEARTBEAT_IVL, HEARTBEAT_MS)
        self._socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, DEAD_AFTER_MS)
        self._socket.setsockopt(zmq.LINGER, 0)
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

    def close(self) -> None:
        """Close the socket; a second call does nothing."""
        self._socket.close()
        self._context.term()

    def __enter__(self) -> Subscriber:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
