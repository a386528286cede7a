"""One run from arm to end: its number, what was asked for, and how far it is."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from xspress3.errors import AcquisitionTimeoutError, ConfigurationError
from xspress3.model import (
    N_SCALERS,
    SCALER_NAMES,
    SCALER_UNITS,
    Acquisition,
    DetectorInfo,
    Timing,
    TriggerMode,
)
from xspress3.stream import ArrayInfo, Envelope, FrameRing, SessionStart, Slot
from xspress3.stream.messages import EndReason

__all__ = [
    "Begin",
    "Counts",
    "Finish",
    "Frames",
    "Lost",
    "Session",
    "Written",
    "choose_frames_per_block",
    "plain",
]

MAX_FRAMES_PER_BLOCK = 64


@dataclass(frozen=True)
class Counts:
    """Frames of a session: read from the detector, handed to the wire, and gone."""

    acquired: int = 0
    streamed: int = 0
    lost: int = 0


@dataclass(frozen=True)
class Written:
    """Frames of a session that are in a file for good, and which file."""

    n_frames: int
    file: str


@dataclass
class Session:
    """A run and its counters.

    Each counter is written by one thread: `acquired` and `lost` by the one that acquires,
    `streamed` by the one that sends. `n_short` are frames of which network packets were dropped: they
    are acquired, and their clock ticks below their total ticks. `complete` frames are in the detector's
    ring or were: what it has beyond `acquired` and `lost` waits there. `written` is what a writer says,
    `None` as long as none does.
    """

    session_id: int
    acquisition: Acquisition
    timing: Timing
    info: DetectorInfo
    windows: list[list[tuple[int, int]]]
    metadata: Mapping[str, Any]
    ring: FrameRing
    compression: str
    start_time_ns: int = field(default_factory=time.time_ns)
    acquired: int = 0
    streamed: int = 0
    lost: int = 0
    n_short: int = 0
    complete: int = 0
    written: Written | None = None
    error: Exception | None = None
    is_error_raised: bool = False
    stop_requested: threading.Event = field(default_factory=threading.Event)
    read_out: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def counts(self) -> Counts:
        """The counters as they are now."""
        return Counts(self.acquired, self.streamed, self.lost)

    @property
    def in_ring(self) -> int:
        """Frames that are complete and will still be read."""
        return 0 if self.read_out.is_set() else max(self.complete - self.acquired - self.lost, 0)

    @property
    def arrays(self) -> tuple[ArrayInfo, ...]:
        """What each block carries."""
        info = self.info
        return (
            ArrayInfo("histogram", "<u4", (info.n_channels, info.n_bins), "counts", self.compression),
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

    def start_message(self, envelope: Envelope, next_frame: int = 0, is_repeat: bool = False) -> SessionStart:
        """What readers are told before the first frame, or when they join."""
        return SessionStart(
            envelope=envelope,
            n_frames=self.acquisition.n_frames,
            frames_per_block=self.ring.frames_per_slot,
            arrays=self.arrays,
            acquisition=self.describe_acquisition(),
            detector=self.describe_detector(),
            metadata=self.metadata,
            next_frame=next_frame,
            is_repeat=is_repeat,
            start_time_ns=self.start_time_ns,
        )

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
        self.raise_error()
        return self.counts

    def raise_error(self) -> None:
        """Raise what the session died of; whoever asks first is told."""
        if self.error is not None:
            self.is_error_raised = True
            raise self.error


def choose_frames_per_block(
    acquisition: Acquisition, period: float, info: DetectorInfo, block_bytes: int, block_time: float
) -> int:
    """Frames that a full block has: a power of two, 1 for slow frames, up to 64 for fast ones.

    Limited so that a block is full within `block_time` s, has at most `block_bytes` bytes, and is
    not larger than the session or half of the detector's ring. Frames that wait for software
    triggers of their own come when they like, so each is a block.
    """
    if acquisition.trigger_mode is TriggerMode.SOFTWARE and acquisition.is_trigger_per_frame:
        return 1
    frame_bytes = info.n_channels * info.n_bins * 4
    in_time, in_size, in_ring = int(block_time / period), block_bytes // frame_bytes, info.ring_frames // 2
    in_session = acquisition.n_frames or MAX_FRAMES_PER_BLOCK
    limit = min(MAX_FRAMES_PER_BLOCK, in_time, in_size, in_ring, in_session)
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


def plain(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of `metadata` in plain JSON values; `ConfigurationError` where they are not."""
    try:
        copy: dict[str, Any] = json.loads(json.dumps(dict(metadata), allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"metadata: {error}; allowed are texts, finite numbers, true, false, null, lists and objects"
        ) from None
    return copy
