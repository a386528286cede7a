"""The value that stands where a sample never came.

A number that looks measured must not stand there. Floats have NaN, times have NaT. Integers have no
such value, so the end of their range is taken that files of this software use too: the largest of
unsigned ones, the smallest of signed ones. A text is empty. A bool has nothing to offer: a place that
holds one is not known, and who wants to read it has to say what shall stand there.
"""

from __future__ import annotations

import cmath
import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from xspress3.errors import ConfigurationError

__all__ = ["Missing", "missing_value"]


@dataclass(frozen=True)
class Missing:
    """What stands for one sample that never came.

    Parameters
    ----------
    value
        Array without axes.
    is_telling
        Whether the value can be told from data; reading it is refused otherwise.
    """

    value: npt.NDArray[Any]
    is_telling: bool = True


def missing_value(dtype: npt.DTypeLike, fill: Any = None) -> Missing:
    """What stands for a missing element of `dtype`.

    Parameters
    ----------
    fill
        Chosen by the user: a value of the type, for a record one for each field, in order. `None`,
        there too, takes what the head of this module says.

    Raises
    ------
    ConfigurationError
        When `dtype` cannot hold `fill`, or is not one that streams carry.
    """
    dtype = np.dtype(dtype)
    if dtype.names is not None:
        return _missing_record(dtype, fill)
    if fill is not None:
        return Missing(_given(dtype, fill))
    return Missing(_by_nature(dtype), is_telling=dtype.kind != "b")


def _missing_record(dtype: np.dtype[Any], fill: Any) -> Missing:
    names = dtype.names or ()
    fills = [None] * len(names) if fill is None else fill
    if not isinstance(fills, Sequence) or isinstance(fills, (str, bytes)) or len(fills) != len(names):
        raise ConfigurationError(
            f"fill: {fill!r}, allowed for a record is a list with a value or null for each of {list(names)}"
        )
    value, is_telling = np.zeros((), dtype), True
    for name, of_field in zip(names, fills, strict=True):
        missing = missing_value(dtype[name].base, of_field)
        value[name] = missing.value
        is_telling = is_telling and missing.is_telling
    return Missing(value, is_telling)


def _by_nature(dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return np.array(limits.max if dtype.kind == "u" else limits.min, dtype)
    if dtype.kind == "c":
        return np.array(complex(math.nan, math.nan), dtype)
    if dtype.kind == "f":
        return np.array(math.nan, dtype)
    if dtype.kind in "mM":
        return np.array("NaT", dtype)
    if dtype.kind in "bSU":
        return np.zeros((), dtype)
    raise ConfigurationError(f"dtype: {dtype}, allowed are bool, numbers, times, texts, and records of them")


def _given(dtype: np.dtype[Any], fill: Any) -> npt.NDArray[Any]:
    """`fill` as an element of `dtype`, when it fits."""
    try:
        value = np.array(_checked(dtype, fill), dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise ConfigurationError(f"fill: {fill!r} cannot stand in an array of {dtype}: {error}") from None
    if value.shape:
        raise ConfigurationError(f"fill: {fill!r}, allowed is one value of {dtype}")
    return value


def _checked(dtype: np.dtype[Any], fill: Any) -> Any:
    """`fill`, refused where numpy would make something else of it without a word."""
    if dtype.kind in "iu":
        return _checked_integer(dtype, fill)
    if dtype.kind == "b":
        if not isinstance(fill, (bool, np.bool_)):
            raise ValueError("allowed are true and false")
    elif dtype.kind in "fc":
        return _checked_float(dtype, fill)
    elif dtype.kind in "SU":
        return _checked_text(dtype, fill)
    return fill


def _checked_integer(dtype: np.dtype[Any], fill: Any) -> int:
    limits = np.iinfo(dtype)
    whole = int(fill) if isinstance(fill, float) and fill.is_integer() else operator.index(fill)
    if isinstance(fill, bool) or not limits.min <= whole <= limits.max:
        raise ValueError(f"allowed are integers {limits.min}..{limits.max}")
    return whole


def _checked_float(dtype: np.dtype[Any], fill: Any) -> Any:
    """`fill`, not a text and not too large."""
    number = complex(operator.pos(fill))  # texts have no sign
    largest = float(np.finfo(dtype).max)
    if cmath.isfinite(number) and max(abs(number.real), abs(number.imag)) > largest:
        raise ValueError(f"allowed are numbers up to {largest}")
    return fill


def _checked_text(dtype: np.dtype[Any], fill: Any) -> str | bytes:
    allowed = dtype.itemsize // (1 if dtype.kind == "S" else 4)
    kinds = (str, bytes) if dtype.kind == "S" else (str,)
    if not isinstance(fill, kinds) or len(fill) > allowed:
        raise ValueError(f"allowed are texts of up to {allowed} characters")
    text: str | bytes = fill
    return text
