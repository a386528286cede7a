"""Frames a second through a dranspose cluster of two workers: its own ingester, and ours.

All parts, the sender too, share this machine. Both ingesters stand in one cluster, whose workers do the
same sums with each frame. The time is that from the first frame sent until the cluster says that the map
is done. Frames for our ingester are compressed beforehand, as a streamer on a machine of its own does it;
the old dialect carries them as they are.
"""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zmq

from benchmarks.frames import N_CHANNELS, frame_infos, make_arrays
from benchmarks.rows import NOTHING, Row, Wanted
from examples.dranspose.cluster import Cluster, Ingester, free_port
from receivers.dranspose.results import FramesLost, FrameSums
from receivers.dranspose.worker import XrfMapWorker
from xspress3.stream import (
    Block,
    EndReason,
    Envelope,
    Numbering,
    Publisher,
    SessionEnd,
    SessionStart,
)
from xspress3.stream.dialects import DialectPublisher, old_dialect

__all__ = ["Plan", "cluster_rows"]

logger = logging.getLogger(__name__)

OURS, OLD = "xspress3", "old"
BLOCK = 64
PER_WORKER = 128
"""Frames in a row that go to the same worker; what dranspose advises for high rates."""
PATIENCE = 120.0
TURN = 0.2


@dataclass(frozen=True)
class Plan:
    """How much to measure: frames of a scan with the old dialect, and with so many frames in an event."""

    old_frames: int = 2048
    our_frames: tuple[tuple[int, int], ...] = ((1, 2048), (16, 16384), (64, 32768))
    rounds: int = 3


class BothWorker(XrfMapWorker):
    """Takes events of the old dialect, too, and does the same sums with them."""

    def process_event(self, event: Any, parameters: Any = None, _tick: bool = False) -> Any:
        """Results of an event."""
        for stream in event.streams.values():
            if stream.typ == "xspress":
                return self._old(stream)
        return super().process_event(event, parameters)

    def _old(self, stream: Any) -> Any:
        from dranspose.middlewares import xspress  # noqa: PLC0415  # needed here only

        packet = xspress.parse(stream)
        if not hasattr(packet, "data"):
            return None
        counts = packet.data[:, 600:661].sum(axis=1, dtype=np.uint64)
        return [(packet.frame, float((counts * packet.meta["dtc"]).sum()))]


class BothReducer:
    """Counts frames, of either dialect."""

    def __init__(self, **_context: Any) -> None:
        self.publish: dict[str, Any] = {"frames": 0, "lost": 0}

    def process_result(self, result: Any, _parameters: Any = None) -> None:
        """Count."""
        for said in result.payload:
            if isinstance(said, FramesLost):
                self.publish["lost"] += said.n_frames
            else:
                self.publish["frames"] += len(said.frames) if isinstance(said, FrameSums) else _is_old(said)


def _is_old(said: Any) -> bool:
    return isinstance(said, tuple)


def cluster_rows(plan: Plan, directory: Path) -> list[Row]:
    """Rates of each ingester, the median of rounds in turn, and the ratios."""
    rates: dict[int, list[float]] = {0: []}
    missing = 0
    for frames_per_event, n_frames in plan.our_frames:
        old_url, our_url = (f"tcp://127.0.0.1:{free_port()}" for _ in range(2))
        options = {
            "XSPRESS3_FRAMES_PER_EVENT": str(frames_per_event),
            "XSPRESS3_PATIENCE": str(PATIENCE),  # on a busy machine a cluster may well stand still for 10 s
        }
        ingesters = [
            Ingester(OLD, "ZmqSubXspressIngester", old_url),
            Ingester(OURS, "receivers.dranspose:Xspress3Ingester", our_url, options),
        ]
        names = {"worker": f"{__name__}:BothWorker", "reducer": f"{__name__}:BothReducer"}
        place = directory / str(frames_per_event)
        place.mkdir()
        with Cluster(place, ingesters, **names) as cluster, _senders(old_url, our_url) as senders:
            for _ in range(plan.rounds):
                rate, lost = senders.old(cluster, plan.old_frames)
                rates[0].append(rate)
                missing += lost
                rate, lost = senders.ours(cluster, n_frames, frames_per_event)
                rates.setdefault(frames_per_event, []).append(rate)
                missing += lost
    return _rows(rates, missing)


