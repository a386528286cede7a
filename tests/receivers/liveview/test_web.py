"""The web server: real sockets, a real streamer, and pages that behave well, badly, or not at all."""

from __future__ import annotations

import json
import socket
import threading
import time
from urllib.error import HTTPError
from urllib.request import HTTPCookieProcessor, Request, build_opener, urlopen

import numpy as np
import pytest
import zmq
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from receivers.liveview import report
from receivers.liveview.control import Written
from receivers.liveview.feed import Feed
from receivers.liveview.model import LiveModel
from receivers.liveview.web import LiveServer
from tests.keyring import make_keyring
from tests.receivers.liveview.conftest import N_BINS, N_CHANNELS, PATIENCE, Page
from xspress3.config import StreamerConfig
from xspress3.errors import ConfigurationError, StateError
from xspress3.model import Acquisition
from xspress3.streamer import Streamer
from xspress3.streamer import Written as TheirWritten
from xspress3.testing import FakeDetector, fake_frames


def get(url, **headers):
    with urlopen(Request(url, headers=headers), timeout=PATIENCE) as answer:  # noqa: S310
        return answer.status, dict(answer.headers), answer.read()


def test_a_page_is_told_what_there_is_then_gets_the_newest_frame(live):
    page = live.open_page()
    before = page.text("hello")
    live.take(50)

    hello = page.until(lambda said: said.get("type") == "hello" and said["n_bins"])[0]
    header, arrays = page.until(lambda said: said.get("kind") == "spectra" and said["frame"] == 49)

    assert (before["protocol"], before["n_channels"], before["stream_id"]) == (1, None, None)
    assert (hello["n_channels"], hello["n_bins"], hello["stream_id"]) == (N_CHANNELS, N_BINS, "xspress3")
    assert hello["control"] is None
    np.testing.assert_array_equal(
        arrays["spectra"], fake_frames(49, 1, N_CHANNELS, N_BINS, live.detector.ticks)[0][0]
    )
    assert header["counting_time"] == pytest.approx(live.detector.ticks * 12.5e-9)


def test_a_page_that_comes_later_sees_what_is_there(live):
    live.take(5)

    page = live.open_page()

    page.until(lambda said: said.get("kind") == "spectra" and said["frame"] == 4)


def test_the_status_counts_what_the_sender_counts(live):
    live.take(40)
    page = live.open_page()

    status = page.until(lambda said: said.get("type") == "status" and said["acquired"] == 40)[0]

    assert status["connection"] == "joined"
    assert (status["state"], status["streamed"], status["lost"], status["n_frames"]) == ("idle", 40, 0, 40)
    assert status["seen"] + status["passed_over"] == 40
    assert status["writers"] == []
    assert (status["written"], status["file"], status["time_left"]) == (None, None, None)
    assert status["follows_writer"] is False
    assert [reader["name"] for reader in status["readers"]] == ["view"]
    assert json.loads(get(live.server.address + "status.json")[2])["acquired"] == 40


def test_the_status_tells_how_far_the_writer_is_where_somebody_can_be_asked(eventually):
    far = Written(7, "/data/one.h5")
    with Feed(LiveModel(), "tcp://127.0.0.1:9", ask_written=lambda: far) as feed:
        eventually(lambda: feed.written == far, timeout=PATIENCE)
        told = report.status(feed)

    assert (told["written"], told["file"], told["follows_writer"]) == (7, "/data/one.h5", True)


def test_the_status_tells_what_the_sender_knows_of_the_file(live):
    live.take(40)
    live.streamer.note_written(live.streamer.status().session_id, TheirWritten(33, "/data/one\n.h5"))
    page = live.open_page()

    status = page.until(lambda said: said.get("type") == "status" and said["written"] is not None)[0]

    assert (status["written"], status["follows_writer"]) == (33, True)
    assert status["file"] == "/data/one?.h5"


