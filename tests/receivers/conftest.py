"""A sender that says what a test wants, and receivers in this process or one of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pytest
import zmq

from receivers.receiver import Receiver
from receivers.report import Outcome, SessionReport
from xspress3.stream import (
    Alive,
    ArrayInfo,
    Block,
    EncodedArray,
    EndReason,
    Envelope,
    Loss,
    Message,
    Numbering,
    Publisher,
    SessionEnd,
    SessionStart,
    Subscriber,
)
from xspress3.stream.compression import compress_bslz4
from xspress3.stream.outgoing import Outgoing

REPOSITORY = Path(__file__).resolve().parents[2]
SESSION = 1763683200
STREAM = "xsp3"
N_CHANNELS = 2
N_BINS = 256
CLOCK_PERIOD = 12.5e-9
EVENT_WIDTHS = [6, 4]
DETECTOR_DATA = "/entry/instrument/xspress3"


class Truth:
    """What every frame holds: a function of its number, so that any test can tell it again."""

    n_channels = N_CHANNELS
    n_bins = N_BINS
    clock_period = CLOCK_PERIOD
    event_widths = EVENT_WIDTHS

    def histogram(self, first: int, n_frames: int) -> npt.NDArray[np.uint32]:
        frames = [self._frame(frame) for frame in range(first, first + n_frames)]
        return np.array(frames, dtype="<u4").reshape(n_frames, self.n_channels, self.n_bins)

    def _frame(self, frame: int) -> npt.NDArray[np.uint32]:
        random = np.random.default_rng(frame)
        spectrum = random.integers(0, 1 << 32, (self.n_channels, self.n_bins), dtype=np.uint32)
        return np.where(random.random(spectrum.shape) < 0.1, spectrum, 0).astype("<u4")

    def scalers(self, first: int, n_frames: int) -> npt.NDArray[np.uint32]:
        scalers = np.zeros((n_frames, self.n_channels, 9), dtype="<u4")
        number = np.arange(first, first + n_frames)[:, None]
        channel = np.arange(self.n_channels)[None, :]
        good = 100 + number + 1000 * channel
        for index, values in enumerate((80000, 500, 3, good + 5, good, number, channel, 5, 80016)):
            scalers[..., index] = values
        return scalers


def report(
    n_frames: int | None, lost: int = 0, outcome: Outcome = Outcome.COMPLETE, duplicates: int = 0
) -> SessionReport:
    """What a receiver tells at the end of a session in which `lost` of `n_frames` did not come."""
    return SessionReport(
        stream_id=STREAM,
        session_id=SESSION,
        outcome=outcome,
        frames_expected=n_frames,
        frames_received=(n_frames or 0) - lost,
        frames_lost=lost,
        duplicates=duplicates,
        duration=1.0,
        end_time=SESSION + 10.0,
        is_complete=not lost and outcome is Outcome.COMPLETE,
    )


class Sender:
    """One stream; each method sends one message, numbered as a streamer does."""

    def __init__(self, endpoint: str = "tcp://127.0.0.1:*") -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._publisher = Publisher(self._context, endpoint, Numbering(STREAM), linger=2)
        self.endpoint = self._publisher.endpoint
        self.port = int(self.endpoint.rsplit(":", 1)[1])
        self.truth = Truth()
        self.session_id = SESSION
        self.stream_id = "xsp3"
        self.compression = "bslz4"
        self.sequence = 0

    def wait_joined(self, n_readers: int = 1, timeout: float = 10.0) -> None:
        deadline = time.monotonic() + timeout
        while self._publisher.n_readers < n_readers:
            assert time.monotonic() < deadline, "no reader joined"
            self._publisher.serve(0.05)

    def wait_left(self, timeout: float = 10.0) -> None:
        deadline = time.monotonic() + timeout
        while self._publisher.n_readers:
            assert time.monotonic() < deadline, "the reader stayed"
            self._publisher.serve(0.05)

    def serve(self) -> bool:
        """Hear readers for a moment; always true."""
        self._publisher.serve(0.01)
        return True

    def raw(self, *parts: bytes) -> None:
        self._publisher.send_item(Outgoing(None, raw=list(parts)))

    def send(self, message: Message) -> None:
        self._publisher.send(message)

    def start_message(self, n_frames: int | None, frames_per_block: int = 4, **changes: Any) -> SessionStart:
        truth = self.truth
        said: dict[str, Any] = {
            "envelope": self.envelope(),
            "n_frames": n_frames,
            "frames_per_block": frames_per_block,
            "arrays": (
                ArrayInfo("histogram", "<u4", (truth.n_channels, truth.n_bins), "counts", self.compression),
                ArrayInfo("scalers", "<u4", (truth.n_channels, 9)),
            ),
            "acquisition": {"exposure_time": 0.001, "counting_time": 0.00099},
            "detector": {
                "clock_period": truth.clock_period,
                "event_widths": truth.event_widths,
                "windows": [[[10, 20], [30, 40]]] * truth.n_channels,
            },
            "metadata": {"sample": "rust", "title": "Fe map"},
        }
        said.update(changes)
        return SessionStart(**said)

    def start(self, n_frames: int | None = None, frames_per_block: int = 4, **changes: Any) -> None:
        if not changes.get("is_repeat"):
            self.sequence = 0
        self.send(self.start_message(n_frames, frames_per_block, **changes))
        self.sequence += not changes.get("is_repeat", False)

    def block_message(self, first: int, n_frames: int) -> Block:
        histogram = self.truth.histogram(first, n_frames)
        scalers = self.truth.scalers(first, n_frames)
        payload = compress_bslz4(histogram) if self.compression == "bslz4" else histogram.tobytes()
        arrays = (
            EncodedArray("histogram", histogram.dtype, histogram.shape, self.compression, payload),
            EncodedArray("scalers", scalers.dtype, scalers.shape, "none", scalers.tobytes()),
        )
        return Block(self.envelope(), first, n_frames, arrays)

    def block(self, first: int, n_frames: int = 4) -> None:
        self.send(self.block_message(first, n_frames))
        self.sequence += 1

    def loss(self, first: int, n_frames: int, reason: str = "overrun") -> None:
        self.send(Loss(self.envelope(), first, n_frames, reason))
        self.sequence += 1

    def alive(self, session_id: int | None) -> None:
        self.send(Alive(Envelope(self.stream_id, session_id, self.sequence, time.time_ns()), "IDLE"))

    def end(self, acquired: int, lost: int = 0, reason: EndReason = EndReason.COMPLETE) -> None:
        self.send(SessionEnd(self.envelope(), reason, acquired, acquired, lost))
        self.sequence += 1

    def envelope(self) -> Envelope:
        return Envelope(self.stream_id, self.session_id, self.sequence, time.time_ns())

    def close(self) -> None:
        self._publisher.close()
        self._context.term()


class Recorder:
    """A sink that keeps what it was called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def begin(self, start: SessionStart) -> None:
        self.calls.append(("begin", start.envelope.session_id))

    def write(self, block: Block) -> None:
        block["histogram"].decode()
        self.calls.append(("write", block.first_frame, block.n_frames))

    def lost(self, gap: Any) -> None:
        self.calls.append(("lost", gap.first_frame, gap.n_frames, gap.reason))

    def tick(self) -> None:
        pass

    def end(self, report: Any) -> None:
        self.calls.append(("end", report.outcome.value))

    def close(self) -> None:
        self.calls.append(("close",))


