"""Attributes that can only be read, and those of single channels: how they are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tango
from tango.server import attribute

from tango_device.controller import Controller
from xspress3.model import N_BINS

__all__ = [
    "CONSTANT",
    "FRAME",
    "MAX_CHANNELS",
    "ChannelAttribute",
    "Monitor",
    "attributes_of",
    "channel_attributes",
    "is_same",
]

MAX_CHANNELS = 128
FRAME = "frame"
"""Group of attributes that change with the newest frame, and only then."""
COUNTER = "counter"
CONSTANT = "constant"


@dataclass(frozen=True)
class Monitor:
    """An attribute that can only be read.

    Parameters
    ----------
    dimensions
        Sizes: none for a scalar, one for a spectrum, two (x, y) for an image.
    more
        Anything else that `tango.server.attribute` takes, such as alarm levels.
    """

    name: str
    dtype: str
    read: Callable[[Controller], Any]
    doc: str
    unit: str = ""
    format: str = ""
    group: str = COUNTER
    dimensions: tuple[int, ...] = ()
    is_expert: bool = False
    more: dict[str, Any] = field(default_factory=dict)

    def make(self) -> attribute:
        """The attribute, for the body of a device class."""
        read = self.read

        def fget(device: Any) -> Any:
            return read(device.controller)

        options: dict[str, Any] = {**self.more, "doc": self.doc, "label": self.name}
        if self.unit:
            options["unit"] = self.unit
        if self.format:
            options["format"] = self.format
        if self.is_expert:
            options["display_level"] = tango.DispLevel.EXPERT
        dtype: Any = self.dtype
        for name, size in zip(("max_dim_x", "max_dim_y"), self.dimensions, strict=False):
            options[name] = size
            dtype = (dtype,)
        return attribute(fget=fget, dtype=dtype, **options)


def attributes_of(monitors: tuple[Monitor, ...]) -> dict[str, attribute]:
    """The attributes of a class body, by name."""
    return {monitor.name: monitor.make() for monitor in monitors}


@dataclass(frozen=True)
class ChannelAttribute:
    """An attribute of one channel, made when it is known how many there are."""

    name: str
    kind: str
    channel: int
    window: int
    make: Callable[..., attribute]


def channel_attributes(n_channels: int) -> list[ChannelAttribute]:
    """Those of channels 0 to `n_channels - 1`, in the names of the predecessor and ours."""
    return [one for channel in range(n_channels) for one in _of_channel(channel)]


def _of_channel(n: int) -> list[ChannelAttribute]:
    found = [
        ChannelAttribute(f"Window{window + 1}_Ch{n}", "window", n, window, _make_window) for window in (0, 1)
    ]
    found.append(ChannelAttribute(f"EventWidth_Ch{n}", "event_width", n, 0, _make_event_width))
    found.append(ChannelAttribute(f"Spectrum_Ch{n}", "spectrum", n, 0, _make_spectrum))
    return found


def _make_window(name: str) -> attribute:
    return attribute(
        name=name,
        label=name,
        dtype=("DevLong",),
        max_dim_x=2,
        access=tango.AttrWriteType.READ_WRITE,
        min_value="0",
        max_value=str(N_BINS - 1),
        format="%d",
        unit="bin",
        doc="Lowest and highest bin, both within, that the window scaler counts.",
    )


def _make_event_width(name: str) -> attribute:
    doc = "Clock ticks lost per event, of the calibration or of the property EventWidths."
    return attribute(name=name, label=name, dtype="DevShort", unit="ticks", format="%d", doc=doc)


def _make_spectrum(name: str) -> attribute:
    doc = "Spectrum of the newest frame."
    return attribute(
        name=name, label=name, dtype=("DevULong",), max_dim_x=N_BINS, unit="counts", format="%d", doc=doc
    )


def is_same(before: Any, now: Any) -> bool:
    """Whether a value that was pushed is still right."""
    if type(before) is not type(now):
        return False
    is_float = np.asarray(now).dtype.kind == "f"
    return bool(np.array_equal(before, now, equal_nan=is_float))
