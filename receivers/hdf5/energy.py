"""Energy of each bin, where the start of a session brings a calibration.

It stands under `calibration` in `detector` or in `metadata`, the former first, in the words of
`receivers.calibration`. What cannot be a calibration is passed over, as if it was not there: recording does
not depend on it, and the text stays in the file as it came.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from receivers.calibration import calibrations_of
from receivers.geometry import Geometry
from xspress3.errors import ConfigurationError
from xspress3.stream import SessionStart

__all__ = ["CALIBRATION", "coefficients", "energies"]

CALIBRATION = "calibration"


def coefficients(start: SessionStart, geometry: Geometry) -> npt.NDArray[np.float64] | None:
    """Offset, gain and quadratic term of each channel, shape (n_channels, 3), or `None`."""
    said = start.detector.get(CALIBRATION, start.metadata.get(CALIBRATION))
    try:
        found = calibrations_of(said, geometry.n_channels, geometry.n_bins)
    except ConfigurationError:
        return None
    return np.array([(one.offset, one.gain, one.quadratic) for one in found])


def energies(terms: npt.NDArray[np.float64], n_bins: int) -> npt.NDArray[np.float64]:
    """Energy in keV, shape (n_channels, n_bins), of `terms` as of `coefficients`."""
    bins = np.arange(n_bins, dtype=np.float64)
    offset, gain, quadratic = (terms[:, i, None] for i in range(3))
    return np.asarray(offset + gain * bins + quadratic * bins**2)
