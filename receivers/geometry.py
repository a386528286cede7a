"""What the start of an Xspress3 session says about its frames, checked: it came from the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from xspress3.errors import ProtocolError
from xspress3.model import N_SCALERS
from xspress3.stream import ArrayInfo, SessionStart

__all__ = ["HISTOGRAM", "SCALERS", "Geometry"]

HISTOGRAM = "histogram"
SCALERS = "scalers"
MAX_WIDTH = 1 << 24
"""Largest event width that is believed, in ticks: a fifth of a second."""
MAX_CHANNELS = 1024
MAX_BINS = 1 << 16

WindowLimits = tuple[tuple[tuple[int, int], tuple[int, int]], ...]


@dataclass(frozen=True)
class Geometry:
    """Shape and constants of a session.

    Parameters
    ----------
    clock_period
        Length of a tick in s.
    event_widths
        Ticks lost per event, one for each channel.
    windows
        Two (low, high) of each channel; `None` where the sender did not say.
    compression
        How histograms will come, `"none"` or `"bslz4"`.
    """

    n_channels: int
    n_bins: int
    clock_period: float
    event_widths: tuple[int, ...]
    windows: WindowLimits | None
    compression: str = "none"

    @classmethod
    def from_start(cls, start: SessionStart) -> Geometry:
        """Geometry of the session that `start` begins.

        Raises
        ------
        ProtocolError
            Naming what is missing or cannot be.
        """
        n_channels, n_bins = _histogram_shape(_array(start, HISTOGRAM))
        scalers = _array(start, SCALERS)
        if scalers.shape != (n_channels, N_SCALERS):
            raise ProtocolError(f"scalers: shape {scalers.shape}, expected {(n_channels, N_SCALERS)}")
        return cls(
            n_channels=n_channels,
            n_bins=n_bins,
            clock_period=_clock_period(start.detector),
            event_widths=_event_widths(start.detector, n_channels),
            windows=_windows(start.detector, n_channels),
            compression=_compression(_array(start, HISTOGRAM)),
        )


def _array(start: SessionStart, name: str) -> ArrayInfo:
    for array in start.arrays:
        if array.name == name:
            if array.dtype != "<u4":
                raise ProtocolError(f"{name}: dtype {array.dtype}, expected '<u4'")
            return array
    raise ProtocolError(f"start: no array {name!r}, there are {[a.name[:64] for a in start.arrays]}")


def _histogram_shape(histogram: ArrayInfo) -> tuple[int, int]:
    shape = histogram.shape
    if len(shape) != 2 or not 1 <= shape[0] <= MAX_CHANNELS or not 1 <= shape[1] <= MAX_BINS:
        raise ProtocolError(
            f"histogram: shape {shape}, expected (n_channels, n_bins) with 1..{MAX_CHANNELS} channels "
            f"and 1..{MAX_BINS} bins"
        )
    return shape[0], shape[1]


def _compression(histogram: ArrayInfo) -> str:
    if histogram.compression not in ("none", "bslz4"):
        raise ProtocolError(
            f"histogram: compression {histogram.compression[:64]!r}, allowed are 'none' and 'bslz4'"
        )
    return histogram.compression


def _clock_period(detector: Mapping[str, Any]) -> float:
    value = detector.get("clock_period")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ProtocolError(f"clock_period: {str(value)[:64]}, expected a number of seconds")
    if not 0 < value < 1:  # false for NaN, and safe for integers beyond any float
        raise ProtocolError(f"clock_period: {value} s, allowed is more than 0 s and less than 1 s")
    return float(value)


def _integers(value: object, length: int, high: int) -> tuple[int, ...] | None:
    """`value` as a tuple when it is a list of `length` integers in 0..high."""
    if not isinstance(value, list) or len(value) != length:
        return None
    if not all(type(item) is int and 0 <= item <= high for item in value):
        return None
    return tuple(value)


def _event_widths(detector: Mapping[str, Any], n_channels: int) -> tuple[int, ...]:
    widths = _integers(detector.get("event_widths"), n_channels, MAX_WIDTH)
    if widths is None:
        raise ProtocolError(
            f"event_widths: {str(detector.get('event_widths'))[:64]}, expected {n_channels} integers "
            f"in 0..{MAX_WIDTH}"
        )
    return widths


def _windows(detector: Mapping[str, Any], n_channels: int) -> WindowLimits | None:
    said = detector.get("windows")
    if said is None:
        return None
    if isinstance(said, list) and len(said) == n_channels:
        limits = [_window_pair(pair) for pair in said]
        if None not in limits:
            return tuple(pair for pair in limits if pair is not None)
    raise ProtocolError(
        f"windows: {str(said)[:64]}, expected for each of {n_channels} channels two lists [low, high]"
    )


def _window_pair(pair: object) -> tuple[tuple[int, int], tuple[int, int]] | None:
    if not isinstance(pair, list) or len(pair) != 2:
        return None
    first, second = (_integers(limits, 2, (1 << 31) - 1) for limits in pair)
    if first is None or second is None:
        return None
    return (first[0], first[1]), (second[0], second[1])
