"""One run from arm to end: its number, what was asked for, and how far it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from xspress3.errors import AcquisitionTimeoutError
from xspress3.model import N_SCALERS, SCALER_NAMES, SCALER_UNITS, Acquisition, DetectorInfo, Timing
from xspress3.stream import ArrayInfo, FrameRing, Slot
from xspress3.stream.messages import EndReason

__all__ = ["Begin", "Counts", "Finish", "Frames", "Lost", "Session", "SessionIds", "choose_frames_per_block"]

MAX_FRAMES_PER_BLOCK = 64


@dataclass(frozen=True)
class Counts:
    """Frames of a session: read from the detector, handed to the wire, and gone."""

    acquired: int = 0
    streamed: int = 0
    lost: int = 0


@dataclass
class Session:
    """A run and its counters.

    Each counter is written by one thread: `acquired` and `lost` by the one that acquires,
    `streamed` by the one that sends.
    """

    session_id: int
    acquisition: Acquisition
    timing: Timing
    info: DetectorInfo
    windows: list[list[tuple[int, int]]]
    metadata: Mapping[str, Any]
    ring: FrameRing
    acquired: int = 0
    streamed: int = 0
    lost: int = 0
    error: Exception | None = None
    stop_requested: threading.Event = field(default_factory=threading.Event)
    read_out: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def counts(self) -> Counts:
        """The counters as they are now."""
        return Counts(self.acquired, self.streamed, self.lost)

    @property
    def arrays(self) -> tuple[ArrayInfo, ...]:
        """What each block carries."""
        info = self.info
        return (
            ArrayInfo("histogram", "<u4", (info.n_channels, info.n_bins), "counts"),
            ArrayInfo("scalers", "<u4", (info.n_channels, N_SCALERS)),
        )

    def describe_acquisition(self) -> dict[str, Any]:
        """What was asked for, and what the hardware really does."""
        asked, real = self.acquisition, self.timing
        return {
            "exposure_time": asked.exposure_time,
            "latency_time": asked.latency_time,
            "n_triggers": asked.n_triggers,
            "frames_per_trigger": asked.frames_per_trigger,
            "trigger_mode": asked.trigger_mode.value,
            "is_endless": asked.is_endless,
            "counting_time": real.counting_time,
            "period": real.period,
            "collection_ticks": real.collection_ticks,
            "gap_ticks": real.gap_ticks,
        }

    def describe_detector(self) -> dict[str, Any]:
        """What took the frames, and how its scalers are called."""
        scalers = {"names": list(SCALER_NAMES), "units": list(SCALER_UNITS)}
        return {**self.info.as_dict(), "windows": self.windows, "scalers": scalers}

    def fail(self, error: Exception) -> None:
        """Remember why it failed; the first reason counts."""
        if self.error is None:
            self.error = error

    def wait(self, timeout: float | None = None) -> Counts:
        """Wait until the end was sent; gives the counts.

        Raises
        ------
        AcquisitionTimeoutError
            When that took longer than `timeout` s.
        Exception
            What the session died of.
        """
        if not self.done.wait(timeout):
            raise AcquisitionTimeoutError(
                f"session {self.session_id} is not over after {timeout} s: {self.counts} "
                f"of {self.acquisition.n_frames or 'endless'} frames"
            )
        if self.error is not None:
            raise self.error
        return self.counts


class SessionIds:
    """Numbers for sessions: Unix seconds, but always more than the one before."""

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> int:
        """A new number."""
        self._last = max(self._last + 1, int(time.time()))
        return self._last


def choose_frames_per_block(
    period: float, frame_bytes: int, block_bytes: int, block_time: float, n_frames: int | None
) -> int:
    """Frames that a full block has: a power of two, 1 for slow frames, up to 64 for fast ones.

    Limited so that a block is full within `block_time` s, has at most `block_bytes` bytes, and is
    not larger than the session.
    """
    most = MAX_FRAMES_PER_BLOCK if n_frames is None else min(MAX_FRAMES_PER_BLOCK, n_frames)
    limit = min(most, block_bytes // frame_bytes, int(block_time / period))
    return 1 << (max(limit, 1).bit_length() - 1)


# What the acquire thread hands to the send thread, in order.


@dataclass(frozen=True)
class Begin:
    """A session begins."""

    session: Session


@dataclass(frozen=True)
class Frames:
    """A slot full of frames, to be given back when it was sent."""

    session: Session
    slot: Slot


@dataclass(frozen=True)
class Lost:
    """Frames that will not come."""

    session: Session
    first_frame: int
    n_frames: int
    reason: str


@dataclass(frozen=True)
class Finish:
    """No more frames of this session."""

    session: Session
    reason: EndReason