def test_a_writer_that_cannot_be_asked_any_more_is_not_known(eventually):
    has_gone = threading.Event()

    def ask():
        if has_gone.is_set():
            raise StateError("the device is gone")
        return Written(7, "/data/one.h5")

    with Feed(LiveModel(), "tcp://127.0.0.1:9", ask_written=ask) as feed:
        eventually(lambda: feed.written.n_frames == 7, timeout=PATIENCE)
        has_gone.set()
        eventually(lambda: feed.written == Written(), timeout=PATIENCE)
        told = report.status(feed)

    assert (told["written"], told["file"], told["follows_writer"]) == (None, None, True)


def test_a_page_that_draws_nothing_gets_one_update_and_hurts_nobody(live):
    live.take(4)
    slow, quick = live.open_page(), live.open_page()
    slow.answers = False
    slow.say(type="view", history=False)
    slow.update()
    for n_frames in range(5, 10):
        live.take(n_frames)
        quick.until(lambda said, last=n_frames - 1: said.get("kind") == "spectra" and said["frame"] == last)

    with pytest.raises(AssertionError, match="never came"):
        for _ in range(6):  # some seconds of nothing but texts
            header, _ = slow.next()
            assert header.get("kind") != "spectra", "sent before the last was drawn"
        raise AssertionError("it never came")


def test_a_command_that_cannot_be_is_an_error_in_words_and_the_page_goes_on(live):
    live.take(4)
    page = live.open_page()
    for said in ("{", '{"type": "view", "mode": "all"}', b"\xff", "[[[[", '{"type": "window", "low": 0}'):
        page.socket.send(said)
        assert page.text("error")["text"]
    page.say(type="view", mode="session")

    page.until(lambda said: said.get("mode") == "session")


@pytest.mark.parametrize("message", ["x" * 5000, b"x" * 100_000], ids=["text", "bytes"])
def test_a_message_that_is_too_long_ends_the_connection_of_who_sent_it(live, message):
    page, other = live.open_page(), live.open_page()
    page.socket.send(message)

    with pytest.raises(ConnectionClosed) as closed:
        while True:
            page.next()

    assert closed.value.rcvd.code == 1009
    assert other.text("status")


def test_too_many_messages_end_the_connection_of_who_sent_them(live):
    page, other = live.open_page(), live.open_page()

    with pytest.raises(ConnectionClosed) as closed:
        for _ in range(10_000):
            page.say(type="dance")
        while True:
            page.next()

    assert closed.value.rcvd is None or closed.value.rcvd.code == 1008
    assert other.text("status")


def test_bytes_that_are_no_http_and_connections_that_say_nothing_stop_nobody(live):
    address = (
        live.server.address.split("/")[2].split(":")[0],
        int(live.server.address.split(":")[2].strip("/")),
    )
    idle = [socket.create_connection(address) for _ in range(20)]
    try:
        for one in idle[:10]:
            one.sendall(bytes(range(256)) * 10)

        assert live.open_page().text("status")
    finally:
        for one in idle:
            one.close()


def test_a_page_that_goes_away_in_the_middle_of_an_update_is_forgotten(live, eventually):
    live.take(4)
    for _ in range(10):
        page = live.open_page()
        page.answers = False
        page.update()
        page.socket.socket.close()  # without a farewell

    eventually(lambda: len(live.server._hub._wakes) == 0, timeout=PATIENCE)


def test_a_hundred_pages_are_served_and_one_more_is_told_why_not(live):
    live.take(4)
    pages = [live.open_page() for _ in range(100)]

    for page in pages:
        page.until(lambda said: said.get("kind") == "spectra" and said["frame"] == 3)
    one_more = live.open_page()
    with pytest.raises(ConnectionClosed) as closed:
        one_more.next()

    assert closed.value.rcvd.code == 1013
    assert "100 browsers" in closed.value.rcvd.reason


def test_each_page_has_its_own_energies(live):
    live.take(4)
    page, other = live.open_page(), live.open_page()
    page.until(lambda said: said.get("type") == "hello" and said["n_bins"])

    page.say(type="calibration", channel=None, offset=0.1, gain=0.01)
    everywhere = page.text("hello")["calibration"]
    page.say(type="calibration", channel=1, offset=0.2, gain=0.02, quadratic=1e-6)
    changed = page.text("hello")["calibration"]
    page.say(type="calibration", channel=1, offset=0, gain=-1)
    error = page.text("error")

    assert everywhere == [{"offset": 0.1, "gain": 0.01, "quadratic": 0.0}] * 2
    assert changed == [everywhere[0], {"offset": 0.2, "gain": 0.02, "quadratic": 1e-6}]
    assert "energy does not rise" in error["text"]
    assert error["about"] == "calibration"
    assert other.text("hello")["calibration"] is None


