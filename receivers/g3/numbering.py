"""What `frame_num` tells of one session: frames that never came, and frames that came again."""

from __future__ import annotations

from collections import OrderedDict
from enum import Enum

from receivers.g3.frame import Frame
from receivers.report import MAX_GAPS_KEPT

__all__ = ["NUMBER_KEY", "Numbering", "Seen"]

NUMBER_KEY = "frame_num"
MAX_REMEMBERED = 4096
"""Frames whose repetition is recognised; a sender repeats the last of each type, when a reader joins."""


class Seen(Enum):
    """How a frame relates to those before it."""

    NEW = "new"
    REPEATED = "repeated"
    """The same number and the same content as a frame before."""
    RESTARTED = "restarted"
    """Another frame under a number that was used: the sender counts from anew."""


class Numbering:
    """Numbers of the frames of one session, from 0, one after the other for all types of frames::

    numbering = Numbering()
    if numbering.see(frame) is not Seen.REPEATED:
        write(frame)
    print(numbering.missing, numbering.ranges)
    """

    def __init__(self) -> None:
        self.missing = 0
        """Frames that did not come, those before the first one included."""
        self.repeated = 0
        self.restarts = 0
        self.ranges: list[tuple[int, int]] = []
        """The first `MAX_GAPS_KEPT` ranges of missing frames, half open."""
        self.next_number = 0
        self._recent: OrderedDict[int, bytes] = OrderedDict()

    def see(self, frame: Frame) -> Seen:
        """Take `frame` into account; one without a number is always new."""
        number = frame.integer(NUMBER_KEY)
        if number is None or number < 0:
            return Seen.NEW
        if self._recent.get(number) == frame.checksum:
            self.repeated += 1
            return Seen.REPEATED
        seen = self._place(number)
        self._remember(number, frame.checksum)
        return seen

    def resume(self, frame: Frame) -> None:
        """Take `frame`, which stands in a file of an earlier recorder, as one that came."""
        number = frame.integer(NUMBER_KEY)
        if number is not None and number >= 0:
            self._remember(number, frame.checksum)
            self.next_number = max(self.next_number, number + 1)

    def _place(self, number: int) -> Seen:
        if number >= self.next_number:
            self._lose(self.next_number, number)
        elif not self._fill(number):
            self.restarts += 1
            self._lose(0, number)
            self._recent.clear()
            self.next_number = number + 1
            return Seen.RESTARTED
        self.next_number = max(self.next_number, number + 1)
        return Seen.NEW

    def _lose(self, first: int, end: int) -> None:
        if first < end:
            self.missing += end - first
            if len(self.ranges) < MAX_GAPS_KEPT:
                self.ranges.append((first, end))

    def _fill(self, number: int) -> bool:
        """Take `number` out of what is missing; `False` when it was not missing."""
        for at, (first, end) in enumerate(self.ranges):
            if first <= number < end:
                pieces = [(first, number), (number + 1, end)]
                self.ranges[at : at + 1] = [piece for piece in pieces if piece[0] < piece[1]]
                self.missing -= 1
                return True
        return False

    def _remember(self, number: int, checksum: bytes) -> None:
        self._recent[number] = checksum
        self._recent.move_to_end(number)
        if len(self._recent) > MAX_REMEMBERED:
            self._recent.popitem(last=False)
