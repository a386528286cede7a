"""The bar at the top, and what the page says when something is wrong: never blank, never old for new."""

from __future__ import annotations

import contextlib
import json
import os
import signal

import pytest

from tests.programs import next_event
from tests.receivers.liveview.page.conftest import free_port, simulated, view

pytestmark = pytest.mark.timeout(180)

SMALL = {"width": 480, "height": 360}
"""Of a page that costs the processor little: there is no graphics card here that draws ten large ones."""
STATUS = {
    "connection": "joined",
    "text": "",
    "state": "streaming",
    "lost": 0,
    "writers": ["writer"],
}


@pytest.mark.parametrize(
    ("changes", "level", "words"),
    [
        ({}, "good", "Streaming and taken by writer, nothing lost"),
        ({"lost": 12}, "bad", "12 frames lost"),
        ({"writers": []}, "warn", "nobody writes"),
        ({"writers": None}, "warn", "not known"),
        ({"state": "fault", "text": "link lost"}, "bad", "Fault: link lost"),
        ({"state": "idle"}, "idle", "Idle"),
        ({"state": None, "text": "no answer"}, "warn", "no answer"),
        ({"connection": "waiting"}, "bad", "No detector answers"),
        ({"connection": "silent", "text": "for 5 s"}, "bad", "silent: for 5 s"),
        ({"connection": "refused"}, "bad", "refuses"),
        ({"connection": "foreign"}, "bad", "no stream that this view can read"),
    ],
)
def test_the_verdict_says_whether_data_are_good_and_being_written(modules, changes, level, words):
    found = modules.module("status", "m.verdict(argument, true)", {**STATUS, **changes})

    assert found["level"] == level
    assert words in found["text"]


def test_a_page_without_its_server_says_that_its_picture_is_old(modules):
    found = modules.module("status", "m.verdict(argument, false)", STATUS)

    assert found == {"level": "bad", "text": "No connection to the live view's server: this picture is old"}


def test_what_nobody_knows_is_a_dash(modules):
    shown = modules.module(
        "status", "Object.fromEntries(m.facts(argument))", {"lost": None, "acquired": None}
    )

    assert shown["lost"] == shown["acquired"] == shown["written"] == shown["ring"] == "\u2013"


def test_what_nobody_is_there_to_tell_has_no_place_on_the_bar(screen):
    assert screen.page.locator("[data-fact='written'], [data-fact='file']").count() == 0

    shown = screen.module("status", "m.facts(argument).map(([name]) => name)", {"follows_writer": True})
    assert {"written", "file"} <= set(shown)


def test_counts_of_the_session_rise_on_the_bar_and_nobody_writes(screen):
    screen.wait(lambda: screen.fact("acquired").isdigit(), "a count")
    before = int(screen.fact("acquired"))

    screen.wait(lambda: int(screen.fact("acquired")) > before, "more frames")

    assert screen.verdict() == ("warn", "Streaming, but nobody writes")
    assert screen.fact("lost") == "0"
    assert screen.fact("writer") == "nobody"


def test_with_a_writer_the_verdict_is_good_and_the_bar_tells_its_file_until_it_dies(open_page, tmp_path):
    port, monitor_port = free_port(), free_port()
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(simulated(port, monitor_port, "--write", tmp_path))
        writer = next_event(server, "joined")
        url = stack.enter_context(view(port, monitor_port, "--port", 0))
        screen = open_page(url)
        screen.wait(lambda: screen.verdict()[0] == "good", "a good verdict")
        assert "writer" in screen.verdict()[1]
        screen.wait(lambda: screen.page.locator("[data-fact='written']").count(), "how far the file is")
        screen.wait(lambda: int(screen.fact("written")) > 0, "frames in the file")
        (path,) = tmp_path.iterdir()
        assert screen.fact("file") == path.name
        assert int(screen.fact("written")) <= int(screen.fact("acquired"))

        os.kill(writer["pid"], signal.SIGKILL)

        screen.wait(lambda: screen.verdict()[0] == "warn", "a warning, for the writer has gone")


def test_without_a_detector_the_page_says_so(open_page):
    with view(free_port(), free_port(), "--port", 0) as url:
        screen = open_page(url)

        screen.wait(lambda: screen.verdict()[1].startswith("No detector answers"), "a sentence")

        assert screen.verdict()[0] == "bad"
        assert screen.text("#empty") == "Waiting for the first frame"


def test_a_stream_that_stops_is_told_and_goes_on_when_it_returns(open_page):
    port, monitor_port = free_port(), free_port()
    with view(port, monitor_port, "--port", 0) as url:
        with simulated(port, monitor_port):
            screen = open_page(url)
            screen.wait_drawn()
            first = screen.fact("session")
        screen.wait(lambda: "silent: nothing was heard" in screen.verdict()[1], "told that it is silent")
        assert screen.verdict()[0] == "bad"

        with simulated(port, monitor_port):
            screen.wait(
                lambda: screen.verdict()[0] == "warn" and screen.fact("session") != first, "the new session"
            )
            screen.wait_drawn(2)


def test_a_server_that_is_killed_and_started_again_has_its_pages_back(open_page):
    port, monitor_port, page_port = free_port(), free_port(), free_port()
    with simulated(port, monitor_port):
        with view(port, monitor_port, "--port", page_port) as url:
            screen = open_page(url)
            screen.wait_drawn()
            screen.press("s")
        screen.wait(lambda: "picture is old" in screen.verdict()[1], "told that the server is gone")
        assert "stale" in screen.page.get_attribute("body", "class")

        with view(port, monitor_port, "--port", page_port):
            screen.wait(lambda: screen.verdict()[0] == "warn", "connected again")
            screen.wait(
                lambda: screen.page.evaluate("liveView.spectra.update.sum"), "the view that was chosen before"
            )


def test_ten_pages_at_once_all_go_on(address, open_page):
    screens = [open_page(address, viewport=SMALL) for _ in range(10)]

    for screen in screens:
        screen.wait_drawn(2)


@pytest.mark.parametrize("damage", ["short", "long header", "cut off", "unknown type", "no JSON"])
def test_an_update_that_cannot_be_shown_is_told_and_the_page_goes_on(screen, damage):
    header = {
        "kind": "spectra",
        "arrays": [{"name": "spectra", "dtype": "<u4", "shape": [4, 4096], "offset": 512}],
    }
    if damage == "unknown type":
        header["arrays"][0]["dtype"] = "|O"
    text = json.dumps(header) if damage != "no JSON" else "{" * 40
    length = (1 << 30) if damage == "long header" else len(text)
    body = list(length.to_bytes(4, "little") + text.encode().ljust(600))

    screen.page.evaluate(
        "bytes => liveView.connection.received(liveView.connection.socket, new Uint8Array(bytes).buffer)",
        body[:3] if damage == "short" else body,
    )

    assert "cannot be shown" in screen.text("#notice")
    screen.wait_drawn(2)
