"""Windows that clients set: at once while nothing runs, else from the next session on; only where allowed."""

from __future__ import annotations

import json

import pytest
import zmq

from xspress3.errors import ConfigurationError
from xspress3.model import Acquisition, Window
from xspress3.stream import SessionStart

ENDLESS = Acquisition(exposure_time=0.001, is_endless=True)


def ask(streamer, *parts):
    """The answer of the monitor to a request of these parts."""
    with zmq.Context() as context, context.socket(zmq.REQ) as client:
        client.setsockopt(zmq.LINGER, 0)
        client.setsockopt(zmq.RCVTIMEO, 5000)
        client.connect(streamer.monitor_endpoint)
        client.send_multipart(parts)
        return json.loads(client.recv())


def wish(**changes):
    return json.dumps(
        {"type": "set_window", "channel": 1, "window": 0, "low": 10, "high": 20, **changes}
    ).encode()


def test_while_idle_a_window_is_set_at_once(detector, make_streamer):
    streamer = make_streamer(allow_control=True)

    answer = ask(streamer, wish())

    assert (answer["type"], answer["holds_at_once"]) == ("done", True)
    assert detector.windows() == [[(0, 0), (0, 0)], [(10, 20), (0, 0)]]


def test_within_a_session_the_limits_stay_and_the_next_start_tells_the_new_ones(
    detector, make_streamer, join
):
    streamer = make_streamer(allow_control=True)
    reader = join(streamer)
    streamer.arm(ENDLESS)

    answer = ask(streamer, wish())
    within = detector.windows()
    streamer.stop()
    streamer.wait(timeout=10)
    streamer.arm(ENDLESS)
    streamer.stop()
    streamer.wait(timeout=10)

    assert answer["holds_at_once"] is False
    assert "channel 1: window 0 is 10..20 from the next session on" in answer["text"]
    assert within[1][0] == (0, 0)
    told = [start.detector["windows"][1][0] for start in starts_of(reader)]
    assert told == [[0, 0], [10, 20]]


def starts_of(reader):
    """The next two starts."""
    found = []
    while len(found) < 2:
        message = reader.receive(timeout=5)
        assert message is not None
        if isinstance(message, SessionStart):
            found.append(message)
    return found


def test_without_permission_commands_are_refused_in_words(detector, streamer):
    answer = ask(streamer, wish())

    assert answer["type"] == "error"
    assert "--allow-control" in answer["text"]
    assert detector.windows()[1][0] == (0, 0)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"channel": 2}, "channel: 2, allowed is 0..1"),
        ({"window": 2}, "window: 2, allowed is 0..1"),
        ({"high": 64}, "high: 64, allowed is 0..63"),
        ({"low": 21}, "low=21 above high=20"),
        ({"low": -1}, "low: -1"),
        ({"low": True}, "low: True"),
        ({"low": None}, "low: None"),
        ({"type": "reboot"}, "known is 'set_window'"),
    ],
)
def test_a_window_that_cannot_be_is_refused_in_words(detector, make_streamer, changes, text):
    streamer = make_streamer(allow_control=True)

    answer = ask(streamer, wish(**changes))

    assert answer["type"] == "error"
    assert text in answer["text"]
    assert detector.windows() == [[(0, 0), (0, 0)]] * 2


@pytest.mark.parametrize("request_text", [b"{", b'{"type": "set_window"}', b'{"a": NaN}', b"{" * 3000])
def test_a_command_that_is_none_stops_nobody(make_streamer, request_text):
    streamer = make_streamer(allow_control=True)

    assert ask(streamer, request_text)["type"] == "error"
    assert ask(streamer, b"status")["type"] == "status"


def test_what_the_detector_refuses_is_raised_once(detector, make_streamer):
    streamer = make_streamer()
    detector.set_window = refuse

    with pytest.raises(ConfigurationError, match="broken"):
        streamer.set_window(0, 0, Window(1, 2))

    streamer.arm(ENDLESS)


def refuse(*_):
    raise ConfigurationError("broken")


def test_the_status_tells_what_waits_in_the_ring(detector, streamer, eventually):
    detector.finish(5)
    streamer.arm(Acquisition(exposure_time=0.001, frames_per_trigger=5)).wait(timeout=5)

    status = ask(streamer, b"status")

    assert (status["in_ring"], status["ring_frames"]) == (0, detector.info.ring_frames)
