"""What all our zmq sockets have in common."""

from __future__ import annotations

import ipaddress
import logging
from functools import lru_cache
from pathlib import Path

import zmq

from xspress3.errors import ConfigurationError

__all__ = ["bind", "is_loopback", "keep_alive", "warn_of_everybody", "widen"]

logger = logging.getLogger(__name__)

_BUFFER_BYTES = 4 << 20


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


def is_loopback(interface: str) -> bool:
    """Whether only this machine reaches what listens on `interface`, an address or a name."""
    if interface in ("localhost", "lo"):
        return True
    try:
        return ipaddress.ip_address(interface.strip("[]")).is_loopback
    except ValueError:
        return False


def warn_of_everybody(interface: str, *, has_keys: bool) -> None:
    """Say in the log that others can read what is sent from `interface`, where that is so."""
    if not has_keys and not is_loopback(interface):
        logger.warning(
            "without keys, everybody who reaches the address %s can read what is sent; "
            "`xspress3 keys make` makes keys",
            interface,
        )


def keep_alive(socket: zmq.Socket[bytes]) -> None:
    """Let the system find out about hosts that died, within 25 s.

    Not by heartbeats of zmq: their answers queue behind the data, so a reader that is merely slow would
    be dropped, and libzmq 4.3.5 was seen to abort the process when that happened on its side.
    """
    socket.setsockopt(zmq.TCP_KEEPALIVE, 1)
    socket.setsockopt(zmq.TCP_KEEPALIVE_IDLE, 10)
    socket.setsockopt(zmq.TCP_KEEPALIVE_INTVL, 5)
    socket.setsockopt(zmq.TCP_KEEPALIVE_CNT, 3)


def widen(socket: zmq.Socket[bytes], option: int) -> None:
    """Give the system room for a block or two, `zmq.SNDBUF` or `zmq.RCVBUF`, where it may have as much.

    A tenth to a quarter more was measured for blocks of 1 MiB. Where less is allowed, the system's own
    choice is better than the most that could be asked for.
    """
    if _most_allowed(option) >= _BUFFER_BYTES:
        socket.setsockopt(option, _BUFFER_BYTES)


@lru_cache(maxsize=2)
def _most_allowed(option: int) -> int:
    name = "wmem_max" if option == zmq.SNDBUF else "rmem_max"
    try:
        return int(Path("/proc/sys/net/core", name).read_text())
    except (OSError, ValueError):
        return 0
