"""Data taken by one call of a streamer in this process."""

from __future__ import annotations

import math

import pytest

from receivers.sessions.taking import stream_off, stream_on, take_data
from xspress3.config import StreamerConfig
from xspress3.errors import ConfigurationError, StateError
from xspress3.streamer import Streamer
from xspress3.testing import FakeDetector


@pytest.fixture
def detector():
    made = FakeDetector()
    made.finish(5)  # frames that are there as soon as a session begins
    return made


@pytest.fixture
def streamer(detector):
    with Streamer(detector, StreamerConfig(data_port=0, monitor_port=0, linger=0.2)) as made:
        yield made


def test_taking_data_gives_the_id_of_the_session_and_all_its_frames(streamer):
    session_id = take_data(streamer, 0.05, exposure_time=0.01)

    status = streamer.status()
    assert status.session_id == session_id
    assert (status.state.value, status.counts.acquired) == ("idle", 5)


def test_ids_differ_also_within_a_second(streamer, detector):
    detector.finish(1)
    taken = [take_data(streamer, 0.01, exposure_time=0.01) for _ in range(3)]

    assert taken == sorted(set(taken))


def test_a_stream_goes_on_until_it_is_switched_off(streamer, eventually):
    begun = stream_on(streamer, exposure_time=0.002)
    eventually(lambda: streamer.status().counts.acquired >= 3, "frames")

    assert stream_off(streamer) == begun
    assert streamer.state.value == "idle"


def test_what_is_off_cannot_be_switched_off(streamer):
    with pytest.raises(StateError, match="while idle"):
        stream_off(streamer)


@pytest.mark.parametrize("seconds", [0, -1, math.nan, math.inf])
def test_times_that_cannot_be_are_refused_before_anything_begins(streamer, seconds):
    with pytest.raises(ConfigurationError, match="allowed is above 0 s"):
        take_data(streamer, seconds)

    assert streamer.status().session_id is None


def test_two_at_once_are_refused(streamer):
    stream_on(streamer, exposure_time=0.002)

    with pytest.raises(StateError, match="allowed while idle"):
        take_data(streamer, 0.01)

    stream_off(streamer)


def test_what_breaks_in_stops_the_session(streamer, monkeypatch):
    def interrupted(_timeout):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(streamer, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            take_data(streamer, 1000)

    assert streamer.wait(10).acquired < 10_000
