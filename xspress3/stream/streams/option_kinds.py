"""Which kind of value each option of a stream has."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from xspress3.stream.compression import canonical_name
from xspress3.stream.contract import Contract
from xspress3.stream.streams import values

__all__ = ["KINDS"]

_KEY_CHARACTERS = 40


def _interface(name: str, value: Any) -> str:
    said = values.text(107)(name, value)
    if not said or any(character in said for character in " ,;"):
        raise values.refused(name, value, "are an address, a host, or a path for ipc, without spaces")
    return said


def _contract(name: str, value: Any) -> str:
    if not isinstance(value, (str, Contract)):
        raise values.refused(name, value, "are 'lossless', 'latest' and 'every:N'")
    return str(Contract.parse(value))


def _compression(name: str, value: Any) -> str:
    return canonical_name(values.text(64)(name, "none" if value is None else value))


def _fill(name: str, value: Any) -> Any:
    """A value that JSON has; a record's list as a tuple. NaN is what floats have anyway."""
    if isinstance(value, (list, tuple)):
        return tuple(_fill(name, one) for one in value)
    if isinstance(value, np.datetime64):
        value = str(value)
    elif isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bytes) and value.isascii():
        value = value.decode()
    if isinstance(value, float) and math.isnan(value):
        return None
    is_infinite = isinstance(value, float) and math.isinf(value)
    if is_infinite or not isinstance(value, (type(None), int, float, str)):
        raise values.refused(name, value, "are finite numbers, NaN, texts, and for records a list of these")
    return value


def _key(name: str, value: Any) -> str:
    said = values.text(_KEY_CHARACTERS)(name, value)
    if len(said) != _KEY_CHARACTERS:
        raise values.refused(name, value, f"is a public key of {_KEY_CHARACTERS} characters (Z85)")
    return said


KINDS: dict[str, values.Kind[Any]] = {
    "protocol": values.word("tcp", "ipc", "inproc"),
    "interface": _interface,
    "port": values.port,
    "transfermode": values.word("plaindata", "sharedmem"),
    "streamtype": values.word(
        "analogsignal",
        "digitalsignal",
        "video",
        "event",
        signals="analogsignal",
        image="video",
        events="event",
    ),
    "dtype": values.element_type,
    "shape": values.stream_shape,
    "axisorder": values.axis_order,
    "buffer_size": values.whole(0, 1 << 40),
    "compression": _compression,
    "scale": values.optional(values.factor),
    "offset": values.optional(values.factor),
    "units": values.text(64),
    "sample_rate": values.number(1e-12, 1e15),
    "double": values.flag,
    "fill": _fill,
    "copy": values.flag,
    "name": values.text(128),
    "chunk_size": values.whole(1, 1 << 40),
    "chunk_age": values.optional(values.number(0, 1e9)),
    "contract": _contract,
    "queue_messages": values.whole(1, 4096),
    "backlog_bytes": values.whole(0, 1 << 40),
    "drop_after": values.optional(values.number(0, 1e9)),
    "heartbeat": values.number(0.01, 3600),
    "linger": values.number(0, 3600),
    "curve_secret_key": values.optional(values.file_path),
    "curve_allowed_keys": values.optional(values.file_path),
    "curve_public_key": values.optional(_key),
}
"""By name; in the order of the fields of `StreamOptions`."""
