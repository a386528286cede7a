"""What can be seen of the detector; asks no hardware but for frames in its ring."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tango_device.readings import Readings, WindowSums, window_counts
from tango_device.state import DeviceState
from tango_device.supervisor import COMMAND_TIME, Supervisor
from xspress3.errors import ConfigurationError
from xspress3.model import DetectorInfo, TriggerMode

__all__ = ["Views"]

MAX_READ_WORDS = 4 << 20
"""Words that one command gives back at most: 16 MiB."""


class Views(Supervisor):
    """Newest frame, counts of earlier ones, and what the detector is; see `Controller`."""

    @property
    def is_ready_for_trigger(self) -> bool:
        """Whether a software trigger would start frames now."""
        run = self._run
        if run is None or run.is_over or self._state is not DeviceState.RUNNING:
            return False
        acquisition, session = run.session.acquisition, run.session
        is_due = run.triggers < acquisition.n_triggers and not session.stop_requested.is_set()
        is_here = session.acquired + session.lost >= run.triggers * acquisition.frames_per_trigger
        return acquisition.trigger_mode is TriggerMode.SOFTWARE and is_due and is_here

    @property
    def ring_fill(self) -> float:
        """Part of the detector's ring that waits to be read, in percent."""
        session = self.session
        if session is None or session.done.is_set():
            return 0.0
        waiting = session.complete - session.acquired - session.lost
        return max(100.0 * waiting / session.info.ring_frames, 0.0)

    def readings(self) -> Readings:
        """The newest frame.

        Raises
        ------
        StateError
            Before anything was opened.
        """
        hardware = self._require_open("reading a frame")
        snapshot, known = hardware.streamer.latest(), self._readings
        if snapshot is not None and (
            known is None or (known.session_id, known.frame) != (snapshot.session.session_id, snapshot.frame)
        ):
            known = self._readings = Readings.of(snapshot)
        return known or Readings.none(hardware.detector.info)

    def sums(self) -> WindowSums:
        """Counts in the windows over the last session."""
        run = self._run
        return WindowSums(self.info) if run is None else run.sums

    @property
    def info(self) -> DetectorInfo:
        """What the detector is; raises `StateError` while it is not open."""
        return self._require_open("asking what the detector is").detector.info

    def read_frames(
        self, first_frame: int, n_frames: int
    ) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
        """Frames of the last session that are still in the ring: histogram and scalers."""
        hardware = self._require_open("reading frames")
        info = hardware.detector.info
        n_most = max(MAX_READ_WORDS // (info.n_channels * info.n_bins), 1)
        if not 1 <= n_frames <= n_most:
            raise ConfigurationError(f"reading {n_frames} frames, allowed is 1..{n_most} at a time")
        return hardware.streamer.read_frames(first_frame, n_frames, COMMAND_TIME)

    def window_counts(
        self, window: int, channel: int, first: int, last: int, corrected: bool
    ) -> npt.NDArray[np.float64]:
        """Counts of frames `first` to `last`, counted from 1 as the predecessor did, both within."""
        info = self.info
        if not 0 <= channel < info.n_channels:
            raise ConfigurationError(f"channel {channel}, allowed is 0..{info.n_channels - 1}")
        first = max(first, 1)
        if not 0 <= last - first < MAX_READ_WORDS:
            raise ConfigurationError(f"frames {first}..{last}, allowed is a range of 1..{MAX_READ_WORDS}")
        history = self._require_open("reading counts").streamer.history
        return window_counts(history, info, window, channel, first - 1, last - 1, corrected)
