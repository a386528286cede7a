"""The recorder against the plain writing receiver: the same blocks, the same disk, turn by turn."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path

import zmq

from benchmarks.frames import N_CHANNELS, frame_infos, make_arrays
from benchmarks.rows import Row, Wanted
from receivers.hdf5.writer import Hdf5Sink
from receivers.receiver import Receiver
from receivers.recorder.options import Options
from receivers.recorder.sink import RecorderSink
from receivers.sink import Sink
from xspress3.stream import (
    Block,
    EndReason,
    Envelope,
    Numbering,
    Publisher,
    SessionEnd,
    SessionStart,
    Subscriber,
)

__all__ = ["recorder_rows"]

FRAMES_PER_BLOCK = 32
ROUNDS = 5
SESSION = 1763683200


def recorder_rows(n_frames: int, directory: Path) -> list[Row]:
    """Frames a second of both, and their ratio: the median of rounds in which one follows the other."""
    n_blocks = max(n_frames // FRAMES_PER_BLOCK, 4)
    plain: list[float] = []
    recorder: list[float] = []
    for number in range(ROUNDS):
        pair = [(plain, "plain"), (recorder, "recorder")]
        for rates, kind in pair if number % 2 else reversed(pair):  # neither is always the second
            place = directory / f"{kind}{number}"
            place.mkdir()
            rates.append(n_blocks * FRAMES_PER_BLOCK / _seconds(_sink(kind, place), n_blocks, number))
    ratio = statistics.median(mine / theirs for mine, theirs in zip(recorder, plain, strict=True))
    best = statistics.median(recorder)
    return [
        Row("writing receiver", statistics.median(plain), "frames/s"),
        Row("recorder", best, "frames/s", "writing receiver", ratio, Wanted(least=0.9)),
    ]


def _sink(kind: str, place: Path) -> Sink:
    return Hdf5Sink(place) if kind == "plain" else RecorderSink(Options((place,)), "bench")


def _seconds(sink: Sink, n_blocks: int, number: int) -> float:
    """Seconds from the start of a session to its closed file."""
    with zmq.Context() as context:
        publisher = Publisher(context, "tcp://127.0.0.1:*", Numbering("bench"), linger=2)
        sender = threading.Thread(target=_send, args=(publisher, n_blocks, number), name="bench-sender")
        try:
            with Subscriber(publisher.endpoint, name="bench") as subscriber:
                receiver = Receiver(subscriber, [sink])
                sender.start()
                subscriber.wait_joined(10)
                began = time.perf_counter()
                (report,) = receiver.run(sessions=1)
                took = time.perf_counter() - began
                sender.join()
        finally:
            publisher.close()
            sink.close()
    assert report.is_complete, report.describe()
    return took


def _send(publisher: Publisher, n_blocks: int, number: int) -> None:
    arrays = make_arrays(FRAMES_PER_BLOCK)
    envelope = _envelopes(SESSION + number)
    while not publisher.n_readers:
        publisher.serve(0.05)
    n_frames = n_blocks * FRAMES_PER_BLOCK
    detector = {"clock_period": 12.5e-9, "event_widths": [6] * N_CHANNELS}
    publisher.send(
        SessionStart(envelope(), n_frames, FRAMES_PER_BLOCK, frame_infos(arrays), detector=detector)
    )
    for block in range(n_blocks):
        publisher.send(Block(envelope(), block * FRAMES_PER_BLOCK, FRAMES_PER_BLOCK, arrays))
    publisher.send(SessionEnd(envelope(), EndReason.COMPLETE, n_frames, n_frames, 0))


def _envelopes(session_id: int) -> Callable[[], Envelope]:
    sequence = iter(range(1 << 40))
    return lambda: Envelope("bench", session_id, next(sequence), time.time_ns())
