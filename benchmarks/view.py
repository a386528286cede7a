"""What the live view costs, how fast it is, and whether it holds up the streamer.

Streamer, live view and pages are processes of their own. The pages speak the protocol and draw
nothing; each answers an update as soon as it has come, so they ask as much as pages can. Where
Chromium is, real browsers look as well.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil

from benchmarks.browsers import browser_rows, can_browse
from benchmarks.helper import Helper, Tell
from benchmarks.rows import NOTHING, Row, Wanted
from receivers.liveview.updates import decode_update

__all__ = ["look", "view_rows"]

CHANNELS = 8
PERIOD = 0.01
"""Seconds from frame to frame while the cost is measured."""
FAST_PERIOD = 0.0005
"""The same while it is measured whether the streamer is held up."""
WARM_TIME = 2.0
WANTED = {5: (Wanted(most=25), Wanted(least=9)), 20: (None, Wanted(least=5))}
"""For so many pages: per cent of a core, and updates a second."""


@dataclass(frozen=True)
class Looked:
    """What pages got: updates a second of the slowest, median age of an update in s; share of a core used."""

    rate: float
    latency: float
    share: float


def view_rows(seconds: float, pages: Sequence[int] = (5, 20), n_browsers: int = 5) -> list[Row]:
    """Cost and pace for so many pages and real browsers, and the streamer with and without five pages."""
    rows = []
    with _serving(CHANNELS, PERIOD, 0) as ports, _viewing(ports) as (process, address):
        for n_pages in pages:
            cost, pace = WANTED.get(n_pages, (None, None))
            found = _measure(process, address, n_pages, seconds)
            name = f"{n_pages} pages, {CHANNELS} x 4096 bins"
            rows += [
                Row(f"{name}: one core of the server", found.share * 100, "%", wanted=cost),
                Row(f"{name}: updates of the slowest", found.rate, "1/s", wanted=pace),
                Row(f"{name}: read to received, median", found.latency * 1e3, "ms", wanted=Wanted(most=150)),
            ]
        if can_browse():
            rows += browser_rows(process, address, f"{CHANNELS} x 4096 bins", seconds, n_browsers)
    return rows + _streamer_rows(seconds)


def _streamer_rows(seconds: float) -> list[Row]:
    n_frames = int(seconds / FAST_PERIOD)
    alone = _take(n_frames, n_pages=0)
    watched = _take(n_frames, n_pages=5)
    name = f"streamer and lossless reader, {1 / FAST_PERIOD:g} frames/s"
    return [
        Row(f"{name}, nobody looks", n_frames / alone["seconds"], "frames/s"),
        Row(
            f"{name}, five pages",
            n_frames / watched["seconds"],
            "frames/s",
            "nobody looks",
            alone["seconds"] / watched["seconds"],
            Wanted(least=0.98),
        ),
        Row("frames lost meanwhile", watched["lost"], "frames", wanted=NOTHING),
    ]


def _take(n_frames: int, n_pages: int) -> dict[str, Any]:
    """One session to a lossless reader, while so many pages look."""
    with (
        Helper() as reader,
        Helper() as pages,
        _serving(4, FAST_PERIOD, n_frames, readers=2) as ports,
        _viewing(ports) as (_, address),
    ):
        if n_pages:
            _start_pages(pages, address, n_pages, n_frames * FAST_PERIOD + WARM_TIME)
        reader.start(f"{__name__}:read", endpoint=f"tcp://127.0.0.1:{ports['data']}")
        found: dict[str, Any] = reader.hear()
        if n_pages:
            pages.hear()
    return found


def _start_pages(helper: Helper, address: str, n_pages: int, seconds: float) -> None:
    """Let so many pages look; they do when this returns."""
    helper.start(f"{__name__}:look", address=address, n_pages=n_pages, seconds=seconds)
    assert helper.hear() == "looking"


def read(_tell: Tell, *, endpoint: str) -> dict[str, Any]:
    """Receive one session: frames lost, and seconds from its first block to its end."""
    from xspress3.stream import Block, SessionEnd, Subscriber  # noqa: PLC0415  # in the helper only

    began, n_received = 0.0, 0
    with Subscriber(endpoint, name="reader") as subscriber:
        subscriber.wait_joined(timeout=20.0)
        while True:
            message = subscriber.receive(timeout=1.0)
            if isinstance(message, Block):
                began = began or time.monotonic()
                n_received += message.n_frames
            elif isinstance(message, SessionEnd):
                lost = message.acquired + message.lost - n_received
                return {"seconds": time.monotonic() - began, "lost": lost}


def _measure(process: psutil.Process, address: str, n_pages: int, seconds: float) -> Looked:
    with Helper() as helper:
        _start_pages(helper, address, n_pages, seconds + 2 * WARM_TIME)
        time.sleep(WARM_TIME)  # they get what has gathered
        began, before = time.monotonic(), process.cpu_times()
        time.sleep(seconds)  # what is measured
        elapsed, after = time.monotonic() - began, process.cpu_times()
        found = helper.hear()
    used = after.user + after.system - before.user - before.system
    return Looked(found["rate"], found["latency"], used / elapsed)


def look(tell: Tell, *, address: str, n_pages: int, seconds: float) -> dict[str, float]:
    """Look with so many pages: spectra a second of the slowest page, median seconds from read to here."""
    return asyncio.run(_look(tell, address, n_pages, seconds))


async def _look(tell: Tell, address: str, n_pages: int, seconds: float) -> dict[str, float]:
    from websockets.asyncio.client import connect  # noqa: PLC0415  # in the helper only

    url = address.replace("http", "ws") + "ws"
    async with AsyncExitStack() as stack:
        pages = [
            await stack.enter_async_context(connect(url, max_size=None, compression=None))
            for _ in range(n_pages)
        ]
        tell("looking")
        ages = await asyncio.gather(*(_page(page, seconds) for page in pages))
    together = np.concatenate(ages)
    median = float(np.median(together)) if len(together) else -1.0  # nothing came: no JSON for NaN
    return {"rate": min(map(len, ages)) / (seconds - WARM_TIME), "latency": median}


async def _page(socket: Any, seconds: float) -> list[float]:
    """Age of each update when it had come, in s, but for those of the first seconds."""
    ages, began = [], time.monotonic()
    while time.monotonic() < began + seconds:
        message = await socket.recv()
        if isinstance(message, str):
            continue
        header, _ = decode_update(message)
        if header["kind"] == "spectra" and time.monotonic() > began + WARM_TIME:
            ages.append(time.time() - header["time"])
        await socket.send(json.dumps({"type": "drawn", "sequence": header["sequence"]}))
    return ages


@contextmanager
def _program(module: str, *words: object) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", module, *map(str, words)], stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=20)


@contextmanager
def _serving(channels: int, period: float, n_frames: int, readers: int = 0) -> Iterator[dict[str, int]]:
    """A streamer of the simulator; gives its ports."""
    options = {
        "--library": "sim",
        "--sim": f"channels={channels}",
        "--frames": n_frames,
        "--exposure": period,
        "--port": 0,
        "--monitor-port": 0,
        "--wait-readers": readers,
    }
    words = [word for option in options.items() for word in option]
    with _program("xspress3.cli", "serve", "--json", *words) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        yield {name: int(told[name].rsplit(":", 1)[1]) for name in ("data", "monitor")}


@contextmanager
def _viewing(ports: dict[str, int]) -> Iterator[tuple[psutil.Process, str]]:
    """A live view of it; gives its process and its address."""
    options = ("--stream-port", ports["data"], "--monitor-port", ports["monitor"], "--port", 0)
    with _program("receivers.cli", "view", *options) as process:
        assert process.stdout is not None
        yield psutil.Process(process.pid), process.stdout.readline().split()[-1]