class Program:
    """`xspress3-receiver` in a process of its own."""

    def __init__(self, *arguments: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "receivers.cli", *map(str, arguments)],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait(self, timeout: float = 10.0) -> tuple[int, str, str]:
        """Exit code, standard output and standard error."""
        out, error = self.process.communicate(timeout=timeout)
        return self.process.returncode, out, error

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


@pytest.fixture
def sender() -> Iterator[Sender]:
    made = Sender()
    yield made
    made.close()


@pytest.fixture
def sink() -> Recorder:
    return Recorder()


@pytest.fixture
def run(sender: Sender) -> Iterator[Callable[..., Receiver]]:
    """Join, let `say` send, then receive `sessions` sessions; all in this thread, zmq holds the rest."""
    with Subscriber(sender.endpoint) as subscriber:
        sender.wait_joined()

        def receive(say: Callable[[], None], *sinks: Any, sessions: int = 1, **options: Any) -> Receiver:
            receiver = Receiver(subscriber, sinks, notify=lambda _line: None, **options)
            say()
            receiver.run(sessions=sessions, idle_timeout=2.0)
            return receiver

        yield receive


@pytest.fixture
def program() -> Iterator[Callable[..., Program]]:
    programs: list[Program] = []

    def launch(*arguments: object) -> Program:
        programs.append(Program(*arguments))
        return programs[-1]

    yield launch
    for one in programs:
        one.close()


@pytest.fixture
def frames_in() -> Callable[[Path], int]:
    """Frames that a reader of a growing file sees; -1 before there is anything to read."""

    def look(path: Path) -> int:
        try:
            with h5py.File(path, "r", swmr=True) as file:
                return int((file[DETECTOR_DATA]["frame_number"][()] >= 0).sum())
        except (OSError, KeyError):
            return -1

    return look


@pytest.fixture
def last_json() -> Callable[[str], Any]:
    return lambda output: json.loads(output.strip().splitlines()[-1])
