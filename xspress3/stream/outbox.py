"""What one reader shall get next, as its contract says: no sockets, no threads.

::

    lossless    [greeting, backlog...] and one message at a time; the sender waits
    latest      [news...] what was passed over, newest block
    every:N     [news..., blocks that have credit] what was passed over

News are all messages but blocks; they are never left out. Blocks that are left out become one `Loss`
that grows until the reader has room for it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from xspress3.stream.contract import Contract, Delivery, every
from xspress3.stream.messages import Block, Envelope, Loss, SessionEnd
from xspress3.stream.outgoing import Outgoing

__all__ = ["MAX_NEWS", "PASSED_OVER", "TOO_SLOW", "Outbox"]

MAX_NEWS = 1024
"""News that wait for a reader which takes nothing, before it is given up."""
PASSED_OVER = "passed over for a newer one, as this reader wants it"
TOO_SLOW = "not taken in time by this reader"


@dataclass
class _Skipped:
    """A range of frames that was left out, and the messages that it was in."""

    envelope: Envelope
    first_sequence: int
    first_frame: int
    end_frame: int


class Outbox:
    """Rules over what waits for one reader::

        box.offer(item)            # False: the contract says that the sender waits
        item = box.take()          # None: nothing to send, or no credit
        box.grant(16)              # the reader took so many

    Attributes
    ----------
    credit
        Messages that may be sent now.
    n_left_out
        Frames that this reader did not get so far, because of its contract.
    """

    def __init__(self, contract: Contract, credit: int) -> None:
        self.contract = contract
        self.credit = credit
        self.n_left_out = 0
        self._queue: deque[Outgoing] = deque()
        self._skipped: _Skipped | None = None
        self._newest: Outgoing | None = None

    @property
    def is_overdue(self) -> bool:
        """Whether the reader takes nothing and too much waits for it."""
        return not self.contract.is_lossless and len(self._queue) > MAX_NEWS

    @property
    def has_room(self) -> bool:
        """Whether `offer` would take a message."""
        return not self.contract.is_lossless or (self.credit > 0 and not self._queue)

    @property
    def n_waiting(self) -> int:
        """Messages that wait for credit."""
        return len(self._queue) + (self._newest is not None) + (self._skipped is not None)

    def greet(self, items: Iterable[Outgoing]) -> None:
        """Queue what a reader gets when it joins, whatever its credit."""
        self._queue.extend(items)

    def grant(self, n_messages: int) -> None:
        """The reader took so many messages."""
        self.credit += n_messages

    def offer(self, item: Outgoing) -> bool:
        """Take `item` as the contract says; `False` when the sender must wait and offer it again."""
        if not self.has_room:
            return False
        if self.contract.is_lossless:
            self._queue.append(item)
        elif isinstance(item.message, Block):
            self._offer_block(item)
        else:
            self._offer_news(item)
        return True

    def take(self) -> Outgoing | None:
        """The next thing to send; uses one credit."""
        if not self.credit:
            return None
        if not self._queue:
            self._settle()
        if not self._queue:
            return None
        self.credit -= 1
        return self._queue.popleft()

    def put_back(self, item: Outgoing) -> None:
        """What `take` gave could not be sent."""
        self.credit += 1
        self._queue.appendleft(item)

    def demote(self) -> None:
        """From here on the sender does not wait for this reader any more; it is told what it misses."""
        self.contract = every(1)

    def _offer_block(self, item: Outgoing) -> None:
        chosen = item.every(self.contract.step)
        if chosen is None:
            return
        has_room = self.credit > len(self._queue) and self._newest is None and self._skipped is None
        if has_room:
            self._queue.append(chosen)
        elif self.contract.delivery is Delivery.LATEST:
            self._skip_newest()
            self._newest = chosen
        else:
            self._skip(chosen)

    def _offer_news(self, item: Outgoing) -> None:
        if not isinstance(item.message, SessionEnd):
            self._skip_newest()
        self._settle()
        self._queue.append(item.under(self.contract).owned())

    def _settle(self) -> None:
        """Queue the range that was left out, and then what is newest."""
        if self._skipped is not None:
            self._queue.append(Outgoing(_loss(self._skipped, self.contract)))
            self._skipped = None
        if self._newest is not None:
            self._queue.append(self._newest)
            self._newest = None

    def _skip_newest(self) -> None:
        newest, self._newest = self._newest, None
        if newest is not None:
            self._skip(newest)

    def _skip(self, item: Outgoing) -> None:
        block = item.message
        assert isinstance(block, Block)
        self.n_left_out += block.n_frames
        if self._skipped is None:
            self._skipped = _Skipped(
                block.envelope, block.envelope.sequence, block.first_frame, block.end_frame
            )
        self._skipped.envelope = block.envelope
        self._skipped.end_frame = block.end_frame


def _loss(skipped: _Skipped, contract: Contract) -> Loss:
    envelope = skipped.envelope
    is_wanted = contract.delivery is Delivery.LATEST
    return Loss(
        Envelope(envelope.stream_id, envelope.session_id, envelope.sequence, time.time_ns(), envelope.epoch),
        skipped.first_frame,
        skipped.end_frame - skipped.first_frame,
        PASSED_OVER if is_wanted else TOO_SLOW,
        first_sequence=skipped.first_sequence,
        by_contract=is_wanted,
    )
