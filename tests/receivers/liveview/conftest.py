"""A streamer of the fake detector, a live view of it, and pages that open it: all real but the detector."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
from websockets.sync.client import ClientConnection, connect

from receivers.geometry import Geometry
from receivers.liveview.feed import Feed
from receivers.liveview.model import LiveModel
from receivers.liveview.sums import Frames
from receivers.liveview.updates import decode_update
from receivers.liveview.web import LiveServer
from xspress3.config import StreamerConfig
from xspress3.model import Acquisition
from xspress3.streamer import Streamer
from xspress3.testing import FakeDetector

N_CHANNELS, N_BINS = 2, 64
PATIENCE = 20.0


@pytest.fixture
def geometry() -> Geometry:
    return Geometry(2, 8, 1e-6, (4, 9), None)


@pytest.fixture
def frames() -> Callable[..., Frames]:
    """Frames of 2 channels and 8 bins: bin b of channel c of frame f holds `f + 10 * c + b`."""

    def make(first: int, n_frames: int = 1, at: float = 0.0, step: int = 1) -> Frames:
        number = first + step * np.arange(n_frames, dtype="<u4")[:, None, None]
        histogram = number + 10 * np.arange(2, dtype="<u4")[None, :, None] + np.arange(8, dtype="<u4")
        scalers = np.zeros((n_frames, 2, 9), dtype="<u4")
        scalers[..., 0] = scalers[..., 8] = 1000  # clock and total ticks
        scalers[..., 3], scalers[..., 4] = 20, 18  # all events, all good
        scalers[..., 5] = number[..., 0]
        scalers[..., 6] = 7
        return Frames(histogram.astype("<u4"), scalers, first, at, step)

    return make


class Page:
    """What a page does, without the page."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.answers = True

    def say(self, **values: Any) -> None:
        self.socket.send(json.dumps(values))

    def next(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The next message: a text one without arrays; an update is answered."""
        message = self.socket.recv(timeout=PATIENCE)
        if isinstance(message, str):
            return json.loads(message), {}
        header, arrays = decode_update(message)
        if self.answers:
            self.say(type="drawn", sequence=header["sequence"])
        return header, arrays

    def until(self, condition: Callable[[dict[str, Any]], object]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The next message of which `condition` holds."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            header, arrays = self.next()
            if condition(header):
                return header, arrays
        raise AssertionError("it never came")

    def text(self, kind: str) -> dict[str, Any]:
        return self.until(lambda said: said.get("type") == kind)[0]

    def update(self, kind: str = "spectra") -> tuple[dict[str, Any], dict[str, Any]]:
        return self.until(lambda said: said.get("kind") == kind)


class Live:
    """One streamer and one live view of it."""

    def __init__(self, stack: ExitStack, **options: Any) -> None:
        self._stack = stack
        self.detector = FakeDetector(N_CHANNELS, N_BINS)
        config = StreamerConfig(data_port=0, monitor_port=0, linger=0.2, allow_control=True)
        self.streamer = stack.enter_context(Streamer(self.detector, config))
        self.feed = stack.enter_context(
            Feed(LiveModel(), self.streamer.data_endpoint, self.streamer.monitor_endpoint)
        )
        self.server = stack.enter_context(LiveServer(self.feed, **options))

    def take(self, n_frames: int, **options: Any) -> None:
        """One session, to its end."""
        self.streamer.wait_readers(1, timeout=PATIENCE)
        self.detector.finish(n_frames)
        acquisition = Acquisition(exposure_time=0.001, frames_per_trigger=n_frames)
        self.streamer.arm(acquisition, **options).wait(timeout=PATIENCE)

    def open_page(self, **options: Any) -> Page:
        address = self.server.address.replace("http", "ws") + "ws"
        arguments = {"max_size": None, "compression": None, **options}
        return Page(self._stack.enter_context(connect(address, **arguments)))


@pytest.fixture
def make_live() -> Iterator[Callable[..., Live]]:
    with ExitStack() as stack:
        yield lambda **options: Live(stack, **options)


@pytest.fixture
def live(make_live: Callable[..., Live]) -> Live:
    return make_live()
