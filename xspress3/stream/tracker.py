"""What a reader got, held against what the sender says: no sockets, no clocks."""

from __future__ import annotations

from dataclasses import dataclass

from xspress3.errors import ConfigurationError, ProtocolError
from xspress3.stream.contract import Contract
from xspress3.stream.messages import Block, Loss, SessionEnd, SessionStart

__all__ = ["Fed", "Gap", "SessionTracker"]

LATE = "before this reader joined"
AWAY = "while this reader was cut off"
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
    skipped
        Frames that did not come because the reader's contract leaves them out.
    duplicates
        Frames that came again, and were not counted again.
    missed_messages
        Messages that the numbering shows to be missing.
    """

    def __init__(self, start: SessionStart) -> None:
        self.session_id = start.envelope.session_id
        self.step = _step(start)
        self.next_frame = 0
        self.received = 0
        self.lost = 0
        self.skipped = 0
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
        self._count_messages(message)
        if isinstance(message, Block):
            return self._feed_block(message)
        if isinstance(message, Loss):
            return self._feed_loss(message)
        self.end = message
        return Fed(self._advance(message.acquired + message.lost, ON_THE_WAY))

    def follow(self, first_frame: int, end_frame: int, sequence: int) -> bool:
        """Count a block that follows directly; `False`, and nothing counted, when it does not."""
        if first_frame != self.next_frame or sequence != self._next_sequence or self.step != 1:
            return False
        self.next_frame = end_frame
        self.received += end_frame - first_frame
        self._next_sequence = sequence + 1
        return True

    def jump(self, first_frame: int, end_frame: int, sequence: int) -> Fed:
        """Count a block that does not follow directly; tells what is missing before it."""
        self.missed_messages += max(sequence - self._next_sequence, 0)
        self._next_sequence = max(sequence + 1, self._next_sequence)
        if self._is_repeated(first_frame, end_frame):
            self.duplicates += end_frame - first_frame
            return Fed(is_new=False)
        gaps = self._advance(first_frame, ON_THE_WAY)
        self.next_frame = end_frame
        self.received += end_frame - first_frame
        return Fed(gaps)

    def rejoin(self, start: SessionStart) -> tuple[Gap, ...]:
        """Go on with the start that is repeated after the reader was cut off."""
        return self._advance(start.next_frame, AWAY)

    def give_up(self, n_frames: int, reason: str) -> tuple[Gap, ...]:
        """Count all frames up to `n_frames` that did not come as lost."""
        return self._advance(n_frames, reason)

    def _count_messages(self, message: Block | Loss | SessionEnd) -> None:
        """Notice messages that are missing; one that tells of a loss may stand for several.

        A reader that gets each n-th frame gets no message of blocks without such a frame.
        """
        sequence = message.envelope.sequence
        first = sequence
        if isinstance(message, Loss) and message.first_sequence is not None:
            first = message.first_sequence
        if self.step == 1:
            self.missed_messages += max(first - self._next_sequence, 0)
        self._next_sequence = max(sequence + 1, self._next_sequence)

    def _feed_block(self, block: Block) -> Fed:
        if self._is_repeated(block.first_frame, block.end_frame):
            self.duplicates += block.n_frames
            return Fed(is_new=False)
        gaps = self._advance(block.first_frame, ON_THE_WAY)
        self.next_frame = block.end_frame
        self.received += block.n_frames
        return Fed(gaps)

    def _feed_loss(self, loss: Loss) -> Fed:
        end = loss.first_frame + loss.n_frames
        if self._is_repeated(loss.first_frame, end):
            return Fed(is_new=False)
        before = self._advance(loss.first_frame, ON_THE_WAY)
        if not loss.by_contract:
            return Fed(before + self._advance(end, loss.reason))
        self.skipped += self._n_wanted(self.next_frame, end)
        self.next_frame = end
        return Fed(before)

    def _is_repeated(self, first_frame: int, end: int) -> bool:
        if first_frame < self.next_frame < end:
            raise ProtocolError(
                f"frames {first_frame}..{end - 1} overlap with frames before {self.next_frame}"
            )
        return end <= self.next_frame

    def _advance(self, to_frame: int, reason: str) -> tuple[Gap, ...]:
        """Go on to `to_frame`; what is passed is lost, unless the reader did not want it anyhow."""
        first, self.next_frame = self.next_frame, max(to_frame, self.next_frame)
        n_lost = self._n_wanted(first, to_frame)
        if n_lost <= 0:
            return ()
        self.lost += n_lost
        return (Gap(first, to_frame - first, reason),)

    def _n_wanted(self, first: int, end: int) -> int:
        """Frames in `first` to `end - 1` that the contract promises: multiples of its step."""
        return (end - 1) // self.step - (first - 1) // self.step


def _step(start: SessionStart) -> int:
    try:
        return Contract.parse(start.contract).step
    except ConfigurationError as error:
        raise ProtocolError(str(error)) from None
