"""One who asks the monitor socket of a streamer, and does not wait for ever."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

import zmq

from receivers.text import printable
from xspress3.errors import ConfigurationError, ProtocolError, StateError, StreamTimeoutError
from xspress3.stream.fields import MAX_HEADER_BYTES, SCHEMA, object_of_bytes
from xspress3.stream.security import no_keys
from xspress3.stream.sockets import keep_alive

__all__ = ["MonitorClient"]


class MonitorClient:
    """Asks and gives the answer, or an error; made, used and closed in one thread::

        with MonitorClient("tcp://127.0.0.1:9998") as client:
            client.ask(b"status", timeout=1.0)["state"]

    An answer that comes too late is never taken for that of the next question.
    """

    def __init__(self, endpoint: str, secure: Callable[[zmq.Socket[bytes]], None] = no_keys) -> None:
        self.endpoint = endpoint
        self._secure = secure
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket: zmq.Socket[bytes] | None = None

    def ask(self, request: bytes, timeout: float, kind: str = "status") -> dict[str, Any]:
        """The answer of type `kind` to `request`.

        Raises
        ------
        StreamTimeoutError
            When none came within `timeout` s.
        StateError
            With the words of the other side, when it does not do what was asked.
        ProtocolError
            When the answer is none.
        """
        socket = self._socket or self._connect()
        try:
            socket.send(request, zmq.NOBLOCK)
            if not socket.poll(int(timeout * 1000)):
                raise StreamTimeoutError(f"nobody answers at {self.endpoint} within {timeout:g} s")
            return _answer(socket.recv_multipart(), kind)
        except (StreamTimeoutError, zmq.Again) as error:
            self._drop()  # the answer may still come, and would be taken for the next one
            if isinstance(error, StreamTimeoutError):
                raise
            raise StreamTimeoutError(f"nobody is there at {self.endpoint}") from None

    def _connect(self) -> zmq.Socket[bytes]:
        socket = self._context.socket(zmq.DEALER)
        try:
            socket.setsockopt(zmq.LINGER, 0)
            socket.setsockopt(zmq.MAXMSGSIZE, MAX_HEADER_BYTES)
            keep_alive(socket)
            self._secure(socket)
            socket.connect(self.endpoint)
        except zmq.ZMQError as error:
            socket.close()
            raise ConfigurationError(f"cannot connect to {self.endpoint}: {error.strerror}") from None
        except BaseException:
            socket.close()
            raise
        self._socket = socket
        return socket

    def _drop(self) -> None:
        socket, self._socket = self._socket, None
        if socket is not None:
            socket.close()

    def close(self) -> None:
        """Close; a second call does nothing."""
        self._drop()
        self._context.term()

    def __enter__(self) -> MonitorClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _answer(parts: list[bytes], kind: str) -> dict[str, Any]:
    if len(parts) != 1:
        raise ProtocolError(f"answer of {len(parts)} parts, expected one")
    said = object_of_bytes(parts[0], MAX_HEADER_BYTES, "answer")
    if said.get("schema") != SCHEMA:
        raise ProtocolError(f"answer of schema {str(said.get('schema'))[:40]!r}, expected {SCHEMA!r}")
    if said.get("type") == "error":
        raise StateError(printable(str(said.get("text")), 400))
    if said.get("type") != kind:
        raise ProtocolError(f"answer of type {str(said.get('type'))[:40]!r}, expected {kind!r}")
    return said
