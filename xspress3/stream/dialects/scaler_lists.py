"""What the old dialects say of each frame beside the spectra: a list of arrays, known by their places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from xspress3 import dead_time
from xspress3.errors import ProtocolError
from xspress3.model import N_SCALERS, as_scalers
from xspress3.stream.messages import SessionStart

__all__ = ["LEGACY_NAMES", "NAMES", "UNITS", "Constants", "scaler_arrays"]

UNITS = {
    "output_count_rate": "1/s",
    "all_events": "counts",
    "all_good": "counts",
    "clock_ticks": "ticks",
    "total_ticks": "ticks",
    "reset_ticks": "ticks",
    "event_width": "ticks",
    "dead_time_correction": "1",
    "window_counts": "counts",
}
"""Unit of each array of the list, in its order."""

NAMES = tuple(UNITS)
"""Names of the arrays as senders of 2024 say them in their header; `window_counts` is (window, channel)."""

LEGACY_NAMES = NAMES[:8]
"""Those of senders up to 2023, which said no names."""

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Constants:
    """What of a session's start the scalers need.

    Parameters
    ----------
    clock_period
        Length of a tick in s.
    event_width
        Ticks lost per event, int32, shape (n_channels,).
    """

    n_channels: int
    n_bins: int
    clock_period: float
    event_width: npt.NDArray[np.int32]

    @classmethod
    def from_start(cls, start: SessionStart) -> Constants:
        """The constants of the session that `start` begins.

        Raises
        ------
        ProtocolError
            Naming what is missing or of a shape that the old dialects cannot say.
        """
        shapes = {array.name: array.shape for array in start.arrays}
        histogram, scalers = shapes.get("histogram", ()), shapes.get("scalers", ())
        if len(histogram) != 2 or scalers != (histogram[0], N_SCALERS):
            raise ProtocolError(
                f"arrays {shapes}: the old dialects carry histogram (channel, bin) and scalers "
                f"(channel, {N_SCALERS}) only"
            )
        return cls(*histogram, _clock_period(start.detector), _event_width(start.detector, histogram[0]))


def _clock_period(detector: Mapping[str, Any]) -> float:
    value = detector.get("clock_period")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1:
        raise ProtocolError(f"clock_period: {str(value)[:64]}, expected a number of seconds between 0 and 1")
    return float(value)


def _event_width(detector: Mapping[str, Any], n_channels: int) -> npt.NDArray[np.int32]:
    values = detector.get("event_widths")
    is_list = isinstance(values, Sequence) and not isinstance(values, str) and len(values) == n_channels
    if not is_list or not all(type(value) is int and 0 <= value < 1 << 31 for value in values or ()):
        raise ProtocolError(
            f"event_widths: {str(values)[:64]}, expected {n_channels} integers in 0..{(1 << 31) - 1}"
        )
    return np.array(values, dtype="<i4")


def scaler_arrays(raw: npt.NDArray[np.uint32], constants: Constants) -> dict[str, Array]:
    """The arrays of `NAMES`, in this order, axis 0 the frame; (frame, channel) but for `window_counts`.

    Parameters
    ----------
    raw
        Scalers, shape (n_frames, n_channels, 9), not modified.
    """
    scalers, width = as_scalers(raw), constants.event_width
    counts = ("all_events", "all_good", "clock_ticks", "total_ticks", "reset_ticks")
    return {
        "output_count_rate": dead_time.output_count_rate(scalers, constants.clock_period),
        **{name: scalers[name] for name in counts},
        "event_width": np.broadcast_to(width, scalers.shape),
        "dead_time_correction": dead_time.dead_time_correction(scalers, width),
        "window_counts": np.stack([scalers["in_window0"], scalers["in_window1"]], axis=1),
    }
