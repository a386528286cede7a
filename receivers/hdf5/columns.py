"""The small datasets, one value for each frame or for each frame and channel: pure arithmetic.

`Columns` collects the scalers of blocks; `take` turns them into whole columns, hole by hole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from receivers.geometry import Geometry
from xspress3 import dead_time
from xspress3.model import N_SCALERS, SCALER_NAMES, SCALER_UNITS, as_scalers

__all__ = ["COLUMNS", "NO_COUNT", "Column", "Columns", "Rows", "compute"]

NO_COUNT = (1 << 32) - 1
"""Fill value of counts; a frame would have to last 53 s at 80 MHz for a scaler to come near it."""
MAX_HOLE = 4096
"""Longest hole, in frames, that is written as rows of fill values; longer ones are left out."""

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Column:
    """A dataset with one row for each frame."""

    name: str
    dtype: str
    units: str
    meaning: str
    per_channel: bool = True

    @property
    def fill_value(self) -> float:
        """What stands in rows of frames that did not come."""
        return {"<u4": NO_COUNT, "<f8": np.nan}.get(self.dtype, -1)


COLUMNS = (
    *(
        Column(name, "<u4", unit, f"scaler {i}")
        for i, (name, unit) in enumerate(zip(SCALER_NAMES, SCALER_UNITS, strict=True))
    ),
    *(
        Column(f"in_window{i}_corrected", "<f8", "counts", f"counts in window {i} without dead time")
        for i in (0, 1)
    ),
    Column("output_count_rate", "<f8", "1/s", "good events per second of real time"),
    Column("input_count_rate", "<f8", "1/s", "true events per second, estimated from the live time"),
    Column("dead_time_correction", "<f8", "1", "factor that turns counts into dead-time-free counts"),
    Column("dead_time_fraction", "<f8", "1", "part of the time that was dead, 0..1"),
    Column("dead_time", "<f8", "s", "time in which the channel could not take an event"),
    Column("live_time", "<f8", "s", "time in which the channel could take an event"),
    Column("elapsed_time", "<f8", "s", "real time of the frame"),
    Column("event_width", "<i4", "ticks", "clock ticks lost per event"),
    Column(
        "count_time", "<f8", "s", "real time of the frame, the longest of all channels", per_channel=False
    ),
    Column("frame_number", "<i8", "", "number of the frame, the same as the row", per_channel=False),
    Column("timestamp", "<f8", "s", "Unix time at which the block of this frame was read", per_channel=False),
)


@dataclass(frozen=True)
class Rows:
    """Values of each column for consecutive rows from `first` on."""

    first: int
    n_rows: int
    values: dict[str, Array]


def compute(raw: npt.NDArray[np.uint32], geometry: Geometry) -> dict[str, Array]:
    """Columns that follow from scalers alone; `raw` is (frame, channel, 9)."""
    scalers = as_scalers(raw)
    period, widths = geometry.clock_period, np.array(geometry.event_widths, dtype="<i4")
    dead = dead_time.dead_ticks(scalers, widths)
    live = scalers["clock_ticks"].astype(np.float64) - dead
    elapsed = scalers["total_ticks"] * period
    correction = dead_time.dead_time_correction(scalers, widths)
    return {
        **{name: np.ascontiguousarray(raw[..., i]) for i, name in enumerate(SCALER_NAMES)},
        "output_count_rate": dead_time.output_count_rate(scalers, period),
        "input_count_rate": dead_time.input_count_rate(scalers, widths, period),
        "in_window0_corrected": scalers["in_window0"] * correction,
        "in_window1_corrected": scalers["in_window1"] * correction,
        "dead_time_correction": correction,
        "dead_time_fraction": dead_time.dead_time_fraction(scalers, widths),
        "dead_time": dead * period,
        "live_time": np.where(live > 0, live * period, np.nan),
        "elapsed_time": elapsed,
        "event_width": np.broadcast_to(widths, dead.shape).copy(),
        "count_time": elapsed.max(axis=1),
    }


@dataclass(frozen=True)
class _Part:
    """Scalers of one block, a copy, and when it was sent."""

    first: int
    scalers: npt.NDArray[np.uint32]
    time_ns: int

    @property
    def end(self) -> int:
        return self.first + len(self.scalers)


class Columns:
    """Scalers that wait to be written::

    columns.add(first_frame, scalers, time_ns)
    for rows in columns.take():
        ...
    """

    def __init__(self, geometry: Geometry) -> None:
        self._geometry = geometry
        self._parts: list[_Part] = []
        self.n_frames = 0

    def add(self, first_frame: int, scalers: npt.NDArray[np.uint32], time_ns: int) -> None:
        """Keep `scalers`, (frame, channel, 9), of frames behind all that were added before."""
        self._parts.append(_Part(first_frame, scalers, time_ns))
        self.n_frames += len(scalers)

    def take(self) -> Iterator[Rows]:
        """All that waited, as few runs of rows as holes allow."""
        parts, self._parts = self._parts, []
        self.n_frames = 0
        begin = 0
        for i in range(1, len(parts) + 1):
            if i == len(parts) or parts[i].first - parts[i - 1].end > MAX_HOLE:
                yield self._join(parts[begin:i])
                begin = i

    def _join(self, parts: list[_Part]) -> Rows:
        first, n_rows = parts[0].first, parts[-1].end - parts[0].first
        raw = np.full((n_rows, self._geometry.n_channels, N_SCALERS), NO_COUNT, dtype="<u4")
        timestamp = np.full(n_rows, np.nan)
        is_there = np.zeros(n_rows, dtype=bool)
        for part in parts:
            rows = slice(part.first - first, part.end - first)
            raw[rows] = part.scalers
            timestamp[rows] = part.time_ns / 1e9
            is_there[rows] = True
        values = compute(raw, self._geometry)
        values["frame_number"] = np.arange(first, first + n_rows, dtype="<i8")
        values["timestamp"] = timestamp
        if not is_there.all():
            for column in COLUMNS:
                values[column.name][~is_there] = column.fill_value
        return Rows(first, n_rows, values)
