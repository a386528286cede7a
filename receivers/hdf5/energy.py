"""Energy of each bin, where the start of a session brings a calibration.

It stands under `calibration` in `detector` or in `metadata`, the former first: an object
`{"offset": 0.1, "gain": 0.01, "quadratic": 0}` for all channels, or a list with one for each; keV at the
middle of bin b is `offset + gain * b + quadratic * b * b`. What cannot be a calibration is passed over, as
if it was not there: recording does not depend on it, and the text stays in the file as it came.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from receivers.geometry import Geometry
from xspress3.stream import SessionStart

__all__ = ["CALIBRATION", "coefficients", "energies"]

CALIBRATION = "calibration"
_TERMS = ("offset", "gain", "quadratic")
MAX_TERM = 1e6


def coefficients(start: SessionStart, geometry: Geometry) -> npt.NDArray[np.float64] | None:
    """Offset, gain and quadratic term of each channel, shape (n_channels, 3), or `None`."""
    said = start.detector.get(CALIBRATION, start.metadata.get(CALIBRATION))
    each = said if isinstance(said, list) else [said] * geometry.n_channels
    if len(each) != geometry.n_channels:
        return None
    rows = [_terms(one) for one in each]
    found = [row for row in rows if row is not None]
    if len(found) != len(rows):
        return None
    terms = np.array(found)
    return terms if (np.diff(energies(terms, geometry.n_bins), axis=1) > 0).all() else None


def energies(terms: npt.NDArray[np.float64], n_bins: int) -> npt.NDArray[np.float64]:
    """Energy in keV, shape (n_channels, n_bins), of `terms` as of `coefficients`."""
    bins = np.arange(n_bins, dtype=np.float64)
    offset, gain, quadratic = (terms[:, i, None] for i in range(3))
    return np.asarray(offset + gain * bins + quadratic * bins**2)


def _terms(said: Any) -> list[float] | None:
    if not isinstance(said, Mapping) or not set(said) <= set(_TERMS):
        return None
    values = [said.get(name, 0.0) for name in _TERMS]
    for value in values:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= MAX_TERM:
            return None
    return [float(value) for value in values]
