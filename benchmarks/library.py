"""The simulator library and the detector layer over it, in one process."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from benchmarks.frames import N_CHANNELS
from xspress3 import sim
from xspress3.config import DetectorConfig
from xspress3.detector import Xspress3Detector
from xspress3.model import N_BINS, N_SCALERS, Acquisition

__all__ = ["ArmingLoop", "arming_loop", "physics_rate", "read_cost", "simulated_detector"]

N_FRAMES = 64
ROUNDS = 200


@contextmanager
def simulated_detector(**description: object) -> Iterator[Xspress3Detector]:
    """A simulated detector, with frames on demand unless said otherwise."""
    variables = sim.environment(**{"clock": "demand", "channels": N_CHANNELS, **description})
    os.environ.update(variables)
    try:
        with Xspress3Detector.open(DetectorConfig(library=str(sim.library_path()))) as detector:
            yield detector
    finally:
        for name in variables:
            del os.environ[name]


def read_cost(source: str, playback: Path | None = None) -> float:
    """Time of reading 64 frames of 4 channels over that of copying the same bytes, medians of turns."""
    more = {} if playback is None else {"playback": playback}
    histogram = np.zeros((N_FRAMES, N_CHANNELS, N_BINS), "<u4")
    other = np.zeros_like(histogram)
    with simulated_detector(source=source, **more) as detector:
        detector.arm(Acquisition(exposure_time=0.001, frames_per_trigger=N_FRAMES))
        reads, copies = [], []
        for _ in range(ROUNDS):
            begin = time.perf_counter()
            detector._sdk.histogram_read4d(histogram, 0)
            middle = time.perf_counter()
            np.copyto(other, histogram)
            reads.append(middle - begin)
            copies.append(time.perf_counter() - middle)
    return float(np.median(reads) / np.median(copies))


def physics_rate(counts_per_frame: float = 250.0, seconds: float = 2.0) -> float:
    """Frames a second of simulated physics, spectra and scalers, with so many counts a channel."""
    exposure_time = 0.001
    rate = [counts_per_frame / exposure_time] * N_CHANNELS
    histogram = np.zeros((N_FRAMES, N_CHANNELS, N_BINS), "<u4")
    scalers = np.zeros((N_FRAMES, N_CHANNELS, N_SCALERS), "<u4")
    with simulated_detector(source="physics", rate=rate) as detector:
        detector.arm(Acquisition(exposure_time=exposure_time, frames_per_trigger=1 << 20))
        first, begin = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - begin) < seconds:
            detector.read_into(first, histogram, scalers)
            detector.acknowledge(first, N_FRAMES)
            first += N_FRAMES
    return first / elapsed


@dataclass(frozen=True)
class ArmingLoop:
    """Rate of arming, taking a frame and stopping; what grew over all the rounds."""

    rate: float
    memory_growth: int
    descriptor_growth: int
    thread_growth: int


def arming_loop(n_rounds: int = 10_000) -> ArmingLoop:
    """Arm, take one frame, give it back, stop, so many times."""
    acquisition = Acquisition(exposure_time=0.001)
    process = psutil.Process()
    histogram = np.zeros((1, N_CHANNELS, N_BINS), "<u4")
    scalers = np.zeros((1, N_CHANNELS, N_SCALERS), "<u4")
    with simulated_detector(source="pattern") as detector:

        def take() -> None:
            detector.arm(acquisition)
            while not detector.frames_ready().complete:
                pass
            detector.read_into(0, histogram, scalers)
            detector.acknowledge(0, 1)
            detector.stop()

        for _ in range(n_rounds // 10):
            take()
        before = process.memory_info().rss, process.num_fds(), threading.active_count()
        begin = time.perf_counter()
        for _ in range(n_rounds):
            take()
        elapsed = time.perf_counter() - begin
        after = process.memory_info().rss, process.num_fds(), threading.active_count()
    growth = [b - a for a, b in zip(before, after, strict=True)]
    return ArmingLoop(n_rounds / elapsed, *growth)
