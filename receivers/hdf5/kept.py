"""What a file was given since its last good flush, kept to be given to another one if need be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Union

import zmq

from receivers.payload import own_block
from xspress3.stream import Block, EncodedArray
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
        self._items.append(block if all(map(_is_ours, block.arrays)) else own_block(block))
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


def _is_ours(array: EncodedArray) -> bool:
    """Whether nobody else writes where the payload is, as in what came over a socket."""
    payload = array.payload
    owner = payload.obj if isinstance(payload, memoryview) else payload
    return isinstance(owner, (bytes, zmq.Frame))


def _end(gap: Gap) -> int:
    return gap.first_frame + gap.n_frames
