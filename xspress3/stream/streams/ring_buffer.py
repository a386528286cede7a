"""The newest samples of a stream, found by their number.

::

    sample numbers   0 . . . . . . . first_index() . . . . . . . . . index()
                     gone            |<------- shape[0] samples ------>|  to come

    in memory        sample i stands in row i % shape[0],
                     with double=True in row i % shape[0] + shape[0] as well

With two copies side by side any range of samples stands in one piece somewhere, so reading never
copies; writing takes twice the time and memory.
"""

from __future__ import annotations

import json
import operator
import zlib
from collections.abc import Sequence
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from xspress3.errors import ConfigurationError, SequenceGapError, StateError, StreamError
from xspress3.stream.dtypes import dtype_to_wire
from xspress3.stream.streams.fill import missing_value
from xspress3.stream.streams.ring_memory import RingMemory
from xspress3.stream.streams.values import axis_order, element_type, whole

__all__ = ["RingBuffer"]

Array = npt.NDArray[Any]
Index = Union[int, slice, tuple[Any, ...]]

_READABLE, _WRITTEN, _LAYOUT = 0, 1, 2
"""Places in the header: end of what can be read, end of what is written, mark of the layout."""
_MAX_INDEX = 1 << 62
_whole = whole(1, 1 << 40)


