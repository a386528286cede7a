"""Filters that change numbers: another type, another scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from xspress3.errors import ConfigurationError
from xspress3.stream.streams.values import element_type, factor, optional

__all__ = ["Cast", "Scale"]

Array = npt.NDArray[Any]
Shape = tuple[int, ...]
Description = tuple[np.dtype[Any], Shape]
_INTEGERS = tuple(np.dtype(kind) for kind in ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8"))
_MAX_WHOLE = 1 << 53
"""Up to here a float says exactly which integer is meant."""


@dataclass(frozen=True)
class Cast:
    """Another type, and no number changed beyond rounding::

        Cast("float32")(array)

    Floats become integers by rounding to the nearest, half to even. A number that the type cannot hold,
    NaN as an integer, and a float that would become infinite are refused; so are complex numbers as
    real ones, numbers as texts, texts cut short, and records of other fields. What has the type already
    is passed on, not copied.
    """

    dtype: npt.DTypeLike

    def __post_init__(self) -> None:
        object.__setattr__(self, "dtype", element_type("dtype", self.dtype))

    def __call__(self, array: Array) -> Array:
        """`array` as `dtype`; `ConfigurationError` as described."""
        dtype, _ = self.describe(array.dtype, array.shape)
        if dtype.kind in "iu" and not np.can_cast(array.dtype, dtype, "safe"):
            return _to_integers(array, dtype)
        try:
            with np.errstate(over="raise"):
                return array.astype(dtype, copy=False)
        except FloatingPointError:
            raise ConfigurationError(f"Cast: a value of {array.dtype} is too large for {dtype}") from None

    def describe(self, dtype: np.dtype[Any], shape: Shape) -> Description:
        """The type of this filter, the same shape."""
        into = np.dtype(self.dtype)
        is_number = (dtype.kind in "iuf" and into.kind in "iufc") or dtype.kind == into.kind == "c"
        is_time = dtype.kind == into.kind and dtype.kind in "mM"
        if not (is_number or np.can_cast(dtype, into, "same_kind" if is_time else "safe")):
            raise ConfigurationError(f"Cast: {dtype} to {into}, allowed are numbers and what loses nothing")
        return into, shape


def _to_integers(array: Array, dtype: np.dtype[Any]) -> Array:
    rounded = np.rint(array) if array.dtype.kind == "f" else array
    limits = np.iinfo(dtype)
    if rounded.size:
        low, high = rounded.min().item(), rounded.max().item()  # as Python numbers: compared exactly
        if not (limits.min <= low and high <= limits.max):
            raise ConfigurationError(
                f"Cast: values {low}..{high} to {dtype}, allowed are {limits.min}..{limits.max}"
            )
    return rounded.astype(dtype)


@dataclass(frozen=True)
class Scale:
    """`array * scale + offset`::

        Scale(0.5)(array)
        Scale([1.0, 2.0], offset=[0.0, -1.0])(array)     # for each place of the last axis

    Floats and complex numbers keep their type; they are computed in double precision and rounded once.
    Integers become float64, unless all factors and offsets are whole numbers: then they stay integers,
    computed without rounding, of the narrowest type that holds whatever may come of theirs: their own
    when nothing changes, one of 64 bits when none is sure to hold it. There, a number that needs more
    is refused. Bools count as 0 and 1.

    Parameters
    ----------
    dtype
        Type to give instead of these, by the rules of `Cast`.
    """

    scale: Union[float, Sequence[float]] = 1.0
    offset: Union[float, Sequence[float]] = 0.0
    dtype: npt.DTypeLike | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", factor("scale", self.scale))
        object.__setattr__(self, "offset", factor("offset", self.offset))
        object.__setattr__(self, "dtype", optional(element_type)("dtype", self.dtype))
        if np.any(np.asarray(self.scale) == 0):
            raise ConfigurationError(f"scale: {self.scale}, allowed is anything but 0, which erases the data")

    def __call__(self, array: Array) -> Array:
        """A new array, or `array` itself where nothing changes."""
        self._check_channels(array.shape)
        computed = self._in_integers(array) if self._is_whole(array.dtype) else self._in_floats(array)
        return computed if self.dtype is None else Cast(self.dtype)(computed)

    def describe(self, dtype: np.dtype[Any], shape: Shape) -> Description:
        """Type as in the description of the class, the same shape."""
        self._check_channels(shape)
        if self._is_whole(dtype):
            into = self._integer_type(dtype, *_bounds(dtype)) or _widest(dtype)
        else:
            into = self._float_type(dtype)
        return (into, shape) if self.dtype is None else Cast(self.dtype).describe(into, shape)

    def _check_channels(self, shape: Shape) -> None:
        for name in ("scale", "offset"):
            value = getattr(self, name)
            if isinstance(value, tuple) and (len(shape) < 2 or shape[-1] != len(value)):
                raise ConfigurationError(
                    f"{name}: {len(value)} numbers for chunks of shape {shape}, allowed is one a channel"
                )

    def _is_whole(self, dtype: np.dtype[Any]) -> bool:
        numbers = np.concatenate([np.ravel(self.scale), np.ravel(self.offset)])
        return dtype.kind in "biu" and bool(np.all((numbers % 1 == 0) & (np.abs(numbers) <= _MAX_WHOLE)))

    def _in_integers(self, array: Array) -> Array:
        if self._changes_nothing:
            return array
        into = self._integer_type(array.dtype, *_bounds(array.dtype))
        if into is not None:
            return self._computed_in(into, array)
        low, high = (array.min().item(), array.max().item()) if array.size else (0, 0)
        into = self._integer_type(array.dtype, low, high)
        if into is None:
            raise ConfigurationError(f"{self}: what comes of {low}..{high} needs more than 64 bits")
        computed = self._computed_in(into, array)
        return computed if self.dtype is not None else Cast(_widest(array.dtype))(computed)

    def _computed_in(self, into: np.dtype[Any], array: Array) -> Array:
        scaled: Array = np.multiply(array.astype(into), np.asarray(self.scale).astype(into))
        scaled += np.asarray(self.offset).astype(into)
        return scaled

    @property
    def _changes_nothing(self) -> bool:
        return bool(np.all(np.asarray(self.scale) == 1) and np.all(np.asarray(self.offset) == 0))

    def _integer_type(self, dtype: np.dtype[Any], low: int, high: int) -> np.dtype[Any] | None:
        """The narrowest type for what comes of integers `low` to `high`, and all on the way to it."""
        if self._changes_nothing:
            return dtype
        scales, offsets = ([int(n) for n in np.ravel(numbers)] for numbers in (self.scale, self.offset))
        products = [end * scale for end in (low, high) for scale in scales]
        sums = [product + offset for product in products for offset in offsets]
        numbers = [low, high, *scales, *offsets, *products, *sums]
        return next((kind for kind in _INTEGERS if _holds(kind, min(numbers), max(numbers))), None)

    def _in_floats(self, array: Array) -> Array:
        into = self._float_type(array.dtype)
        if self._changes_nothing:
            return array
        exact = np.dtype(np.complex128 if into.kind == "c" else np.float64)
        try:
            with np.errstate(over="raise"):
                result = np.multiply(array, self.scale, dtype=exact)
                np.add(result, self.offset, out=result)
        except FloatingPointError:
            raise ConfigurationError(f"{self}: a value became too large for {exact}") from None
        return Cast(into)(result)

    def _float_type(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        if dtype.kind not in "biufc":
            raise ConfigurationError(f"Scale: {dtype}, allowed are numbers")
        return dtype if dtype.kind in "fc" else np.dtype(np.float64)


def _bounds(dtype: np.dtype[Any]) -> tuple[int, int]:
    if dtype.kind == "b":
        return 0, 1
    limits = np.iinfo(dtype)
    return int(limits.min), int(limits.max)


def _widest(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type of 64 bits that stands in where no type is sure to hold all."""
    return dtype if dtype.itemsize == np.dtype(np.int64).itemsize else np.dtype(np.int64)


def _holds(dtype: np.dtype[Any], low: int, high: int) -> bool:
    limits = np.iinfo(dtype)
    return limits.min <= low and high <= limits.max
