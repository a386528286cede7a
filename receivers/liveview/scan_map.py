"""A map of a scan: counts in the windows at the place of each frame; see `receivers.scan`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from receivers.geometry import Geometry
from receivers.liveview.sums import Frames
from receivers.scan import Scan
from xspress3 import dead_time
from xspress3.model import SCALER_NAMES, as_scalers

__all__ = ["ScanMap"]

_WINDOWS = [SCALER_NAMES.index(name) for name in ("in_window0", "in_window1")]


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
        self._values = np.full((4, scan.n_pixels), np.nan, dtype="<f4")
        self._is_filled = np.zeros(scan.n_pixels, dtype=bool)

    def add(self, frames: Frames, positions: npt.NDArray[np.int32] | None = None) -> None:
        """Put each frame where it belongs; the last one stays where several have one place."""
        numbers = frames.first_frame + np.arange(len(frames), dtype=np.int64) * frames.step
        pixels = self.scan.pixels(numbers) if positions is None else self.scan.pixels_at(positions)
        is_inside = pixels >= 0
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
