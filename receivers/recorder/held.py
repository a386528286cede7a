"""What waits for space on a disk: frames up to a limit of memory, and behind them only their numbers."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import Union

from receivers.report import SessionReport
from xspress3.stream import Block, SessionStart
from xspress3.stream.tracker import Gap

__all__ = ["NO_ROOM", "Held", "HeldQueue", "Item", "payload_bytes"]

NO_ROOM = "no space on any disk, and the memory for waiting frames was full"

Item = Union[SessionStart, Block, Gap, SessionReport]


@dataclass
class Held:
    """Something of a session, and when it came: `now` of the steady clock, `unix_time` of the other.

    `is_decided` says that the rules have been asked about it, `size_bytes` what it takes here.
    """

    now: float
    unix_time: float
    item: Item
    is_decided: bool = False
    size_bytes: int = 0


class HeldQueue:
    """Keeps items in their order; blocks beyond `limit_bytes` become losses::

        queue.add(held)
        ...                  # take from the head what can be taken
        queue.keep_last()    # before the memory of the last block is used again

    Attributes
    ----------
    size_bytes
        Payload that was copied and waits.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.size_bytes = 0
        self._items: deque[Held] = deque()
        self._lent: Held | None = None

    def __len__(self) -> int:
        return len(self._items)

    @property
    def n_frames(self) -> int:
        """Frames that wait."""
        return sum(held.item.n_frames for held in self._items if isinstance(held.item, Block))

    @property
    def head(self) -> Held:
        """What waits longest."""
        return self._items[0]

    def add(self, held: Held) -> None:
        """Put `held` last; a loss becomes one with the loss before it where they touch."""
        last = self._items[-1].item if self._items else None
        if isinstance(held.item, Gap) and isinstance(last, Gap) and _follows(last, held.item):
            self._items[-1].item = replace(last, n_frames=last.n_frames + held.item.n_frames)
            return
        self._items.append(held)
        if isinstance(held.item, Block):
            self._lent = held

    @property
    def is_head_lent(self) -> bool:
        """Whether the head is the block that came last, in memory that is not ours."""
        return bool(self._items) and self._items[0] is self._lent

    def drop_head(self) -> None:
        """Forget what waits longest: it was put somewhere."""
        held = self._items.popleft()
        self.size_bytes -= held.size_bytes
        if held is self._lent:
            self._lent = None

    def keep_last(self) -> int:
        """Copy the block in lent memory, if it still waits; gives the frames that had to be given up."""
        held, self._lent = self._lent, None
        if held is None or not isinstance(held.item, Block):
            return 0
        block = held.item
        size_bytes = payload_bytes(block)
        if self.size_bytes + size_bytes <= self.limit_bytes:
            held.item = _copy(block)
            held.size_bytes = size_bytes
            self.size_bytes += size_bytes
            return 0
        self._items.pop()
        self.add(replace(held, item=Gap(block.first_frame, block.end_frame - block.first_frame, NO_ROOM)))
        return block.n_frames


def payload_bytes(block: Block) -> int:
    """Bytes of the frames as they travel."""
    return sum(len(array.payload) for array in block.arrays)


def _follows(last: Gap, gap: Gap) -> bool:
    return last.reason == gap.reason and last.first_frame + last.n_frames == gap.first_frame


def _copy(block: Block) -> Block:
    arrays = tuple(replace(array, payload=bytes(array.payload)) for array in block.arrays)
    return replace(block, arrays=arrays)
