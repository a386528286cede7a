"""Kills the writer at random moments, and looks at what is left: what it told as written must be there."""

from __future__ import annotations

import contextlib
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import zmq

from benchmarks.rows import NOTHING, Row
from receivers.hdf5.layout import DETECTOR
from receivers.hdf5.summary import open_file, read_summary
from xspress3.errors import ConfigurationError
from xspress3.stream import ArrayInfo, Block, EncodedArray, Envelope, Numbering, Publisher, SessionStart
from xspress3.stream.compression import compress_bslz4

__all__ = ["Survival", "kill_once", "survival_rows"]

N_CHANNELS, N_BINS, FRAMES_PER_BLOCK = 4, 1024, 4
FLUSH_INTERVAL = 0.05
LONGEST_LIFE = 0.6
"""Seconds of the session at most before the writer is killed."""
JOIN_TIMEOUT = 60.0


@dataclass(frozen=True)
class Survival:
    """What became of one session whose writer was killed.

    Parameters
    ----------
    sent, told, found
        Frames that were sent, that the writer had told as written, and that are right in the file.
    wrong
        Frames in the file that are not as they were sent.
    is_readable
        Whether the file opens, where there is one.
    is_honest
        Whether it says that it was not finished.
    """

    sent: int
    told: int
    found: int
    wrong: int
    is_readable: bool
    is_honest: bool

    @property
    def missing(self) -> int:
        """Frames that were told as written and are not there."""
        return max(self.told - self.found, 0)


def histogram_of(first_frame: int, n_frames: int) -> npt.NDArray[np.uint32]:
    """What the frames hold, a function of their number alone."""
    frames = np.arange(first_frame, first_frame + n_frames, dtype="<u4")[:, None, None]
    channels = np.arange(N_CHANNELS, dtype="<u4")[None, :, None]
    bins = np.arange(N_BINS, dtype="<u4")[None, None, :]
    return (frames * 2654435761 + channels * 40503 + bins * bins) >> np.uint32(20)


class _Stream:
    """A session that goes on until its reader is killed."""

    def __init__(self, path: Path, compression: str) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._publisher = Publisher(
            self._context, "tcp://127.0.0.1:*", Numbering("survival"), drop_after=10, linger=0
        )
        self.port = int(self._publisher.endpoint.rsplit(":", 1)[1])
        self._path = path
        self._compression = compression
        self._sequence = 0
        self.sent = 0

    def wait_joined(self) -> None:
        deadline = time.monotonic() + JOIN_TIMEOUT
        while not self._publisher.n_readers:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the writer has not joined within {JOIN_TIMEOUT} s")
            self._publisher.serve(0.01)

    def start(self) -> None:
        shape = (N_CHANNELS, N_BINS)
        arrays = (
            ArrayInfo("histogram", "<u4", shape, "counts", self._compression),
            ArrayInfo("scalers", "<u4", (N_CHANNELS, 9)),
        )
        detector = {"clock_period": 12.5e-9, "event_widths": [6] * N_CHANNELS}
        metadata = {"file": {"path": str(self._path), "existing": "fail"}}
        envelope = self._envelope()
        self._publisher.send(SessionStart(envelope, None, FRAMES_PER_BLOCK, arrays, {}, detector, metadata))
        self._sequence += 1

    def block(self, n_frames: int) -> None:
        histogram = histogram_of(self.sent, n_frames)
        payload = compress_bslz4(histogram) if self._compression == "bslz4" else histogram.tobytes()
        scalers = np.full((n_frames, N_CHANNELS, 9), 1000, dtype="<u4")
        arrays = (
            EncodedArray("histogram", histogram.dtype, histogram.shape, self._compression, payload),
            EncodedArray("scalers", scalers.dtype, scalers.shape, "none", scalers.tobytes()),
        )
        self._publisher.send(Block(self._envelope(), self.sent, n_frames, arrays))
        self._publisher.serve(0.001)
        self._sequence += 1
        self.sent += n_frames

    def _envelope(self) -> Envelope:
        return Envelope("survival", 1763683200, self._sequence, time.time_ns())

    def close(self) -> None:
        self._publisher.close()
        self._context.term()


@contextlib.contextmanager
def _writer(port: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "receivers.cli", "write", "--follow", "--quiet"]
    command += ["--port", str(port), "--flush-interval", str(FLUSH_INTERVAL)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def kill_once(chance: random.Random, directory: Path) -> Survival:
    """Let a writer write for a while, kill it with SIGKILL, and look at its file."""
    path = directory / "scan.h5"
    stream = _Stream(path, chance.choice(["none", "bslz4"]))
    with contextlib.closing(stream), _writer(stream.port) as process:
        stream.wait_joined()
        deadline = time.monotonic() + chance.uniform(0, LONGEST_LIFE)
        stream.start()
        while time.monotonic() < deadline:
            stream.block(chance.choice([FRAMES_PER_BLOCK, FRAMES_PER_BLOCK, 1, 3]))
        process.kill()
        told = process.communicate()[0]
    return _look(path, stream.sent, _told(told.splitlines()))


def _told(lines: Sequence[str]) -> int:
    """Frames written, as of the last thing that the writer said; it may have been cut off in the middle."""
    counts = [0]
    for line in lines:
        with contextlib.suppress(ValueError):
            counts.append(json.loads(line).get("written", 0))
    return max(counts)


def _look(path: Path, sent: int, told: int) -> Survival:
    if not path.exists():
        return Survival(sent, told, 0, 0, is_readable=True, is_honest=True)
    try:
        summary = read_summary(path)
        with open_file(path) as file:
            numbers = file[DETECTOR]["frame_number"][()]
            data = file[DETECTOR]["data"][()]
    except (ConfigurationError, OSError, KeyError):
        return Survival(sent, told, 0, 0, is_readable=False, is_honest=False)
    there = [(row, int(number)) for row, number in enumerate(numbers) if number >= 0]
    found = sum(
        row < len(data) and np.array_equal(data[row], histogram_of(number, 1)[0]) for row, number in there
    )
    is_honest = not summary.is_complete and not summary.is_finished
    return Survival(sent, told, found, len(there) - found, is_readable=True, is_honest=is_honest)


def survival_rows(n_kills: int, directory: Path, seed: int = 1) -> list[Row]:
    """What `n_kills` have left."""
    chance = random.Random(seed)
    found = []
    for number in range(n_kills):
        own = directory / str(number)
        own.mkdir()
        found.append(kill_once(chance, own))
    n_frames = sum(one.sent for one in found)
    return [
        Row("writers killed", n_kills, "times"),
        Row("files that do not open", sum(not one.is_readable for one in found), "files", wanted=NOTHING),
        Row(
            "files that claim to be finished",
            sum(not one.is_honest for one in found),
            "files",
            wanted=NOTHING,
        ),
        Row(
            "frames told as written and not there",
            sum(one.missing for one in found),
            "frames",
            wanted=NOTHING,
        ),
        Row("frames in files that are wrong", sum(one.wrong for one in found), "frames", wanted=NOTHING),
        Row("frames sent", n_frames, "frames"),
        Row(
            "frames in the files",
            sum(one.found for one in found),
            "frames",
            "frames sent",
            sum(one.found for one in found) / max(n_frames, 1),
        ),
        Row("frames lost by one kill, at most", max(one.sent - one.found for one in found), "frames"),
    ]
