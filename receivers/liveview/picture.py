"""Spectra as a picture, for logs and where there is no browser, and in a window of matplotlib."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from receivers.calibration import Calibration, calibrations_of
from receivers.liveview.feed import Feed
from receivers.liveview.model import Spectra
from receivers.liveview.sums import Mode
from receivers.text import printable
from xspress3.errors import ConfigurationError, StreamTimeoutError

__all__ = ["draw", "save", "show"]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
"""Of Okabe and Ito: colour-blind people can tell them apart."""
LOWEST = 0.5
"""Counts at which none are drawn on the logarithmic axis."""
TURN = 0.05
REDRAW_TIME = 0.1


def draw(figure: Figure, spectra: Spectra, calibrations: tuple[Calibration, ...] | None) -> None:
    """Draw `spectra` into `figure`, over energy where that is known, else over bins.

    What was drawn there before is changed, so that whoever has zoomed in stays there.
    """
    counts = spectra.total.histogram
    axes = figure.axes[0] if figure.axes else figure.add_subplot(yscale="log", ylabel="counts")
    if len(axes.lines) != len(counts):
        _new_lines(axes, len(counts))
    rates = spectra.total.rates(spectra.source.geometry)
    for channel, line in enumerate(axes.lines):
        line.set_data(_places(counts.shape[1], calibrations, channel), counts[channel].clip(min=LOWEST))
        line.set_label(f"channel {channel}: {rates[0, channel]:.4g}/s, dead {rates[2, channel]:.1%}")
    axes.set_xlabel("bin" if calibrations is None else "energy / keV")
    axes.set_title(_title(spectra), fontsize=9)
    axes.legend(fontsize=7, title="input count rate")
    axes.relim()
    axes.autoscale_view()


def _new_lines(axes: Any, n_channels: int) -> None:
    for line in list(axes.lines):
        line.remove()
    for channel in range(n_channels):
        axes.plot([], [], lw=0.8, color=COLOURS[channel % len(COLOURS)])


def _places(
    n_bins: int, calibrations: tuple[Calibration, ...] | None, channel: int
) -> npt.NDArray[np.float64]:
    """Where the bins of a channel are drawn."""
    bins = np.arange(n_bins, dtype=np.float64)
    return bins if calibrations is None else calibrations[channel].energy(bins)


def _title(spectra: Spectra) -> str:
    source, n_frames = spectra.source, spectra.total.n_frames
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(spectra.time))
    what = f"frame {spectra.frame}" if n_frames == 1 else f"{n_frames} frames up to {spectra.frame}"
    passed = f" ({spectra.n_passed} not in)" if spectra.n_passed else ""
    return f"{printable(source.stream_id, 60)}, session {source.session_id}, {what}{passed}, {when}"


def _calibrations(said: object, spectra: Spectra) -> tuple[Calibration, ...] | None:
    geometry = spectra.source.geometry
    return None if said is None else calibrations_of(said, geometry.n_channels, geometry.n_bins)


def save(
    feed: Feed, mode: Mode, calibration: object, path: Path, timeout: float, stop: threading.Event
) -> None:
    """Write a picture of what `mode` wants to `path`, as soon as that is complete.

    Raises
    ------
    StreamTimeoutError
        When nothing came within `timeout` s; then there is no file. A sum of more frames than came
        meanwhile is drawn of those that did, and says so.
    """
    spectra = _wait(feed, mode, timeout, stop)
    if spectra is None:
        raise StreamTimeoutError(f"no frame within {timeout:g} s: {feed.connection.text or 'nothing came'}")
    figure = Figure(figsize=(10, 5))
    FigureCanvasAgg(figure)
    draw(figure, spectra, _calibrations(calibration, spectra))
    figure.tight_layout()
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        figure.savefig(beside, dpi=120, format=path.suffix.lstrip(".") or "png")
        beside.replace(path)
    except ValueError as error:  # a format that is not known
        raise ConfigurationError(f"picture {path}: {error}") from None
    finally:
        beside.unlink(missing_ok=True)


def _wait(feed: Feed, mode: Mode, timeout: float, stop: threading.Event) -> Spectra | None:
    """What `mode` wants once it is complete, or what is there after `timeout` s."""
    deadline = time.monotonic() + timeout
    began: float | None = None
    while True:
        spectra = feed.model.spectra(mode)
        now = time.monotonic()
        began = now if began is None and spectra is not None else began
        is_whole = spectra is not None and mode.is_whole(spectra.total.n_frames, now - (began or now))
        if is_whole or now > deadline or stop.wait(TURN):
            return spectra


def show(feed: Feed, mode: Mode, calibration: object, stop: threading.Event) -> None:
    """Show a window until it is closed; `ConfigurationError` where no window can be."""
    pyplot = _pyplot()
    figure: Any = pyplot.figure(num="xspress3 live view", figsize=(10, 5))
    drawn: Spectra | None = None
    pyplot.show(block=False)
    try:
        while pyplot.fignum_exists(figure.number) and not stop.is_set():
            spectra = feed.model.spectra(mode)
            if spectra is not None and (drawn is None or spectra.time != drawn.time):
                draw(figure, spectra, _calibrations(calibration, spectra))
                drawn = spectra
                figure.canvas.draw_idle()
            figure.canvas.start_event_loop(REDRAW_TIME)
    finally:
        pyplot.close(figure)


def _pyplot() -> Any:
    has_display = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    if sys.platform == "linux" and not has_display:
        raise ConfigurationError("no display for a window: use --once FILE.png, or the page in a browser")
    from matplotlib import pyplot  # noqa: PLC0415  # looks for a display

    if mpl.get_backend().lower() == "agg":
        raise ConfigurationError(
            "matplotlib finds nothing to make a window with: install tkinter (python3-tk) or PyQt6"
        )
    return pyplot
