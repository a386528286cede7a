"""A map of a scan: counts in the windows at the place of each frame.

The metadata of a session say how it goes over the sample::

    {"scan": {"shape": [20, 30], "snake": true,
              "names": ["y", "x"], "ranges": [[0.0, 1.9], [5.0, 7.9]], "units": "mm"}}

Frame i is the pixel i in rows, or with `snake` every second row backwards. Or an array `positions` in
the blocks, int32 (frame, 2), tells row and column of each frame.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from receivers.geometry import Geometry
from receivers.liveview.sums import Frames
from xspress3 import dead_time
from xspress3.errors import ProtocolError
from xspress3.model import SCALER_NAMES, as_scalers

__all__ = ["POSITIONS", "Scan", "ScanMap"]

MAX_PIXELS = 1 << 20
MAX_NAME = 40
POSITIONS = "positions"
_WINDOWS = [SCALER_NAMES.index(name) for name in ("in_window0", "in_window1")]


@dataclass(frozen=True)
class Scan:
    """Rows and columns of a scan, and what stands at its axes where that was said."""

    n_rows: int
    n_columns: int
    is_snake: bool = False
    names: tuple[str, str] | None = None
    ranges: tuple[tuple[float, float], tuple[float, float]] | None = None
    units: str | None = None

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any]) -> Scan | None:
        """What `scan` in the metadata of a session says, `None` where it is missing.

        Raises
        ------
        ProtocolError
            When it says something that cannot be.
        """
        said = metadata.get("scan")
        if said is None:
            return None
        if not isinstance(said, Mapping):
            raise ProtocolError(f"scan: a {type(said).__name__}, expected an object with a shape")
        n_rows, n_columns = _shape(said.get("shape"))
        return cls(
            n_rows,
            n_columns,
            said.get("snake") is True,
            _names(said),
            _ranges(said),
            _name(said.get("units")),
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "shape": [self.n_rows, self.n_columns],
            "names": self.names,
            "ranges": self.ranges,
            "units": self.units,
        }

    def pixels(self, frames: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Index of each frame's pixel in the flat map; may lie outside for frames beyond the scan."""
        row, column = np.divmod(frames, self.n_columns)
        if self.is_snake:
            column = np.where(row % 2, self.n_columns - 1 - column, column)
        pixels: npt.NDArray[np.int64] = row * self.n_columns + column
        return pixels

    def pixels_at(self, positions: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
        """Index of the pixels at (row, column), shape (frame, 2); -1 for those outside."""
        row, column = positions[:, 0].astype(np.int64), positions[:, 1].astype(np.int64)
        is_inside = (row >= 0) & (row < self.n_rows) & (column >= 0) & (column < self.n_columns)
        return np.where(is_inside, row * self.n_columns + column, -1)


class ScanMap:
    """Counts of all channels together for each pixel, NaN where no frame was seen.

    Attributes
    ----------
    n_filled
        Pixels that have a value.
    """

    def __init__(self, scan: Scan, geometry: Geometry) -> None:
        self.scan = scan
        self._geometry = geometry
        self._values = np.full((4, scan.n_rows * scan.n_columns), np.nan, dtype="<f4")
        self._is_filled = np.zeros(scan.n_rows * scan.n_columns, dtype=bool)

    def add(self, frames: Frames, positions: npt.NDArray[np.int32] | None = None) -> None:
        """Put each frame where it belongs; the last one stays where several have one place."""
        numbers = frames.first_frame + np.arange(len(frames), dtype=np.int64) * frames.step
        pixels = self.scan.pixels(numbers) if positions is None else self.scan.pixels_at(positions)
        is_inside = (pixels >= 0) & (pixels < self._values.shape[1])
        counts = frames.scalers[is_inside][:, :, _WINDOWS].transpose(2, 0, 1)
        factors = dead_time.dead_time_correction(
            as_scalers(frames.scalers[is_inside]), self._geometry.event_widths
        )
        self._values[:2, pixels[is_inside]] = counts.sum(axis=2)
        self._values[2:, pixels[is_inside]] = (counts * factors).sum(axis=2)
        self._is_filled[pixels[is_inside]] = True

    @property
    def n_filled(self) -> int:
        """Pixels of which a frame was seen."""
        return int(self._is_filled.sum())

    def values(self, window: int, *, corrected: bool) -> npt.NDArray[np.float32]:
        """A copy, shape (row, column)."""
        chosen = self._values[window + 2 * corrected]
        values: npt.NDArray[np.float32] = chosen.reshape(self.scan.n_rows, self.scan.n_columns).copy()
        return values


def _shape(said: object) -> tuple[int, int]:
    if (
        isinstance(said, list)
        and len(said) == 2
        and all(type(n) is int and n > 0 for n in said)
        and said[0] * said[1] <= MAX_PIXELS
    ):
        return said[0], said[1]
    raise ProtocolError(
        f"scan: shape {str(said)[:64]}, expected [rows, columns] of up to {MAX_PIXELS} pixels together"
    )


def _name(said: object) -> str | None:
    return said[:MAX_NAME] if isinstance(said, str) and said else None


def _names(said: Mapping[str, Any]) -> tuple[str, str] | None:
    names = said.get("names")
    if not isinstance(names, (list, tuple)) or len(names) != 2:
        return None
    first, second = map(_name, names)
    return None if first is None or second is None else (first, second)


def _ranges(said: Mapping[str, Any]) -> tuple[tuple[float, float], tuple[float, float]] | None:
    ranges = said.get("ranges")
    if not isinstance(ranges, (list, tuple)) or len(ranges) != 2:
        return None
    first, second = map(_range, ranges)
    return None if first is None or second is None else (first, second)


def _range(said: object) -> tuple[float, float] | None:
    if not isinstance(said, (list, tuple)) or len(said) != 2:
        return None
    if not all(type(end) in (int, float) and abs(end) < 1e300 and math.isfinite(end) for end in said):
        return None
    return float(said[0]), float(said[1])
