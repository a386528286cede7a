"""What a reader says to its sender: who it is and what it wants, that it took something, and farewell.

One JSON object each, in one part. Like everything from outside it is checked before it is believed.
"""

from __future__ import annotations

import json
import os
import socket
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any, Union

from xspress3.errors import ConfigurationError, ProtocolError
from xspress3.stream.contract import LOSSLESS, Contract
from xspress3.stream.fields import integer, object_of_bytes

__all__ = [
    "MAX_CREDIT",
    "MAX_REQUEST_BYTES",
    "Bye",
    "Credit",
    "Hello",
    "Position",
    "Request",
    "decode_request",
    "encode_request",
]

MAX_REQUEST_BYTES = 4096
MAX_CREDIT = 4096
MAX_NAME = 64


@lru_cache(maxsize=1)
def _host() -> str:
    return socket.gethostname()[:MAX_NAME]


@dataclass(frozen=True)
class Position:
    """How far a reader is: the next frame that it expects of a session of a sender."""

    epoch: str
    session_id: int
    next_frame: int


@dataclass(frozen=True)
class Hello:
    """A reader joins, or joins again.

    Parameters
    ----------
    name
        What people call it, such as `writer`; several may have the same.
    credit
        Messages that may be on the way to it at a time.
    wants_backlog
        Whether it wants what the sender still keeps of the running session.
    resume
        Where it was when the connection broke.
    """

    name: str
    contract: Contract = LOSSLESS
    credit: int = 64
    wants_backlog: bool = True
    resume: Position | None = None
    host: str = field(default_factory=_host)
    pid: int = field(default_factory=os.getpid)


@dataclass(frozen=True)
class Credit:
    """So many messages were taken; as many more may come."""

    n_messages: int


@dataclass(frozen=True)
class Bye:
    """The reader leaves."""


Request = Union[Hello, Credit, Bye]


def encode_request(request: Request) -> bytes:
    """`request` as bytes."""
    if isinstance(request, Credit):
        return b'{"type":"credit","n":%d}' % request.n_messages
    if isinstance(request, Bye):
        return b'{"type":"bye"}'
    fields = {**asdict(request), "contract": str(request.contract)}
    return json.dumps({"type": "hello", **fields}).encode()


def decode_request(part: bytes) -> Request:
    """The request in `part`.

    Raises
    ------
    ProtocolError
        For anything that is none.
    """
    said = object_of_bytes(part, MAX_REQUEST_BYTES, "request")
    kind = said.get("type")
    if kind == "credit":
        return Credit(integer(said, "n", 1, MAX_CREDIT))
    if kind == "bye":
        return Bye()
    if kind == "hello":
        return _hello(said)
    raise ProtocolError(f"request {part[:32]!r}, known are hello, credit and bye")


def _hello(said: dict[str, Any]) -> Hello:
    try:
        contract = Contract.parse(_text(said, "contract"))
    except ConfigurationError as error:
        raise ProtocolError(str(error)) from None
    return Hello(
        name=_text(said, "name"),
        contract=contract,
        credit=integer(said, "credit", 1, MAX_CREDIT),
        wants_backlog=said.get("wants_backlog") is True,
        resume=_position(said.get("resume")),
        host=_text(said, "host", ""),
        pid=integer({"pid": 0, **said}, "pid", 0, 1 << 32),
    )


def _position(said: object) -> Position | None:
    if said is None:
        return None
    if not isinstance(said, dict):
        raise ProtocolError(f"resume: a {type(said).__name__}, expected an object")
    return Position(
        _text(said, "epoch"),
        integer(said, "session_id"),
        integer(said, "next_frame"),
    )


def _text(said: dict[str, Any], key: str, default: str | None = None) -> str:
    value = said.get(key, default)
    if not isinstance(value, str) or len(value) > MAX_NAME or not value.isprintable():
        raise ProtocolError(
            f"{key}: {str(value)[:64]!r}, expected a text of up to {MAX_NAME} printable characters"
        )
    return value
