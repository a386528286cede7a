"""Draws the pictures of README and pages: ways of the data, and what the simulated detector gives."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401  # makes the filter known
import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from xspress3 import sim
from xspress3.config import DetectorConfig
from xspress3.detector import Xspress3Detector
from xspress3.model import N_SCALERS, Acquisition, as_scalers

IMAGES = Path(__file__).parent / "images"
INK, BLUE, ORANGE, GREEN, GREY = "#22313f", "#dbe9f6", "#fde8d0", "#dff0d8", "#eef1f4"
BIN_WIDTH_KEV = 0.01
EVENT_WIDTH = 6
EVENTS = 500_000


def draw_overview(path: Path) -> None:
    """The data flow: one process that acquires, any number that receive."""
    figure, axes = plt.subplots(figsize=(11, 4))
    axes.set(xlim=(0, 110), ylim=(4, 42))
    axes.axis("off")
    _frame(axes, 24, 6, 43, 34, "one process: xspress3 serve")
    _box(axes, 1, 22, 17, 12, BLUE, "Xspress3\nor simulator", "libxspress3.so\nor libxspress3_sim.so")
    _box(axes, 27, 22, 16, 12, ORANGE, "acquire thread", "reads blocks,\nchecks, acknowledges")
    _box(axes, 48, 22, 16, 12, ORANGE, "send thread", "bitshuffle-LZ4,\none message a block")
    _box(axes, 37, 8, 18, 9, GREY, "monitor thread", "latest frame")
    _box(axes, 78, 30, 28, 9, GREEN, "xspress3-receiver write", "HDF5: wire bytes are the chunk")
    _box(axes, 78, 18, 28, 9, GREEN, "xspress3-receiver print", "or your own receiver")
    _box(axes, 78, 6, 28, 9, GREEN, "viewers", "any number, as fast as they like")
    _arrow(axes, (18, 28), (27, 28), "cffi")
    _arrow(axes, (43, 28), (48, 28), "")
    _arrow(axes, (64, 28), (78, 34.5), "zmq, tcp")
    _arrow(axes, (64, 28), (78, 22.5), "")
    _arrow(axes, (35, 22), (43, 17), "")
    _arrow(axes, (55, 12), (78, 10.5), "zmq, on request")
    _save(figure, path)


def draw_data_flow(path: Path) -> None:
    """A frame on its way, and who keeps it when the next one is slow."""
    figure, axes = plt.subplots(figsize=(12, 5))
    axes.set(xlim=(0, 120), ylim=(2, 50))
    axes.axis("off")
    _frame(axes, 21, 14, 62, 34, "the process that acquires")
    _box(axes, 1, 27, 16, 13, BLUE, "library's ring", "16,384 frames,\nshared memory")
    _box(axes, 24, 27, 16, 13, ORANGE, "acquire thread", "reads blocks,\nthen gives back")
    _box(axes, 44, 27, 15, 13, GREY, "our ring", "8 blocks")
    _box(axes, 63, 27, 17, 13, ORANGE, "send thread", "bitshuffle-LZ4 once,\nfor all readers")
    _box(axes, 24, 16, 16, 8, GREY, "monitor thread", "newest frame")
    _outboxes(axes)
    for begin, end, label in (
        ((17, 34), (24, 34), "one call"),
        ((40, 34), (44, 34), ""),
        ((59, 34), (63, 34), ""),
        ((32, 27), (32, 24), ""),
    ):
        _arrow(axes, begin, end, label)
    axes.annotate(
        "", (3, 8), (117, 8), arrowprops={"arrowstyle": "-|>", "color": "#a04030", "lw": 1.6, "ls": "--"}
    )
    axes.text(
        60,
        4,
        "waiting goes this way when a lossless reader is slow; only a full ring of the library loses frames",
        ha="center",
        fontsize=9.5,
        color="#a04030",
    )
    _save(figure, path)


def _outboxes(axes: Axes) -> None:
    """The readers, each behind an outbox ruled by its contract."""
    readers = (
        (38, "writer", "lossless: waited for", "its bytes are the HDF5 chunk"),
        (26.5, "live view", "latest: newest only", "waited for by nobody"),
        (15, "your program", "every:N, or any", "told what it did not get"),
    )
    for y, name, contract, text in readers:
        _box(axes, 96, y, 23, 9.5, GREEN, name, f"{contract}\n{text}")
        _arrow(axes, (80, 34), (96, y + 4.7), "")
    axes.text(87, 45, "zmq, tcp", ha="center", fontsize=8.5, color=INK)


def _frame(axes: Axes, x: float, y: float, width: float, height: float, title: str) -> None:
    outline = FancyBboxPatch(
        (x, y), width, height, "round,pad=0,rounding_size=1.5", fc="white", ec="#9fb0c0", ls="--"
    )
    axes.add_patch(outline)
    axes.text(x + width / 2, y + height - 2.2, title, ha="center", va="center", fontsize=9, color="#5b6b7a")


def _box(
    axes: Axes, x: float, y: float, width: float, height: float, colour: str, title: str, text: str
) -> None:
    axes.add_patch(
        FancyBboxPatch((x, y), width, height, "round,pad=0,rounding_size=1", fc=colour, ec=INK, lw=1)
    )
    middle = x + width / 2
    axes.text(
        middle, y + height * 0.7, title, ha="center", va="center", fontsize=10.5, weight="bold", color=INK
    )
    axes.text(middle, y + height * 0.28, text, ha="center", va="center", fontsize=8.5, color=INK)


def _arrow(axes: Axes, begin: tuple[float, float], end: tuple[float, float], label: str) -> None:
    axes.annotate("", end, begin, arrowprops={"arrowstyle": "-|>", "color": INK, "lw": 1.4})
    axes.text(
        (begin[0] + end[0]) / 2, (begin[1] + end[1]) / 2 + 1.6, label, ha="center", fontsize=8.5, color=INK
    )


def draw_spectrum(path: Path) -> None:
    """Sum spectra of a short simulated session, written to a file by the demonstration."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "xspress3.cli", "demo", "--frames", "500", "--exposure", "0.01"]
        environment = {**os.environ, "TERM": "dumb"}
        subprocess.run([*command, "--directory", directory], check=True, env=environment)  # noqa: S603
        with h5py.File(next(Path(directory).glob("*.h5"))) as file:
            detector = file["entry/instrument/xspress3"]
            counts = detector["data"][()].sum(axis=0, dtype=np.int64)
            seconds = float(detector["count_time"][()].sum())
            rates = detector["input_count_rate"][()].mean(axis=0)
    figure, axes = plt.subplots(figsize=(9, 3.8))
    energy = np.arange(counts.shape[1]) * BIN_WIDTH_KEV
    for channel, spectrum in enumerate(counts):
        axes.step(
            energy,
            np.where(spectrum, spectrum, 0.5),
            lw=0.8,
            label=f"channel {channel}: {rates[channel] / 1e3:.0f} kcps",
        )
    axes.set(yscale="log", xlim=(0, 16), xlabel="energy in keV", ylabel=f"counts in {seconds:.1f} s")
    axes.set_title("Simulated Xspress3, read back from the file", fontsize=11)
    axes.legend(frameon=False, fontsize=9)
    _save(figure, path)


