"""Sums of frames: of the newest one, of the last ones, of a time, of a session."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from receivers.geometry import Geometry
from xspress3 import dead_time
from xspress3.errors import ConfigurationError
from xspress3.model import SCALER_DTYPE, SCALER_NAMES, as_scalers

__all__ = ["LATEST", "N_BUCKETS", "Frames", "Mode", "ModeKind", "RollingSum", "Sum", "sum_of"]

N_BUCKETS = 16
"""Parts that a rolling sum consists of: the oldest falls out as a whole."""
MAX_FRAMES = 1_000_000
MIN_TIME, MAX_TIME = 0.1, 3600.0
_WORDS = re.compile(r"(frames|seconds):([0-9]{1,9}(?:\.[0-9]{1,6})?)")
_WINDOWS = [SCALER_NAMES.index(name) for name in ("in_window0", "in_window1")]
SUM_DTYPE = np.dtype([(name, "<i8") for name in SCALER_DTYPE.names or ()])


class ModeKind(str, Enum):
    """Which frames are summed."""

    LATEST = "latest"
    FRAMES = "frames"
    SECONDS = "seconds"
    SESSION = "session"


@dataclass(frozen=True)
class Mode:
    """Which frames are summed, in words `latest`, `session`, `frames:N` or `seconds:T`."""

    kind: ModeKind = ModeKind.LATEST
    limit: float = 1.0

    @classmethod
    def parse(cls, words: str) -> Mode:
        """The mode that `words` name; `ConfigurationError` when they name none."""
        if words in (ModeKind.LATEST.value, ModeKind.SESSION.value):
            return cls(ModeKind(words))
        match = _WORDS.fullmatch(words)
        if match is not None and match[1] == "frames" and match[2].isdecimal():
            if 1 <= int(match[2]) <= MAX_FRAMES:
                return cls(ModeKind.FRAMES, int(match[2]))
        elif match is not None and match[1] == "seconds" and MIN_TIME <= float(match[2]) <= MAX_TIME:
            return cls(ModeKind.SECONDS, float(match[2]))
        raise ConfigurationError(
            f"mode: {words[:40]!r}, allowed are 'latest', 'session', 'frames:N' with N in 1..{MAX_FRAMES} "
            f"and 'seconds:T' with T in {MIN_TIME}..{MAX_TIME}"
        )

    def is_whole(self, n_frames: int, seconds: float) -> bool:
        """Whether a sum of `n_frames` frames that was looked at for `seconds` has all that is wanted."""
        if self.kind is ModeKind.FRAMES:
            return n_frames >= self.limit
        return self.kind is not ModeKind.SECONDS or seconds >= self.limit

    def __str__(self) -> str:
        if self.kind in (ModeKind.LATEST, ModeKind.SESSION):
            return str(self.kind.value)
        return f"{self.kind.value}:{self.limit:.6f}".rstrip("0").rstrip(".")


LATEST = Mode()


@dataclass(frozen=True)
class Frames:
    """Frames that came together: `histogram` (frame, channel, bin), `scalers` (frame, channel, 9).

    Frame i of them is number `first_frame + i * step`; `time` is when they were read, Unix time in s.
    """

    histogram: npt.NDArray[np.uint32]
    scalers: npt.NDArray[np.uint32]
    first_frame: int
    time: float
    step: int = 1

    def __len__(self) -> int:
        return len(self.histogram)

    def __getitem__(self, index: slice) -> Frames:
        """Those of a slice without a step."""
        first = self.first_frame + (index.start or 0) * self.step
        return Frames(self.histogram[index], self.scalers[index], first, self.time, self.step)


@dataclass(frozen=True)
class Sum:
    """Sum of `n_frames` frames; never changed, so it is shared.

    Parameters
    ----------
    histogram
        Counts (channel, bin), uint32 for one frame and uint64 for more.
    scalers
        Sums of the nine scalers, int64, shape (channel, 9).
    windows
        Counts in the two windows, then the same freed of dead time, (4, channel) float64.
    """

    histogram: npt.NDArray[np.unsignedinteger]
    scalers: npt.NDArray[np.int64]
    windows: npt.NDArray[np.float64]
    n_frames: int

    def __add__(self, other: Sum) -> Sum:
        histogram = np.add(self.histogram, other.histogram, dtype=np.uint64)
        n_frames = self.n_frames + other.n_frames
        return Sum(histogram, self.scalers + other.scalers, self.windows + other.windows, n_frames)

    def __sub__(self, other: Sum) -> Sum:
        """What came after `other`, an earlier state of this sum."""
        histogram = np.subtract(self.histogram, other.histogram, dtype=np.uint64)
        n_frames = self.n_frames - other.n_frames
        return Sum(histogram, self.scalers - other.scalers, self.windows - other.windows, n_frames)

    def rates(self, geometry: Geometry) -> npt.NDArray[np.float64]:
        """Input and output count rate in 1/s, dead time as a part, correction: (4, channel)."""
        records = np.ascontiguousarray(self.scalers).view(SUM_DTYPE)[None, :, 0]
        widths, period = geometry.event_widths, geometry.clock_period
        return np.concatenate(
            [
                dead_time.input_count_rate(records, widths, period),
                dead_time.output_count_rate(records, period),
                dead_time.dead_time_fraction(records, widths),
                dead_time.dead_time_correction(records, widths),
            ]
        )

    def counting_time(self, geometry: Geometry) -> float:
        """Seconds in which events were counted, of the channel that has most."""
        ticks = self.scalers[:, SCALER_NAMES.index("total_ticks")].max(initial=0)
        return float(ticks) * geometry.clock_period


def sum_of(frames: Frames, geometry: Geometry) -> Sum:
    """All of `frames` in one."""
    histogram: npt.NDArray[np.unsignedinteger] = frames.histogram[0]
    if len(frames) > 1:
        histogram = frames.histogram.sum(axis=0, dtype=np.uint64)
    factors = dead_time.dead_time_correction(as_scalers(frames.scalers), geometry.event_widths)
    counts = frames.scalers[:, :, _WINDOWS].transpose(2, 0, 1)
    windows = np.concatenate([counts.sum(axis=1, dtype=np.float64), (counts * factors).sum(axis=1)])
    return Sum(histogram, frames.scalers.sum(axis=0, dtype=np.int64), windows, len(frames))


@dataclass
class _Bucket:
    began: float
    position: int
    total: Sum


class RollingSum:
    """Sum of the last frames, or of those of the last seconds, in parts that fall out one by one.

    Holds at least the last N frames and less than a sixteenth more; of a time, frames that are up to
    a sixteenth older. Its memory is that of 17 sums, however many frames there are.
    """

    def __init__(self, mode: Mode, geometry: Geometry) -> None:
        self._mode = mode
        self._geometry = geometry
        self._buckets: deque[_Bucket] = deque()
        self._end = 0
        self._bucket_frames = max(1, -(-int(mode.limit) // N_BUCKETS))
        self._is_by_frames = mode.kind is ModeKind.FRAMES

    def begin_with(self, newest: Sum, now: float, position: int) -> None:
        """Take the one frame that is there when somebody begins to look."""
        self._put(now, newest, position, begins=True)
        self._end = position + newest.n_frames

    def add(self, frames: Frames, total: Sum, position: int) -> None:
        """Take `frames`, whose sum is `total`, before which the stream had `position` frames."""
        if self._is_by_frames:
            self._add_by_frames(frames, position)
        else:
            self._put(frames.time, total, position, begins=self._is_time_over(frames.time))
            self.forget(frames.time)
        self._end = position + len(frames) * frames.step

    def _add_by_frames(self, frames: Frames, position: int) -> None:
        at = max(len(frames) - int(self._mode.limit) - self._bucket_frames, 0)
        while at < len(frames):
            there = self._buckets[-1].total.n_frames if self._buckets else self._bucket_frames
            begins = there >= self._bucket_frames
            room = self._bucket_frames if begins else self._bucket_frames - there
            piece = frames[at : at + room]
            total = sum_of(piece, self._geometry)
            self._put(frames.time, total, position + at * frames.step, begins=begins)
            at += room
        n_frames = sum(bucket.total.n_frames for bucket in self._buckets)
        while n_frames - self._buckets[0].total.n_frames >= self._mode.limit:
            n_frames -= self._buckets.popleft().total.n_frames

    def _is_time_over(self, now: float) -> bool:
        return not self._buckets or not 0 <= now - self._buckets[-1].began < self._mode.limit / N_BUCKETS

    def _put(self, now: float, total: Sum, position: int, *, begins: bool) -> None:
        if begins:
            self._buckets.append(_Bucket(now, position, total))
        else:
            self._buckets[-1].total += total

    def forget(self, now: float) -> None:
        """Let go of what is too old at `now`, but for the newest part."""
        while len(self._buckets) > 1 and now - self._buckets[1].began > self._mode.limit:
            self._buckets.popleft()

    @property
    def n_passed(self) -> int:
        """Frames that the stream had since the first of these, and that are not in the sum."""
        if not self._buckets:
            return 0
        return self._end - self._buckets[0].position - sum(b.total.n_frames for b in self._buckets)

    @property
    def total(self) -> Sum | None:
        """The sum; `None` before the first frame."""
        if not self._buckets:
            return None
        if len(self._buckets) == 1:
            return self._buckets[0].total
        parts = [bucket.total for bucket in self._buckets]
        histogram = parts[0].histogram.astype(np.uint64)
        for part in parts[1:]:
            histogram += part.histogram
        scalers = np.sum([part.scalers for part in parts], axis=0)
        windows = np.sum([part.windows for part in parts], axis=0)
        return Sum(histogram, scalers, windows, sum(part.n_frames for part in parts))
