"""A live view that looks for hours takes no more memory than one that looks for seconds."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest

from receivers.liveview.commands import View
from receivers.liveview.model import LiveModel
from receivers.liveview.sums import Mode
from receivers.liveview.updates import decode_update
from receivers.liveview.viewer import Encoder, Viewer
from tests.receivers.conftest import Sender
from xspress3.stream import Block, EncodedArray, Envelope, SessionStart

HOURS = 8
PERIOD = 10
"""Seconds from frame to frame: each brings ten points of the strip charts."""
FRAMES_PER_HOUR = 3600 // PERIOD
MODES = ("latest", "session", "seconds:60", "frames:1000")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in s that the model believes in."""
    now = [1e9]
    monkeypatch.setattr("receivers.liveview.model.time.time", lambda: now[0])
    return now


def block(start: SessionStart, frame: int, now: float) -> Block:
    histogram = np.full((1, 2, 256), frame % 7, dtype="<u4")
    scalers = np.full((1, 2, 9), 100, dtype="<u4")
    envelope = Envelope("xsp3", start.envelope.session_id, frame, int(now * 1e9))
    arrays = tuple(
        EncodedArray(name, array.dtype, array.shape, "none", array.tobytes())
        for name, array in (("histogram", histogram), ("scalers", scalers))
    )
    return Block(envelope, frame, 1, arrays)


@pytest.mark.timeout(120)
def test_eight_hours_of_frames_and_pages_take_no_more_memory_than_half_an_hour(
    sender: Sender, clock: list[float]
):
    model = LiveModel()
    encoder = Encoder(model)
    viewers = [Viewer(encoder, View(mode=Mode.parse(mode), has_waterfall=True)) for mode in MODES]
    start = sender.start_message(None)
    tracemalloc.start()
    try:
        sizes = list(_hours(model, viewers, start, clock))
    finally:
        tracemalloc.stop()

    assert len(sizes) == 2 * HOURS
    assert sizes[-1] - sizes[1] < 1 << 20


def _hours(model: LiveModel, viewers: list[Viewer], start: SessionStart, clock: list[float]) -> Iterator[int]:
    """Bytes in use after each half hour."""
    model.begin(start)
    for frame in range(HOURS * FRAMES_PER_HOUR):
        clock[0] += PERIOD
        model.write(block(start, frame, clock[0]))
        model.tick()
        for viewer in viewers if frame % 6 == 0 else ():
            while (message := viewer.next(clock[0])) is not None:
                viewer.drawn(decode_update(message)[0]["sequence"])
        if (frame + 1) % (FRAMES_PER_HOUR // 2) == 0:
            yield tracemalloc.get_traced_memory()[0]