def test_energies_can_be_there_from_the_beginning_and_be_taken_away(make_live):
    live = make_live(calibration={"gain": 0.01})
    live.take(4)
    page = live.open_page()

    assert (
        page.until(lambda said: said.get("type") == "hello" and said["n_bins"])[0]["calibration"][1]["gain"]
        == 0.01
    )
    page.say(type="calibration")
    assert page.text("hello")["calibration"] is None


def test_without_control_windows_cannot_be_written(live):
    live.take(4)
    page = live.open_page()
    page.say(type="window", channel=0, window=0, low=1, high=2)

    assert "--control" in page.text("error")["text"]
    assert live.detector.windows()[0][0] == (0, 0)


def test_a_map_is_drawn_where_the_session_tells_of_a_scan(live):
    live.take(6, metadata={"scan": {"shape": [2, 3], "names": ["y", "x"]}})
    page = live.open_page()
    hello = page.until(lambda said: said.get("type") == "hello" and said["map"])[0]
    page.until(lambda said: said.get("kind") == "spectra" and said["frame"] == 5)
    page.say(type="view", map={"window": 0, "corrected": False})

    _, arrays = page.update("map")

    # Scaler 5 of channel c and frame f of the fake detector: 1000 f + 10 c + 5.
    assert hello["map"] == {"shape": [2, 3], "names": ["y", "x"], "ranges": None, "units": None}
    seen = ~np.isnan(arrays["map"])
    expected = np.array([[2000 * f + 20 for f in range(3)], [2000 * f + 20 for f in range(3, 6)]])
    assert seen[-1, -1]
    np.testing.assert_array_equal(arrays["map"][seen], expected[seen])


def test_without_a_sender_the_page_says_for_whom_it_waits():
    with Feed(LiveModel(), "tcp://127.0.0.1:9", "tcp://127.0.0.1:9") as feed, LiveServer(feed) as server:
        status = json.loads(get(server.address + "status.json")[2])

    assert (status["connection"], status["acquired"], status["state"]) == ("waiting", None, None)
    assert "tcp://127.0.0.1:9" in status["text"]


def test_the_server_closes_while_pages_look(make_live):
    live = make_live()
    live.take(4)
    pages = [live.open_page() for _ in range(5)]
    for page in pages:
        page.update()
    live.server.close()

    for page in pages:
        with pytest.raises(ConnectionClosed):
            while True:
                page.next()


def test_the_server_can_be_started_again_at_the_same_port(make_live):
    live = make_live()
    port = int(live.server.address.rsplit(":", 1)[1].strip("/"))
    live.open_page().text("hello")
    live.server.close()

    with LiveServer(live.feed, port=port) as again:
        assert get(again.address)[0] == 200


def test_a_port_that_is_taken_is_told():
    with socket.create_server(("127.0.0.1", 0)) as taken, Feed(LiveModel(), "tcp://127.0.0.1:9") as feed:
        with pytest.raises(ConfigurationError, match="cannot listen at"):
            LiveServer(feed, port=taken.getsockname()[1])


def test_pages_load_nothing_from_elsewhere_and_stand_in_no_frame(live):
    status, headers, body = get(live.server.address)

    assert status == 200
    assert b"<html" in body.lower()
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["../web.py", "%2e%2e/web.py", "page/../../model.py", "//etc/passwd", "nothing.js"]
)
def test_there_is_nothing_but_the_page(live, path):
    with pytest.raises(HTTPError) as error:
        get(live.server.address + path)

    assert error.value.code == 404
    error.value.close()


