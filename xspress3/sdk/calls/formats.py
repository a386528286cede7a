"""What a spectrum looks like: bins, regions, windows, thresholds, trigger parameters."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from xspress3.errors import ConfigurationError
from xspress3.model import N_BINS, Window
from xspress3.sdk._sdk import ffi
from xspress3.sdk.calls.base import ALL, Calls
from xspress3.sdk.check import require_between
from xspress3.sdk.constants import MAX_ENERGY_BITS, MAX_EVENT_TIME, MAX_ROIS, MIN_EVENT_TIME

__all__ = ["Format", "FormatCalls", "Roi"]


@dataclass(frozen=True)
class Roi:
    """Bins `low` to `high`, both within, put together into `n_bins` bins.

    Raises
    ------
    ConfigurationError
        Unless the bins can be shared out evenly; the library divides by `n_bins` unchecked.
    """

    low: int
    high: int
    n_bins: int

    def __post_init__(self) -> None:
        Window(self.low, self.high)
        width = self.high - self.low + 1
        if not 1 <= self.n_bins <= width or width % self.n_bins:
            raise ConfigurationError(
                f"roi {self.low}..{self.high}: n_bins={self.n_bins}, allowed is a divisor of its {width} bins"
            )


@dataclass(frozen=True)
class Format:
    """Sizes of what a channel records: energy bins, two auxiliary axes, frames of the ring."""

    n_energy: int
    n_aux1: int
    n_aux2: int
    n_frames: int


class FormatCalls(Calls):
    """Format, regions, windows, thresholds, trigger parameters."""

    def format_run(self, n_energy_bits: int = MAX_ENERGY_BITS, channel: int = ALL) -> int:
        """Choose 2**n_energy_bits bins; gives the number of frames that the ring then holds."""
        call = "xsp3_format_run"
        n_bits = require_between(call, "n_energy_bits", n_energy_bits, 0, MAX_ENERGY_BITS)
        return int(self._call(call, channel, 0, 0, 0, 0, 0, n_bits))

    def get_format(self, channel: int) -> Format:
        """The format that the library keeps."""
        return Format(*self._values("xsp3_get_format", "int int int int", channel))

    def read_format(self, channel: int, is_diagnostic: bool = False) -> tuple[int, Format]:
        """The channels used and the format, read back from the hardware."""
        arguments = (channel, int(is_diagnostic))
        n_channels, *sizes = self._values("xsp3_read_format", "int int int int int", *arguments)
        return int(n_channels), Format(*sizes)

    def format_sub_frames(
        self,
        n_sub_frames: int,
        ts_divide: int = 1,
        n_energy_bits: int = MAX_ENERGY_BITS,
        channel: int = ALL,
        *,
        just_good: bool = False,
        good_threshold: int = 0,
    ) -> int:
        """Choose a format with several spectra in each frame; gives the frames that the ring then holds."""
        call = "xsp3_format_sub_frames"
        n_bits = require_between(call, "n_energy_bits", n_energy_bits, 0, MAX_ENERGY_BITS)
        threshold = require_between(call, "good_threshold", good_threshold, 0, N_BINS - 1)
        arguments = (int(just_good), threshold, 0, n_bits, n_sub_frames, ts_divide)
        return int(self._call(call, channel, *arguments))

    def set_window(self, window: int, limits: Window, channel: int = ALL) -> None:
        """Choose the bins that window scaler 0 or 1 counts; past frames still in the ring change too."""
        call = "xsp3_set_window"
        index = require_between(call, "window", window, 0, 1)
        self._call(call, channel, index, limits.low, limits.high)

    def get_window(self, channel: int, window: int) -> tuple[int, int]:
        """Lowest and highest bin of window scaler 0 or 1."""
        low, high = self._values("xsp3_get_window", "uint32_t uint32_t", channel, window)
        return int(low), int(high)

    def set_good_thres(self, threshold: int, channel: int = ALL) -> None:
        """Choose the bin above which an event is good."""
        call = "xsp3_set_good_thres"
        self._call(call, channel, require_between(call, "threshold", threshold, 0, N_BINS - 1))

    def get_good_thres(self, channel: int) -> int:
        """The bin above which an event is good."""
        return int(self._values("xsp3_get_good_thres", "uint32_t", channel)[0])

    def has_roi(self, channel: int) -> bool:
        """Whether partial spectra can be recorded."""
        return bool(self._call("xsp3_has_roi", channel))

    def init_roi(self, channel: int = ALL) -> None:
        """Record full spectra again."""
        self._call("xsp3_init_roi", channel)

    def set_roi(self, channel: int, rois: Sequence[Roi]) -> int:
        """Record these parts of a channel's spectrum only; gives the number of bins that they make.

        Raises
        ------
        ConfigurationError
            When there are more than eight, or two of them overlap.
        """
        call = "xsp3_set_roi"
        require_between(call, "number of regions", len(rois), 0, MAX_ROIS)
        ordered = sorted(rois, key=lambda roi: roi.low)
        for below, above in itertools.pairwise(ordered):
            if above.low <= below.high:
                raise ConfigurationError(f"{call}: {below} and {above} overlap")
        table = ffi.new("XSP3Roi[]", [(roi.low, roi.high, roi.n_bins) for roi in rois])
        return int(self._call(call, channel, len(rois), table))

    def get_trigger_b(self, channel: int) -> Any:
        """Trigger parameters of a channel as a C struct; `event_time` is the event width in ticks."""
        parameters = ffi.new("Xspress3_TriggerB *")
        self._call("xsp3_get_trigger_b", channel, parameters)
        return parameters

    def set_trigger_b(self, channel: int, parameters: Any) -> None:
        """Write trigger parameters as `get_trigger_b` gave them, with changes."""
        call = "xsp3_set_trigger_b"
        require_between(call, "event_time", parameters.event_time, MIN_EVENT_TIME, MAX_EVENT_TIME)
        self._call(call, channel, parameters)
