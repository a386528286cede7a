"""What one frame says, worked out once for all who ask; and sums over a session."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from xspress3 import dead_time
from xspress3.model import SCALER_NAMES, DetectorInfo, as_scalers
from xspress3.streamer.history import ScalerHistory
from xspress3.streamer.latest import Snapshot

__all__ = ["Readings", "WindowSums", "window_counts"]

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.uint32]
_WINDOWS = tuple(SCALER_NAMES.index(name) for name in ("in_window0", "in_window1"))
NOT_THERE = -1
_MAX_STEP = 1 << 16


@dataclass(frozen=True)
class Readings:
    """The newest frame: `histogram` (channel, bin), `scalers` (channel, 9); no frame has the number -1."""

    frame: int
    session_id: int
    histogram: Counts
    scalers: Counts
    info: DetectorInfo

    @classmethod
    def of(cls, snapshot: Snapshot) -> Readings:
        """Those of a snapshot, which is not copied."""
        session = snapshot.session
        return cls(
            snapshot.frame, session.session_id, snapshot.histogram[0], snapshot.scalers[0], session.info
        )

    @classmethod
    def none(cls, info: DetectorInfo) -> Readings:
        """Those before the first frame: zeros."""
        histogram = np.zeros((info.n_channels, info.n_bins), dtype="<u4")
        return cls(NOT_THERE, 0, histogram, np.zeros((info.n_channels, len(SCALER_NAMES)), dtype="<u4"), info)

    @cached_property
    def _records(self) -> npt.NDArray[np.void]:
        return as_scalers(self.scalers[None])

    @cached_property
    def sum_spectrum(self) -> npt.NDArray[np.uint64]:
        """Counts of all channels together, (bin,)."""
        total: npt.NDArray[np.uint64] = self.histogram.sum(axis=0, dtype=np.uint64)
        return total

    def scaler(self, name: str) -> Counts:
        """One of the nine scalers, (channel,)."""
        return np.ascontiguousarray(self.scalers[:, SCALER_NAMES.index(name)])

    @cached_property
    def output_count_rate(self) -> Floats:
        """Good events per second of real time, (channel,)."""
        rates: Floats = dead_time.output_count_rate(self._records, self.info.clock_period)[0]
        return rates

    @cached_property
    def input_count_rate(self) -> Floats:
        """True events per second, estimated, (channel,)."""
        info = self.info
        rates: Floats = dead_time.input_count_rate(self._records, info.event_widths, info.clock_period)[0]
        return rates

    @cached_property
    def dead_time_percent(self) -> Floats:
        """Part of the time in which a channel took no event, in percent, (channel,); NaN without frame."""
        percent: Floats = 100 * dead_time.dead_time_fraction(self._records, self.info.event_widths)[0]
        return percent

    @cached_property
    def correction(self) -> Floats:
        """Factor that turns counts into dead-time-free counts, (channel,); NaN where nothing was live."""
        factors: Floats = dead_time.dead_time_correction(self._records, self.info.event_widths)[0]
        return factors

    @cached_property
    def live_time(self) -> Floats:
        """Seconds in which a channel could take an event, (channel,)."""
        dead = dead_time.dead_ticks(self._records, self.info.event_widths)[0]
        live: Floats = (self.scaler("clock_ticks") - dead).clip(min=0) * self.info.clock_period
        return live

    def window(self, window: int, corrected: bool = False) -> Floats:
        """Counts in window 0 or 1, (channel,), as they were counted or freed of dead time."""
        counts = self.scalers[:, _WINDOWS[window]].astype(np.float64)
        return counts * self.correction if corrected else counts


def window_counts(
    history: ScalerHistory,
    info: DetectorInfo,
    window: int,
    channel: int,
    first: int,
    last: int,
    corrected: bool,
) -> Floats:
    """Counts of frames `first` to `last`, from 0 on and both within; -1 for those that are not there.

    NaN for corrected counts of a frame in which nothing was live.
    """
    is_there, scalers = history.get(first, last - first + 1)
    counts = scalers[:, channel, _WINDOWS[window]].astype(np.float64)
    if corrected:
        counts *= dead_time.dead_time_correction(as_scalers(scalers), info.event_widths)[:, channel]
    counts[~is_there] = NOT_THERE
    return counts


class WindowSums:
    """Counts in the windows over all frames of a session so far, (window, channel).

    Frames that were lost, or forgotten before this looked, are not in the sums. A corrected sum is NaN
    from the first frame on in which nothing was live: without it the sum would be too small.
    """

    def __init__(self, info: DetectorInfo) -> None:
        self._info = info
        self.n_frames = 0
        self._next = 0
        self.raw: npt.NDArray[np.int64] = np.zeros((2, info.n_channels), dtype=np.int64)
        self.corrected: Floats = np.zeros((2, info.n_channels))

    def update(self, history: ScalerHistory) -> bool:
        """Add what came since the last call; whether that was anything."""
        end, first = history.end, self._next
        if end <= first:
            return False
        self._next = end
        for begin in range(first, end, _MAX_STEP):
            self._add(*history.get(begin, min(_MAX_STEP, end - begin)))
        return True

    def _add(self, is_there: npt.NDArray[np.bool_], scalers: Counts) -> None:
        there = scalers[is_there]
        if not len(there):
            return
        counts = there[:, :, _WINDOWS].transpose(2, 0, 1)
        factors = dead_time.dead_time_correction(as_scalers(there), self._info.event_widths)
        # New arrays: those that were given out do not change.
        self.raw = self.raw + counts.sum(axis=1, dtype=np.int64)
        self.corrected = self.corrected + (counts * factors).sum(axis=1)
        self.n_frames += len(there)
