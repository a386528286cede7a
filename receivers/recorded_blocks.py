"""Blocks of frames that come from a recording, and the holes between them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from receivers.geometry import HISTOGRAM, SCALERS
from xspress3.errors import ProtocolError
from xspress3.stream import Block, EncodedArray, Envelope, Loss, SessionEnd, SessionStart
from xspress3.stream.compression import compress_bslz4

__all__ = [
    "FRAMES_PER_BLOCK",
    "NOT_RECORDED",
    "BlockMaker",
    "SessionMessage",
    "as_counts",
    "make_block",
    "unnumbered",
]

NOT_RECORDED = "not in the recording"
FRAMES_PER_BLOCK = 16

SessionMessage = Union[SessionStart, Block, Loss, SessionEnd]
Array = npt.NDArray[Any]


def make_block(first_frame: int, histogram: Array, scalers: Array, time_ns: int) -> Block:
    """A block of consecutive frames, not of any session yet; the spectra compressed."""
    arrays = (
        EncodedArray(HISTOGRAM, histogram.dtype, histogram.shape, "bslz4", compress_bslz4(histogram)),
        EncodedArray(SCALERS, scalers.dtype, scalers.shape, "none", scalers.tobytes()),
    )
    return Block(unnumbered(time_ns), first_frame, len(histogram), arrays)


def unnumbered(time_ns: int = 0) -> Envelope:
    """An envelope of which only the time is known."""
    return Envelope("", 0, 0, time_ns)


def as_counts(values: Array, name: str) -> npt.NDArray[np.uint32]:
    """`values` as uint32, which they must fit without a change."""
    counts = values.astype("<u4")
    if values.dtype.kind not in "biuf" or not np.array_equal(counts, values):
        raise ProtocolError(f"{name}: {values.dtype} with values that are no counts of 32 bits")
    return counts


class BlockMaker:
    """Puts single frames into blocks, with the holes between them announced::

        maker = BlockMaker()
        messages = [*maker.add(frame, histogram, scalers, time_ns), *maker.flush()]

    Frames whose number is not above that of the one before, as in one known recording that holds a
    series twice, are counted on from there.
    """

    def __init__(self) -> None:
        self.n_frames = 0
        self.n_lost = 0
        self._next = 0
        self._shift = 0
        self._first = 0
        self._time_ns = 0
        self._waiting: list[tuple[Array, Array]] = []

    def add(self, frame: int, histogram: Array, scalers: Array, time_ns: int) -> Iterator[Block | Loss]:
        """Take a frame, spectra (channel, bin) and scalers (channel, 9); gives what is whole by it."""
        if frame + self._shift < self._next:
            self._shift = self._next - frame
        number = frame + self._shift
        if number > self._next or self._begins_anew(number, histogram, time_ns):
            yield from self.flush()
        yield from self.lose_until(number)
        if not self._waiting:
            self._first, self._time_ns = number, time_ns
        self._waiting.append((as_counts(histogram, "histogram"), scalers))
        self._next = number + 1

    def _begins_anew(self, number: int, histogram: Array, time_ns: int) -> bool:
        """Whether a frame of that number cannot be in the same block as those that wait."""
        is_full = number % FRAMES_PER_BLOCK == 0
        is_other = bool(self._waiting) and self._waiting[0][0].shape != histogram.shape
        return is_full or is_other or time_ns != self._time_ns

    def lose_until(self, number: int) -> Iterator[Loss]:
        """The frames up to `number` as lost, which do not come any more."""
        n_frames = number - self._next
        if n_frames > 0:
            self.n_lost += n_frames
            yield Loss(unnumbered(), self._next, n_frames, NOT_RECORDED)
            self._next = number

    def flush(self) -> Iterator[Block]:
        """The frames that wait, as a block."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            histogram, scalers = (np.stack(arrays) for arrays in zip(*waiting, strict=True))
            self.n_frames += len(waiting)
            yield make_block(self._first, histogram, scalers, self._time_ns)
