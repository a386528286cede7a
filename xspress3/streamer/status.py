"""What a streamer does, as it tells others."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from xspress3.stream import ReaderStatus
from xspress3.streamer.session import Counts, Written

__all__ = ["State", "Status"]


class State(str, Enum):
    """What a streamer does."""

    IDLE = "idle"
    ARMED = "armed"
    STREAMING = "streaming"
    DRAINING = "draining"
    FAULT = "fault"
    CLOSED = "closed"


@dataclass(frozen=True)
class Status:
    """What a streamer does, how far it is, and who listens.

    `in_ring` are frames of the session that wait in the detector's ring, which holds `ring_frames`.
    `written` is what a writer told the streamer, `None` where none does.
    """

    state: State
    session_id: int | None
    n_frames: int | None
    counts: Counts
    readers: tuple[ReaderStatus, ...]
    error: str
    in_ring: int = 0
    ring_frames: int = 0
    written: Written | None = None

    @property
    def n_readers(self) -> int:
        """Readers that have joined."""
        return len(self.readers)

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        counts, written = self.counts, self.written
        return {
            "state": self.state.value,
            "session_id": self.session_id,
            "n_frames": self.n_frames,
            "acquired": counts.acquired,
            "streamed": counts.streamed,
            "lost": counts.lost,
            "written": None if written is None else written.n_frames,
            "file": None if written is None else written.file,
            "in_ring": self.in_ring,
            "ring_frames": self.ring_frames,
            "n_readers": self.n_readers,
            "readers": [reader.as_dict() for reader in self.readers],
            "error": self.error,
        }
