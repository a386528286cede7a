"""What a reader got, held against what the sender says: no sockets, no clocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

from xspress3.errors import ProtocolError
from xspress3.stream.messages import Block, Loss, SessionEnd, SessionStart

__all__ = ["Fed", "Gap", "SessionTracker"]

LATE = "before this reader joined"
ON_THE_WAY = "on the way to this reader"


@dataclass(frozen=True)
class Gap:
    """Frames that this reader will not see, and where they got lost."""

    first_frame: int
    n_frames: int
    reason: str


@dataclass(frozen=True)
class Fed:
    """What a message told: gaps it revealed, and whether its own frames are new."""

    gaps: tuple[Gap, ...] = ()
    is_new: bool = True


class SessionTracker:
    """Accounts for every frame of one session::

        tracker = SessionTracker(start)
        for message in stream:
            fed = tracker.feed(message)
            ...
        assert tracker.is_complete

    Attributes
    ----------
    received, lost
        Frames that came, and frames that are known not to come.
    duplicates
        Frames that came again, and were not counted again.
    missed_messages
        Messages that the numbering shows to be missing.
    """

    def __init__(self, start: SessionStart) -> None:
        self.session_id = start.envelope.session_id
        self.next_frame = 0
        self.received = 0
        self.lost = 0
        self.duplicates = 0
        self.missed_messages = 0
        self.end: SessionEnd | None = None
        self._next_sequence = start.envelope.sequence + (not start.is_repeat)
        self.joined_late = self._advance(start.next_frame, LATE)

    @property
    def is_complete(self) -> bool:
        """Whether the session has ended and each of its frames was received."""
        return self.end is not None and self.lost == 0

    def feed(self, message: Block | Loss | SessionEnd) -> Fed:
        """Count `message`.

        Raises
        ------
        ProtocolError
            When it is of another session, or overlaps with what came before but in part.
        """
        if message.envelope.session_id != self.session_id:
            raise ProtocolError(
                f"message of session {message.envelope.session_id} within session {self.session_id}"
            )
        missed = message.envelope.sequence - self._next_sequence
        if missed >= 0:
            self.missed_messages += missed
            self._next_sequence = message.envelope.sequence + 1
        if isinstance(message, Block):
            return self._feed_block(message)
        if isinstance(message, Loss):
            return self._feed_loss(message)
        self.end = message
        return Fed(self._advance(message.acquired + message.lost, ON_THE_WAY))

    def give_up(self, n_frames: int, reason: str) -> tuple[Gap, ...]:
        """Count all frames up to `n_frames` that did not come as lost."""
        return self._advance(n_frames, reason)

    def _feed_block(self, block: Block) -> Fed:
        if self._is_repeated(block):
            self.duplicates += block.n_frames
            return Fed(is_new=False)
        gaps = self._advance(block.first_frame, ON_THE_WAY)
        self.next_frame += block.n_frames
        self.received += block.n_frames
        return Fed(gaps)

    def _feed_loss(self, loss: Loss) -> Fed:
        if self._is_repeated(loss):
            return Fed(is_new=False)
        before = self._advance(loss.first_frame, ON_THE_WAY)
        return Fed(before + self._advance(loss.first_frame + loss.n_frames, loss.reason))

    def _is_repeated(self, message: Union[Block, Loss]) -> bool:
        end = message.first_frame + message.n_frames
        if message.first_frame < self.next_frame < end:
            raise ProtocolError(
                f"frames {message.first_frame}..{end - 1} overlap with frames before {self.next_frame}"
            )
        return end <= self.next_frame

    def _advance(self, to_frame: int, reason: str) -> tuple[Gap, ...]:
        n_frames = to_frame - self.next_frame
        if n_frames <= 0:
            return ()
        gap = Gap(self.next_frame, n_frames, reason)
        self.next_frame = to_frame
        self.lost += n_frames
        return (gap,)
