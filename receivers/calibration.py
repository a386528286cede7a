"""Energy of each bin: a parabola for each channel, checked to rise."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from xspress3.errors import ConfigurationError

__all__ = ["Calibration", "calibrations_of", "read_calibrations"]

MAX_ENERGY = 1e6
"""keV; what lies beyond is no X-ray."""
MAX_FILE_BYTES = 1 << 20
_TERMS = ("offset", "gain", "quadratic")


@dataclass(frozen=True)
class Calibration:
    """Energy in keV of the middle of bin b is `offset + gain * b + quadratic * b * b`."""

    offset: float
    gain: float
    quadratic: float = 0.0

    def check(self, n_bins: int) -> None:
        """Raise `ConfigurationError` unless energies are finite and rise from bin to bin."""
        last = max(n_bins - 1, 1)
        for name in _TERMS:
            value = getattr(self, name)
            if not math.isfinite(value) or abs(value) > MAX_ENERGY:
                raise ConfigurationError(f"calibration: {name}={value}, allowed is -1e6..1e6")
        slopes = self.gain + self.quadratic, self.gain + self.quadratic * (2 * last - 1)
        if min(slopes) <= 0:  # from bin 0 to 1, and from the last but one to the last
            raise ConfigurationError(
                f"calibration: energy does not rise from bin to bin with gain={self.gain}, "
                f"quadratic={self.quadratic} over {n_bins} bins; allowed is a step of more than 0 keV"
            )

    def energy(self, bins: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Energies in keV."""
        return self.offset + self.gain * bins + self.quadratic * bins**2

    def as_dict(self) -> dict[str, float]:
        """Plain values."""
        return asdict(self)


def _calibration_of(said: object) -> Calibration:
    if not isinstance(said, Mapping) or not set(said) <= set(_TERMS) or "gain" not in said:
        raise ConfigurationError(
            f"calibration: {str(said)[:100]}, allowed are objects with gain, offset and quadratic"
        )
    values = {name: said.get(name, 0.0) for name in _TERMS}
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > MAX_ENERGY:
            raise ConfigurationError(
                f"calibration: {name}={str(value)[:64]}, allowed is a number in -1e6..1e6"
            )
    return Calibration(**{name: float(value) for name, value in values.items()})


def calibrations_of(said: object, n_channels: int, n_bins: int) -> tuple[Calibration, ...]:
    """One for each channel, of an object for all of them or a list with one for each.

    Raises
    ------
    ConfigurationError
        When something in it cannot be.
    """
    each: Sequence[Any] = said if isinstance(said, list) else [said] * n_channels
    if len(each) != n_channels:
        raise ConfigurationError(f"calibration: for {len(each)} channels, the stream has {n_channels}")
    found = tuple(map(_calibration_of, each))
    for calibration in set(found):
        calibration.check(n_bins)
    return found


def read_calibrations(path: Path) -> object:
    """What a JSON file says: an object `{"offset": 0, "gain": 0.01}`, or a list of them.

    Raises
    ------
    ConfigurationError
        When it cannot be read, or is neither.
    """
    try:
        with path.open("rb") as file:
            part = file.read(MAX_FILE_BYTES + 1)
        if len(part) > MAX_FILE_BYTES:
            raise ValueError(f"larger than {MAX_FILE_BYTES} bytes")
        said = json.loads(part)
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"calibration {path}: {error}") from None
    for one in said if isinstance(said, list) else [said]:
        _calibration_of(one)
    return said
