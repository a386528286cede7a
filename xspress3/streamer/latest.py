"""The newest frame, for those who only want to look."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from xspress3.stream import Slot
from xspress3.streamer.session import Session

__all__ = ["LatestFrame", "Snapshot"]

MIN_INTERVAL = 0.02
"""Seconds between two copies: no eye follows faster, and copying is not free."""


@dataclass(frozen=True)
class Snapshot:
    """A copy of one frame: `histogram` (1, channel, bin), `scalers` (1, channel, 9)."""

    session: Session
    frame: int
    time_ns: int
    histogram: npt.NDArray[np.uint32]
    scalers: npt.NDArray[np.uint32]


class LatestFrame:
    """Holds a copy of the newest frame; offered by one thread, read by any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards _snapshot
        self._snapshot: Snapshot | None = None
        self._copied_at = -MIN_INTERVAL

    def offer(self, session: Session, slot: Slot) -> None:
        """Copy the last frame of `slot`, unless one was copied just now and more will come."""
        now = time.monotonic()
        wanted = session.acquisition.n_frames
        is_last = wanted is not None and slot.first_frame + slot.n_frames >= wanted
        if not slot.n_frames or (now - self._copied_at < MIN_INTERVAL and not is_last):
            return
        self._copied_at = now
        last = slot.n_frames - 1
        snapshot = Snapshot(
            session,
            slot.first_frame + last,
            slot.time_ns,
            slot.histogram[last : last + 1].copy(),
            slot.scalers[last : last + 1].copy(),
        )
        with self._lock:
            self._snapshot = snapshot

    def get(self) -> Snapshot | None:
        """The newest copy, `None` before the first frame."""
        with self._lock:
            return self._snapshot
