"""Dead time, its correction, and rates, from scalers and event widths.

The scheme is the one the vendor advised to MAX IV, which needs no calibration file: an event
blocks its channel for `event_width + 1` ticks, a reset for as long as `reset_ticks` says::

    dead_ticks            = all_events * (event_width + 1) + reset_ticks
    exposure_ticks        = max(total_ticks, clock_ticks)
    dead_time_correction  = exposure_ticks / (clock_ticks - dead_ticks)
    input_count_rate      = all_events / ((clock_ticks - dead_ticks) * clock_period)
    output_count_rate     = all_good / (total_ticks * clock_period)

`clock_ticks` are those whose data arrived, `total_ticks` those that passed. They differ by up to two ticks
from card to card, and by more where network packets were lost: events, resets and clock ticks of these
packets are all missing, so the live time and the rate in it stay right, while the counts are those of a
part of the exposure. The correction brings them to the whole of it; the output rate, which is what was
recorded in real time, is as much lower as was lost.

All functions take `SCALER_DTYPE` records of shape (n_frames, n_channels), see
`xspress3.model.as_scalers`, and event widths of shape (n_channels,); they give float64 of shape
(n_frames, n_channels). Where no live time was left the answer is NaN, never 0 and never negative.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = [
    "dead_ticks",
    "dead_time_correction",
    "dead_time_fraction",
    "exposure_scale",
    "input_count_rate",
    "output_count_rate",
]

Scalers = npt.NDArray[np.void]
Floats = npt.NDArray[np.float64]


def dead_ticks(scalers: Scalers, event_width: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Ticks in which a channel could not take an event, shape (n_frames, n_channels), int64."""
    width = np.asarray(event_width, dtype=np.int64)
    return scalers["all_events"].astype(np.int64) * (width + 1) + scalers["reset_ticks"].astype(np.int64)


def _divide(numerator: npt.ArrayLike, denominator: npt.NDArray[np.float64]) -> Floats:
    """Quotient where the denominator is positive, NaN elsewhere."""
    result: Floats = np.full(denominator.shape, np.nan)
    np.divide(numerator, denominator, out=result, where=denominator > 0)
    return result


def _live_ticks(scalers: Scalers, event_width: npt.ArrayLike) -> Floats:
    return (scalers["clock_ticks"].astype(np.int64) - dead_ticks(scalers, event_width)).astype(np.float64)


def _exposure_ticks(scalers: Scalers) -> npt.NDArray[np.uint32]:
    """Ticks of the exposure; those that arrived, where a recording has no total ticks."""
    ticks: npt.NDArray[np.uint32] = np.maximum(scalers["clock_ticks"], scalers["total_ticks"])
    return ticks


def exposure_scale(scalers: Scalers) -> Floats:
    """Factor, at least 1, that turns counts of what arrived into those of the whole exposure."""
    return _divide(_exposure_ticks(scalers), scalers["clock_ticks"].astype(np.float64))


def dead_time_correction(scalers: Scalers, event_width: npt.ArrayLike) -> Floats:
    """Factor, at least 1, that turns counts into dead-time-free counts of the whole exposure."""
    return _divide(_exposure_ticks(scalers), _live_ticks(scalers, event_width))


def dead_time_fraction(scalers: Scalers, event_width: npt.ArrayLike) -> Floats:
    """Part of the ticks that arrived that was dead, 0..1; NaN where none did or more was dead than that."""
    fraction = _divide(dead_ticks(scalers, event_width), scalers["clock_ticks"].astype(np.float64))
    fraction[fraction > 1] = np.nan
    return fraction


def input_count_rate(scalers: Scalers, event_width: npt.ArrayLike, clock_period: float) -> Floats:
    """True events per second that the detector saw, estimated from the live time."""
    return _divide(scalers["all_events"], _live_ticks(scalers, event_width) * clock_period)


def output_count_rate(scalers: Scalers, clock_period: float) -> Floats:
    """Good events per second of real time that were histogrammed."""
    return _divide(scalers["all_good"], scalers["total_ticks"] * clock_period)
