"""Samples gathered until there are enough of them to be worth a message.

No clock and no thread: who uses it says what time it is.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from xspress3.errors import ConfigurationError
from xspress3.stream.streams.values import number, optional, whole

__all__ = ["Chunk", "Chunker"]

Array = npt.NDArray[Any]
_MAX_SAMPLES = 1 << 40
_MAX_INDEX = 1 << 62
_MAX_AGE = 1e9


@dataclass(frozen=True)
class Chunk:
    """Samples that leave together.

    Parameters
    ----------
    index
        Number of the last of them, plus one; they are `index - len(data)` to `index - 1`.
    data
        Axis 0 is time.
    """

    index: int
    data: Array

    @property
    def first_index(self) -> int:
        """Number of the first sample."""
        return self.index - len(self.data)


class Chunker:
    """Makes chunks of at least `min_samples` of arrays of any length::

        chunker = Chunker(min_samples=1000, max_age=0.1)
        for chunk in chunker.add(array, now=time.monotonic()):
            send(chunk)
        ...
        for chunk in chunker.due(time.monotonic()) or chunker.flush():
            send(chunk)

    Parameters
    ----------
    min_samples
        Samples that are waited for.
    max_age
        Seconds that a sample waits for others; then a chunk may be shorter. `None` is for ever.
    max_samples
        Longest chunk, at least `min_samples`; the same number makes all of one size. `None` passes a
        longer array on as it is.

    Notes
    -----
    An array that suffices by itself leaves as a view of itself, so it must not be changed until it is
    sent. What has to wait is copied, once, and its array may be used again at once. Samples leave in
    order, each once; a chunk never spans a jump of the index. Type and shape of samples must not change.
    """

    def __init__(
        self, min_samples: int = 1, max_age: float | None = None, max_samples: int | None = None
    ) -> None:
        self.min_samples: int = whole(1, _MAX_SAMPLES)("min_samples", min_samples)
        self.max_age: float | None = optional(number(0, _MAX_AGE))("max_age", max_age)
        self.max_samples: int | None = optional(whole(self.min_samples, _MAX_SAMPLES))(
            "max_samples", max_samples
        )
        self._index = 0
        self._like: Array | None = None
        self._room: Array | None = None  # where samples wait: `_n_waiting` of `min_samples`
        self._n_waiting = 0
        self._since = 0.0

    def index(self) -> int:
        """Number of the sample that comes next."""
        return self._index

    @property
    def n_waiting(self) -> int:
        """Samples that wait for others."""
        return self._n_waiting

    @property
    def deadline(self) -> float | None:
        """When what waits will be due; `None` when nothing waits, or for as long as it takes."""
        return self._since + self.max_age if self._n_waiting and self.max_age is not None else None

    def add(self, array: Array, now: float, index: int | None = None) -> list[Chunk]:
        """The chunks that are whole with these samples.

        Parameters
        ----------
        array
            Axis 0 is time; it may have no samples.
        now
            Seconds, of any clock that does not go back.
        index
            Number of its last sample, plus one; larger than what follows from `array` when samples are
            left out before it. What waited leaves first then. `None` when they follow directly.

        Raises
        ------
        ConfigurationError
            For samples of another type or shape than before, or an `index` that goes back. Nothing was
            changed.
        """
        self._check_like(array)
        end = self._end_of(len(array), index)
        jumped = end != self._index + len(array)
        chunks = self.flush() if jumped else []
        if self._like is None:
            self._like = np.empty((0, *array.shape[1:]), array.dtype)
        self._index = end - len(array)
        chunks += self._fill_up(array, now)
        return chunks + self.due(now)

    def _check_like(self, array: Array) -> None:
        if array.ndim == 0:
            raise ConfigurationError("chunk without axes, allowed is an array whose axis 0 is time")
        like = self._like
        if like is not None and (like.dtype != array.dtype or like.shape[1:] != array.shape[1:]):
            raise ConfigurationError(
                f"chunk of {array.dtype} {array.shape}, those before were {like.dtype} with samples of "
                f"shape {like.shape[1:]}"
            )

    def _end_of(self, n_samples: int, index: int | None) -> int:
        least = self._index + n_samples
        end = least if index is None else operator.index(index)
        if not least <= end <= _MAX_INDEX:
            raise ConfigurationError(
                f"index={end} after {self._index} with {n_samples} samples, allowed is {least}..{_MAX_INDEX}"
            )
        return end

    def _fill_up(self, array: Array, now: float) -> list[Chunk]:
        """Top up what waits, pass on what suffices, keep the rest."""
        chunks: list[Chunk] = []
        if self._n_waiting:
            n_missing = self.min_samples - self._n_waiting
            self._keep(array[:n_missing], now)
            array = array[n_missing:]
            if self._n_waiting == self.min_samples:
                chunks = self.flush()
        step = self.max_samples or max(len(array), 1)
        while len(array) >= self.min_samples:
            chunks.append(self._passed_on(array[:step]))
            array = array[step:]
        self._keep(array, now)
        return chunks

    def _passed_on(self, array: Array) -> Chunk:
        self._index += len(array)
        return Chunk(self._index, array)

    def _keep(self, array: Array, now: float) -> None:
        if not len(array):
            return
        if self._room is None:
            # As the array has its axes in memory, so that they are the same whether it waits or not.
            self._room = np.empty_like(array, shape=(self.min_samples, *array.shape[1:]), subok=False)
        if not self._n_waiting:
            self._since = now
        self._room[self._n_waiting : self._n_waiting + len(array)] = array
        self._n_waiting += len(array)
        self._index += len(array)

    def due(self, now: float) -> list[Chunk]:
        """What has waited for `max_age`: one chunk, shorter than `min_samples`, or none."""
        deadline = self.deadline
        return self.flush() if deadline is not None and now >= deadline else []

    def flush(self) -> list[Chunk]:
        """All that waits: one chunk, or none."""
        room, n_waiting = self._room, self._n_waiting
        self._room, self._n_waiting = None, 0
        return [] if room is None else [Chunk(self._index, room[:n_waiting])]

    def seek(self, index: int) -> None:
        """Go on with sample `index`: those before it left another way. Only while nothing waits."""
        assert not self._n_waiting
        self._index = index

    def reset_index(self) -> list[Chunk]:
        """Begin again with sample 0 and samples of any type; gives what waited."""
        chunks = self.flush()
        self._index, self._like = 0, None
        return chunks
