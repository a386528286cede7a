"""An Xspress3 behind the vendor's library."""

from __future__ import annotations

import logging
import time

import numpy as np
import numpy.typing as npt

from xspress3.config import DetectorConfig
from xspress3.detector.protocol import Ready
from xspress3.detector.timing import itfg_words
from xspress3.errors import CircularBufferOverrunError, StateError
from xspress3.model import Acquisition, DetectorInfo, Generation, Timing, TriggerMode
from xspress3.sdk import Sdk, open_library
from xspress3.sdk.constants import ClockFlag, ClockSource, ErrorFlag, RunFlag, TimingSource

__all__ = ["Xspress3Detector"]

logger = logging.getLogger(__name__)

_FLUSH_TIME = 1.0
_FLUSH_POLL = 0.01

_CLOCK_SOURCE = {
    Generation.XSPRESS3: ClockSource.XTAL,
    Generation.XSPRESS3_V7: ClockSource.XTAL,
    Generation.XSPRESS3_MINI: ClockSource.MINI_CDCM61004,
    Generation.XSPRESS4: ClockSource.MINI_LMK61E2,
}
_HARMLESS = ErrorFlag.DIAG_HISTOGRAM_DROPPED | ErrorFlag.PLAYBACK_UNDERRUN | ErrorFlag.CIRCULAR_OVERRUN
"""Flags that say nothing about the frames read: what was overwritten is found by `read_into`."""