def draw_dead_time(path: Path) -> None:
    """What the correction makes of simulated rates, and what is counted without it."""
    true_rates = np.logspace(3, 6, 13)
    found, sigmas, counted = zip(*(_measure_rate(rate) for rate in true_rates), strict=True)
    figure, (rates, ratios) = plt.subplots(1, 2, figsize=(10, 3.8))
    rates.loglog(true_rates, true_rates, color="0.7", label="true")
    rates.loglog(true_rates, counted, ".", color="C1", label="counted, per real time")
    rates.loglog(true_rates, found, "+", color="C0", ms=9, label="corrected")
    rates.set(xlabel="true rate in 1/s", ylabel="rate in 1/s")
    rates.legend(frameon=False)
    ratios.axhline(1, color="0.7")
    relative, errors = np.array(found) / true_rates, 3 * np.array(sigmas) / true_rates
    ratios.errorbar(
        true_rates, relative, errors, fmt="+", color="C0", label="corrected, 3 standard deviations"
    )
    ratios.plot(true_rates, np.array(counted) / true_rates, ".", color="C1", label="counted")
    ratios.set(xscale="log", xlabel="true rate in 1/s", ylabel="rate / true rate")
    ratios.legend(frameon=False)
    figure.suptitle(f"Simulated detector, event width {EVENT_WIDTH} ticks of 12.5 ns", fontsize=11)
    _save(figure, path)


def _measure_rate(rate: float) -> tuple[float, float, float]:
    """Corrected rate, its standard deviation, and the rate counted, of one channel at a true rate."""
    variables = sim.environment(
        clock="demand", channels=1, rate=[rate], event_width=EVENT_WIDTH, seed=int(rate)
    )
    os.environ.update(variables)
    with Xspress3Detector.open(DetectorConfig(library=str(sim.library_path()))) as detector:
        n_frames = max(int(EVENTS / rate / 0.1), 1)
        detector.arm(Acquisition(exposure_time=0.1, frames_per_trigger=n_frames))
        raw = np.empty((n_frames, 1, N_SCALERS), "<u4")
        detector.read_into(0, np.empty((n_frames, 1, detector.info.n_bins), "<u4"), raw)
        period = detector.info.clock_period
    scalers = as_scalers(raw)
    events = int(scalers["all_events"].sum(dtype=np.int64))
    elapsed = int(scalers["clock_ticks"].sum(dtype=np.int64))
    ready = elapsed - int(scalers["reset_ticks"].sum(dtype=np.int64))
    live = ready - events * (EVENT_WIDTH + 1)
    sigma = np.sqrt(events) * ready / live**2 / period
    return events / live / period, sigma, events / elapsed / period


def _save(figure: plt.Figure, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    draw_overview(IMAGES / "overview.png")
    draw_data_flow(IMAGES / "data_flow.png")
    draw_spectrum(IMAGES / "spectrum.png")
    draw_dead_time(IMAGES / "dead_time.png")
