"""A long session with three readers at once: who must have all, who wants the newest, and who dawdles."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zmq

from benchmarks.frames import make_frames, save_playback
from benchmarks.helper import Helper, Tell
from benchmarks.pipeline import (
    MemorySampler,
    PipelineRun,
    follow,
    growth,
    next_event,
    running,
    running_writer,
    serve_options,
    verify,
)
from benchmarks.rows import FLAT, NOTHING, Row, Wanted
from xspress3.stream import Block, Loss, SessionEnd, SessionStart, Subscriber

__all__ = ["Soak", "dawdle", "run_soak", "soak_rows", "watch"]

PLAYED_FRAMES = 64
PAUSE = 5.0
FRESH = Wanted(most=64)
"""Blocks that a viewer may be behind: fewer than may be on the way to a reader that gets all."""
SOME = Wanted(least=1)
"""A reader that lost nothing did not stop long enough to show anything."""
STATUS_INTERVAL = 0.005
DRAW_INTERVAL = 0.02


@dataclass
class Soak:
    """What came of it.

    Parameters
    ----------
    lag
        Frames that the viewer was behind what had been sent, at each look.
    dawdler
        What the third reader got, was told, and cannot explain, see `dawdle`.
    """

    run: PipelineRun
    frames_per_block: int
    lag: npt.NDArray[np.int64]
    viewer_end: int
    dawdler: dict[str, int]


def soak_rows(n_frames: int, directory: Path, pause: float = PAUSE) -> list[Row]:
    """Run it, verify the file, and say what each reader got.

    Parameters
    ----------
    pause
        Seconds for which the third reader stops.
    """
    frames = make_frames(PLAYED_FRAMES)
    playback = save_playback(directory / "soak.npz", frames)
    soak = run_soak(playback, n_frames, directory, pause)
    lag, told = soak.lag / soak.frames_per_block, soak.dawdler
    unaccounted = abs(n_frames - told["received"] - told["told"]) + told["unexplained"]
    return [
        Row("with three readers", soak.run.rate, "frames/s"),
        Row(
            "writer: frames wrong or missing",
            verify(soak.run, frames),
            "frames",
            wanted=NOTHING,
        ),
        Row("viewer: typically behind", _of(np.median, lag), "blocks"),
        Row(f"viewer: at most behind, {len(lag)} looks", _of(np.max, lag), "blocks", wanted=FRESH),
        Row("viewer: behind when all was over", n_frames - soak.viewer_end, "frames", wanted=NOTHING),
        Row(f"reader that stops for {pause:g} s: received", told["received"], "frames"),
        Row(f"reader that stops for {pause:g} s: told as lost", told["told"], "frames", wanted=SOME),
        Row(f"reader that stops for {pause:g} s: neither", unaccounted, "frames", wanted=NOTHING),
        *(
            Row(f"memory growth of the {name}, first to last tenth", growth(samples) / 1e6, "MB", wanted=FLAT)
            for name, samples in soak.run.memory.items()
        ),
    ]


def _of(what: Callable[..., Any], values: npt.NDArray[Any]) -> float:
    """A figure of `values`, NaN where there are none."""
    return float(what(values)) if len(values) else math.nan


def run_soak(playback: Path, n_frames: int, directory: Path, pause: float) -> Soak:
    """One session as fast as the writer takes it."""
    with ExitStack() as stack:
        viewer, dawdler = stack.enter_context(Helper()), stack.enter_context(Helper())
        serve = stack.enter_context(running("xspress3.cli", "serve", *serve_options(playback, n_frames, 3)))
        listening = next_event(serve)
        endpoint = listening["data"]
        viewer.start(f"{__name__}:watch", endpoint=endpoint, n_frames=n_frames)
        dawdler.start(f"{__name__}:dawdle", endpoint=endpoint, stop_at=n_frames // 5, pause=pause)
        for helper in (viewer, dawdler):
            assert helper.hear() == "joined"
        write = stack.enter_context(running_writer(endpoint, directory))
        next_event(serve)  # the session has begun
        pids = {"streamer": serve.pid, "writer": write.pid, "viewer": viewer.pid, "third reader": dawdler.pid}
        with MemorySampler(pids) as sampler, _Position(listening["monitor"]) as position:
            report, seconds = follow(serve, write)
        seen, told = viewer.hear(), dawdler.hear()
    run = PipelineRun(n_frames, seconds, report, sampler.memory)
    lag = _lag(*(np.array(pairs, np.int64).reshape(-1, 2) for pairs in (position.looks, seen["blocks"])))
    return Soak(run, seen["frames_per_block"], lag, seen["newest"], told)


def _lag(looks: npt.NDArray[np.int64], blocks: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Frames sent, by each look, less those that the viewer had when the look began.

    Never too small: the number that was sent is of a later time than that of the viewer. `looks` are
    (ns, frames sent), `blocks` (ns, end of the newest frame).
    """
    place = np.searchsorted(blocks[:, 0], looks[:, 0], side="right") - 1
    newest = np.where(place >= 0, blocks[np.maximum(place, 0), 1], 0)
    return np.maximum(looks[:, 1] - newest, 0)


