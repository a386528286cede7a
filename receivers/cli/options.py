"""Options that several commands share, and what is allowed as their values."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import zmq

from receivers.replay import DIALECTS
from xspress3.errors import ConfigurationError
from xspress3.stream import Contract
from xspress3.stream.control import MAX_NAME
from xspress3.stream.security import client_keys, no_keys

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

__all__ = [
    "DEFAULT_HOST",
    "DEFAULT_PORT",
    "add_dialect",
    "add_keys",
    "add_stream_options",
    "any_port",
    "contract",
    "count",
    "endpoint",
    "port",
    "rate",
    "reader_keys",
    "reader_name",
]

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 9999
READER_KEY, SERVER_KEY = "XSPRESS3_READER_KEY", "XSPRESS3_SERVER_KEY"
"""Variables that name the files with the keys of a reader."""


def add_stream_options(parser: argparse.ArgumentParser, name: str) -> None:
    """Add what says which stream is read, and as whom: `name` unless the user chooses another."""
    parser.add_argument("--host", default=DEFAULT_HOST, help="of the sender (default: %(default)s)")
    parser.add_argument("--port", type=port, default=DEFAULT_PORT, help="(default: %(default)s)")
    parser.add_argument("--sessions", type=_positive, metavar="N", help="end after so many sessions")
    parser.add_argument(
        "--name",
        type=reader_name,
        default=name,
        help="by which the sender knows this reader (default: %(default)s)",
    )
    add_keys(parser)


def add_keys(parser: argparse.ArgumentParser) -> None:
    """Add what names the keys of a reader."""
    group = parser.add_argument_group("keys", "both or neither, as the sender has them")
    group.add_argument("--key", metavar="FILE", help=f"secret key of this reader (default: {READER_KEY})")
    group.add_argument(
        "--server-key", metavar="FILE", help=f"public key of the sender (default: {SERVER_KEY})"
    )


def add_dialect(parser: argparse.ArgumentParser) -> None:
    """Add the choice of what messages look like."""
    parser.add_argument("--dialect", choices=DIALECTS, default=DIALECTS[0], help="(default: %(default)s)")


def endpoint(arguments: argparse.Namespace) -> str:
    """Where the stream is that the options name."""
    return f"tcp://{arguments.host}:{arguments.port}"


def reader_keys(arguments: argparse.Namespace) -> Callable[[zmq.Socket[bytes]], None]:
    """Puts the keys on a socket that options or the environment name, where there are any."""
    key = arguments.key or os.environ.get(READER_KEY) or None
    security = client_keys(key, arguments.server_key or os.environ.get(SERVER_KEY) or None)
    return no_keys if security is None else security.apply


def contract(text: str) -> Contract:
    """A contract, as an option is written."""
    try:
        return Contract.parse(text)
    except ConfigurationError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def port(text: str) -> int:
    """A port, 1..65535."""
    value = int(text)
    if not 1 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"{value}, allowed is 1..65535")
    return value


def any_port(text: str) -> int:
    """A port, or 0 for any that is free."""
    return 0 if text == "0" else port(text)


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value}, allowed is 1 and more")
    return value


def count(text: str) -> int:
    """0 and more."""
    return 0 if text == "0" else _positive(text)


def rate(text: str) -> float:
    """Frames per second, more than 0."""
    value = float(text)
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"{value}, allowed is more than 0 frames a second")
    return value


def reader_name(text: str) -> str:
    """A name by which a sender knows a reader."""
    if not 1 <= len(text) <= MAX_NAME or not text.isprintable():
        raise argparse.ArgumentTypeError(f"{text[:MAX_NAME]!r}, allowed are 1..{MAX_NAME} characters")
    return text
