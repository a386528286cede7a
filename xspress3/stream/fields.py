"""Headers as JSON, and the values in them: whatever is wrong with one from outside is a `ProtocolError`.

One text has one meaning here: keys that come twice, numbers that are none, and halves of characters are
refused, and nothing is nested deeper than what may be printed or walked through safely.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn, Union

from xspress3.errors import ProtocolError
from xspress3.stream.messages import Envelope

__all__ = [
    "MAX_COUNT",
    "MAX_DEPTH",
    "MAX_HEADER_BYTES",
    "MAX_TEXT",
    "SCHEMA",
    "Header",
    "envelope_of",
    "frames_of",
    "integer",
    "json_object",
    "json_of",
    "members",
    "object_of_bytes",
    "optional_integer",
    "session_envelope_of",
    "text",
]

SCHEMA = "xspress3/1"
MAX_HEADER_BYTES = 1 << 20
MAX_EPOCH = 64
MAX_TEXT = 4096
MAX_COUNT = 1 << 62
MAX_DEPTH = 32

Buffer = Union[bytes, bytearray, memoryview]
Header = dict[str, Any]


def json_of(value: object) -> str:
    """`value` as JSON without spaces."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def members(**values: object) -> str:
    """What stands between the braces of a JSON object."""
    return json_of(values)[1:-1]


def _unique(pairs: list[tuple[str, Any]]) -> Header:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key comes twice")
    return found


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError(f"{digits[:64]} is beyond all numbers")
    return value


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_finite, parse_constant=_no_number)


def object_of_bytes(part: Buffer, limit: int, what: str = "header") -> Header:
    """The JSON object in `part`, UTF-8 of up to `limit` bytes; errors call it `what`."""
    if len(part) > limit:
        raise ProtocolError(f"{what} of {len(part)} bytes, allowed are {limit}")
    try:
        said = str(part, "utf-8")
        header = _DECODER.decode(said)
        if "\\ud" in said or "\\uD" in said:
            json.dumps(header, ensure_ascii=False).encode()  # fails for half of a pair
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"{what} is not JSON: {error}; begins with {bytes(part[:32])!r}") from None
    if not isinstance(header, dict):
        raise ProtocolError(f"{what} is a JSON {type(header).__name__}, expected an object")
    if said.count("[") + said.count("{") > MAX_DEPTH:
        _check_depth(header, MAX_DEPTH, what)
    return header


def _check_depth(value: Any, left: int, what: str) -> None:
    if not isinstance(value, (dict, list)):
        return
    if left == 0:
        raise ProtocolError(f"{what} is nested deeper than {MAX_DEPTH} levels")
    for inner in value.values() if isinstance(value, dict) else value:
        _check_depth(inner, left - 1, what)


def text(header: Mapping[str, Any], key: str, default: str | None = None, limit: int = MAX_TEXT) -> str:
    """The text `key` of up to `limit` characters; without a `default` it must be there."""
    value = header.get(key, default)
    if not isinstance(value, str) or len(value) > limit:
        raise ProtocolError(f"{key}: {str(value)[:64]!r}, expected a text of up to {limit} characters")
    return value


def integer(header: Mapping[str, Any], key: str, low: int = 0, high: int = MAX_COUNT) -> int:
    """The integer `key` in `low..high`, which must be there."""
    value = header.get(key)
    if type(value) is int and low <= value <= high:  # a bool is not one
        return value
    if key not in header:
        raise ProtocolError(f"{key} is missing, expected an integer in {low}..{high}")
    raise ProtocolError(f"{key}: {str(value)[:64]}, expected an integer in {low}..{high}")


def optional_integer(header: Mapping[str, Any], key: str) -> int | None:
    """The integer `key`, 0 or more; `None` where it is null or missing."""
    return None if header.get(key) is None else integer(header, key)


def json_object(header: Mapping[str, Any], key: str) -> Header:
    """The object `key`; empty where it is missing."""
    value = header.get(key, {})
    if not isinstance(value, dict):
        raise ProtocolError(f"{key}: a {type(value).__name__}, expected an object")
    return value


def envelope_of(header: Header) -> Envelope:
    """The envelope of any message."""
    return Envelope(
        stream_id=text(header, "stream_id"),
        session_id=optional_integer(header, "session_id"),
        sequence=integer(header, "sequence"),
        time_ns=integer(header, "time_ns"),
        epoch=text(header, "epoch", "", MAX_EPOCH),
    )


def session_envelope_of(header: Header) -> Envelope:
    """The envelope of a message that is part of a session."""
    integer(header, "session_id")
    return envelope_of(header)


def frames_of(header: Header, n_frames: int, step: int = 1) -> int:
    """First of `n_frames` frames; the one after the last still fits in 63 bits."""
    first = integer(header, "first_frame")
    if first + n_frames * step > MAX_COUNT:
        raise ProtocolError(f"{n_frames} frames from {first} by {step} go beyond frame {MAX_COUNT}")
    return first
