"""What a file was given since its last good flush, kept to be given to another one if need be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Union

import zmq

from xspress3.stream import Block
from xspress3.stream.messages import Buffer
from xspress3.stream.tracker import Gap

__all__ = ["Kept"]

Item = Union[Block, Gap]


class Kept:
    """Blocks and losses in the order in which they came.

    Attributes
    ----------
    size_bytes
        Payload of the blocks, as it travelled.
    n_frames
        Frames of the blocks.
    """

    def __init__(self) -> None:
        self._items: list[Item] = []
        self.size_bytes = 0
        self.n_frames = 0

    @property
    def first_frame(self) -> int | None:
        """The first frame that came or was lost; `None` when nothing is kept."""
        return self._items[0].first_frame if self._items else None

    def add_block(self, block: Block, size_bytes: int) -> None:
        """Keep `block` beyond the call for which its memory is lent."""
        arrays = tuple(replace(array, payload=_own(array.payload)) for array in block.arrays)
        self._items.append(replace(block, arrays=arrays))
        self.size_bytes += size_bytes
        self.n_frames += block.n_frames

    def add_gap(self, gap: Gap) -> None:
        """Keep `gap`, as one with that before it where they touch: there is no bound to their number."""
        last = self._items[-1] if self._items else None
        if isinstance(last, Gap) and last.reason == gap.reason and _end(last) == gap.first_frame:
            self._items[-1] = replace(last, n_frames=last.n_frames + gap.n_frames)
        else:
            self._items.append(gap)

    def add_removed(self, gap: Gap) -> None:
        """Put a loss before all that is kept: the file that had these frames is gone."""
        self._items.insert(0, gap)

    def clear(self) -> None:
        """Forget all: it is safe."""
        self._items.clear()
        self.size_bytes = self.n_frames = 0

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)


def _own(payload: Buffer) -> Buffer:
    """`payload` itself where nobody else writes there, as in what came over a socket, else a copy."""
    owner = payload.obj if isinstance(payload, memoryview) else payload
    return payload if isinstance(owner, (bytes, zmq.Frame)) else bytes(payload)


def _end(gap: Gap) -> int:
    return gap.first_frame + gap.n_frames
