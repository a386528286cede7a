"""A session to be told in old dialects, and readers as old ones are: a plain SUB socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import numpy as np
import pytest
import zmq

from xspress3.stream import ArrayInfo, Envelope, SessionStart
from xspress3.stream.dialects import DialectPublisher, old_dialect

N_CHANNELS = 2
N_BINS = 8
CLOCK_PERIOD = 12.5e-9


@pytest.fixture
def make_start() -> Callable[..., SessionStart]:
    def make(**changes: object) -> SessionStart:
        detector = {
            "clock_period": CLOCK_PERIOD,
            "event_widths": [6, 4],
            "windows": [[[1, 2], [3, 4]], [[5, 6], [7, 7]]],
        }
        said = {
            "envelope": Envelope("xsp3", 1763683200, 0, 5),
            "n_frames": 3,
            "frames_per_block": 2,
            "arrays": (
                ArrayInfo("histogram", "<u4", (N_CHANNELS, N_BINS)),
                ArrayInfo("scalers", "<u4", (N_CHANNELS, 9)),
            ),
            "acquisition": {"counting_time": 0.1, "trigger_mode": "internal"},
            "detector": detector,
            "metadata": {"DestinationFileName": "/data/a.h5", "DestinationFileOverwritable": True},
        }
        return SessionStart(**{**said, **changes})

    return make


@pytest.fixture
def start(make_start) -> SessionStart:
    return make_start()


@pytest.fixture
def histogram() -> np.ndarray:
    return np.arange(3 * N_CHANNELS * N_BINS, dtype="<u4").reshape(3, N_CHANNELS, N_BINS)


@pytest.fixture
def scalers() -> np.ndarray:
    """Rows of (clock, reset, reset count, all, good, window 0, window 1, pileup, total)."""
    frame = np.array(
        [[8000, 1000, 3, 100, 90, 11, 12, 5, 8000], [8000, 2000, 4, 200, 180, 21, 22, 6, 8000]], dtype="<u4"
    )
    return np.stack([frame, frame + 1, frame + 2])


@pytest.fixture
def context() -> Iterator[zmq.Context]:
    with zmq.Context() as made:
        yield made


@pytest.fixture
def make_publisher(context) -> Iterator[Callable[..., DialectPublisher]]:
    with ExitStack() as stack:

        def make(dialect: str = "multipart", **options: object) -> DialectPublisher:
            options = {"linger": 0, **options}
            made = DialectPublisher(context, "tcp://127.0.0.1:*", old_dialect(dialect), **options)
            return stack.enter_context(closing(made))

        yield make


@pytest.fixture
def make_reader(context, eventually) -> Iterator[Callable[..., zmq.Socket]]:
    with ExitStack() as stack:

        def make(publisher: DialectPublisher, wait: bool = True, **options: int) -> zmq.Socket:
            socket = stack.enter_context(context.socket(zmq.SUB))
            socket.setsockopt(zmq.RCVTIMEO, 5000)
            socket.setsockopt(zmq.LINGER, 0)
            for name, value in options.items():
                socket.setsockopt(getattr(zmq, name), value)
            socket.setsockopt(zmq.SUBSCRIBE, b"")
            publisher.poll_joins()
            socket.connect(publisher.endpoint)
            if wait:  # for this one: another may have left meanwhile
                eventually(publisher.poll_joins, "the reader joined")
            return socket

        yield make
