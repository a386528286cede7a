"""Windows that a page writes reach the detector, as far as the other side allows it."""

from __future__ import annotations

import pytest

from receivers.liveview.control import ServeControl, open_control
from receivers.liveview.monitor_client import MonitorClient
from tests.receivers.liveview.conftest import PATIENCE
from xspress3.errors import ConfigurationError, StateError, StreamTimeoutError
from xspress3.model import Acquisition


class LateControl:
    """Control of a streamer that is made after the view: found when it is needed."""

    kind = "serve"
    written = None

    def __init__(self):
        self.endpoint = None

    def set_window(self, channels, window, limits):
        return ServeControl(self.endpoint).set_window(channels, window, limits)


@pytest.fixture
def controlled(make_live):
    control = LateControl()
    live = make_live(control=control)
    control.endpoint = live.streamer.monitor_endpoint
    return live


def test_a_window_that_a_page_writes_is_set_and_every_page_is_told(controlled):
    controlled.take(4)
    page, other = controlled.open_page(), controlled.open_page()
    before = other.until(lambda said: said.get("type") == "hello" and said["windows"])[0]
    page.say(type="window", channel=1, window=0, low=10, high=20)

    done = page.text("done")
    told = other.until(lambda said: said.get("type") == "hello" and said["windows"] != before["windows"])[0]

    assert done["text"] == "channel 1: window 0 is 10..20"
    assert controlled.detector.windows() == [[(0, 0), (0, 0)], [(10, 20), (0, 0)]]
    assert told["windows"] == [[[0, 0], [0, 0]], [[10, 20], [0, 0]]]
    assert told["control"] == "serve"


def test_a_window_of_all_channels_is_written_at_once(controlled):
    controlled.take(4)
    page = controlled.open_page()
    page.until(lambda said: said.get("type") == "hello" and said["windows"])
    page.say(type="window", channel=None, window=1, low=3, high=5)
    page.text("done")

    assert controlled.detector.windows() == [[(0, 0), (3, 5)]] * 2


def test_counts_keep_the_limits_with_which_they_were_counted(controlled):
    controlled.streamer.wait_readers(1, timeout=PATIENCE)
    controlled.detector.finish(4)
    controlled.streamer.arm(Acquisition(exposure_time=0.001, is_endless=True))
    page = controlled.open_page()
    page.update()
    page.say(type="window", channel=0, window=0, low=10, high=20)

    done = page.text("done")
    controlled.detector.finish(8)
    _, arrays = page.until(lambda said: said.get("kind") == "spectra" and said["frame"] == 7)

    assert "from the next session on" in done["text"]
    assert arrays["limits"].tolist() == [[0, 0, 0, 0]] * 2
    controlled.streamer.stop()
    controlled.streamer.wait(timeout=PATIENCE)


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ({"channel": 2, "window": 0, "low": 1, "high": 2}, "channel 2, allowed is 0..1"),
        ({"channel": 0, "window": 0, "low": 1, "high": 64}, "high=64 outside 0..63"),
    ],
)
def test_what_the_detector_does_not_have_is_refused(controlled, command, text):
    controlled.take(4)
    page = controlled.open_page()
    page.until(lambda said: said.get("type") == "hello" and said["windows"])
    page.say(type="window", **command)

    assert text in page.text("error")["text"]


def test_a_sender_that_allows_no_control_says_so(controlled):
    controlled.streamer._threads._monitor._set_window = None  # as without --allow-control
    controlled.take(4)
    page = controlled.open_page()
    page.until(lambda said: said.get("type") == "hello" and said["windows"])
    page.say(type="window", channel=0, window=0, low=1, high=2)

    assert "--allow-control" in page.text("error")["text"]


def test_nobody_there_is_an_error_within_a_time():
    with MonitorClient("tcp://127.0.0.1:9") as client, pytest.raises(StreamTimeoutError, match="nobody"):
        client.ask(b"status", 0.1)


def test_after_no_answer_the_next_question_is_answered_by_its_own(live):
    with MonitorClient(live.streamer.monitor_endpoint) as client:
        with pytest.raises(StreamTimeoutError):
            client.ask(b"status", 0.0)

        with pytest.raises(StateError, match="allowed is one part"):
            client.ask(b"dance", PATIENCE)
        assert client.ask(b"status", PATIENCE)["state"] == "idle"


def test_only_serve_and_tango_are_known():
    with pytest.raises(ConfigurationError, match="allowed are 'serve' and tango://"):
        open_control("epics:xsp3", "tcp://127.0.0.1:9")

    assert open_control(None, "tcp://127.0.0.1:9") is None
