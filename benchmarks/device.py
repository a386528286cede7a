"""The Tango device, as a client sees it: arming, single files, panels that read everything."""

from __future__ import annotations

import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import tango

from benchmarks.rows import NOTHING, Row, Wanted
from receivers.hdf5.summary import read_summary

__all__ = ["device_rows"]

DEVICE = "bench/xspress3/1"
START_TIME = 30.0
STREAM_PERIOD = 0.0005
N_STREAMED = 10_000
READ_INTERVAL = 0.1
"""Seconds between two looks of a panel at everything."""
ROUNDS = 3


def device_rows(n_files: int, directory: Path) -> list[Row]:
    """All rows; single-frame files first, then streams with and without a panel, in turns."""
    with _served(directory) as proxy:
        arm_times, turn_times, n_complete = _single_frames(proxy, n_files, directory)
        alone, watched, reads = _streams(proxy, directory)
        init_time = _timed(proxy.Init)
        _wait_standby(proxy)
    rate, turns = statistics.median(alone), sorted(turn_times)
    return [
        Row("Arm to Arm, single frames, files", len(turns) / sum(turns), "times/s", wanted=Wanted(least=10)),
        Row("Arm to Arm, slowest of 100", 1e3 * turns[int(0.99 * len(turns))], "ms"),
        Row("Arm, median", 1e3 * statistics.median(arm_times), "ms"),
        Row("Arm, longest", 1e3 * max(arm_times), "ms", wanted=Wanted(most=3000)),
        Row("single-frame files that are not complete", n_files - n_complete, "files", wanted=NOTHING),
        Row("all attributes read at 2,000 frames/s, median", 1e3 * statistics.median(reads), "ms"),
        Row("the same, longest", 1e3 * max(reads), "ms", wanted=Wanted(most=50)),
        Row("frames streamed and written, nobody reads", rate, "frames/s"),
        Row(
            "the same while all attributes are read",
            statistics.median(watched),
            "frames/s",
            "nobody reads",
            statistics.median(watched) / rate,
            Wanted(least=0.98),
        ),
        Row("Init", 1e3 * init_time, "ms", wanted=Wanted(most=3000)),
    ]


@contextmanager
def _served(directory: Path) -> Iterator[tango.DeviceProxy]:
    """A device with four simulated channels, in a process of its own, without a database."""
    file, port = directory / "properties.txt", _free_port()
    properties = {"Library": "sim", "Channels": 4, "StreamerPort": 0, "MonitorPort": 0}
    lines = [f'Xspress3DS/bench/DEVICE/Xspress3DS: "{DEVICE}"']
    lines += [f"{DEVICE}->{name}: {value}" for name, value in properties.items()]
    file.write_text("\n".join(lines) + "\n")
    command = [sys.executable, "-m", "tango_device", "bench", f"-file={file}"]
    with (directory / "device.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "-ORBendPoint", f"giop:tcp:127.0.0.1:{port}"], stdout=log, stderr=log
        )
        try:
            yield _connected(f"tango://127.0.0.1:{port}/{DEVICE}#dbase=no")
        finally:
            process.terminate()
            process.wait(START_TIME)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _connected(url: str) -> tango.DeviceProxy:
    deadline = time.monotonic() + START_TIME
    while True:
        try:
            proxy = tango.DeviceProxy(url)
            proxy.ping()
            break
        except tango.DevFailed:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
    _wait_standby(proxy)
    return proxy


def _wait_standby(proxy: tango.DeviceProxy) -> None:
    deadline = time.monotonic() + START_TIME
    while (state := proxy.state()) != tango.DevState.STANDBY:
        if time.monotonic() > deadline or state == tango.DevState.FAULT:
            raise RuntimeError(proxy.status())
        time.sleep(0.001)


def _timed(call: Callable[..., object], *arguments: object) -> float:
    began = time.perf_counter()
    call(*arguments)
    return time.perf_counter() - began


def _single_frames(
    proxy: tango.DeviceProxy, n_files: int, directory: Path
) -> tuple[list[float], list[float], int]:
    """Times of `Arm`, times from one to the next, and how many files are complete."""
    proxy.ExposureTime, proxy.TriggerMode = 0.001, "SOFTWARE"
    paths = [directory / f"{n}.h5" for n in range(n_files)]
    arm_times, turn_times = [], []
    for path in paths:
        began = time.perf_counter()
        proxy.DestinationFileName = str(path)
        arm_times.append(_timed(proxy.Arm))
        proxy.SoftwareTrigger()
        while proxy.nFramesAcquired < 1:
            time.sleep(0.0005)
        turn_times.append(time.perf_counter() - began)
    _wait_standby(proxy)
    return arm_times, turn_times, sum(_is_whole(path) for path in paths)


def _is_whole(path: Path) -> bool:
    return path.exists() and read_summary(path).is_complete


def _streams(proxy: tango.DeviceProxy, directory: Path) -> tuple[list[float], list[float], list[float]]:
    """Rates of streams alone and of those with a panel, and the times of its reads."""
    names = list(proxy.get_attribute_list())
    alone: list[float] = []
    watched: list[float] = []
    reads: list[float] = []
    for n in range(ROUNDS):
        alone.append(_stream(proxy, directory / f"alone{n}.h5", [], reads))
        watched.append(_stream(proxy, directory / f"watched{n}.h5", names, reads))
    return alone, watched, reads


def _stream(proxy: tango.DeviceProxy, path: Path, names: list[str], reads: list[float]) -> float:
    """Frames in 1 s of one session, from `Arm` until its file is closed; nothing may be lost."""
    proxy.ExposureTime, proxy.TriggerMode = STREAM_PERIOD, "INTERNAL"
    proxy.nFramesPerTrigger, proxy.DestinationFileName = N_STREAMED, str(path)
    began = time.perf_counter()
    proxy.Arm()
    while proxy.state() == tango.DevState.RUNNING:
        if names:
            asked = time.perf_counter()
            values = proxy.read_attributes(names)
            reads.append(time.perf_counter() - asked)
            if any(value.has_failed for value in values):
                raise RuntimeError("an attribute could not be read")
        time.sleep(READ_INTERVAL)
    seconds = time.perf_counter() - began
    proxy.nFramesPerTrigger, proxy.TriggerMode = 1, "SOFTWARE"
    if proxy.nFramesLost or proxy.nFramesWritten != N_STREAMED:
        raise RuntimeError(proxy.status())
    path.unlink()
    return N_STREAMED / seconds
