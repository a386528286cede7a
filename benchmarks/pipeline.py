"""The whole way: simulated detector, streamer, zmq, writer, file; streamer and writer as processes."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import h5py
import hdf5plugin  # noqa: F401  # makes the filter known
import numpy as np
import numpy.typing as npt
import psutil

__all__ = [
    "HERE",
    "MemorySampler",
    "PipelineRun",
    "Place",
    "follow",
    "growth",
    "next_event",
    "run_pipeline",
    "running",
    "running_writer",
    "serve_options",
    "verify",
]

SAMPLE_INTERVAL = 0.1


@dataclass(frozen=True)
class Place:
    """Where the two programs run.

    Parameters
    ----------
    serve_in, write_in
        Words that stand before each command.
    interface
        Where the streamer listens, and the writer finds it.
    """

    serve_in: tuple[str, ...] = ()
    write_in: tuple[str, ...] = ()
    interface: str = "127.0.0.1"


HERE = Place()


@dataclass
class PipelineRun:
    """What a run gave; memory in bytes, resident, sampled while frames came."""

    n_frames: int
    seconds: float
    report: dict[str, Any]
    memory: dict[str, list[int]] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Frames a second from arming to the closed and synced file."""
        return self.n_frames / self.seconds

    @property
    def path(self) -> Path:
        """The file written."""
        return Path(self.report["path"])

    def memory_growth(self, process: str) -> float:
        """Difference of the means over the last and the first tenth of the run."""
        return growth(self.memory[process])


def run_pipeline(
    playback: Path, n_frames: int, directory: Path, place: Place = HERE, compression: str = "bslz4"
) -> PipelineRun:
    """Write `n_frames` to a file as fast as it goes."""
    options = [
        *serve_options(playback, n_frames),
        "--interface",
        place.interface,
        "--compression",
        compression,
    ]
    with ExitStack() as stack:
        serving = running("xspress3.cli", "serve", *options, before=place.serve_in)
        serve = stack.enter_context(serving)
        listening = next_event(serve)
        write = stack.enter_context(running_writer(listening["data"], directory, place.write_in))
        next_event(serve)  # the session has begun
        with MemorySampler({"streamer": serve.pid, "writer": write.pid}) as sampler:
            report, seconds = follow(serve, write)
    return PipelineRun(n_frames, seconds, report, sampler.memory)


def running_writer(
    endpoint: str, directory: Path, before: tuple[str, ...] = ()
) -> AbstractContextManager[subprocess.Popen[str]]:
    """The program that writes one session of the streamer at `endpoint` to a file."""
    address = urlsplit(endpoint)
    options = ["--host", str(address.hostname), "--port", str(address.port), "--directory", str(directory)]
    return running("receivers.cli", "write", *options, "--sessions", "1", "--json", "--quiet", before=before)


def follow(serve: subprocess.Popen[str], write: subprocess.Popen[str]) -> tuple[dict[str, Any], float]:
    """Wait until the writer has the session; what it reports, and the seconds from now on."""
    begin = time.perf_counter()
    output, _ = write.communicate()
    seconds = time.perf_counter() - begin
    serve.communicate()
    if write.returncode or serve.returncode:
        raise SystemExit(f"pipeline failed: serve gave {serve.returncode}, write {write.returncode}")
    report: dict[str, Any] = json.loads(output)["sessions"][0]
    return report, seconds


def serve_options(playback: Path, n_frames: int, n_readers: int = 1) -> list[str]:
    """Options of `serve` with which so many frames come as fast as they are taken."""
    simulated = {"source": "playback", "playback": playback, "clock": "demand"}
    words = [word for key, value in simulated.items() for word in ("--sim", f"{key}={value}")]
    ports = ["--port", "0", "--monitor-port", "0"]
    readers = ["--wait-readers", str(n_readers), "--join-timeout", "600"]
    frames = ["--exposure", "0.0002", "--frames", str(n_frames)]
    return ["--json", "--library", "sim", *words, *ports, *readers, *frames]


@contextmanager
def running(module: str, *arguments: str, before: tuple[str, ...] = ()) -> Iterator[subprocess.Popen[str]]:
    """A program of ours as a process, its output to be read; killed where it still runs at the end."""
    command = [*before, sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def next_event(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The next thing that a program told in JSON."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"{process.args} ended with {process.wait()}")
    told: dict[str, Any] = json.loads(line)
    return told


class MemorySampler:
    """Notes in `memory` how much processes have, ten times a second, until it is left or one has ended."""

    def __init__(self, pids: dict[str, int]) -> None:
        self.memory: dict[str, list[int]] = {name: [] for name in pids}
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items()}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory-sampler")

    def _run(self) -> None:
        while not self._stop.wait(SAMPLE_INTERVAL):
            try:
                sizes = {name: process.memory_info().rss for name, process in self._processes.items()}
            except psutil.Error:
                return
            if all(sizes.values()):
                for name, size in sizes.items():
                    self.memory[name].append(size)

    def __enter__(self) -> MemorySampler:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()


def growth(samples: list[int]) -> float:
    """Difference of the means over the last and the first tenth, NaN where there are no samples."""
    tenth = max(len(samples) // 10, 1)
    return float(np.mean(samples[-tenth:]) - np.mean(samples[:tenth])) if samples else math.nan


def verify(run: PipelineRun, frames: dict[str, npt.NDArray[np.uint32]]) -> int:
    """Number of frames in the file that are not what was played back, lost ones included."""
    with h5py.File(run.path) as file:
        detector = file["entry/instrument/xspress3"]
        n_rows = detector["data"].shape[0]
        numbers = detector["frame_number"][()]
        wrong = abs(run.n_frames - n_rows) + int(np.sum(numbers != np.arange(n_rows)))
        for name, expected in frames.items():
            dataset = detector["data" if name == "histogram" else name]
            wrong += sum(_wrong_rows(dataset, expected, first) for first in range(0, n_rows, len(expected)))
    return wrong


def _wrong_rows(dataset: h5py.Dataset, expected: npt.NDArray[np.uint32], first: int) -> int:
    found = dataset[first : first + len(expected)]
    return int(np.sum(np.any(found != expected[: len(found)], axis=tuple(range(1, found.ndim)))))