class Xspress3Detector:
    """One card, frames timed by its own generator::

        with Xspress3Detector.open(DetectorConfig(base_ip="192.168.0.1")) as detector:
            detector.arm(Acquisition(exposure_time=0.1, frames_per_trigger=10))
            while detector.frames_ready().complete < 10:
                ...

    Parameters
    ----------
    sdk
        A configured system, owned from now on.
    settings
        Directory to restore, or `None`.
    """

    def __init__(self, sdk: Sdk, settings: str | None = None) -> None:
        self._sdk = sdk
        self._armed: Acquisition | None = None
        self.info = self._set_up(settings)

    @classmethod
    def open(cls, config: DetectorConfig | None = None) -> Xspress3Detector:
        """Open the library, connect to the hardware and set it up.

        Raises
        ------
        LibraryError
            When no library could be opened.
        SdkError
            When the hardware does not answer or refuses; it is let go again.
        """
        config = config or DetectorConfig.from_environment()
        sdk = Sdk.config(
            open_library(config.library),
            ring_frames=config.ring_frames,
            base_ip=config.base_ip,
            n_channels=config.n_channels,
        )
        try:
            return cls(sdk, config.settings)
        except BaseException:
            sdk.close()
            raise

    def _set_up(self, settings: str | None) -> DetectorInfo:
        sdk = self._sdk
        generation = sdk.get_generation()
        sdk.set_run_flags(RunFlag.HIST | RunFlag.SCALERS | RunFlag.CIRCULAR_BUFFER)
        sdk.clocks_setup(_CLOCK_SOURCE[generation], ClockFlag.MASTER | ClockFlag.NO_DITHER)
        if settings is not None:
            sdk.restore_settings(settings)
        n_channels = sdk.get_num_chan()
        return DetectorInfo(
            library=sdk.library.path,
            generation=generation,
            revision=_revision_text(sdk.get_revision()),
            n_cards=sdk.get_num_cards(),
            n_channels=n_channels,
            n_bins=sdk.get_bins_per_mca(),
            clock_period=sdk.get_clock_period(),
            ring_frames=sdk.format_run(),
            event_widths=tuple(int(sdk.get_trigger_b(c).event_time) for c in range(n_channels)),
        )

    @property
    def handle(self) -> int:
        """Number by which the library knows this detector."""
        return self._sdk.handle

    def windows(self) -> list[list[tuple[int, int]]]:
        """Lowest and highest bin of the two windows of each channel that are in force."""
        return [[self._sdk.get_window(c, w) for w in (0, 1)] for c in range(self.info.n_channels)]

    def timing(self, acquisition: Acquisition) -> Timing:
        """What the hardware would really do, rounded to the nearest tick."""
        return itfg_words(acquisition, self.info.clock_period).timing(self.info.clock_period)

    def arm(self, acquisition: Acquisition) -> Timing:
        """Begin a run: at once with internal triggers, else wait for the first.

        The ring is not cleared: in circular mode the library clears each place before it uses it.
        """
        words = itfg_words(acquisition, self.info.clock_period)
        sdk = self._sdk
        sdk.histogram_stop()
        self._armed = None
        sdk.set_glob_timeA(TimingSource.INTERNAL)
        sdk.set_glob_timeFixed(0)
        sdk.itfg_setup(words.n_frames, words.collection_ticks, words.trigger, words.gap)
        if acquisition.trigger_mode is TriggerMode.INTERNAL:
            sdk.histogram_start()
        else:
            sdk.histogram_arm()
        self._armed = acquisition
        return words.timing(self.info.clock_period)

    def trigger(self) -> None:
        """Give one software trigger: an edge of count enable, up and down again.

        Raises
        ------
        StateError
            When nothing is armed, or not for software triggers.
        """
        if self._armed is None or self._armed.trigger_mode is not TriggerMode.SOFTWARE:
            armed = "nothing" if self._armed is None else f"trigger mode {self._armed.trigger_mode.value}"
            raise StateError(f"software trigger while {armed} is armed, allowed with trigger mode software")
        self._sdk.histogram_continue()
        self._sdk.histogram_pause()

    def frames_ready(self) -> Ready:
        """How far the run is, and what the library complains of."""
        progress = self._sdk.check_progress()
        serious = progress.flags & ~_HARMLESS
        return Ready(progress.complete, f"error flags {serious!r}" if serious else "")

    def read_into(
        self, first_frame: int, histogram: npt.NDArray[np.uint32], scalers: npt.NDArray[np.uint32]
    ) -> None:
        """Fill `histogram` (frame, channel, bin) and `scalers` (frame, channel, 9).

        The library gives whatever stands in the ring and never says that it is another frame, so
        this looks afterwards how far the ring was filled meanwhile.

        Raises
        ------
        CircularBufferOverrunError
            Naming all frames from `first_frame` on that are gone, also beyond those asked for.
        """
        n_frames = len(histogram)
        self._sdk.histogram_read4d(histogram, first_frame)
        self._sdk.scaler_read(scalers, first_frame)
        # Frame `furthest` may be filling its place just now; those before it surely have.
        n_behind = self._sdk.check_progress().furthest - self.info.ring_frames - first_frame
        if n_behind >= 0:
            n_overwritten = self._count_overwritten(first_frame, n_frames)
            if n_overwritten:
                raise CircularBufferOverrunError(first_frame, max(n_overwritten, n_behind))

    def _count_overwritten(self, first_frame: int, n_frames: int) -> int:
        """Frames up to the last one whose place holds another frame, or was begun again.

        Asks what each place really holds: for a card that waits for a trigger the next frame has not
        begun, and the last frames of a full ring are whole.
        """
        expected = np.arange(first_frame, first_frame + n_frames)
        is_overwritten = np.zeros(n_frames, dtype=bool)
        for channel in range(self.info.n_channels):
            status = self._sdk.get_tf_status_block(channel, first_frame, n_frames)
            is_overwritten |= (status["frame"] != expected) | (status["uses"] > 1)
        return int(np.flatnonzero(is_overwritten)[-1]) + 1 if is_overwritten.any() else 0

    def acknowledge(self, first_frame: int, n_frames: int) -> None:
        """Give frames of all channels back to the ring."""
        self._sdk.histogram_circ_ack(first_frame, n_frames, self.info.n_channels)

    def stop(self) -> None:
        """End the run; frames that are complete can still be read.

        Waits until the library's receive threads have nothing left to put into the ring, at most 1 s.
        """
        self._sdk.histogram_stop()
        deadline = time.monotonic() + _FLUSH_TIME
        while self._sdk.histogram_is_any_busy() and time.monotonic() < deadline:
            time.sleep(_FLUSH_POLL)  # the library has nothing to wait on

    def close(self) -> None:
        """Stop, and let the hardware go; a second call does nothing."""
        sdk, self._armed = self._sdk, None
        try:
            if sdk.is_open:
                sdk.histogram_stop()
        finally:
            sdk.close()

    def __enter__(self) -> Xspress3Detector:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _revision_text(packed: int) -> str:
    """Code, major and minor of the firmware as `code.major.minor`."""
    return f"{packed >> 24 & 0xFF}.{packed >> 12 & 0xFFF}.{packed & 0xFFF}"
