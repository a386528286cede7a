"""The library's own dead-time correction; ours is `xspress3.dead_time`.

It needs the parameters of a calibration and the energy that it is computed for. Where no live time was
left its factors are infinite, negative or NaN: what is read here must be looked at before it is used.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from xspress3.errors import ConfigurationError
from xspress3.sdk._sdk import ffi
from xspress3.sdk.calls.base import ALL, WORD, Calls, c_array, cells, shape3
from xspress3.sdk.constants import DeadTimeFlag

__all__ = ["DeadTimeCalls", "DeadTimeParameters"]

Floats = npt.NDArray[np.float64]


NO_FLAGS = DeadTimeFlag(0)
_NO_ENERGY = -2.0
"""What asking for the energy gives when the handle is not open; that energy itself is not told apart."""


@dataclass(frozen=True)
class DeadTimeParameters:
    """Process dead time of a channel: `offset + gradient * energy`, in s and s/keV.

    Once for all events and once for those in a window. The terms with rate are kept by some builds only.
    """

    flags: DeadTimeFlag = NO_FLAGS
    all_event_offset: float = 0.0
    all_event_gradient: float = 0.0
    in_window_offset: float = 0.0
    in_window_gradient: float = 0.0
    all_event_rate_offset: float = 0.0
    all_event_rate_gradient: float = 0.0
    in_window_rate_offset: float = 0.0
    in_window_rate_gradient: float = 0.0


_ORDER2 = (
    "all_event_offset",
    "all_event_gradient",
    "all_event_rate_offset",
    "all_event_rate_gradient",
    "in_window_offset",
    "in_window_gradient",
    "in_window_rate_offset",
    "in_window_rate_gradient",
)
"""Order of the functions that know the terms with rate; the older ones have another."""


class DeadTimeCalls(Calls):
    """Corrected reads, factors, parameters."""

    def hist_dtc_read4d(
        self, histogram: Floats, scalers: Floats | None, first_frame: int, first_channel: int = 0
    ) -> None:
        """Fill `histogram` (frame, channel, bin) and, if given, `scalers` (frame, channel, 9), corrected."""
        call = "xsp3_hist_dtc_read4d"
        n_frames, n_channels, n_bins = shape3(call, histogram)
        target = ffi.NULL
        if scalers is not None:
            if cells(call, scalers) != (n_frames, n_channels):
                raise ConfigurationError(
                    f"{call}: scalers {scalers.shape} for a histogram {histogram.shape}, allowed is "
                    f"({n_frames}, {n_channels}, 9)"
                )
            target = c_array(call, scalers, "<f8")
        begin = (0, 0, first_channel, first_frame & WORD)
        self._read(call, c_array(call, histogram, "<f8"), target, *begin, n_bins, 1, n_channels, n_frames)

    def hist_dtc_read3d(self, histogram: Floats, first_frame: int, first_channel: int = 0) -> None:
        """Fill `histogram` (frame, channel, bin), corrected, by the older function."""
        call = "xsp3_hist_dtc_read3d"
        n_frames, n_channels, n_bins = shape3(call, histogram)
        begin = (0, first_channel, first_frame & WORD)
        self._read(call, c_array(call, histogram, "<f8"), *begin, n_bins, n_channels, n_frames)

    def scaler_dtc_read(self, scalers: Floats, first_frame: int, first_channel: int = 0) -> None:
        """Fill `scalers` (frame, channel, 9), corrected."""
        call = "xsp3_scaler_dtc_read"
        n_frames, n_channels = cells(call, scalers)
        begin = (0, first_channel, first_frame & WORD)
        self._read(call, c_array(call, scalers, "<f8"), *begin, scalers.shape[2], n_channels, n_frames)

    def calculate_dead_time_correction_factors(
        self, scalers: npt.NDArray[np.uint32], first_channel: int = 0
    ) -> tuple[Floats, Floats]:
        """Factors and estimated inputs, each (frame, channel), from raw `scalers` (frame, channel, 9)."""
        call = "xsp3_calculateDeadtimeCorrectionFactors"
        n_frames, n_channels = cells(call, scalers)
        factors, inputs = np.full((n_frames, n_channels), np.nan), np.full((n_frames, n_channels), np.nan)
        source = c_array(call, scalers, is_output=False)
        targets = (c_array(call, factors, "<f8"), c_array(call, inputs, "<f8"))
        self._call(call, source, *targets, n_frames, first_channel, n_channels)
        return factors, inputs

    def set_dead_time_parameters(self, parameters: DeadTimeParameters, channel: int = ALL) -> None:
        """Choose the parameters, without the terms with rate."""
        p = parameters
        values = (p.all_event_gradient, p.all_event_offset, p.in_window_offset, p.in_window_gradient)
        self._call("xsp3_setDeadtimeCorrectionParameters", channel, int(p.flags), *values)

    def get_dead_time_parameters(self, channel: int) -> DeadTimeParameters:
        """The parameters, without the terms with rate."""
        flags, gradient, offset, window_offset, window_gradient = self._values(
            "xsp3_getDeadtimeCorrectionParameters", "int double double double double", channel
        )
        return DeadTimeParameters(DeadTimeFlag(flags), offset, gradient, window_offset, window_gradient)

    def set_dead_time_parameters2(self, parameters: DeadTimeParameters, channel: int = ALL) -> None:
        """Choose all the parameters."""
        values = [getattr(parameters, name) for name in _ORDER2]
        self._call("xsp3_setDeadtimeCorrectionParameters2", channel, int(parameters.flags), *values)

    def get_dead_time_parameters2(self, channel: int) -> DeadTimeParameters:
        """All the parameters."""
        flags, *values = self._values("xsp3_getDeadtimeCorrectionParameters2", "int" + " double" * 8, channel)
        return DeadTimeParameters(
            flags=DeadTimeFlag(flags), **dict(zip(_ORDER2, map(float, values), strict=True))
        )

    def get_dead_time_flags(self, channel: int) -> DeadTimeFlag:
        """The flags alone."""
        return DeadTimeFlag(self._values("xsp3_getDeadtimeCorrectionFlags", "int", channel)[0])

    def set_dead_time_energy(self, energy: float) -> None:
        """Choose the energy in keV, 0 or more, for which corrections are computed."""
        call = "xsp3_setDeadtimeCalculationEnergy"
        if not 0 <= energy < math.inf:
            raise ConfigurationError(f"{call}: energy={energy} keV, allowed is 0 and more")
        self._call(call, energy)

    def get_dead_time_energy(self) -> float:
        """The energy in keV for which corrections are computed.

        The library keeps any number, so what another program set may be negative.
        """
        call = "xsp3_getDeadtimeCalculationEnergy"
        self._check_open(call)
        return float(self.library.call_value(call, self.handle, invalid=_NO_ENERGY))