class RingBuffer:
    """The last `shape[0]` samples, each under its own number, counted from 0::

        ring = RingBuffer(shape=(1000, 16), dtype="float32")
        ring.new_chunk(np.ones((100, 16), dtype="float32"))
        ring[-10:]                       # the newest ten
        ring[40:60, 3]                   # samples 40 to 59 of channel 3
        ring.new_chunk(late, index=1500) # samples up to 1499; those that were skipped read as NaN

    Parameters
    ----------
    shape
        Samples that are kept, then the shape of one sample; all 1 and more.
    dtype
        Bool, numbers, times, texts of given length, or packed records of them.
    double
        Keep every sample twice, so that no read copies.
    shmem
        `True` makes the ring in shared memory, see `shm_id`; the `shm_id` of a ring attaches it, to be
        read only. The other arguments must be the same as those it was made with.
    fill
        What stands where a sample never came; `None` for NaN, NaT, the largest unsigned or the
        smallest signed integer, the empty text. Bool has no such value: without `fill`, reading a bool
        that never came raises `SequenceGapError`. See also `received`.
    axisorder
        Order of the axes in memory, slowest first; `None` is the order of `shape`.

    Attributes
    ----------
    shape, dtype, double, axisorder
        As given; `axisorder` as a tuple of axes.
    shm_id
        Name of the shared memory; `None` when there is none.
    buffer
        The memory, `shape[0]` rows or twice as many.

    Notes
    -----
    Indices below zero count back from the newest sample, as in a list; before `shape[0]` samples have
    come, this is the only way in which `[]` reaches what stands before sample 0, which never came.

    One thread or process writes; any number may read meanwhile, without a lock. `index()` grows after
    the samples are in place, and before a row is overwritten its old sample is out of bounds, so what
    the bounds allow is never half written. A copy (`copy=True`, or a range in two pieces) is checked
    again when it is done, and is whole or an `IndexError`. A view shows newer samples once its rows are
    overwritten: who holds one asks `holds(start, stop)` after use. In the process that made the ring
    views can be written to, which changes one of the copies that `double` keeps; attached ones cannot.
    Between processes this takes a processor that keeps the order of stores, as x86 does.
    `reset_index` is for when nobody reads.
    """

    __iter__ = None  # counting up from 0 would find nothing, or the wrong end

    def __init__(
        self,
        shape: Sequence[int],
        dtype: npt.DTypeLike,
        double: bool = True,
        shmem: bool | str | None = None,
        fill: Any = None,
        axisorder: Sequence[int] | None = None,
    ) -> None:
        self.shape = tuple(_whole("shape", n) for n in shape)
        if not self.shape:
            raise ConfigurationError("shape: (), allowed is (samples, ...) with one axis and more")
        self.dtype = element_type("dtype", dtype)
        self.double = bool(double)
        order = axis_order("axisorder", axisorder, len(self.shape))
        self.axisorder = tuple(range(len(self.shape))) if order is None else order
        self._missing = missing_value(self.dtype, fill)
        self._memory = RingMemory(self.shape, self.dtype, self.double, self.axisorder, shmem)
        self._header, self._received = self._memory.header, self._memory.received
        self.buffer, self.shm_id = self._memory.buffer, self._memory.shm_id
        self.is_attached = isinstance(shmem, str)
        if self.is_attached:
            self._check_layout()
        else:
            self.reset_index()
            self._header[_LAYOUT] = self._layout()  # last: now it can be attached

    def _layout(self) -> int:
        """A number, never 0, that rings made with other arguments do not have."""
        said = [self.shape, dtype_to_wire(self.dtype), self.double, self.axisorder]
        return 1 + zlib.crc32(json.dumps(said).encode())

    def _check_layout(self) -> None:
        if int(self._header[_LAYOUT]) != self._layout():
            self.close()
            raise StreamError(
                f"shared memory {self.shm_id} is no ring buffer of shape={self.shape} dtype={self.dtype} "
                f"double={self.double} axisorder={self.axisorder}"
            )

    def index(self) -> int:
        """Number of the sample that comes next, one more than that of the newest."""
        return int(self._header[_READABLE])

    def first_index(self) -> int:
        """Number of the oldest sample that can be read; below zero until `shape[0]` have come."""
        return int(self._header[_WRITTEN]) - self.shape[0]

    def holds(self, start: int, stop: int) -> bool:
        """Whether samples `start` to `stop` - 1 are there, and were not overwritten so far."""
        return self.first_index() <= start <= stop <= self.index()

    def received(self, start: int, stop: int) -> npt.NDArray[np.bool_]:
        """For each sample from `start` to `stop` - 1 whether it came; what did not holds `fill`."""
        self._check_bounds(start, stop)
        came = np.concatenate([self._received[rows] for rows, _ in _pieces(start, stop, self.shape[0])])
        self._check_bounds(start, stop)  # nothing was overwritten meanwhile
        return came

    def new_chunk(self, data: Array, index: int | None = None) -> None:
        """Append samples.

        Parameters
        ----------
        data
            Up to `shape[0]` samples, of the shape and type of this ring; copied.
        index
            Number of the last of them, plus one. Larger than what follows from `data`: samples were
            skipped, and `fill` takes their place. `None` when they follow directly.

        Raises
        ------
        ConfigurationError
            A `ValueError`: too many samples, another shape, or an `index` that would write samples
            again. Nothing was changed, as with the next two.
        TypeError
            Data of another type.
        StateError
            When this ring was attached.
        """
        self._check_own()
        data = np.asarray(data)
        self._check_chunk(data)
        begin, end = self.index(), self._end_of(len(data), index)
        if np.may_share_memory(data, self.buffer):
            data = data.copy()  # or the first of the two copies might overwrite it
        self._header[_WRITTEN] = end
        self._skip(max(begin, end - self.shape[0]), end - len(data))
        self._write(end - len(data), end, data)
        self._header[_READABLE] = end

    def _check_own(self) -> None:
        if self.is_attached:
            raise StateError(f"ring buffer {self.shm_id} was attached, only who made it can write to it")

    def _check_chunk(self, data: Array) -> None:
        if data.dtype != self.dtype:
            raise TypeError(f"chunk of {data.dtype}, this ring buffer takes {self.dtype}")
        if data.ndim == 0 or data.shape[1:] != self.shape[1:] or len(data) > self.shape[0]:
            raise ConfigurationError(
                f"chunk of shape {data.shape}, allowed are up to {self.shape[0]} samples of {self.shape[1:]}"
            )

    def _end_of(self, n_samples: int, index: int | None) -> int:
        least = self.index() + n_samples
        end = least if index is None else operator.index(index)
        if not least <= end <= _MAX_INDEX:
            raise ConfigurationError(
                f"index={end} after {self.index()} with {n_samples} samples, allowed is {least}..{_MAX_INDEX}"
            )
        return end

    def _skip(self, start: int, stop: int) -> None:
        if start < stop:
            self._write(start, stop, np.broadcast_to(self._missing.value, (stop - start, *self.shape[1:])))
            for rows, _ in _pieces(start, stop, self.shape[0]):
                self._received[rows] = False

    def _write(self, start: int, stop: int, data: Array) -> None:
        length = self.shape[0]
        for rows, part in _pieces(start, stop, length):
            self.buffer[rows] = data[part]
            if self.double:
                self.buffer[rows.start + length : rows.stop + length] = data[part]
            self._received[rows] = True

    def reset_index(self) -> None:
        """Begin again with sample 0; what was there is gone. `StateError` when this ring was attached."""
        self._check_own()
        self._header[[_READABLE, _WRITTEN]] = 0
        self.buffer[...] = self._missing.value
        self._received[:] = False

    def __getitem__(self, item: Index) -> Array:
        first, rest = (item[0], item[1:]) if isinstance(item, tuple) and item else (item, ())
        if isinstance(first, slice):
            start, stop, step = self._resolve(first)
            samples: Array = self.get_data(start, stop)[::step]
            places = (slice(None), *rest)
            chosen: Array = samples[places]
            return chosen
        number = self._resolve_number(operator.index(first))  # type: ignore[arg-type]  # a TypeError if not
        sample: Array = self.get_data(number, number + 1)[0]
        return sample[rest] if rest else sample

    def get_data(self, start: int, stop: int, copy: bool = False, join: bool = True) -> Any:
        """Samples `start` to `stop` - 1, by their numbers, which do not count back when below zero.

        Parameters
        ----------
        copy
            Give a copy, which nobody overwrites. Else it is a view wherever they stand in one piece,
            which is always so with `double`.
        join
            Give one array. Else two, of which the second may be empty, and no copy unless asked for.

        Raises
        ------
        IndexError
            When they are not, or no longer, in the ring.
        SequenceGapError
            When some never came, and nothing was given to stand for them, see `fill`.
        """
        self._check_bounds(start, stop)
        self._check_known(start, stop)
        parts = self._views(start, stop)
        is_copied = copy or (join and len(parts) > 1)
        if not join:
            parts = [*parts, parts[0][:0]][:2]
            parts = [part.copy(order="K") for part in parts] if copy else parts
        elif is_copied:
            parts = [self._joined(parts)]
        if is_copied:
            self._check_bounds(start, stop)  # nothing was overwritten meanwhile
        return parts[0] if join else tuple(parts)

    def _views(self, start: int, stop: int) -> list[Array]:
        if self.double:
            row = start % self.shape[0]
            return [self.buffer[row : row + stop - start]]
        return [self.buffer[rows] for rows, _ in _pieces(start, stop, self.shape[0])]

    def _joined(self, parts: list[Array]) -> Array:
        """A new array of `parts`, its axes in memory in the order of this ring."""
        shape = (sum(map(len, parts)), *self.shape[1:])
        joined = np.empty([shape[axis] for axis in self.axisorder], self.dtype)
        return np.concatenate(parts, out=joined.transpose(np.argsort(self.axisorder)))

    def _check_bounds(self, start: int, stop: int) -> None:
        if not self.holds(start, stop):
            raise IndexError(
                f"samples {start} to {stop}, the ring buffer holds {self.first_index()} to {self.index()}"
            )

    def _check_known(self, start: int, stop: int) -> None:
        if not self._missing.is_telling and not self.received(start, stop).all():
            raise SequenceGapError(
                f"some of the samples {start} to {stop} never came, and no value of {self.dtype} says so; "
                "make the ring buffer with a fill"
            )

    def _resolve_number(self, number: int) -> int:
        if number < 0:
            number += self.index()
        if not self.first_index() <= number < self.index():
            raise IndexError(
                f"sample {number}, the ring buffer holds {self.first_index()} to {self.index() - 1}"
            )
        return number

    def _resolve(self, wanted: slice) -> tuple[int, int, int]:
        """Start, stop and step of `wanted`; below zero, the step is for the range read from its end."""
        first, end = self.first_index(), self.index()
        step = 1 if wanted.step is None else operator.index(wanted.step)
        if step == 0:
            raise ConfigurationError("a slice with step 0, allowed is any other integer")
        low, high = (wanted.start, wanted.stop) if step > 0 else (wanted.stop, wanted.start)
        shift = 0 if step > 0 else 1  # read backwards, the higher end is in and the lower is not
        start = first if low is None else _from_newest(low, end) + shift
        stop = end if high is None else _from_newest(high, end) + shift
        self._check_bounds(min(start, stop), max(start, stop))
        return start, max(start, stop), step

    def close(self) -> None:
        """Let go of shared memory; who made the ring takes its name away. Repeat calls do nothing."""
        self._memory.close()

    def __enter__(self) -> RingBuffer:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _from_newest(said: Any, end: int) -> int:
    number: int = operator.index(said)
    return number + end if number < 0 else number


def _pieces(start: int, stop: int, length: int) -> list[tuple[slice, slice]]:
    """Rows of a ring of `length` that hold samples `start` to `stop`, each with its part of them."""
    row, n = start % length, stop - start
    n_first = min(n, length - row)
    pieces = [(slice(row, row + n_first), slice(0, n_first))]
    return pieces if n_first == n else [*pieces, (slice(0, n - n_first), slice(n_first, n))]
