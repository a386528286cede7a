"""Kinds of values that options have, each brought to one form or refused.

A kind is a function of the name of the option and what was given; it gives the value as it is kept,
and raises `ConfigurationError` with name, value and what is allowed.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from os import PathLike, fspath
from typing import Any, TypeVar, Union

import numpy as np

from xspress3.errors import ConfigurationError
from xspress3.stream.dtypes import MAX_AXES, dtype_to_wire

__all__ = [
    "Kind",
    "axis_order",
    "element_type",
    "factor",
    "file_path",
    "flag",
    "number",
    "optional",
    "port",
    "refused",
    "stream_shape",
    "text",
    "whole",
    "word",
]

_T = TypeVar("_T")
Kind = Callable[[str, Any], _T]
_MAX_LENGTH = 1 << 40
_MAX_PORT = 65535
_MAX_PATH = 4096


def refused(name: str, value: object, allowed: str) -> ConfigurationError:
    """The error for a value that cannot be."""
    return ConfigurationError(f"{name}: {str(value)[:80]!r}, allowed {allowed}")


def optional(kind: Kind[_T]) -> Kind[_T | None]:
    """`kind`, or `None`."""
    return lambda name, value: None if value is None else kind(name, value)


def word(*allowed: str, **aliases: str) -> Kind[str]:
    """One of a few words; `aliases` stand for one of them."""

    def normal(name: str, value: Any) -> str:
        said = aliases.get(value, value) if isinstance(value, str) else value
        if said not in allowed:
            raise refused(name, value, "are " + ", ".join(map(repr, allowed)))
        return str(said)

    return normal


def whole(low: int, high: int) -> Kind[int]:
    """An integer, both ends allowed."""

    def normal(name: str, value: Any) -> int:
        given = None if isinstance(value, (bool, np.bool_)) else _as_integer(value)
        if given is None or not low <= given <= high:
            raise refused(name, value, f"are integers {low}..{high}")
        return given

    return normal


def _as_integer(value: Any) -> int | None:
    try:
        return operator.index(value)
    except TypeError:
        return None


def number(low: float, high: float) -> Kind[float]:
    """A number, both ends allowed."""

    def normal(name: str, value: Any) -> float:
        given = _as_number(value)
        if given is None or not low <= given <= high:
            raise refused(name, value, f"are numbers {low:g}..{high:g}")
        return given

    return normal


def _as_number(value: Any) -> float | None:
    """`value` as a finite number."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        return None
    try:
        given = float(value)
    except OverflowError:
        return None
    return given if math.isfinite(given) else None


def flag(name: str, value: Any) -> bool:
    """True or false, and nothing that merely looks like it."""
    if not isinstance(value, (bool, np.bool_)):
        raise refused(name, value, "are True and False")
    return bool(value)


def text(longest: int) -> Kind[str]:
    """A text that can be printed in one line."""

    def normal(name: str, value: Any) -> str:
        if not isinstance(value, str) or len(value) > longest or not value.isprintable():
            raise refused(name, value, f"are printable texts of up to {longest} characters")
        return value

    return normal


def file_path(name: str, value: Any) -> str:
    """A path as text."""
    path = fspath(value) if isinstance(value, (str, PathLike)) else None
    if not isinstance(path, str) or not 1 <= len(path) <= _MAX_PATH or "\0" in path:
        raise refused(name, value, "is a path")
    return path


def port(name: str, value: Any) -> Union[int, str]:
    """A port number, or `*` for any that is free, which 0 stands for too."""
    is_text = isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 6
    given = int(value) if is_text else _as_integer(value)
    if isinstance(value, str) and value == "*":
        return value
    if given is None or isinstance(value, (bool, np.bool_)) or not 0 <= given <= _MAX_PORT:
        raise refused(name, value, f"are '*' for any free port and 1..{_MAX_PORT}")
    return given or "*"


def element_type(name: str, value: Any) -> np.dtype[Any]:
    """A type of elements that streams carry, from all that numpy takes and from the lists that JSON has."""
    if value is None:  # numpy would take it for float64
        raise refused(name, value, "are types of numpy: 'float32', [('time', 'int64'), ('label', 'S16')]")
    try:
        dtype: np.dtype[Any] = np.dtype(_as_tuples(value))
    except (TypeError, ValueError, SyntaxError) as error:
        raise refused(name, value, f"are types of numpy ({error})") from None
    try:
        dtype_to_wire(dtype)
    except ConfigurationError as error:
        raise ConfigurationError(f"{name}: {error}") from None
    return dtype


def _as_tuples(said: Any) -> Any:
    """The fields of a record as numpy wants them; JSON has lists only."""
    if not isinstance(said, list):
        return said
    fields = [tuple(field) if isinstance(field, (list, tuple)) else field for field in said]
    return [
        (field[0], _as_tuples(field[1]), *map(_as_shape, field[2:]))
        if isinstance(field, tuple) and len(field) > 1
        else field
        for field in fields
    ]


def _as_shape(shape: Any) -> Any:
    return tuple(shape) if isinstance(shape, list) else shape


def stream_shape(name: str, value: Any) -> tuple[int, ...]:
    """Shape of a chunk: -1 or a fixed number of samples, then the shape of one sample."""
    allowed = f"is (samples, ...) with -1 or 1 and more samples, all else 1 and more, up to {MAX_AXES} axes"
    if isinstance(value, (str, bytes)) or not isinstance(value, (Sequence, np.ndarray)):
        raise refused(name, value, allowed)
    if not 1 <= len(value) <= MAX_AXES or any(isinstance(n, bool) for n in value):
        raise refused(name, value, allowed)
    shape = [_as_integer(n) for n in value]
    lengths = shape[1:] if shape[0] == -1 else shape
    if any(n is None or not 1 <= n <= _MAX_LENGTH for n in lengths):
        raise refused(name, value, allowed)
    return tuple(n for n in shape if n is not None)


def axis_order(name: str, value: Any, n_axes: int | None = None) -> tuple[int, ...] | None:
    """All axes, slowest first in memory; `None` is the order of the shape."""
    if value is None:
        return None
    axes = [_as_integer(axis) for axis in value] if isinstance(value, (Sequence, np.ndarray)) else [None]
    n_axes = len(axes) if n_axes is None else n_axes
    if sorted(-1 if axis is None else axis for axis in axes) != list(range(n_axes)):
        raise refused(name, value, f"is each of 0..{n_axes - 1} once")
    return tuple(axis for axis in axes if axis is not None)


def factor(name: str, value: Any) -> Union[float, tuple[float, ...]]:
    """A number, or one for each channel, that is for each place of the last axis."""
    if isinstance(value, (Sequence, np.ndarray)) and not isinstance(value, (str, bytes)):
        numbers = [_as_number(n) for n in value]
        if numbers and None not in numbers:
            return tuple(n for n in numbers if n is not None)
    given = _as_number(value)
    if given is None:
        raise refused(name, value, "are finite numbers, one or a list of one for each channel")
    return given
