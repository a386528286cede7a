"""A detector without a library."""

from __future__ import annotations

import threading

import numpy as np
import numpy.typing as npt

from xspress3.detector import Ready
from xspress3.errors import CircularBufferOverrunError
from xspress3.model import (
    N_SCALERS,
    SCALER_NAMES,
    Acquisition,
    DetectorInfo,
    Generation,
    Timing,
    TriggerMode,
    Window,
)

__all__ = ["FakeDetector", "fake_frames"]

_TOTAL_TICKS = SCALER_NAMES.index("total_ticks")
_CLOCK_TICKS = SCALER_NAMES.index("clock_ticks")


def fake_frames(
    first_frame: int, n_frames: int, n_channels: int, n_bins: int, ticks: int = 0
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    """Histogram (frame, channel, bin) and scalers (frame, channel, 9) that `FakeDetector` gives.

    A bin holds `frame << 16 | channel << 12 | bin`, a scaler `frame * 1000 + channel * 10 + scaler`,
    but for clock ticks and total ticks.
    """
    frame = np.arange(first_frame, first_frame + n_frames, dtype="<u4")[:, None, None]
    channel = np.arange(n_channels, dtype="<u4")[None, :, None]
    histogram = frame << 16 | channel << 12 | np.arange(n_bins, dtype="<u4")
    scalers = frame * 1000 + channel * 10 + np.arange(N_SCALERS, dtype="<u4")
    scalers[:, :, _CLOCK_TICKS] = scalers[:, :, _TOTAL_TICKS] = ticks
    return histogram.astype("<u4"), scalers.astype("<u4")


class FakeDetector:
    """Gives frames as soon as a test allows them::

        detector = FakeDetector(n_channels=2)
        detector.finish(10)            # frames 0 to 9 are there
        detector.overwrite(before=4)   # but 0 to 3 are gone again

    Attributes
    ----------
    ticks
        Total ticks of each frame.
    cut_ticks
        When set, a stop leaves one more frame, of so many ticks.
    error
        When set, what the next look at the progress raises.
    problems
        When set, what the next look at the progress complains of.
    furthest
        Frames of the channel that is ahead, when that is more than the test allowed.
    acknowledged
        Ranges given back: first frame and number of frames.
    """

    def __init__(self, n_channels: int = 2, n_bins: int = 64, clock_period: float = 12.5e-9) -> None:
        self.info = DetectorInfo(
            library="none",
            generation=Generation.XSPRESS3,
            revision="0.0.0",
            n_cards=1,
            n_channels=n_channels,
            n_bins=n_bins,
            clock_period=clock_period,
            ring_frames=1 << 20,
            event_widths=(6,) * n_channels,
        )
        self.ticks = 80_000
        self.cut_ticks: int | None = None
        self.error: Exception | None = None
        self.problems = ""
        self.furthest = 0
        self.n_triggers = 0
        self.n_stops = 0
        self.is_closed = False
        self.acknowledged: list[tuple[int, int]] = []
        self._lock = threading.Lock()  # guards the two below, set by tests, read by the acquire thread
        self._complete = 0
        self._oldest = 0
        self._windows = [[(0, 0), (0, 0)] for _ in range(n_channels)]

    def finish(self, n_frames: int) -> None:
        """Let frames up to `n_frames` be complete, from the next arming on."""
        with self._lock:
            self._complete = n_frames

    def overwrite(self, before: int) -> None:
        """Let frames below `before` be gone."""
        with self._lock:
            self._oldest = before

    def windows(self) -> list[list[tuple[int, int]]]:
        """Windows 0..0, unless they were set."""
        return [list(pair) for pair in self._windows]

    def set_window(self, channel: int, window: int, limits: Window) -> None:
        """Note it."""
        self._windows[channel][window] = (limits.low, limits.high)

    def timing(self, acquisition: Acquisition) -> Timing:
        """The period asked for, with no gap."""
        ticks = round(acquisition.exposure_time / self.info.clock_period)
        return Timing(self.info.clock_period, ticks, 0)

    def arm(self, acquisition: Acquisition) -> Timing:
        """Begin; with software triggers each one completes a frame."""
        if acquisition.trigger_mode is TriggerMode.SOFTWARE:
            self.finish(0)
        return self.timing(acquisition)

    def trigger(self) -> None:
        """Complete one more frame."""
        with self._lock:
            self.n_triggers += 1
            self._complete += 1

    def frames_ready(self) -> Ready:
        """How many frames the test allowed."""
        if self.error is not None:
            raise self.error
        with self._lock:
            return Ready(self._complete, max(self.furthest, self._complete), self.problems)

    def read_into(
        self, first_frame: int, histogram: npt.NDArray[np.uint32], scalers: npt.NDArray[np.uint32]
    ) -> None:
        """Fill in `fake_frames`, unless some of them are gone."""
        n_frames, n_channels, n_bins = histogram.shape
        histogram[:], scalers[:] = fake_frames(first_frame, n_frames, n_channels, n_bins, self.ticks)
        with self._lock:
            if self.cut_ticks is not None and self.n_stops and first_frame + n_frames == self._complete:
                scalers[-1, :, _TOTAL_TICKS] = self.cut_ticks
            n_gone = self._oldest - first_frame
        if n_gone > 0:
            raise CircularBufferOverrunError(first_frame, n_gone)

    def acknowledge(self, first_frame: int, n_frames: int) -> None:
        """Note it."""
        self.acknowledged.append((first_frame, n_frames))

    def stop(self) -> None:
        """Count it, and leave a frame that was cut off where the test wants one."""
        with self._lock:
            self.n_stops += 1
            if self.cut_ticks is not None and self.n_stops == 1:
                self._complete += 1

    def close(self) -> None:
        """Note it."""
        self.is_closed = True
