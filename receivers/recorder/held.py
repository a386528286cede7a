"""What waits for space on a disk: frames up to a limit of memory, and behind them only their numbers."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import Union

from receivers.payload import own_block, payload_bytes
from receivers.report import SessionReport
from xspress3.stream import Block, SessionStart
from xspress3.stream.tracker import Gap

__all__ = ["NO_ROOM", "Held", "HeldQueue", "Item"]

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

        n_given_up = queue.add(held)
        ...                  # take from the head what can be taken
        queue.drop_head()

    Attributes
    ----------
    size_bytes
        Payload that waits, a copy of what came.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.size_bytes = 0
        self._items: deque[Held] = deque()

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

    def add(self, held: Held) -> int:
        """Put `held` last; gives the frames that had to be given up for that."""
        item = held.item
        if isinstance(item, Block):
            return self._add_block(held, item)
        self._add_other(held)
        return 0

    def drop_head(self) -> None:
        """Forget what waits longest: it was put somewhere."""
        self.size_bytes -= self._items.popleft().size_bytes

    def _add_block(self, held: Held, block: Block) -> int:
        size_bytes = payload_bytes(block)
        if self.size_bytes + size_bytes > self.limit_bytes:
            gap = Gap(block.first_frame, block.end_frame - block.first_frame, NO_ROOM)
            self._add_other(replace(held, item=gap))
            return block.n_frames
        self._items.append(replace(held, item=own_block(block), size_bytes=size_bytes))
        self.size_bytes += size_bytes
        return 0

    def _add_other(self, held: Held) -> None:
        """Put `held` last; a loss becomes one with the loss before it where they touch."""
        last = self._items[-1].item if self._items else None
        if isinstance(held.item, Gap) and isinstance(last, Gap) and _follows(last, held.item):
            self._items[-1].item = replace(last, n_frames=last.n_frames + held.item.n_frames)
        else:
            self._items.append(held)


def _follows(last: Gap, gap: Gap) -> bool:
    return last.reason == gap.reason and last.first_frame + last.n_frames == gap.first_frame
