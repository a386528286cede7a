"""What can be read of the newest frame, and of the windows over a session; part of the table `MONITORS`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tango_device.attributes import FRAME, MAX_CHANNELS, Monitor
from tango_device.controller import Controller
from xspress3.model import N_BINS, N_SCALERS, SCALER_NAMES, SCALER_UNITS

__all__ = ["FRAME_MONITORS"]

_LONG, _DOUBLE, _ULONG, _ULONG64 = "DevLong64", "DevDouble", "DevULong", "DevULong64"


def _scaler(name: str) -> Callable[[Controller], Any]:
    return lambda controller: controller.readings().scaler(name)


def _window(window: int, corrected: bool) -> Callable[[Controller], Any]:
    return lambda controller: controller.readings().window(window, corrected)


def _sum(window: int, name: str) -> Callable[[Controller], Any]:
    return lambda controller: getattr(controller.sums(), name)[window].astype(float)


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _scalers() -> tuple[Monitor, ...]:
    names = zip(SCALER_NAMES, SCALER_UNITS, strict=True)
    return tuple(
        Monitor(
            _camel(name),
            _ULONG,
            _scaler(name),
            f"Scaler {number}, {name}, of the newest frame, for each channel.",
            unit,
            "%d",
            FRAME,
            (MAX_CHANNELS,),
        )
        for number, (name, unit) in enumerate(names)
    )


def _windows() -> tuple[Monitor, ...]:
    monitors = []
    for window in (0, 1):
        name, words = f"Window{window + 1}", f"Counts in window {window + 1}, for each channel,"
        for corrected, suffix, how in (
            (False, "", "as counted"),
            (True, "Corrected", "corrected for dead time"),
        ):
            sums = "corrected" if corrected else "raw"
            monitors += [
                Monitor(
                    f"{name}Counts{suffix}",
                    _DOUBLE,
                    _window(window, corrected),
                    f"{words} of the newest frame, {how}; NaN where nothing was live.",
                    "counts",
                    "%.1f",
                    FRAME,
                    (MAX_CHANNELS,),
                ),
                Monitor(
                    f"{name}Sum{suffix}",
                    _DOUBLE,
                    _sum(window, sums),
                    f"{words} of all frames of the session so far, {how}.",
                    "counts",
                    "%.1f",
                    FRAME,
                    (MAX_CHANNELS,),
                ),
            ]
    return tuple(monitors)


def _per_channel(name: str, read: str, doc: str, unit: str, form: str, **more: Any) -> Monitor:
    return Monitor(
        name,
        _DOUBLE,
        lambda controller: getattr(controller.readings(), read),
        doc,
        unit,
        form,
        FRAME,
        (MAX_CHANNELS,),
        more=more,
    )


FRAME_MONITORS: tuple[Monitor, ...] = (
    Monitor(
        "LastFrameNumber",
        _LONG,
        lambda c: c.readings().frame,
        "Number of the newest frame that is shown here, -1 before the first.",
        "",
        "%d",
        FRAME,
    ),
    Monitor(
        "LastFrame",
        _ULONG,
        lambda c: c.readings().histogram,
        "Spectra of the newest frame, a row for each channel.",
        "counts",
        "%d",
        FRAME,
        (N_BINS, MAX_CHANNELS),
    ),
    Monitor(
        "SumSpectrum",
        _ULONG64,
        lambda c: c.readings().sum_spectrum,
        "Spectrum of the newest frame, all channels together.",
        "counts",
        "%d",
        FRAME,
        (N_BINS,),
    ),
    Monitor(
        "Scalers",
        _ULONG,
        lambda c: c.readings().scalers,
        f"Scalers of the newest frame, a row for each channel: {', '.join(SCALER_NAMES)}.",
        "",
        "%d",
        FRAME,
        (N_SCALERS, MAX_CHANNELS),
    ),
    *_scalers(),
    _per_channel(
        "OutputCountRate", "output_count_rate", "Good events per second of real time.", "1/s", "%.0f"
    ),
    _per_channel("InputCountRate", "input_count_rate", "True events per second, estimated.", "1/s", "%.0f"),
    _per_channel(
        "DeadTime",
        "dead_time_percent",
        "Part of the time in which a channel took no event; NaN without a frame.",
        "%",
        "%.1f",
        max_warning="30",
        max_alarm="60",
    ),
    _per_channel("DeadTimeCorrection", "correction", "Factor that frees counts of dead time.", "", "%.4f"),
    _per_channel("LiveTime", "live_time", "Time in which a channel could take an event.", "s", "%.6f"),
    *_windows(),
)
