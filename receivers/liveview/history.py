"""What was, point by point: rates for strip charts, and spectra against time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from receivers.geometry import Geometry
from receivers.liveview.sums import Sum

__all__ = ["History", "Points"]

INTERVAL = 1.0
"""Seconds of one point."""
MAX_POINTS = 600
MAX_CELLS = 1024
"""Cells of a row: bins next to each other are put together until so many are left."""
MAX_BYTES = 32 << 20
"""That the points may take; a detector of very many channels keeps fewer of them."""
N_CURVES = 5
"""Input rate, output rate, dead time, and the counts a second in both windows."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Points:
    """Points `first` and those after it: Unix `times` (point,), `curves` (curve, point, channel), `rows`
    (point, cell) in counts a second of all channels together.
    """

    first: int
    times: npt.NDArray[np.float64]
    curves: Floats
    rows: Floats


class History:
    """Keeps the newest points; each is the mean over the frames that were seen in its interval.

    An interval without frames gives NaN. After a pause the points in between are not all made: when it
    was longer than what is kept, the numbers jump.

    Attributes
    ----------
    begin
        Number of the first point.
    end
        Number of the point after the newest one.
    """

    def __init__(self, geometry: Geometry, begin: int = 0) -> None:
        self._geometry = geometry
        self.bins_per_cell = -(-geometry.n_bins // MAX_CELLS)
        self._n_cells = -(-geometry.n_bins // self.bins_per_cell)
        point_bytes = 4 * (N_CURVES * geometry.n_channels + self._n_cells)
        self.keep = max(2, min(MAX_POINTS, MAX_BYTES // point_bytes))
        self._times = np.full(self.keep, np.nan)
        self._curves = np.full((N_CURVES, self.keep, geometry.n_channels), np.nan, dtype="<f4")
        self._rows = np.full((self.keep, self._n_cells), np.nan, dtype="<f4")
        self.begin = self.end = begin
        self._interval: int | None = None
        self._sum: Sum | None = None

    def add(self, total: Sum, now: float) -> bool:
        """Take the sum of frames that came at `now`, Unix time in s; whether there are new points."""
        has_new = self.tick(now)
        self._sum = total if self._sum is None else self._sum + total
        return has_new

    def tick(self, now: float) -> bool:
        """Finish the intervals that are over at `now`; whether there are new points."""
        interval = int(now // INTERVAL)
        before, self._interval = self._interval, interval
        if before is None or interval == before:
            return False
        if interval < before:  # the clock was set back: go on from there
            return False
        self._put(before, self._sum)
        self._sum = None
        n_empty = interval - before - 1
        self.end += max(n_empty - self.keep, 0)
        for missing in range(interval - min(n_empty, self.keep), interval):
            self._put(missing, None)
        return True

    def _put(self, interval: int, total: Sum | None) -> None:
        place = self.end % self.keep
        self._times[place] = (interval + 0.5) * INTERVAL
        self._curves[:, place] = np.nan
        self._rows[place] = np.nan
        if total is not None:
            self._fill(place, total)
        self.end += 1

    def _fill(self, place: int, total: Sum) -> None:
        seconds = total.counting_time(self._geometry)
        self._curves[:3, place] = total.rates(self._geometry)[:3]
        if seconds > 0:
            self._curves[3:, place] = total.windows[:2] / seconds
            self._rows[place] = self._cells(total) / seconds

    def _cells(self, total: Sum) -> npt.NDArray[np.float64]:
        starts = np.arange(0, self._geometry.n_bins, self.bins_per_cell)
        spectrum = total.histogram.sum(axis=0, dtype=np.uint64).astype(np.float64)
        cells: npt.NDArray[np.float64] = np.add.reduceat(spectrum, starts)
        return cells

    def since(self, first: int) -> Points:
        """Copies of the points from `first` on, as far as they are kept."""
        first = max(min(first, self.end), self.end - self.keep, self.begin)
        places = np.arange(first, self.end) % self.keep
        return Points(first, self._times[places], self._curves[:, places], self._rows[places])
