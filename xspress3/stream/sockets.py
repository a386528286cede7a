"""What all our zmq sockets have in common."""

from __future__ import annotations

import zmq

from xspress3.errors import ConfigurationError

__all__ = ["bind", "keep_alive"]


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
            "of this machine and a port that is free (0 takes any), or ipc://PATH"
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
