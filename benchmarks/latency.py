"""How long after a frame is complete a receiver in another process has it.

The simulator completes frame i at t + i * period + counting time, where t is when it was told to start;
that is taken just before the call, so that what is reported is never too short. The receiver's time is
taken when the block has come and its spectra are unpacked. Both are of the system's monotonic clock,
which the simulator follows too.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.helper import Helper, Tell
from benchmarks.library import simulated_detector
from benchmarks.rows import Row, Wanted
from xspress3.config import StreamerConfig
from xspress3.detector import Xspress3Detector
from xspress3.model import Acquisition
from xspress3.stream import Block, SessionEnd, Subscriber
from xspress3.streamer import Streamer

__all__ = ["Latency", "latency_rows", "measure_latency", "take_times"]

EXPOSURE = 0.001
FULL_BLOCKS = 0.05
"""Setting with which frames wait until their block is full, for comparison."""
MEDIAN = Wanted(most=2)
NINETY_NINE = Wanted(most=10)
WARM_SECONDS = 0.2


@dataclass(frozen=True)
class Latency:
    """Seconds from complete to received, for each frame; frames of a full block."""

    seconds: npt.NDArray[np.float64]
    frames_per_block: int

    def percentile(self, percent: float) -> float:
        """In ms."""
        return float(np.percentile(self.seconds, percent)) * 1e3


def latency_rows(n_frames: int) -> list[Row]:
    """Median and 99th percentile at 1,000 frames/s, with usual settings and with full blocks."""
    rows = []
    for latency in (StreamerConfig.latency, FULL_BLOCKS):
        found = measure_latency(n_frames, StreamerConfig(data_port=0, monitor_port=0, latency=latency))
        is_usual = latency == StreamerConfig.latency
        name = f"complete to received, latency {latency * 1e3:g} ms"
        rows += [
            Row(f"{name}: median", found.percentile(50), "ms", wanted=MEDIAN if is_usual else None),
            Row(f"{name}: 99 %", found.percentile(99), "ms", wanted=NINETY_NINE if is_usual else None),
            Row(f"{name}: longest", found.percentile(100), "ms"),
        ]
    return rows


def measure_latency(n_frames: int, config: StreamerConfig) -> Latency:
    """Take so many frames of 1 ms and measure; the first 0.2 s of them are not counted."""
    acquisition = Acquisition(exposure_time=EXPOSURE, frames_per_trigger=n_frames)
    with Helper() as helper, simulated_detector(clock="real", source="pattern") as detector:
        began = _note_start(detector)
        with Streamer(detector, config) as streamer:
            helper.start(f"{__name__}:take_times", endpoint=streamer.data_endpoint)
            assert helper.hear() == "joined"
            session = streamer.arm(acquisition, readers=1)
            blocks = np.asarray(helper.hear(), np.int64)
            session.wait(60.0)
        timing = detector.timing(acquisition)
    received = _by_frame(blocks, n_frames)
    complete = began[0] / 1e9 + np.arange(n_frames) * timing.period + timing.counting_time
    n_warm = min(int(WARM_SECONDS / EXPOSURE), n_frames // 2)
    return Latency((received - complete)[n_warm:], session.ring.frames_per_slot)


def _note_start(detector: Xspress3Detector) -> list[int]:
    """Where the time of the next start in ns will be."""
    sdk: Any = detector._sdk
    start, noted = sdk.histogram_start, []

    def start_and_note(card: int) -> None:
        noted.append(time.monotonic_ns())
        start(card)

    sdk.histogram_start = start_and_note
    return noted


def _by_frame(blocks: npt.NDArray[np.int64], n_frames: int) -> npt.NDArray[np.float64]:
    """Time in s when each frame came, of rows (first frame, frames, ns)."""
    received = np.full(n_frames, np.nan)
    for first_frame, n_in_block, time_ns in blocks:
        received[first_frame : first_frame + n_in_block] = time_ns / 1e9
    if np.isnan(received).any():
        raise RuntimeError(f"{np.isnan(received).sum()} of {n_frames} frames did not come")
    return received


def take_times(tell: Tell, *, endpoint: str) -> list[tuple[int, int, int]]:
    """Receive one session: first frame, number of frames and time in ns of each block."""
    times = []
    with Subscriber(endpoint, name="clock") as subscriber:
        subscriber.wait_joined(timeout=20.0)
        tell("joined")
        while True:
            message = subscriber.receive(timeout=1.0)
            if isinstance(message, Block):
                message["histogram"].decode()
                times.append((message.first_frame, message.n_frames, time.monotonic_ns()))
            elif isinstance(message, SessionEnd):
                return times
