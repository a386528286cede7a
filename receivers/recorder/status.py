"""What a recorder is doing, as a snapshot that can be shown, sent and stored."""

from __future__ import annotations

import dataclasses
import shutil
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

__all__ = ["Counts", "Meter", "State", "StreamStatus", "free_bytes", "seconds_to_full"]

METER_TIME = 5.0


class State(str, Enum):
    """What a stream is doing."""

    STOPPED = "stopped"
    """It was not told to record."""
    WAITING = "waiting"
    """There is no sender."""
    IDLE = "idle"
    """The sender is there, and no frame comes."""
    RECORDING = "recording"
    FAILED = "failed"
    """Its loop died, and is started again."""


@dataclass(frozen=True)
class Counts:
    """Frames since the recorder was started.

    Parameters
    ----------
    received
        Frames that came, each once.
    written
        Frames that are in files for good.
    waiting
        Frames in memory: those since the last flush, and those that wait for space.
    lost
        Frames known to be missing in the files, whoever lost them.
    lost_here
        Of these, frames that came and that this program could not put anywhere.
    duplicates
        Frames that came again, and were not written again.
    """

    received: int = 0
    written: int = 0
    waiting: int = 0
    lost: int = 0
    lost_here: int = 0
    duplicates: int = 0
    sessions: int = 0
    files: int = 0


@dataclass(frozen=True)
class StreamStatus:
    """One stream, at `time` (Unix time in s). `None` is not known, or there is none.

    Parameters
    ----------
    name
        What the command line called the stream.
    session_id, part, last_frame
        Of what is written now, or was last.
    rate, bytes_rate
        Frames/s and payload bytes/s over the last seconds.
    lag
        Seconds between the reading of the last block from the detector and its coming here, if clocks agree.
    queue_bytes, queue_limit_bytes
        Payload that waits in memory for space on a disk, and how much may.
    free_bytes
        Space that this program may still fill, over all data directories.
    time_to_full
        Seconds until that is used up at the present rate.
    restarts
        How often the loop of this stream died and was started again.
    degraded
        Why data are lost, endangered or not recorded, in short sentences; empty when all is well.
    """

    time: float
    name: str
    endpoint: str
    stream_id: str
    preset: str
    state: State
    is_connected: bool
    counts: Counts = Counts()
    session_id: int | None = None
    part: int | None = None
    last_frame: int | None = None
    last_file: str | None = None
    last_loss: str | None = None
    last_error: str | None = None
    rate: float = 0.0
    bytes_rate: float = 0.0
    lag: float | None = None
    silent_for: float | None = None
    queue_bytes: int = 0
    queue_limit_bytes: int = 0
    free_bytes: int | None = None
    time_to_full: float | None = None
    restarts: int = 0
    degraded: tuple[str, ...] = ()

    @property
    def is_degraded(self) -> bool:
        """Whether somebody should look."""
        return bool(self.degraded)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        values = dataclasses.asdict(self)
        values["state"] = self.state.value
        values["degraded"] = list(self.degraded)
        values["is_degraded"] = self.is_degraded
        return values


class Meter:
    """Mean rate over the last seconds; the clock is the caller's::

    meter = Meter()
    meter.add(time.monotonic(), 64)
    meter.rate(time.monotonic())
    """

    def __init__(self, window: float = METER_TIME, n_steps: int = 20) -> None:
        self._window = window
        self._step = window / n_steps
        self._heaps: deque[tuple[float, float]] = deque(maxlen=n_steps + 2)
        """Begin of a step and what came in it, oldest first."""

    def add(self, now: float, amount: float) -> None:
        """Count `amount` at `now`."""
        if self._heaps and now - self._heaps[-1][0] < self._step:
            begin, before = self._heaps[-1]
            self._heaps[-1] = begin, before + amount
        else:
            self._heaps.append((now, amount))

    def rate(self, now: float) -> float:
        """Amount per second in the window that ends at `now`; of less than a step it says little."""
        heaps = [(begin, amount) for begin, amount in tuple(self._heaps) if now - begin <= self._window]
        if not heaps:
            return 0.0
        elapsed = max(now - heaps[0][0], self._step)
        return sum(amount for _, amount in heaps) / elapsed


def free_bytes(directories: Sequence[Path], floor: int) -> int | None:
    """Bytes that may be written below `directories` while `floor` stay free; a disk counts once.

    `None` when none of them can be looked at.
    """
    disks: dict[int, int] = {}
    for directory in directories:
        try:
            disks[directory.stat().st_dev] = shutil.disk_usage(directory).free
        except OSError:
            continue
    return sum(max(free - floor, 0) for free in disks.values()) if disks else None


def seconds_to_full(free: int | None, bytes_rate: float) -> float | None:
    """Seconds after which `free` bytes are used up at `bytes_rate`."""
    return None if free is None or bytes_rate <= 0 else free / bytes_rate
