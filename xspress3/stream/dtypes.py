"""Types of elements as they are named on the wire.

Plain ones are a text, such as `"<u4"`; a record is a list of its fields, each `[name, type]` or
`[name, type, shape]`, packed without holes. What comes from outside is held against the limits before
numpy makes a type of it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Union

import numpy as np

from xspress3.errors import ConfigurationError, ProtocolError

__all__ = ["MAX_AXES", "MAX_FIELDS", "MAX_ITEM_BYTES", "dtype_from_wire", "dtype_to_wire"]

MAX_AXES = 8
MAX_FIELDS = 256
MAX_ITEM_BYTES = 1 << 16
MAX_NAME = 64
MAX_DEPTH = 3
MAX_RECORD_TEXT = 1 << 14
"""Longest description of a record, as JSON; bounds what the descriptions that are kept can take."""
_PLAIN = re.compile(
    r"""[<>]([iu][1248]|f[248]|c8|c16)
    |   \|[biu]1
    |   \|S[1-9][0-9]{0,4}
    |   [<>]U[1-9][0-9]{0,4}
    |   [<>][mM]8(\[([1-9][0-9]{0,8})?([YMWDhms]|[munpfa]s)\])?
    """,
    re.VERBOSE,
)
"""No objects and no bare bytes; no `f16`, which is another number on each machine."""
ALLOWED = (
    "'<u4', '>f8', '|S16', '<U8', '<M8[ns]' and the like, or a list of [name, type] or [name, type, shape]"
)

Wire = Union[str, list[Any]]


def dtype_to_wire(dtype: np.dtype[Any]) -> Wire:
    """What is said for `dtype`.

    Raises
    ------
    ConfigurationError
        When it cannot travel: objects, bare bytes, records with holes, or above a limit.
    """
    said = _say(dtype)
    try:
        heard = dtype_from_wire(said)
    except ProtocolError as error:
        raise ConfigurationError(f"arrays of {dtype} cannot be sent: {error}") from None
    if heard != dtype:
        raise ConfigurationError(
            f"arrays of {dtype} cannot be sent: it has holes or titles; allowed are packed records, "
            "see numpy.lib.recfunctions.repack_fields"
        )
    return said


def _say(dtype: np.dtype[Any]) -> Wire:
    if dtype.names is None:
        return str(dtype.str)
    return [_say_field(name, dtype[name]) for name in dtype.names]


def _say_field(name: str, dtype: np.dtype[Any]) -> list[Any]:
    if dtype.subdtype is None:
        return [name, _say(dtype)]
    base, shape = dtype.subdtype
    return [name, _say(base), list(shape)]


def dtype_from_wire(said: object) -> np.dtype[Any]:
    """The type that `said` names, of 1 to `MAX_ITEM_BYTES` bytes.

    Raises
    ------
    ProtocolError
        When it names none, or one that may not travel.
    """
    if isinstance(said, str):
        return _plain(said)
    if isinstance(said, list):
        # Kept by its text: as values, 1, 1.0 and true would be taken for each other.
        return _record_of_text(json.dumps(said))
    raise ProtocolError(f"dtype {str(said)[:64]}, allowed are {ALLOWED}")


@lru_cache(maxsize=256)
def _plain(said: str) -> np.dtype[Any]:
    if not _PLAIN.fullmatch(said):
        raise ProtocolError(f"dtype {said[:64]!r}, allowed are {ALLOWED}")
    dtype = np.dtype(said)
    _check_size(dtype.itemsize, said)
    return dtype


@lru_cache(maxsize=256)
def _record_of_text(text: str) -> np.dtype[Any]:
    if len(text) > MAX_RECORD_TEXT:
        raise ProtocolError(f"dtype: a record of {len(text)} characters, allowed are {MAX_RECORD_TEXT}")
    return _record(json.loads(text), depth=1)


def _record(said: list[Any], depth: int) -> np.dtype[Any]:
    if depth > MAX_DEPTH:
        raise ProtocolError(f"dtype: records within records, allowed are {MAX_DEPTH} levels")
    if not 1 <= len(said) <= MAX_FIELDS:
        raise ProtocolError(f"dtype: a record of {len(said)} fields, allowed are 1..{MAX_FIELDS}")
    fields = [_field(item, depth) for item in said]
    names = [name for name, _ in fields]
    if len(set(names)) != len(names):
        raise ProtocolError(f"dtype: names of fields are not unique: {str(names)[:64]}")
    _check_size(sum(dtype.itemsize for _, dtype in fields), names)
    return np.dtype(fields)


def _field(said: object, depth: int) -> tuple[str, np.dtype[Any]]:
    if not isinstance(said, list) or len(said) not in (2, 3):
        raise ProtocolError(f"dtype: field {str(said)[:64]}, expected [name, type] or [name, type, shape]")
    name, inner, *shapes = said
    if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME:
        raise ProtocolError(f"dtype: name of a field {str(name)[:64]!r}, expected 1..{MAX_NAME} characters")
    dtype = _record(inner, depth + 1) if isinstance(inner, list) else dtype_from_wire(inner)
    return (name, _repeated(dtype, shapes[0])) if shapes else (name, dtype)


def _repeated(dtype: np.dtype[Any], shape: object) -> np.dtype[Any]:
    """Type of a field that holds an array of `dtype`."""
    if not isinstance(shape, list) or not 1 <= len(shape) <= MAX_AXES or set(map(type, shape)) != {int}:
        raise ProtocolError(f"dtype: shape {str(shape)[:64]}, expected a list of 1..{MAX_AXES} integers")
    if min(shape) < 1:
        raise ProtocolError(f"dtype: shape {str(shape)[:64]}, lengths begin at 1")
    _check_size(math.prod(shape) * dtype.itemsize, shape)
    return np.dtype((dtype, tuple(shape)))


def _check_size(n_bytes: int, what: Union[str, Iterable[Any]]) -> None:
    if n_bytes > MAX_ITEM_BYTES:
        raise ProtocolError(f"dtype: {str(what)[:64]} has {n_bytes} bytes, allowed are 1..{MAX_ITEM_BYTES}")
