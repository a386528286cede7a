"""The reader at the end of the page on the wire protocol, which knows nothing of us, reads a streamer."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.stream.relay import Link
from xspress3.config import StreamerConfig
from xspress3.model import Acquisition
from xspress3.streamer import Streamer
from xspress3.testing import FakeDetector, fake_frames

DOCUMENT = Path(__file__).resolve().parents[2] / "doc" / "reference" / "wire-protocol.md"
TIMEOUT = 10
MAX_LINES = 55


@pytest.fixture
def detector():
    return FakeDetector()


@pytest.fixture
def make_streamer(detector):
    made = []

    def make(**fields):
        made.append(Streamer(detector, StreamerConfig(data_port=0, monitor_port=0, linger=0.2, **fields)))
        return made[-1]

    yield make
    for streamer in made:
        streamer.close()


def the_reader():
    """What the document shows."""
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    found = {}
    exec(compile(code, str(DOCUMENT), "exec"), found)  # noqa: S102  # our own document
    return found


class Reading:
    """The reader at work in a thread of its own."""

    def __init__(self, endpoint, reader=None, **options):
        self.messages = []
        self._messages = (reader or the_reader())["read_session"](endpoint, **options)
        self._thread = threading.Thread(target=self._run, name="plain-reader")
        self._thread.start()

    def _run(self):
        for message in self._messages:
            self.messages.append(message)

    def wait(self):
        self._thread.join(TIMEOUT)
        assert not self._thread.is_alive(), f"no end after {len(self.messages)} messages"
        return self.messages


def types(messages):
    return [said["type"] for said, _ in messages]


def frames(messages):
    """Number, histogram and scalers of each frame."""
    found = []
    for said, arrays in messages:
        if said["type"] == "block":
            numbers = range(said["first_frame"], 1 << 40, said.get("step", 1))
            found += list(zip(numbers, *arrays, strict=False))
    return found


def take(streamer, detector, n_frames, **options):
    """What the reader makes of a session of that many frames."""
    reading = Reading(streamer.data_endpoint, **options)
    streamer.wait_readers(1, TIMEOUT)
    detector.finish(n_frames)
    streamer.arm(Acquisition(exposure_time=0.001, frames_per_trigger=n_frames))
    return reading.wait()


def assert_true(found, detector):
    for number, histogram, scalers in found:
        info = detector.info
        truth, counters = fake_frames(number, 1, info.n_channels, info.n_bins, detector.ticks)
        np.testing.assert_array_equal(histogram, truth[0])
        np.testing.assert_array_equal(scalers, counters[0])


def test_it_is_short():
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)

    assert len([line for line in code.splitlines() if line.strip()]) <= MAX_LINES
    assert "import xspress3" not in code
    assert "from xspress3" not in code


@pytest.mark.parametrize("compression", ["none", "bslz4"])
def test_it_gets_every_frame(make_streamer, detector, compression):
    if compression == "bslz4":
        pytest.importorskip("bitshuffle")

    messages = take(make_streamer(compression=compression), detector, 300, credit=2)

    assert types(messages)[0] == "start"
    assert [number for number, *_ in frames(messages)] == list(range(300))
    assert_true(frames(messages), detector)
    assert messages[-1][0]["reason"] == "complete"


def test_it_gets_each_third_frame(make_streamer, detector):
    messages = take(make_streamer(), detector, 100, contract="every:3", credit=64)

    assert messages[0][0]["contract"] == "every:3"
    assert [number for number, *_ in frames(messages)] == list(range(0, 100, 3))
    assert_true(frames(messages), detector)


def test_it_gets_the_newest_and_is_told_what_was_passed_over(make_streamer, detector):
    messages = take(make_streamer(compression="none"), detector, 300, contract="latest", credit=1)

    accounted = []
    for said, _ in messages:
        if said["type"] == "block":
            accounted += range(said["first_frame"], said["first_frame"] + said["n_frames"])
        elif said["type"] == "loss":
            assert said["by_contract"]
            accounted += range(said["first_frame"], said["first_frame"] + said["n_frames"])
    assert accounted == list(range(300))
    assert frames(messages)[-1][0] == 299


def test_it_goes_on_where_it_was_when_it_was_cut_off(make_streamer, detector, eventually):
    pytest.importorskip("bitshuffle")
    streamer = make_streamer()
    link = Link(streamer.data_endpoint)
    reader = the_reader()
    reader["SILENCE_MS"] = 1500
    reading = Reading(link.endpoint, reader)
    streamer.wait_readers(1, TIMEOUT)
    detector.finish(100)
    streamer.arm(Acquisition(exposure_time=0.001, frames_per_trigger=200))
    eventually(lambda: len(frames(reading.messages)) >= 64)

    link.cut()
    detector.finish(200)
    messages = reading.wait()

    link.close()
    assert [number for number, *_ in frames(messages)] == list(range(200))
    assert [said["is_repeat"] for said, _ in messages if said["type"] == "start"][:2] == [False, True]
    assert types(messages)[-1] == "end"
