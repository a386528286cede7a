"""Triggers and gates for a simulator that runs in another process.

That one was told where to listen, by `SOCKET`; a command is one datagram there, and so is its answer::

    XSPRESS3_SIM_SOCKET=/tmp/xsp3sim xspress3 serve --library sim ...

    send(edges(1000, period=0.001), "/tmp/xsp3sim")
"""

from __future__ import annotations

import os
import socket

from xspress3.errors import ConfigurationError, StateError, Xspress3Error

__all__ = [
    "SOCKET_VARIABLE",
    "TriggerRefusedError",
    "TriggerTimeoutError",
    "edges",
    "gate",
    "send",
    "socket_path",
    "ttl",
]

SOCKET_VARIABLE = "XSPRESS3_SIM_SOCKET"

_OK = "ok"
_MAX_ANSWER = 1024


class TriggerRefusedError(Xspress3Error, ValueError):
    """The simulator understood nothing, or does not allow a value; it says what it allows."""

    exit_code = 2


class TriggerTimeoutError(Xspress3Error, TimeoutError):
    """The simulator did not answer in time; whether it did what it was told is not known."""

    exit_code = 6


def edges(n_edges: int, period: float) -> str:
    """Command for pulses on TTL 1, the first one at once, half of the period long."""
    return f"edges {n_edges} {period!r}"


def gate(high: float, low: float, n_gates: int) -> str:
    """Command for gates on TTL 1, `high` s long with `low` s after each."""
    return f"gate {high!r} {low!r} {n_gates}"


def ttl(input_number: int, level: bool) -> str:
    """Command for the level of an input: TTL 0..3, LVDS 8 and 9."""
    return f"ttl {input_number} {int(level)}"


def socket_path(path: str | os.PathLike[str] | None = None) -> str:
    """The path given, else that of the environment; raises `ConfigurationError` when there is none."""
    chosen = os.fspath(path) if path is not None else os.environ.get(SOCKET_VARIABLE, "")
    if not chosen:
        raise ConfigurationError(
            f"no socket of a simulator: none was given, and {SOCKET_VARIABLE} is not set"
        )
    return chosen


def send(command: str, path: str | os.PathLike[str] | None = None, timeout: float = 2.0) -> None:
    """Have the simulator do what a command says, and wait for its answer.

    Parameters
    ----------
    command
        One of those made here.
    path
        Where the simulator listens; `None` for `XSPRESS3_SIM_SOCKET`.
    timeout
        How long to wait.

    Raises
    ------
    ConfigurationError
        No path, or one that is too long for a socket.
    StateError
        Nobody listens there.
    TriggerRefusedError
        With the words of the simulator.
    TriggerTimeoutError
        No answer.
    """
    where = socket_path(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.bind("")  # an address that Linux chooses and forgets: without one there is no answer
        client.settimeout(timeout)
        _connect(client, where, command)
        answer = _ask(client, where, command, timeout)
    if answer != _OK:
        raise TriggerRefusedError(f"{command!r} to {where}: {answer.removeprefix('error: ')}")


def _connect(client: socket.socket, where: str, command: str) -> None:
    try:
        client.connect(where)
    except OSError as error:
        if error.errno is None:  # Python's own check of the length
            raise ConfigurationError(f"socket {where!r}: {error}") from error
        raise StateError(
            f"{command!r} to {where}: {error.strerror}; is a simulator running with SOCKET={where}?"
        ) from error


def _ask(client: socket.socket, where: str, command: str, timeout: float) -> str:
    try:
        client.send(command.encode())
        return client.recv(_MAX_ANSWER).decode(errors="replace")
    except TimeoutError as error:
        raise TriggerTimeoutError(f"{command!r} to {where}: no answer within {timeout} s") from error
    except ConnectionError as error:
        raise StateError(f"{command!r} to {where}: {error.strerror}, the simulator was closed") from error