def _rows(rates: dict[int, list[float]], missing: int) -> list[Row]:
    medians = {number: statistics.median(found) for number, found in rates.items()}
    old = "ingester of dranspose, old dialect"
    rows = [Row(old, medians.pop(0), "frames/s")]
    for number, rate in medians.items():
        text = f"our ingester, {number} frame{'s' * (number > 1)} in an event"
        rows.append(Row(text, rate, "frames/s", old, rate / rows[0].value, Wanted(least=5)))
    rows.append(Row("frames that the reducer missed", missing, "frames", wanted=NOTHING))
    return rows


@contextmanager
def _senders(old_url: str, our_url: str) -> Iterator[_Senders]:
    with zmq.Context() as context:
        old = DialectPublisher(context, old_url, old_dialect("multipart"), linger=0)
        ours = Publisher(context, our_url, Numbering("xspress3"), linger=0)
        with closing(old), closing(ours):
            yield _Senders(old, ours)


class _Senders:
    """Send a scan, and measure it."""

    def __init__(self, old: DialectPublisher, ours: Publisher) -> None:
        self._old, self._ours = old, ours
        self._arrays = make_arrays(BLOCK)
        self._histogram, self._scalers = (array.decode() for array in self._arrays)
        self._session_id = 1763683200

    def _start(self, n_frames: int) -> SessionStart:
        self._session_id += 1
        return SessionStart(
            Envelope("xspress3", self._session_id, 0, time.time_ns()),
            n_frames,
            BLOCK,
            frame_infos(self._arrays),
            {"counting_time": 0.05},
            {
                "clock_period": 12.5e-9,
                "event_widths": [6] * N_CHANNELS,
                "windows": [[[0, 0]] * 2] * N_CHANNELS,
            },
            {"rois": {"line": [600, 660]}},
            start_time_ns=time.time_ns(),
        )

    def old(self, cluster: Cluster, n_frames: int) -> tuple[float, int]:
        """Frames a second, and how many were missed, by the old dialect."""
        self._old.poll_joins()
        cluster.post_map(OLD, n_frames, PER_WORKER)
        deadline = time.monotonic() + PATIENCE
        while not self._old.poll_joins():  # a new socket for each scan
            assert time.monotonic() < deadline, "the ingester of dranspose did not join"
            time.sleep(0.001)
        began = time.monotonic()
        self._old.begin(self._start(n_frames))
        for first in range(0, n_frames, BLOCK):
            self._old.send(first, self._histogram, self._scalers)
        self._old.end(SessionEnd(Envelope("", 0, 0, 0), EndReason.COMPLETE, n_frames, n_frames, 0))
        return self._measured(cluster, n_frames, began)

    def ours(self, cluster: Cluster, n_frames: int, frames_per_event: int) -> tuple[float, int]:
        """The same by our dialect."""
        at_once = max(PER_WORKER // frames_per_event, 1)
        with ThreadPoolExecutor(1) as pool:
            post = pool.submit(cluster.post_map, OURS, n_frames // frames_per_event, at_once)
            while not post.done():
                self._ours.serve(TURN / 10)
            post.result()
        began = time.monotonic()
        start = self._start(n_frames)
        self._ours.send(start)
        for number, first in enumerate(range(0, n_frames, BLOCK)):
            self._ours.send(self._block(number + 1, first))
        self._ours.send(SessionEnd(self._envelope(n_frames), EndReason.COMPLETE, n_frames, n_frames, 0))
        return self._measured(cluster, n_frames, began)

    def _block(self, sequence: int, first_frame: int) -> Block:
        return Block(self._envelope(sequence), first_frame, BLOCK, self._arrays)

    def _envelope(self, sequence: int) -> Envelope:
        return Envelope("xspress3", self._session_id, sequence, time.time_ns())

    def _measured(self, cluster: Cluster, n_frames: int, began: float) -> tuple[float, int]:
        deadline = time.monotonic() + PATIENCE
        while (progress := cluster.progress())["completed_events"] < progress["total_events"]:
            assert time.monotonic() < deadline, f"the cluster is not done: {progress}"
            self._ours.serve(TURN)
        rate = n_frames / (time.monotonic() - began)
        cluster.wait_finished(PATIENCE)
        missing = n_frames - cluster.published("/frames")
        if missing:
            logger.warning("%d frames are missing, %d were told as lost", missing, cluster.published("/lost"))
        return rate, missing
