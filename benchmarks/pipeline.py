"""The whole way: simulated detector, streamer, zmq, writer, file; streamer and writer as processes."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import h5py
import hdf5plugin  # noqa: F401  # makes the filter known
import numpy as np
import numpy.typing as npt
import psutil

__all__ = ["PipelineRun", "run_pipeline", "verify"]

SAMPLE_INTERVAL = 0.1


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

    def memory_growth(self, process: str) -> int:
        """Difference of the means over the last and the first tenth of the run."""
        samples = self.memory[process]
        tenth = max(len(samples) // 10, 1)
        return int(np.mean(samples[-tenth:]) - np.mean(samples[:tenth]))


def run_pipeline(playback: Path, n_frames: int, directory: Path) -> PipelineRun:
    """Write `n_frames` to a file as fast as it goes."""
    serve = _start("xspress3.cli", "serve", "--json", *_serve_options(playback, n_frames))
    listening = _event(serve)
    port = str(urlsplit(listening["data"]).port)
    options = ["--port", port, "--directory", str(directory), "--sessions", "1", "--json", "--quiet"]
    write = _start("receivers.cli", "write", *options)
    _event(serve)  # the session has begun
    begin = time.perf_counter()
    memory: dict[str, list[int]] = {"streamer": [], "writer": []}
    sampler = _Sampler({"streamer": serve.pid, "writer": write.pid}, memory)
    output, _ = write.communicate()
    seconds = time.perf_counter() - begin
    sampler.close()
    serve.communicate()
    if write.returncode or serve.returncode:
        raise SystemExit(f"pipeline failed: serve gave {serve.returncode}, write {write.returncode}")
    return PipelineRun(n_frames, seconds, json.loads(output)["sessions"][0], memory)


def _serve_options(playback: Path, n_frames: int) -> list[str]:
    simulated = {"source": "playback", "playback": playback, "clock": "demand"}
    words = [word for key, value in simulated.items() for word in ("--sim", f"{key}={value}")]
    stream = ["--port", "0", "--monitor-port", "0", "--wait-readers", "1", "--join-timeout", "600"]
    return ["--library", "sim", *words, *stream, "--exposure", "0.0002", "--frames", str(n_frames)]


def _start(module: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, text=True)


def _event(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    told: dict[str, Any] = json.loads(process.stdout.readline())
    return told


class _Sampler:
    """Notes the memory of processes until it is closed."""

    def __init__(self, pids: dict[str, int], memory: dict[str, list[int]]) -> None:
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items()}
        self._memory = memory
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory-sampler")
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(SAMPLE_INTERVAL):
            try:
                sizes = {name: process.memory_info().rss for name, process in self._processes.items()}
            except psutil.Error:
                return
            if all(sizes.values()):
                for name, size in sizes.items():
                    self._memory[name].append(size)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()


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
