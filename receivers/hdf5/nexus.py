"""What viewers look for: the default plot, and a group for each channel with a spectrum of its own.

Groups of channels hold virtual datasets, windows into those of the detector: they cost nothing while frames
come, and grow with them. silx, PyMca, nexusformat and h5web find the spectra by `signal`, `axes` and
`interpretation`; PyMca takes `live_time` and `calibration` from the same group.
"""

from __future__ import annotations

from collections.abc import Sequence

import h5py
import numpy as np

from receivers.geometry import Geometry
from receivers.hdf5.energy import coefficients, energies
from xspress3.stream import SessionStart

__all__ = ["build_axes", "build_channels", "build_plot"]

MAX_GROUPS = 128
"""Channels that get a group of their own; more would only make files slow to open."""
_LINKS = ("data", "output_count_rate", "input_count_rate", "dead_time_correction", "frame_number")
_PER_CHANNEL = ("live_time", "elapsed_time", "dead_time_correction")


def build_axes(detector: h5py.Group, start: SessionStart, geometry: Geometry) -> None:
    """Number of each channel and bin and, where all channels share a calibration, energies of bins."""
    for name, length in (("channel", geometry.n_channels), ("bin", geometry.n_bins)):
        detector[name] = np.arange(length, dtype="<i4")
        detector[name].attrs["long_name"] = name
    terms = coefficients(start, geometry)
    if terms is not None and (terms == terms[0]).all():
        _write_energy(detector, terms[0])


def _write_energy(group: h5py.Group, terms: np.ndarray) -> None:
    n_bins = group["bin"].shape[0]
    group["energy"] = energies(terms[None, :], n_bins)[0]
    # Viewers write `long_name` beside the axis, and nothing else: so it has the unit as well.
    group["energy"].attrs.update(units="keV", long_name="energy (keV)")
    group["calibration"] = terms
    group["calibration"].attrs["long_name"] = "offset, gain and quadratic term of the energy in keV"


def build_plot(plot: h5py.Group, detector: h5py.Group) -> None:
    """Links to the detector, so that a viewer opens with a spectrum; needs the axes."""
    axis = "energy" if "energy" in detector else "bin"
    _say_plot(plot, (".", "channel", axis))
    plot["title"] = h5py.SoftLink(f"{plot.parent.name}/title")
    for name in (*_LINKS, "channel", *{axis, "bin"}):
        plot[name] = h5py.SoftLink(f"{detector.name}/{name}")


def build_channels(entry: h5py.Group, detector: h5py.Group, start: SessionStart, geometry: Geometry) -> None:
    """A group `xspress3_chNN` for each channel; needs every dataset of the detector."""
    terms = coefficients(start, geometry)
    title = entry["title"].asstr()[()]
    for channel in range(min(geometry.n_channels, MAX_GROUPS)):
        group = entry.create_group(f"xspress3_ch{channel:02d}")
        group.attrs["NX_class"] = "NXdata"
        group["title"] = f"{title}, channel {channel}"
        group["bin"] = h5py.SoftLink(f"{detector.name}/bin")
        if terms is not None:
            _write_energy(group, terms[channel])
        _say_plot(group, (".", "bin" if terms is None else "energy"))
        for name in ("data", *_PER_CHANNEL):
            _virtual(group, name, detector[name], channel)
        group["data"].attrs["interpretation"] = "spectrum"


def _say_plot(group: h5py.Group, axes: Sequence[str]) -> None:
    group.attrs["signal"] = "data"
    group.attrs["axes"] = np.array(axes, dtype=h5py.string_dtype())


def _virtual(group: h5py.Group, name: str, source: h5py.Dataset, channel: int) -> None:
    """Values of one channel, of as many frames as there are at the time of reading."""
    everything = h5py.h5s.UNLIMITED
    rest = source.shape[2:]
    window = h5py.VirtualSource(
        ".", source.name, (1, *source.shape[1:]), dtype=source.dtype, maxshape=source.maxshape
    )
    layout = h5py.VirtualLayout((1, *rest), source.dtype, maxshape=(None, *rest))
    layout[0:everything, ...] = window[0:everything, channel, ...]
    dataset = group.create_virtual_dataset(name, layout, fillvalue=source.fillvalue)
    for key in ("units", "long_name"):
        dataset.attrs[key] = source.attrs[key]
