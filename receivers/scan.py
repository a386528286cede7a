"""Where frames belong on a map, as the metadata of a session say::

    {"scan": {"shape": [20, 30], "snake": true,
              "names": ["y", "x"], "ranges": [[0.0, 1.9], [5.0, 7.9]], "units": "mm"}}

Frame i is pixel i, row by row, with `snake` every second row backwards; only `shape` is needed. Or an
array `positions` in the blocks, int32 (frame, 2), tells row and column of each frame.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from xspress3.errors import ProtocolError
from xspress3.stream import SessionStart

__all__ = ["MAX_PIXELS", "POSITIONS", "Scan"]

MAX_PIXELS = 1 << 20
MAX_NAME = 40
POSITIONS = "positions"
_NAMES = ("y", "x")


@dataclass(frozen=True)
class Scan:
    """Rows and columns of a scan, and the names and values of its two axes."""

    n_rows: int
    n_columns: int
    is_snake: bool = False
    names: tuple[str, str] = _NAMES
    ranges: tuple[tuple[float, float], tuple[float, float]] | None = None
    units: str = ""

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any]) -> Scan | None:
        """What `scan` in the metadata of a session says, `None` where it is missing.

        What is said amiss of the axes is left out: the map is right without it.

        Raises
        ------
        ProtocolError
            When the shape cannot be.
        """
        said = metadata.get("scan")
        if said is None:
            return None
        if not isinstance(said, Mapping):
            raise ProtocolError(f"scan: {str(said)[:64]}, expected an object with a shape")
        n_rows, n_columns = _shape(said.get("shape"))
        return cls(
            n_rows,
            n_columns,
            said.get("snake") is True,
            _names(said.get("names")),
            _ranges(said.get("ranges")),
            _text(said.get("units")),
        )

    @classmethod
    def from_start(cls, start: SessionStart) -> Scan:
        """What the metadata say; without any a line of all frames.

        Raises
        ------
        ProtocolError
            When the shape cannot be, or there is neither a scan nor a number of frames.
        """
        scan = cls.from_metadata(start.metadata)
        if scan is not None:
            return scan
        if start.n_frames is None or start.n_frames > MAX_PIXELS:
            raise ProtocolError(
                f"scan: none in the metadata, and {start.n_frames or 'endless'} frames, "
                f"allowed for a line are up to {MAX_PIXELS}"
            )
        return cls(1, start.n_frames)

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "shape": [self.n_rows, self.n_columns],
            "names": self.names,
            "ranges": self.ranges,
            "units": self.units or None,
        }

    @property
    def array_names(self) -> tuple[str, str]:
        """The names of the axes where they can be names of arrays, else the usual ones."""
        return self.names if all(name.isidentifier() for name in self.names) else _NAMES

    @property
    def n_pixels(self) -> int:
        """Pixels of the map."""
        return self.n_rows * self.n_columns

    def pixels(self, frames: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Index of each frame's pixel in the flat map, -1 for frames beyond the scan."""
        row, column = np.divmod(frames, self.n_columns)
        if self.is_snake:
            column = np.where(row % 2, self.n_columns - 1 - column, column)
        return np.where(frames < self.n_pixels, row * self.n_columns + column, -1)

    def pixels_at(self, positions: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
        """Index of the pixels at (row, column), shape (n_frames, 2); -1 for those outside."""
        row, column = positions[:, 0].astype(np.int64), positions[:, 1].astype(np.int64)
        is_inside = (row >= 0) & (row < self.n_rows) & (column >= 0) & (column < self.n_columns)
        return np.where(is_inside, row * self.n_columns + column, -1)

    def axis(self, number: int) -> npt.NDArray[np.float64]:
        """Values along axis 0 (rows) or 1 (columns); indices where no range was said."""
        length = (self.n_rows, self.n_columns)[number]
        if self.ranges is None:
            return np.arange(length, dtype=np.float64)
        return np.linspace(*self.ranges[number], length)


def _shape(said: object) -> tuple[int, int]:
    lengths = said if isinstance(said, list) else []
    is_pair = len(lengths) == 2 and all(type(length) is int and length > 0 for length in lengths)
    if is_pair and lengths[0] * lengths[1] <= MAX_PIXELS:
        return lengths[0], lengths[1]
    raise ProtocolError(
        f"scan: shape {str(said)[:64]}, allowed are [rows, columns] of up to {MAX_PIXELS} pixels"
    )


def _text(said: object) -> str:
    return said if isinstance(said, str) and len(said) <= MAX_NAME and said.isprintable() else ""


def _names(said: object) -> tuple[str, str]:
    """Two different names; the usual ones in place of any others."""
    names = [_text(name) for name in said] if isinstance(said, list) else []
    if len(names) != 2 or not all(names) or names[0] == names[1]:
        return _NAMES
    return names[0], names[1]


def _ranges(said: object) -> tuple[tuple[float, float], tuple[float, float]] | None:
    if not isinstance(said, list) or len(said) != 2:
        return None
    first, second = map(_range, said)
    return None if first is None or second is None else (first, second)


def _range(said: object) -> tuple[float, float] | None:
    if not isinstance(said, list) or len(said) != 2:
        return None
    if not all(type(end) in (int, float) and abs(end) < 1e300 and math.isfinite(end) for end in said):
        return None
    return float(said[0]), float(said[1])
