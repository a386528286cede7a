"""A connection to a sender of G3 frames: an ordinary socket, never one of the library's.

The library's reader makes its connection while holding Python's interpreter lock, without a limit of
time: a host that does not answer would freeze every thread of the process for minutes.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

from receivers.g3.frame import Frame
from receivers.g3.framing import FrameSplitter
from xspress3.errors import StreamEndedError, StreamError, StreamTimeoutError

__all__ = ["Connection"]

CHUNK_BYTES = 1 << 18


class Connection:
    """Frames of one sender, until it or the line fails; then a new one must be made::

        with Connection("127.0.0.1", 4536, timeout=2.0) as connection:
            for frame in connection.receive(timeout=0.2):
                take(frame)

    Parameters
    ----------
    timeout
        Seconds that the sender's host may take to answer.

    Raises
    ------
    StreamError
        When nobody listens there; `StreamTimeoutError` when nobody answered.
    """

    def __init__(self, host: str, port: int, *, timeout: float) -> None:
        self._splitter = FrameSplitter()
        self.endpoint = f"g3://{host}:{port}"
        self.heard = False
        """Whether the last `receive` brought any bytes."""
        try:
            self._socket = socket.create_connection((host, port), timeout)
        except TimeoutError:
            raise StreamTimeoutError(f"{self.endpoint}: no answer within {timeout} s") from None
        except OSError as error:
            raise StreamError(f"{self.endpoint}: {error.strerror or error}") from error
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def receive(self, timeout: float) -> Iterator[Frame]:
        """Wait up to `timeout` seconds for bytes, and give the frames that they complete, maybe none.

        Raises
        ------
        StreamEndedError
            When the sender closed the connection; says whether inside a frame.
        ProtocolError
            When what came is not a frame; frames before it were given.
        StreamError
            When the line broke.
        """
        self.heard = False
        self._socket.settimeout(timeout)
        try:
            chunk = self._socket.recv(CHUNK_BYTES)
        except TimeoutError:
            return
        except OSError as error:
            raise StreamError(f"{self.endpoint}: {error.strerror or error}{self._torn()}") from error
        if not chunk:
            raise StreamEndedError(f"{self.endpoint} closed the connection{self._torn()}")
        self.heard = True
        yield from self._splitter.feed(chunk)

    def close(self) -> None:
        """Leave; a second call does nothing."""
        self._socket.close()

    def _torn(self) -> str:
        n_bytes = self._splitter.pending_bytes
        return f" inside a frame: {n_bytes} bytes of it are of no use" if n_bytes else ""
