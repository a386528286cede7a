"""The words of the field as values: scalers, acquisitions, timing, what a detector is.

Nothing here does any work or imports anything of ours but the errors.
Axes are (frame, channel, bin), C order. Seconds and 1/s carry no suffix, clock counts are `_ticks`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

from xspress3.errors import ConfigurationError

__all__ = [
    "MAX_ITFG_FRAMES",
    "N_BINS",
    "N_SCALERS",
    "SCALER_DTYPE",
    "SCALER_NAMES",
    "SCALER_UNITS",
    "Acquisition",
    "DetectorInfo",
    "Generation",
    "Timing",
    "TriggerMode",
    "Window",
    "as_scalers",
]

N_BINS = 4096
"""Bins of one MCA in full resolution."""

SCALER_NAMES = (
    "clock_ticks",
    "reset_ticks",
    "reset_count",
    "all_events",
    "all_good",
    "in_window0",
    "in_window1",
    "pileup",
    "total_ticks",
)
"""The nine scalers of a channel in the order of the SDK."""

SCALER_UNITS = ("ticks", "ticks", "counts", "counts", "counts", "counts", "counts", "counts", "ticks")
"""Unit of each of `SCALER_NAMES`."""

N_SCALERS = len(SCALER_NAMES)

SCALER_DTYPE = np.dtype([(name, "<u4") for name in SCALER_NAMES])
"""One channel's scalers of one frame as a record."""

MAX_ITFG_FRAMES = 0xFFFFFF
"""Frames that the internal timing generator can count, a register of 24 bits."""


def as_scalers(raw: npt.NDArray[np.uint32]) -> npt.NDArray[np.void]:
    """View of raw scalers, shape (n_frames, n_channels, 9), as records of shape (n_frames, n_channels).

    Raises
    ------
    ConfigurationError
        When the last axis is not nine contiguous uint32.
    """
    if raw.ndim < 1 or raw.shape[-1] != N_SCALERS or raw.dtype != np.dtype("<u4"):
        raise ConfigurationError(
            f"scalers: shape {raw.shape} {raw.dtype}, allowed is (..., {N_SCALERS}) uint32"
        )
    return np.ascontiguousarray(raw).view(SCALER_DTYPE)[..., 0]


class TriggerMode(str, Enum):
    """What starts, and for gates also ends, the frames of a session."""

    INTERNAL = "internal"
    """The call of `arm` starts them all, back to back."""
    SOFTWARE = "software"
    """Software triggers."""
    EXTERNAL_MULTI = "external_multi"
    """Rising edges on the trigger input; falling ones where the veto is inverted."""
    EXTERNAL_MULTI_GATE = "external_multi_gate"
    """A frame lasts as long as the veto input is high; low where it is inverted."""
    TTL_BOTH = "ttl_both"
    """As gates, and input 0 high at the beginning of the first one starts the frame numbers."""
    LVDS_GATE = "lvds_gate"
    """Gates on the LVDS input."""
    LVDS_BOTH = "lvds_both"
    """As `TTL_BOTH`, on the LVDS inputs."""

    @property
    def has_frame_zero(self) -> bool:
        """Whether an input can start the frame numbers again."""
        return self in (TriggerMode.TTL_BOTH, TriggerMode.LVDS_BOTH)

    @property
    def is_gated(self) -> bool:
        """Whether the length of a frame is that of a pulse."""
        return self not in (TriggerMode.INTERNAL, TriggerMode.SOFTWARE, TriggerMode.EXTERNAL_MULTI)


class Generation(Enum):
    """Kind of electronics, with the number the SDK gives it."""

    XSPRESS3 = 0
    XSPRESS3_V7 = 1
    XSPRESS3_MINI = 2
    XSPRESS4 = 3


@dataclass(frozen=True)
class Window:
    """Bin range counted by a window scaler; both ends belong to it, as in the SDK."""

    low: int
    high: int

    def __post_init__(self) -> None:
        for name, value in (("low", self.low), ("high", self.high)):
            if not 0 <= value < N_BINS:
                raise ConfigurationError(f"window: {name}={value} outside 0..{N_BINS - 1}")
        if self.low > self.high:
            raise ConfigurationError(
                f"window: low={self.low} above high={self.high}, allowed is at most high"
            )


