"""What is done to samples on their way; for numbers see `scaling`.

A filter is any function of an array that gives an array. It is handed chunks, axis 0 is time, and it
gives as many samples as it got, so that sample numbers keep their meaning; to have each n-th sample
only, a reader asks for the contract `every:N`. A filter that also says by `describe` what becomes of
type and shape lets a stream be checked before the first chunk.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from xspress3.errors import ConfigurationError, StreamError
from xspress3.stream.streams.values import whole

__all__ = ["Filter", "FilterFunction", "Reshape", "Select", "apply_filters", "describe_filters"]

Array = npt.NDArray[Any]
Shape = tuple[int, ...]
Description = tuple[np.dtype[Any], Shape]
FilterFunction = Callable[[Array], Array]
"""All that a filter must be."""


@runtime_checkable
class Filter(Protocol):
    """A filter that can say beforehand what it gives; called by the streams for every chunk."""

    def __call__(self, array: Array, /) -> Array:
        """A chunk of as many samples; `array` is not changed, what is given may be a view of it."""

    def describe(self, dtype: np.dtype[Any], shape: Shape) -> Description:
        """Type and shape that come of such chunks, axis 0 of which is -1 when it varies.

        Raises `ConfigurationError` when such chunks cannot be taken.
        """


def apply_filters(filters: Sequence[FilterFunction], array: Array) -> Array:
    """`array` after all `filters`, the first first.

    Raises
    ------
    StreamError
        Names the filter that failed, or gave something else than an array of as many samples; what it
        raised is the cause.
    """
    for place, one in enumerate(filters, start=1):
        try:
            result = one(array)
        except Exception as error:
            what = f"{array.dtype} {array.shape}: {error}"
            raise StreamError(f"filter {place} of {len(filters)}, {_name(one)}, failed on {what}") from error
        if not isinstance(result, np.ndarray) or result.shape[:1] != array.shape[:1]:
            gave = getattr(result, "shape", type(result).__name__)
            raise StreamError(
                f"filter {place} of {len(filters)}, {_name(one)}, gave {gave} for {array.shape}, "
                "allowed is an array of as many samples"
            )
        array = result
    return array


def describe_filters(
    filters: Sequence[FilterFunction], dtype: npt.DTypeLike, shape: Sequence[int]
) -> Description | None:
    """Type and shape of chunks after all `filters`; `None` when one of them cannot say."""
    description = np.dtype(dtype), tuple(shape)
    for one in filters:
        if not isinstance(one, Filter):
            return None
        description = one.describe(*description)
    return description


def _name(one: object) -> str:
    return repr(one) if isinstance(one, Filter) else getattr(one, "__qualname__", repr(one))


@dataclass(frozen=True)
class Reshape:
    """Another shape of each sample: `Reshape((64, 64))`, `Reshape((-1,))` to have it flat.

    One length may be -1, it follows from the others. Nothing is copied where memory allows it.
    """

    shape: Sequence[int]

    def __post_init__(self) -> None:
        shape = tuple(operator.index(n) for n in self.shape)
        if shape.count(-1) > 1 or any(n < 1 and n != -1 for n in shape):
            raise ConfigurationError(f"Reshape: {shape}, allowed are lengths of 1 and more, one may be -1")
        object.__setattr__(self, "shape", shape)

    def __call__(self, array: Array) -> Array:
        """A view, or a copy where the order in memory asks for it."""
        return array.reshape(array.shape[:1] + self._of_sample(array.shape[1:]))

    def describe(self, dtype: np.dtype[Any], shape: Shape) -> Description:
        """The same type, the first length and then this shape."""
        return dtype, shape[:1] + self._of_sample(shape[1:])

    def _of_sample(self, shape: Shape) -> Shape:
        # Worked out here: numpy cannot for a chunk without samples.
        had, wanted = int(np.prod(shape)), int(np.prod([n for n in self.shape if n != -1]))
        rest = had // wanted
        result = tuple(rest if n == -1 else n for n in self.shape)
        if int(np.prod(result)) != had:
            raise ConfigurationError(f"Reshape: samples of shape {shape} to {self.shape}, the sizes differ")
        return result


@dataclass(frozen=True)
class Select:
    """Some channels: `Select([0, 3])`, `Select(range(0, 8, 2))`, `Select([1], axis=2)`.

    Parameters
    ----------
    channels
        Places on the axis, from 0, in the order wanted.
    axis
        The axis that has the channels, 1 and up.

    Notes
    -----
    Places at equal distances, as in a range, give a view; others a copy.
    """

    channels: Sequence[int]
    axis: int = 1

    def __post_init__(self) -> None:
        channels = tuple(operator.index(n) for n in self.channels)
        if not channels or min(channels) < 0:
            raise ConfigurationError(f"Select: channels {channels}, allowed are one or more of 0 and up")
        object.__setattr__(self, "channels", channels)
        object.__setattr__(self, "axis", whole(1, 31)("axis", self.axis))

    def __call__(self, array: Array) -> Array:
        """The array of these channels."""
        self.describe(array.dtype, array.shape)
        return array[(slice(None),) * self.axis + (self._places(),)]

    def describe(self, dtype: np.dtype[Any], shape: Shape) -> Description:
        """The same type, with as many channels on the axis."""
        if len(shape) <= self.axis or max(self.channels) >= shape[self.axis]:
            raise ConfigurationError(f"{self}: chunks of shape {shape} do not have these channels")
        return dtype, (*shape[: self.axis], len(self.channels), *shape[self.axis + 1 :])

    def _places(self) -> slice | list[int]:
        first, last = self.channels[0], self.channels[-1]
        step = self.channels[1] - first if len(self.channels) > 1 else 1
        stop = last + (1 if step > 0 else -1)
        if step == 0 or tuple(range(first, stop, step)) != self.channels:
            return list(self.channels)
        return slice(first, None if stop < 0 else stop, step)
