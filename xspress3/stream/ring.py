"""The frames that are on their way from the library to the wire.

::

    free ---take---> acquire thread fills ---queue---> send thread ---give_back---> free

A slot has one owner at a time, so nothing in it needs a lock. Memory is taken once.
"""

from __future__ import annotations

import queue
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from xspress3.errors import ConfigurationError
from xspress3.model import N_SCALERS

__all__ = ["FrameRing", "Slot"]


@dataclass
class Slot:
    """Room for a block of frames; `histogram` is (frame, channel, bin), `scalers` (frame, channel, 9)."""

    histogram: npt.NDArray[np.uint32]
    scalers: npt.NDArray[np.uint32]
    first_frame: int = 0
    n_frames: int = 0
    time_ns: int = 0


class FrameRing:
    """A fixed number of slots, handed round between two threads::

    slot = ring.take(timeout=0.1)
    detector.read_into(first_frame, slot.histogram, slot.scalers)
    ...
    ring.give_back(slot)
    """

    def __init__(self, n_slots: int, frames_per_slot: int, n_channels: int, n_bins: int) -> None:
        if n_slots < 1 or frames_per_slot < 1:
            raise ConfigurationError(
                f"ring of {n_slots} slots of {frames_per_slot} frames, allowed is 1 and more"
            )
        self.n_slots = n_slots
        self.frames_per_slot = frames_per_slot
        self.shape = (frames_per_slot, n_channels, n_bins)
        self._free: queue.SimpleQueue[Slot] = queue.SimpleQueue()
        for _ in range(n_slots):
            histogram = np.zeros((frames_per_slot, n_channels, n_bins), dtype="<u4")
            scalers = np.zeros((frames_per_slot, n_channels, N_SCALERS), dtype="<u4")
            self._free.put(Slot(histogram, scalers))

    def take(self, timeout: float) -> Slot | None:
        """A free slot, or `None` when none was given back within `timeout` s."""
        try:
            return self._free.get(timeout=timeout)
        except queue.Empty:
            return None

    def give_back(self, slot: Slot) -> None:
        """Make `slot` free again; whoever held it must not touch it any more."""
        self._free.put(slot)
