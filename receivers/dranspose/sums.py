"""Counts in regions of spectra, and the same corrected for dead time: arithmetic only."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from receivers.geometry import Geometry
from xspress3.dead_time import dead_time_correction
from xspress3.errors import ConfigurationError
from xspress3.model import as_scalers

__all__ = ["MAX_REGIONS", "Region", "RegionSums", "parse_channels", "parse_regions", "regions_of"]

WINDOWS = ("in_window0", "in_window1")
"""Regions that the electronics count by themselves, named as their scalers."""
MAX_REGIONS = 64
_REGION = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]{0,39})\s*[:=]\s*([0-9]{1,6})\s*-\s*([0-9]{1,6})\s*")


@dataclass(frozen=True)
class Region:
    """Bins `low` to `high`, both of which belong to it, as with windows."""

    name: str
    low: int
    high: int


def parse_regions(text: str) -> tuple[Region, ...]:
    """Regions from a text such as `fe_ka: 620-660, ca_ka: 360-380`.

    Raises
    ------
    ConfigurationError
        Naming what cannot be read.
    """
    said = [part for part in re.split(r"[,;\n]", text) if part.strip()]
    return _checked([_parse_region(part) for part in said])


def regions_of(metadata: Mapping[str, Any]) -> tuple[Region, ...]:
    """Regions from `rois` in the metadata of a session, `{"fe_ka": [620, 660]}`; none where it is missing.

    Raises
    ------
    ConfigurationError
        Naming what cannot be.
    """
    said = metadata.get("rois", {})
    if not isinstance(said, Mapping) or len(said) > MAX_REGIONS:
        raise ConfigurationError(f"rois: {str(said)[:64]}, allowed is an object of up to {MAX_REGIONS}")
    return _checked([_parse_region(f"{name}:{_limits(limits)}") for name, limits in said.items()])


def _limits(said: object) -> str:
    return "-".join(map(str, said)) if isinstance(said, list) and len(said) == 2 else str(said)[:64]


def _parse_region(text: str) -> Region:
    found = _REGION.fullmatch(text)
    if found is None:
        raise ConfigurationError(f"region {text[:64]!r}, expected NAME: LOW-HIGH")
    return Region(found[1], int(found[2]), int(found[3]))


def _checked(regions: list[Region]) -> tuple[Region, ...]:
    names = [region.name for region in regions]
    if len(regions) > MAX_REGIONS or len(set(names) | set(WINDOWS)) != len(names) + len(WINDOWS):
        raise ConfigurationError(f"regions {names}, allowed are {MAX_REGIONS} of different names")
    for region in regions:
        if region.low > region.high or region.name.endswith("_attrs"):
            raise ConfigurationError(f"region {region.name}: low={region.low} above high={region.high}")
    return tuple(regions)


def parse_channels(text: str, n_channels: int) -> tuple[int, ...]:
    """Channels from a text such as `0, 2`; all of them where it is empty.

    Raises
    ------
    ConfigurationError
        When there is no such channel.
    """
    words = text.replace(",", " ").split()
    channels = tuple(dict.fromkeys(int(word) for word in words if re.fullmatch("[0-9]{1,6}", word)))
    if len(channels) != len(words) or any(channel >= n_channels for channel in channels):
        raise ConfigurationError(f"channels {text[:64]!r}, allowed are different ones of 0..{n_channels - 1}")
    return channels or tuple(range(n_channels))


class RegionSums:
    """Sums of a session's frames over regions and channels::

        sums = RegionSums(geometry, parse_regions("fe_ka: 620-660"), channels=(0, 1))
        counts, corrected = sums.of(histogram, scalers)

    Attributes
    ----------
    names
        Of the regions, first those that the electronics count.
    """

    def __init__(self, geometry: Geometry, regions: Sequence[Region], channels: Sequence[int]) -> None:
        for region in regions:
            if region.high >= geometry.n_bins:
                raise ConfigurationError(
                    f"region {region.name}: high={region.high} outside 0..{geometry.n_bins - 1}"
                )
        self.names = (*WINDOWS, *(region.name for region in regions))
        self._event_widths = geometry.event_widths
        self._regions = tuple(regions)
        self._channels = tuple(channels)

    def of(
        self, histogram: npt.NDArray[np.uint32], scalers: npt.NDArray[np.uint32]
    ) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.float64]]:
        """Counts, and counts times dead-time correction, summed over the channels.

        Both have axes (region, frame). A correction is applied channel by channel, before they are
        added; where one of the channels was not live, the corrected sum is NaN.
        """
        records = as_scalers(scalers)
        factors = dead_time_correction(records, self._event_widths)
        of_channels = np.stack(
            [
                *(records[name].astype(np.uint64) for name in WINDOWS),
                *(_in_region(histogram, region) for region in self._regions),
            ]
        )
        counts = np.zeros(of_channels.shape[:2], dtype=np.uint64)
        corrected = np.zeros(of_channels.shape[:2])
        for channel in self._channels:  # one after the other, so that sums can be repeated to the last bit
            counts += of_channels[:, :, channel]
            corrected += of_channels[:, :, channel] * factors[:, channel]
        return counts, corrected


def _in_region(histogram: npt.NDArray[np.uint32], region: Region) -> npt.NDArray[np.uint64]:
    """Counts of each frame and channel, shape (n_frames, n_channels)."""
    counts: npt.NDArray[np.uint64] = histogram[:, :, region.low : region.high + 1].sum(
        axis=2, dtype=np.uint64
    )
    return counts