def test_a_request_for_another_name_is_refused(live):
    with pytest.raises(HTTPError) as error:
        get(live.server.address, Host="evil.example")

    assert error.value.code == 403
    error.value.close()


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}])
def test_a_page_from_elsewhere_gets_no_socket(live, headers):
    with pytest.raises(InvalidStatus) as error:
        live.open_page(additional_headers=headers)

    assert error.value.response.status_code == 403


def test_elsewhere_than_on_loopback_the_token_opens_the_page_and_becomes_a_cookie(make_live):
    live = make_live(host="0.0.0.0")
    address = live.server.address.replace("0.0.0.0", "127.0.0.1")
    with pytest.raises(HTTPError) as refused:
        get(address)
    with pytest.raises(InvalidStatus):
        live.open_page()
    opener = build_opener(HTTPCookieProcessor())

    with opener.open(f"{address}?token={live.server.access.token}", timeout=PATIENCE) as answer:
        landed = answer.url
    with opener.open(address + "status.json", timeout=PATIENCE) as answer:
        assert answer.status == 200

    assert refused.value.code == 403
    assert b"?token=" in refused.value.read()
    assert landed == address
    assert live.server.access.token in live.server.url
    refused.value.close()


def test_the_streamer_waits_for_no_page(live):
    pages = [live.open_page() for _ in range(5)]
    for page in pages:
        page.answers = False
    live.detector.finish(2000)
    live.streamer.wait_readers(1, timeout=PATIENCE)

    began = time.monotonic()
    counts = live.streamer.arm(Acquisition(exposure_time=0.0001, frames_per_trigger=2000)).wait(
        timeout=PATIENCE
    )

    assert (counts.acquired, counts.streamed, counts.lost) == (2000, 2000, 0)
    assert time.monotonic() - began < PATIENCE


@pytest.mark.parametrize("answer", [b'{"schema": "xspress3/2", "type": "alive"}', b"\x80\x04."])
def test_a_sender_of_another_version_or_none_of_ours_is_told(answer, eventually):
    with zmq.Context() as context, context.socket(zmq.ROUTER) as stranger:
        stranger.setsockopt(zmq.LINGER, 0)
        port = stranger.bind_to_random_port("tcp://127.0.0.1")
        with Feed(LiveModel(), f"tcp://127.0.0.1:{port}") as feed:
            assert stranger.poll(int(PATIENCE * 1000))
            reader, _ = stranger.recv_multipart()
            stranger.send_multipart([reader, answer])

            eventually(lambda: feed.connection.state == "foreign", timeout=PATIENCE)
            assert "passed over" in feed.connection.text


def test_who_is_not_admitted_is_told_why(tmp_path, eventually):
    keyring = make_keyring(tmp_path)
    keys = {
        "curve_secret_key": str(keyring.secret("server")),
        "curve_allowed_keys": str(keyring.clients),
    }
    config = StreamerConfig(data_port=0, monitor_port=0, linger=0.2, **keys)
    with Streamer(FakeDetector(), config) as streamer, Feed(LiveModel(), streamer.data_endpoint) as feed:
        eventually(lambda: feed.connection.state == "refused", timeout=PATIENCE)
        assert feed.connection.text


def test_a_streamer_may_come_after_the_view_and_be_started_again():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with Feed(LiveModel(), f"tcp://127.0.0.1:{port}") as feed, LiveServer(feed) as server:
        with connect(server.address.replace("http", "ws") + "ws", max_size=None, compression=None) as opened:
            page = Page(opened)
            page.until(lambda said: said.get("connection") == "waiting")
            for n_frames in (5, 9):
                one_session(port, n_frames)
                page.until(
                    lambda said, last=n_frames - 1: said.get("kind") == "spectra" and said["frame"] == last
                )


def one_session(port, n_frames):
    """A streamer that takes so many frames when a reader has joined, and is closed."""
    detector = FakeDetector(N_CHANNELS, N_BINS)
    detector.finish(n_frames)
    config = StreamerConfig(data_port=port, monitor_port=0)
    with Streamer(detector, config) as streamer:
        acquisition = Acquisition(exposure_time=0.001, frames_per_trigger=n_frames)
        streamer.arm(acquisition, readers=1, join_timeout=PATIENCE).wait(timeout=PATIENCE)
