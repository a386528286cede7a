"""An Xspress3 behind the vendor's library."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from enum import Enum

import numpy as np
import numpy.typing as npt

from xspress3 import dead_time
from xspress3.config import DetectorConfig
from xspress3.detector.hardware import set_up
from xspress3.detector.protocol import Ready
from xspress3.detector.ring import Ring
from xspress3.detector.timing import Inputs, itfg_words, timing_setup, timing_word
from xspress3.errors import ConfigurationError, StateError
from xspress3.model import (
    MAX_ITFG_FRAMES,
    Acquisition,
    Generation,
    Timing,
    TriggerMode,
    Window,
    as_scalers,
)
from xspress3.sdk import Roi, Sdk, open_library
from xspress3.sdk.constants import (
    MAX_EVENT_TIME,
    MIN_EVENT_TIME,
    ErrorFlag,
    ItfgCode,
)

__all__ = ["DeadTimeModel", "Xspress3Detector"]

logger = logging.getLogger(__name__)

_FLUSH_TIME = 1.0
_FLUSH_POLL = 0.01

_HARMLESS = ErrorFlag.DIAG_HISTOGRAM_DROPPED | ErrorFlag.PLAYBACK_UNDERRUN
"""Flags that say nothing about the frames read."""


class DeadTimeModel(Enum):
    """Who computes the dead-time correction."""

    EVENT_WIDTH = "event_width"
    """`xspress3.dead_time`: what the vendor advised to users without a calibration file."""
    SDK = "sdk"
    """The library, from the parameters of the calibration and the energy set."""


class Xspress3Detector:
    """One or more cards, frames timed by their own generator or from outside::

        with Xspress3Detector.open(DetectorConfig(base_ip="192.168.0.1")) as detector:
            detector.arm(Acquisition(exposure_time=0.1, frames_per_trigger=10))
            while detector.frames_ready().complete < 10:
                ...

    What is set here is refused while a run is on, because the library would take it and change frames
    that are being counted; windows alone are evaluated when scalers are read.

    Parameters
    ----------
    sdk
        A configured system, owned from now on.
    config
        What it was configured with.

    Attributes
    ----------
    info
        What the detector is; a new value after `set_rois` and `set_event_widths`.
    """

    def __init__(self, sdk: Sdk, config: DetectorConfig) -> None:
        self._sdk = sdk
        self._armed: Acquisition | None = None
        self._inputs = Inputs()
        self._is_raised = False
        self._itfg, self.info = set_up(sdk, config)
        forgets = self.info.generation is Generation.XSPRESS3_MINI
        self._ring = Ring(sdk, self.info.n_channels, self.info.ring_frames, forgets=forgets)

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
            n_cards=config.n_cards,
            ring_frames=config.ring_frames,
            base_ip=config.base_ip,
            base_port=config.base_port,
            base_mac=config.base_mac,
            n_channels=config.n_channels,
        )
        try:
            return cls(sdk, config)
        except BaseException:
            sdk.close()
            raise

    @property
    def handle(self) -> int:
        """Number by which the library knows this detector."""
        return self._sdk.handle

    def windows(self) -> list[list[tuple[int, int]]]:
        """Lowest and highest bin of the two windows of each channel that are in force."""
        return [[self._sdk.get_window(c, w) for w in (0, 1)] for c in range(self.info.n_channels)]

    def set_window(self, channel: int, window: int, limits: Window) -> None:
        """Choose the bins that window scaler 0 or 1 of a channel counts."""
        self._check_channel("set_window", channel)
        self._sdk.set_window(window, limits, channel)

    def set_good_threshold(self, channel: int, threshold: int) -> None:
        """Choose the bin above which an event of a channel is good."""
        self._check_idle("set_good_threshold")
        self._check_channel("set_good_threshold", channel)
        self._sdk.set_good_thres(threshold, channel)

    def set_rois(self, rois: Sequence[Roi]) -> None:
        """Record these parts of the spectrum only, for all channels; none records full spectra.

        The bins of all regions together become the bins of a frame.
        """
        self._check_idle("set_rois")
        if rois and not self._sdk.has_roi(0):
            raise ConfigurationError(f"set_rois: {len(rois)} regions, this {self._kind()} records none")
        self._sdk.init_roi()
        n_bins = self._sdk.get_bins_per_mca()
        self.info = replace(self.info, n_bins=n_bins)
        try:
            for channel in range(self.info.n_channels if rois else 0):
                n_bins = self._sdk.set_roi(channel, rois)
        except BaseException:
            self._sdk.init_roi()  # not some channels with regions and some without
            raise
        self.info = replace(self.info, n_bins=n_bins)

    def set_event_widths(self, event_widths: Sequence[int]) -> None:
        """Take these instead of the hardware's own for dead time, in ticks, one for each channel."""
        if len(event_widths) != self.info.n_channels:
            raise ConfigurationError(
                f"event_widths: {len(event_widths)} values, allowed is {self.info.n_channels}"
            )
        for channel, width in enumerate(event_widths):
            if type(width) is not int or not MIN_EVENT_TIME <= width <= MAX_EVENT_TIME:
                raise ConfigurationError(
                    f"event_widths: {width} ticks for channel {channel}, "
                    f"allowed is {MIN_EVENT_TIME}..{MAX_EVENT_TIME}"
                )
        self.info = replace(self.info, event_widths=tuple(event_widths))

    def save_settings(self, directory: str) -> None:
        """Write what is set in the electronics to files of the vendor's format."""
        self._check_idle("save_settings")
        self._sdk.save_settings(directory)

    def restore_settings(self, directory: str) -> None:
        """Set the electronics up from files of the vendor's format, event widths too."""
        self._check_idle("restore_settings")
        self._sdk.restore_settings(directory)
        widths = tuple(int(self._sdk.get_trigger_b(c).event_time) for c in range(self.info.n_channels))
        self.info = replace(self.info, event_widths=widths)

    def temperatures(self) -> dict[str, float]:
        """What the boards tell, in degrees Celsius by place; empty where this generation tells none.

        Slow: each value is asked of the hardware over a serial bus.
        """
        found: dict[str, float] = {}
        for card in range(self.info.n_cards):
            values = {"adc": self._sdk.read_adc_temperatures(self.info.generation, card)}
            if self.info.generation in (Generation.XSPRESS3, Generation.XSPRESS3_V7):
                values["board"] = self._sdk.read_fem_temperatures(card)
            for place, numbers in values.items():
                found.update({f"card {card} {place} {i}": value for i, value in enumerate(numbers)})
        return found

    def set_inputs(self, inputs: Inputs) -> None:
        """Choose how the inputs are read, from the next arming on."""
        self._check_idle("set_inputs")
        self._inputs = inputs

    def dead_time_correction(
        self, scalers: npt.NDArray[np.uint32], model: DeadTimeModel = DeadTimeModel.EVENT_WIDTH
    ) -> npt.NDArray[np.float64]:
        """Factors for raw `scalers` (frame, channel, 9): shape (frame, channel), NaN where there is none.

        Parameters
        ----------
        model
            Ours by the event width, or the library's own with the parameters of its calibration. Both are
            for the whole exposure, also where network packets were lost.
        """
        if model is DeadTimeModel.EVENT_WIDTH:
            return dead_time.dead_time_correction(as_scalers(scalers), self.info.event_widths)
        factors, _ = self._sdk.calculate_dead_time_correction_factors(scalers)
        # The library gives infinite and negative factors where no live time was left, 0 for channels
        # that are to be left out, and does not look at total ticks.
        factors[~(np.isfinite(factors) & (factors >= 1))] = np.nan
        return factors * dead_time.exposure_scale(as_scalers(scalers))

    def timing(self, acquisition: Acquisition) -> Timing:
        """What the hardware would really do, rounded to the nearest tick."""
        self._check_possible(acquisition)
        return itfg_words(acquisition, self.info.clock_period).timing(self.info.clock_period)

    def _check_possible(self, acquisition: Acquisition) -> None:
        """Refuse what this generation cannot do, before the hardware is touched."""
        if acquisition.trigger_mode.has_frame_zero:
            self._check_fits(acquisition)
        if acquisition.trigger_mode.is_gated:
            return
        if self._itfg is ItfgCode.NONE:
            raise ConfigurationError(
                f"trigger_mode: {acquisition.trigger_mode.value}, this {self._kind()} has no timing "
                "generator; allowed are gates"
            )
        if acquisition.is_endless and self._itfg < ItfgCode.CONTINUOUS:
            raise ConfigurationError(
                f"is_endless: the timing generator of this {self._kind()} counts up to {MAX_ITFG_FRAMES} "
                "frames and cannot go on without end"
            )

    def _check_fits(self, acquisition: Acquisition) -> None:
        """Refuse frames that the ring does not hold all at once: see `xspress3.detector.ring`."""
        wanted, ring = acquisition.n_frames, self.info.ring_frames
        if wanted is None or wanted > ring:
            raise ConfigurationError(
                f"frames: {wanted or 'without end'} with trigger mode {acquisition.trigger_mode.value}, "
                f"allowed is 1..{ring}, what the ring holds, because none is given back before the end"
            )

    def arm(self, acquisition: Acquisition) -> Timing:
        """Begin a run: at once with internal timing, else wait for triggers or gates.

        The ring is not cleared: in circular mode the library clears each place before it uses it.
        """
        timing = self.timing(acquisition)
        words = itfg_words(acquisition, self.info.clock_period)
        sdk = self._sdk
        sdk.histogram_stop()
        self._armed, self._is_raised = None, False
        self._ring.begin(keeps_frames=acquisition.trigger_mode.has_frame_zero)
        if not acquisition.trigger_mode.is_gated:
            # Before the timing: cards that follow take their debounce from the gap.
            sdk.itfg_setup(words.n_frames, words.collection_ticks, words.trigger, words.gap)
        self._set_timing(acquisition.trigger_mode)
        self._begin(acquisition.trigger_mode)
        self._armed = acquisition
        return timing

    def _set_timing(self, mode: TriggerMode) -> None:
        if self.info.n_cards > 1:
            self._sdk.set_timing(timing_setup(mode, self._inputs))
        else:
            self._sdk.set_glob_timeA(timing_word(mode, self._inputs))
            self._sdk.set_glob_timeFixed(0)

    def _begin(self, mode: TriggerMode) -> None:
        """Start the cards that follow before the one that leads."""
        for card in range(1, self.info.n_cards):
            self._sdk.histogram_start(card)
        if mode is TriggerMode.SOFTWARE:
            self._sdk.histogram_arm(0)
        else:
            self._sdk.histogram_start(0)

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
        if self._is_raised:  # a pause failed: without it the next edge would be none
            self._sdk.histogram_pause(0)
        self._is_raised = True
        self._sdk.histogram_continue(0)
        self._sdk.histogram_pause(0)
        self._is_raised = False

    def frames_ready(self) -> Ready:
        """How far the run is, and what the library complains of."""
        progress = self._sdk.check_progress()
        self._ring.check_wrap(progress.furthest)
        serious = progress.flags & ~_HARMLESS
        if self.info.generation is not Generation.XSPRESS3_MINI:
            serious &= ~ErrorFlag.CIRCULAR_OVERRUN  # counting goes on; `read_into` finds what is gone
        problems = f"error flags {serious!r}" if serious else ""
        return Ready(progress.complete, progress.furthest, problems)

    def read_into(
        self, first_frame: int, histogram: npt.NDArray[np.uint32], scalers: npt.NDArray[np.uint32]
    ) -> None:
        """Fill `histogram` (frame, channel, bin) and `scalers` (frame, channel, 9).

        Raises
        ------
        CircularBufferOverrunError
            Naming all frames from `first_frame` on that are gone, also beyond those asked for.
        AcquisitionError
            When the frame-zero input has started the numbers again, or they have come to their end.
        """
        self._ring.read_into(first_frame, histogram, scalers)

    def acknowledge(self, first_frame: int, n_frames: int) -> None:
        """Give frames of all channels back to the ring."""
        self._ring.acknowledge(first_frame, n_frames)

    def stop(self) -> None:
        """End the run; frames that are complete can still be read.

        Waits until the library's receive threads have nothing left to put into the ring, at most 1 s.
        """
        self._sdk.histogram_stop()
        self._armed = None
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

    def _check_idle(self, action: str) -> None:
        """Raise `StateError` while frames are still to come."""
        if self._armed is None:
            return
        complete, wanted = self._sdk.check_progress().complete, self._armed.n_frames
        if wanted is None or complete < wanted or self._armed.trigger_mode.is_gated:
            raise StateError(
                f"{action} after {complete} of {wanted or 'endless'} frames, allowed while no run is on"
            )

    def _check_channel(self, action: str, channel: int) -> None:
        if not 0 <= channel < self.info.n_channels:
            raise ConfigurationError(f"{action}: channel {channel}, allowed is 0..{self.info.n_channels - 1}")

    def _kind(self) -> str:
        return self.info.generation.name.lower()

    def __enter__(self) -> Xspress3Detector:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
