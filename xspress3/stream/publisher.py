"""The sending end of a stream: one XPUB socket that drops nothing and knows who listens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Union

import zmq

from xspress3.errors import ConfigurationError

__all__ = ["Publisher", "bind", "keep_alive"]

SUBSCRIBE_ALL = b"\x01"
UNSUBSCRIBE_ALL = b"\x00"
RETRY_MS = 100
"""How often a blocked send looks whether it shall give up."""
MAX_REQUEST_BYTES = 4096

Buffer = Union[bytes, bytearray, memoryview]


def bind(socket: zmq.Socket[bytes], endpoint: str) -> str:
    """Bind `socket` and give the endpoint it really has.

    Raises
    ------
    ConfigurationError
        Naming the endpoint and the reason, such as a port in use.
    """
    try:
        socket.bind(endpoint)
    except zmq.ZMQError as error:
        raise ConfigurationError(
            f"cannot bind {endpoint}: {error.strerror}; allowed is tcp://ADDRESS:PORT with an address "
            "of this machine and a port that is free (0 takes any)"
        ) from None
    return socket.getsockopt_string(zmq.LAST_ENDPOINT)


def keep_alive(socket: zmq.Socket[bytes]) -> None:
    """Let the system find out about hosts that died, within 25 s.

    Not by heartbeats of zmq: their answers queue behind the data, so a reader that is merely slow would
    be dropped, and libzmq 4.3.5 was seen to abort the process when that happened on its side.
    """
    socket.setsockopt(zmq.TCP_KEEPALIVE, 1)
    socket.setsockopt(zmq.TCP_KEEPALIVE_IDLE, 10)
    socket.setsockopt(zmq.TCP_KEEPALIVE_INTVL, 5)
    socket.setsockopt(zmq.TCP_KEEPALIVE_CNT, 3)


class Publisher:
    """Sends every message whole to every reader, or waits: used in one thread only.

    Parameters
    ----------
    endpoint
        `tcp://ADDRESS:PORT`; port 0 takes any, see the attribute `endpoint`.
    queue_messages
        Messages that may wait for one reader before `send` blocks.
    linger
        Seconds that `close` waits for readers to take what is queued.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        endpoint: str,
        *,
        queue_messages: int = 64,
        linger: float = 2.0,
    ) -> None:
        self._socket = context.socket(zmq.XPUB)
        self._socket.setsockopt(zmq.XPUB_NODROP, 1)
        self._socket.setsockopt(zmq.XPUB_VERBOSER, 1)  # tell of each reader, not of the first only
        self._socket.setsockopt(zmq.SNDHWM, queue_messages)
        self._socket.setsockopt(zmq.SNDTIMEO, RETRY_MS)
        self._socket.setsockopt(zmq.LINGER, int(linger * 1000))
        self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_REQUEST_BYTES)
        keep_alive(self._socket)
        self.n_readers = 0
        self._n_joined = 0
        try:
            self.endpoint = bind(self._socket, endpoint)
        except ConfigurationError:
            self._socket.close(linger=0)
            raise

    def poll_joins(self) -> int:
        """Number of readers that joined since the last call; whatever else they sent is passed over."""
        self._look_at_joins()
        n_joined, self._n_joined = self._n_joined, 0
        return n_joined

    def _look_at_joins(self) -> None:
        while True:
            try:
                said = self._socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            if said == SUBSCRIBE_ALL:
                self.n_readers += 1
                self._n_joined += 1
            elif said == UNSUBSCRIBE_ALL:
                self.n_readers = max(self.n_readers - 1, 0)

    def send(
        self, parts: Sequence[Buffer], *, track: bool = False, give_up: Callable[[], bool] = lambda: False
    ) -> zmq.MessageTracker | None:
        """Send `parts` as one message, waiting while a reader's queue is full.

        Parameters
        ----------
        track
            Give a tracker that is done when zmq needs the buffers no more.
        give_up
            Asked every 100 ms while blocked; the message is not sent once it says yes.

        Raises
        ------
        zmq.Again
            When it was given up.
        """
        # `send_multipart` with `track` would track the last part only.
        frames = [zmq.Frame(part, copy=False, track=True) for part in parts] if track else parts
        while True:
            try:
                self._socket.send_multipart(frames, copy=False)
                return zmq.MessageTracker(*frames) if track else None
            except zmq.Again:
                self._look_at_joins()
                if give_up():
                    raise

    def close(self) -> None:
        """Close the socket; a second call does nothing."""
        self._socket.close()
