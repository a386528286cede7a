"""What became of a session, as this reader saw it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import Enum
from typing import Any

from receivers.text import printable
from xspress3.stream.tracker import Gap

__all__ = ["MAX_GAPS_KEPT", "Outcome", "SessionReport"]

MAX_GAPS_KEPT = 1000
"""Gaps that a report lists; all of them are counted, and all go to the file."""


class Outcome(str, Enum):
    """How a session ended for this reader; the first four are the sender's own words."""

    COMPLETE = "complete"
    STOPPED = "stopped"
    FAILED = "failed"
    RESTARTED = "restarted"
    SUPERSEDED = "superseded"
    """A new session began before the end of this one came."""
    END_MISSED = "end missed"
    """The sender is there, and no longer in this session."""
    SILENT = "silent"
    """Nothing was heard of the sender for too long."""
    INTERRUPTED = "interrupted"
    """This program was told to stop."""
    SINK_FAILED = "sink failed"
    """The data could not be put where they should go."""
    REFUSED = "refused"
    """The start of the session does not describe what this program can take."""


@dataclass(frozen=True, kw_only=True)
class SessionReport:
    """Counts of one session; frames that nobody announced and that never came are in none of them.

    Parameters
    ----------
    text
        More about the outcome, from the sender or from here.
    frames_expected
        Frames of the whole session; `None` where nobody said.
    frames_lost
        Frames known not to come, those before a late join and unreadable ones included.
    frames_skipped
        Frames that were left out because this reader wants the newest only.
    gaps
        The first `MAX_GAPS_KEPT` of `n_gaps` ranges of lost frames.
    duration
        Seconds from the start to the end, at this reader.
    size_bytes
        Payload that came, as it travelled.
    end_time
        Unix time in s: the sender's where it said the end, else the one here.
    is_complete
        Whether the sender ended the session without failure and each of its frames came.
    """

    stream_id: str
    session_id: int
    outcome: Outcome
    text: str = ""
    frames_expected: int | None
    frames_received: int
    frames_lost: int = 0
    frames_skipped: int = 0
    duplicates: int = 0
    missed_messages: int = 0
    gaps: tuple[Gap, ...] = ()
    n_gaps: int = 0
    duration: float = 0.0
    size_bytes: int = 0
    end_time: float
    is_complete: bool

    def describe(self) -> str:
        """One line for people."""
        expected = "" if self.frames_expected is None else f" of {self.frames_expected}"
        line = f"session {self.session_id}: {self.frames_received}{expected} frames, {self.frames_lost} lost"
        if self.n_gaps:
            ranges = "range" if self.n_gaps == 1 else "ranges"
            line += f" in {self.n_gaps} {ranges} ({', '.join(map(_describe_gap, self.gaps[:3]))}"
            line += ", …)" if self.n_gaps > len(self.gaps[:3]) else ")"
        if self.frames_skipped:
            line += f", {self.frames_skipped} passed over"
        if self.duplicates:
            line += f", {self.duplicates} came twice"
        line += f", {self.outcome.value}"
        return f"{line} ({printable(self.text)})" if self.text else line

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        values = dataclasses.asdict(self)
        values["outcome"] = self.outcome.value
        return values


def _describe_gap(gap: Gap) -> str:
    return f"{gap.first_frame}..{gap.first_frame + gap.n_frames - 1} {printable(gap.reason, 60)}"
