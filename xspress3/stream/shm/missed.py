"""What a reader of a ring is told of frames and sessions that it did not see."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from xspress3.stream.contract import Contract, Delivery
from xspress3.stream.messages import EndReason, Loss, Message, SessionEnd, SessionStart
from xspress3.stream.outbox import PASSED_OVER, TOO_SLOW
from xspress3.stream.shared import EndedSession

__all__ = ["as_ended", "gap", "unseen_end"]

_REASONS = tuple(EndReason)
"""A ring has the place of a reason in here; it only ever grows."""
_UNSEEN = "not taken in time by this reader, and told to it later"


def as_ended(end: SessionEnd) -> EndedSession:
    """An end as a ring remembers it."""
    session_id = end.envelope.session_id or 0
    return EndedSession(session_id, _REASONS.index(end.reason), end.acquired, end.streamed, end.lost)


def gap(
    start: SessionStart, contract: Contract, frames: tuple[int, int], sequences: tuple[int, int]
) -> Loss | None:
    """Says that frames `frames[0]` to `frames[1] - 1` did not come; `None` when none of them was wanted.

    `sequences` are those of the first and the last message that they may have been in.
    """
    (first, end), step = frames, contract.step
    if (end - 1) // step <= (first - 1) // step:
        return None
    is_wanted = contract.delivery is Delivery.LATEST
    return Loss(
        replace(start.envelope, sequence=max(sequences), time_ns=time.time_ns()),
        first,
        end - first,
        PASSED_OVER if is_wanted else TOO_SLOW,
        first_sequence=sequences[0],
        by_contract=is_wanted,
    )


def unseen_end(
    start: SessionStart, contract: Contract, next_frame: int, next_sequence: int, ended: EndedSession
) -> Iterator[Message]:
    """The rest of a session of which a reader saw what is before `next_frame`: what is lost, and its end."""
    n_frames = ended.acquired + ended.lost
    lost = gap(start, contract, (next_frame, n_frames), (next_sequence, next_sequence))
    if lost is not None:
        yield lost
        next_sequence += 1
    reason = _REASONS[ended.reason] if ended.reason < len(_REASONS) else EndReason.STOPPED
    envelope = replace(start.envelope, sequence=next_sequence, time_ns=time.time_ns())
    yield SessionEnd(envelope, reason, ended.acquired, ended.streamed, ended.lost, _UNSEEN)