class _Position:
    """Asks a streamer how many frames it has sent, again and again; see `looks`."""

    def __init__(self, endpoint: str) -> None:
        self.looks: list[tuple[int, int]] = []
        self._endpoint = endpoint
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="position")

    def _run(self) -> None:
        with zmq.Context() as context, context.socket(zmq.REQ) as socket:
            socket.setsockopt(zmq.LINGER, 0)
            socket.connect(self._endpoint)
            while not self._stop.wait(STATUS_INTERVAL):
                asked_at = time.monotonic_ns()
                socket.send(b"status")
                # Once the session is over the streamer goes away, and answers no more.
                while not socket.poll(50):
                    if self._stop.is_set():
                        return
                self.looks.append((asked_at, json.loads(socket.recv())["streamed"]))

    def __enter__(self) -> _Position:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()


def watch(tell: Tell, *, endpoint: str, n_frames: int) -> dict[str, Any]:
    """A viewer: takes the newest, unpacks it 50 times a second; when it had which frame."""
    noted = np.zeros((n_frames + 1, 2), np.int64)  # its pages come as they are written
    n_noted, drawn_at, frames_per_block = 0, 0.0, 1
    with Subscriber(endpoint, name="viewer", contract="latest") as subscriber:
        subscriber.wait_joined(timeout=20.0)
        tell("joined")
        while True:
            message = subscriber.receive(timeout=1.0)
            if isinstance(message, Block):
                noted[n_noted] = time.monotonic_ns(), message.end_frame
                n_noted += 1
                if time.monotonic() - drawn_at > DRAW_INTERVAL:
                    message["histogram"].decode()
                    drawn_at = time.monotonic()
            elif isinstance(message, SessionStart):
                frames_per_block = message.frames_per_block
            elif isinstance(message, SessionEnd):
                newest = int(noted[n_noted - 1, 1]) if n_noted else 0
                blocks = noted[:n_noted].tolist()
                return {"blocks": blocks, "newest": newest, "frames_per_block": frames_per_block}


def dawdle(tell: Tell, *, endpoint: str, stop_at: int, pause: float) -> dict[str, int]:
    """A reader that wants all while it keeps pace, and stops for `pause` s when `stop_at` frames are over.

    Returns
    -------
    :
        `received` and `told` (as lost) frames, and `unexplained`: those that lie between two messages,
        or in two.
    """
    counts = {"received": 0, "told": 0, "unexplained": 0}
    next_frame, has_stopped = 0, False
    with Subscriber(endpoint, name="dawdler", contract="every:1") as subscriber:
        subscriber.wait_joined(timeout=20.0)
        tell("joined")
        while True:
            message = subscriber.receive(timeout=1.0)
            if isinstance(message, (Block, Loss)):
                counts["received" if isinstance(message, Block) else "told"] += message.n_frames
                counts["unexplained"] += abs(message.first_frame - next_frame)
                next_frame = message.first_frame + message.n_frames
            elif isinstance(message, SessionEnd):
                counts["unexplained"] += abs(message.acquired + message.lost - next_frame)
                return counts
            if next_frame > stop_at and not has_stopped:
                has_stopped = True
                time.sleep(pause)  # it is what this reader is for