@dataclass(frozen=True)
class Acquisition:
    """What a session is asked to take.

    Parameters
    ----------
    exposure_time
        Frame period asked for, in s: counting time plus the pause after it. With gates the one
        expected; it only decides how many frames travel together.
    latency_time
        Pause wanted between frames, in s; taken out of `exposure_time`, never shorter than the
        smallest gap of the hardware.
    n_triggers, frames_per_trigger
        Their product is the number of frames, 1..16777215. One of them must be 1: the timing
        generator waits either before each frame or before the first only. With gates each frame
        has its own, however the product is made.
    trigger_mode
        What starts the frames.
    is_endless
        Frames go on until somebody stops; with a timing generator `frames_per_trigger` is not used.
    """

    exposure_time: float
    latency_time: float = 0.0
    n_triggers: int = 1
    frames_per_trigger: int = 1
    trigger_mode: TriggerMode = TriggerMode.INTERNAL
    is_endless: bool = False

    def __post_init__(self) -> None:
        self._check_times()
        self._check_counts()
        self._check_trigger_split()

    def _check_times(self) -> None:
        if not (math.isfinite(self.exposure_time) and self.exposure_time > 0):
            raise ConfigurationError(f"exposure_time: {self.exposure_time} s, allowed is above 0 s")
        if not (math.isfinite(self.latency_time) and 0 <= self.latency_time < self.exposure_time):
            raise ConfigurationError(
                f"latency_time: {self.latency_time} s, allowed is 0 s to below the exposure time, "
                f"{self.exposure_time} s"
            )

    def _check_counts(self) -> None:
        for name in ("n_triggers", "frames_per_trigger"):
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= MAX_ITFG_FRAMES:
                raise ConfigurationError(f"{name}: {value}, allowed is 1..{MAX_ITFG_FRAMES}")
        product = self.n_triggers * self.frames_per_trigger
        if product > MAX_ITFG_FRAMES:
            raise ConfigurationError(
                f"frames: {self.n_triggers} triggers of {self.frames_per_trigger} are {product}, "
                f"allowed is 1..{MAX_ITFG_FRAMES}"
            )

    def _check_trigger_split(self) -> None:
        if self.n_triggers > 1 and self.frames_per_trigger > 1 and not self.trigger_mode.is_gated:
            raise ConfigurationError(
                f"{self.n_triggers} triggers of {self.frames_per_trigger} frames each: the timing generator "
                "waits before every frame or before the first only, so one of the two must be 1"
            )
        if self.trigger_mode is TriggerMode.INTERNAL and self.n_triggers > 1:
            raise ConfigurationError(
                f"n_triggers: {self.n_triggers} with trigger mode internal, allowed is 1 "
                "(set frames_per_trigger)"
            )

    @property
    def n_frames(self) -> int | None:
        """Frames of the whole session, `None` where there is no end."""
        return None if self.is_endless else self.n_triggers * self.frames_per_trigger

    @property
    def is_trigger_per_frame(self) -> bool:
        """Whether each frame waits for a trigger of its own."""
        return self.n_triggers > 1


@dataclass(frozen=True)
class Timing:
    """What the hardware will really do.

    Parameters
    ----------
    clock_period
        Length of a tick in s.
    collection_ticks
        Counting time of a frame.
    gap_ticks
        Shortest pause after a frame; with internal timing the pause itself.
    """

    clock_period: float
    collection_ticks: int
    gap_ticks: int

    @property
    def counting_time(self) -> float:
        """Seconds in which events are counted, per frame."""
        return self.collection_ticks * self.clock_period

    @property
    def period(self) -> float:
        """Seconds from frame to frame when nothing waits for a trigger."""
        return (self.collection_ticks + self.gap_ticks) * self.clock_period


@dataclass(frozen=True)
class DetectorInfo:
    """What a detector is, as it told when it was opened.

    Parameters
    ----------
    clock_period
        Length of a tick in s, asked of the hardware.
    ring_frames
        Frames that the library's ring holds before it overwrites.
    event_widths
        Ticks lost per event, one for each channel.
    """

    library: str
    generation: Generation
    revision: str
    n_cards: int
    n_channels: int
    n_bins: int
    clock_period: float
    ring_frames: int
    event_widths: tuple[int, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for a message header."""
        values = dict(self.__dict__)
        values["generation"] = self.generation.name.lower()
        values["event_widths"] = list(self.event_widths)
        return values
