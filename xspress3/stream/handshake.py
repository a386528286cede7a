"""Why a connection is not made, learnt from the events of a socket.

zmq tries again for ever and says nothing; a reader whose key is not listed would wait without an end.
"""

from __future__ import annotations

import errno
import time
from types import TracebackType
from typing import Any

import zmq
from zmq.utils.monitor import recv_monitor_message

from xspress3.errors import StreamRefusedError

__all__ = ["HANDSHAKE_EVENTS", "HandshakeWatch", "Handshakes", "explain_refusal"]

HANDSHAKE_EVENTS = (
    zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_DISCONNECTED
)
_NOT_LISTED = 400
_TRIES = 2
"""How often the other side may hang up in a handshake; once may be a server that was just stopped."""


def explain_refusal(event: int, value: int) -> str | None:
    """What a monitor event of a client says about a refusal; `None` when it says nothing of one."""
    if event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
        if value == _NOT_LISTED:
            return (
                "the server does not list the public key of this client; let it be added, then connect anew"
            )
        return f"the server could not check the key of this client, its status is {value}; see its log"
    if event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
        if value == zmq.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH:
            return "one side uses CURVE and the other does not; allowed is both or none"
        return f"the other side does not speak as it should, code {value:#x}"
    if event == zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        reason = errno.errorcode.get(value, str(value))
        return (
            f"the other side hung up during the handshake ({reason}); the public key of the server may be "
            "another one, or one side uses CURVE and the other does not, or nobody is behind a tunnel yet"
        )
    return None


class Handshakes:
    """What the events of a client's socket come to; for who has a monitor of `HANDSHAKE_EVENTS` already.

    Who was connected before has the right keys: that the other side hangs up is no refusal then, but
    what a tunnel does whose far end is gone for a while.

    Attributes
    ----------
    is_connected
        Whether the handshake is done and the connection still there.
    refusal
        Why the last attempt was refused; `None` when it was not, or a connection was made since.
    """

    def __init__(self) -> None:
        self.is_connected = False
        self.refusal: str | None = None
        self._hung_up = 0
        self._was_connected = False

    def take(self, event: int, value: int) -> None:
        """Take one event of the monitor, and its value."""
        self.is_connected = event == zmq.EVENT_HANDSHAKE_SUCCEEDED
        if self.is_connected:
            self.refusal, self._hung_up = None, 0
            self._was_connected = True
        if event == zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL:
            self._hung_up += 1
            if self._was_connected or self._hung_up < _TRIES:
                return
        self.refusal = explain_refusal(event, value) or self.refusal

    def check(self) -> None:
        """Raise when refused.

        Raises
        ------
        StreamRefusedError
            With the reason. A client that is not listed does not try again by itself.
        """
        if self.refusal is not None:
            raise StreamRefusedError(f"no connection: {self.refusal}")


class HandshakeWatch:
    """Follows whether a client's socket is connected, and why not::

        with HandshakeWatch(socket) as watch:
            socket.connect(endpoint)
            watch.wait(timeout=5)

    Used in the thread of the socket, made before `connect`, closed before the socket. A socket can have
    one monitor; who has one already gives its events to `Handshakes`.
    """

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self._socket = socket
        self._events = socket.get_monitor_socket(HANDSHAKE_EVENTS)
        self._seen = Handshakes()

    @property
    def is_connected(self) -> bool:
        """Whether the handshake is done and the connection still there."""
        self._look(0)
        return self._seen.is_connected

    def check(self) -> None:
        """Raise when the connection was refused and none was made since; see `Handshakes`."""
        self._look(0)
        self._seen.check()

    def wait(self, timeout: float) -> bool:
        """Wait until connected; `False` when nobody has answered within `timeout` s.

        Raises
        ------
        StreamRefusedError
            As soon as the connection was refused.
        """
        deadline = time.monotonic() + timeout
        while not self.is_connected:
            self.check()
            left_ms = int((deadline - time.monotonic()) * 1000)
            if left_ms <= 0:
                return False
            self._look(left_ms)
        return True

    def _look(self, timeout_ms: int) -> None:
        """Take all events that are there, after waiting for the first one."""
        while self._events.poll(timeout_ms):
            said: dict[str, Any] = dict(recv_monitor_message(self._events))
            self._seen.take(int(said["event"]), int(said["value"]))
            timeout_ms = 0

    def close(self) -> None:
        """Stop watching; a second call does nothing."""
        if not self._events.closed:
            if not self._socket.closed:
                self._socket.disable_monitor()
            self._events.close(linger=0)

    def __enter__(self) -> HandshakeWatch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
