"""What workers tell the reducer of a session.

dranspose packs these values by pickle; so they are made of plain values and numpy arrays only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from receivers.dranspose.source import SessionKey
from receivers.scan import Scan

__all__ = [
    "OUTSIDE",
    "UNPLACED",
    "FrameSums",
    "FramesLost",
    "MapEnd",
    "MapRefused",
    "MapResult",
    "MapStart",
]

OUTSIDE, UNPLACED = -1, -2
"""In place of a pixel: the frame belongs beyond the map, or nobody knows where it belongs."""


@dataclass(frozen=True)
class MapStart:
    """A session began; `regions` are the names of the first axis of what follows."""

    key: SessionKey
    time_ns: int
    n_frames: int | None
    scan: Scan
    regions: tuple[str, ...]
    channels: tuple[int, ...]


@dataclass(frozen=True)
class FrameSums:
    """Sums of frames, axes (region, frame), with their numbers and their pixels, `OUTSIDE` or `UNPLACED`.

    `text` says why a frame has no place.
    """

    key: SessionKey
    frames: npt.NDArray[np.int64]
    pixels: npt.NDArray[np.int64]
    counts: npt.NDArray[np.uint64]
    corrected: npt.NDArray[np.float64]
    text: str = ""


@dataclass(frozen=True)
class FramesLost:
    """Frames that did not come, or could not be used."""

    key: SessionKey
    first_frame: int
    n_frames: int
    reason: str


@dataclass(frozen=True)
class MapEnd:
    """The session is over; it had `n_frames`, those that were lost included."""

    key: SessionKey
    outcome: str
    text: str
    n_frames: int = 0


@dataclass(frozen=True)
class MapRefused:
    """The session cannot be mapped, and `text` says why."""

    key: SessionKey
    text: str


MapResult = MapStart | FrameSums | FramesLost | MapEnd | MapRefused
