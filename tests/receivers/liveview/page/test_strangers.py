"""What comes from somebody else than our own programs is a sentence on the page, and the page goes on."""

from __future__ import annotations

import pytest
import zmq

from tests.receivers.liveview.page.conftest import PATIENCE, free_port, view

# What the page says from now on whenever its connection ends or comes back: that may be over soon.
REMEMBER = """() => {
  const {handlers} = liveView.connection;
  const {state} = handlers;
  globalThis.verdicts = [];
  handlers.state = isOpen => {
    state(isOpen);
    verdicts.push(document.getElementById("verdict").textContent);
  };
}"""

pytestmark = pytest.mark.timeout(180)


def test_a_sender_of_another_version_is_told(open_page):
    with zmq.Context() as context, context.socket(zmq.ROUTER) as stranger:
        stranger.setsockopt(zmq.LINGER, 0)
        port = stranger.bind_to_random_port("tcp://127.0.0.1")
        with view(port, free_port(), "--port", 0) as url:
            screen = open_page(url)
            assert stranger.poll(int(PATIENCE * 1000))
            reader, _ = stranger.recv_multipart()
            stranger.send_multipart([reader, b'{"schema": "xspress3/2", "type": "alive"}'])

            screen.wait(
                lambda: "'xspress3/2', this reader knows 'xspress3/1'" in screen.verdict()[1], "a sentence"
            )

            assert screen.verdict()[0] == "bad"
            assert screen.text("#empty") == "Waiting for the first frame"


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("{", "command"),
        ('{"type": "view", "mode": "frames:0"}', "frames:0"),
        ('{"type": "calibration", "channel": 0, "offset": 0, "gain": -1}', "rise"),
        ('{"type": "window", "channel": 0, "window": 7, "low": 1, "high": 2}', "window"),
    ],
)
def test_a_message_that_the_server_cannot_obey_is_answered_on_the_page(screen, message, words):
    screen.page.evaluate("message => liveView.connection.socket.send(message)", message)

    screen.wait(lambda: screen.page.locator("#notice").is_visible(), "a sentence")
    assert words in screen.text("#notice")
    screen.wait_drawn(2)


def test_a_page_whose_connection_was_ended_for_its_messages_has_it_again(screen):
    screen.page.evaluate(REMEMBER)
    screen.page.evaluate("liveView.connection.socket.send('x'.repeat(5000))")

    screen.wait(lambda: len(screen.page.evaluate("verdicts")) == 2, "connected again")
    assert "picture is old" in screen.page.evaluate("verdicts")[0]
    screen.wait(lambda: screen.verdict()[0] == "warn", "a verdict on what runs")
    screen.wait_drawn(2)


def test_a_page_that_is_older_than_its_server_asks_to_be_loaded_again(screen):
    hello = screen.page.evaluate("liveView.hello")
    screen.page.evaluate("hello => liveView.heard({...hello, protocol: 2})", hello)

    assert screen.verdict() == (
        "bad",
        "The server is of another version (protocol 2, this page speaks 1): reload the page",
    )
    assert "stale" in screen.page.get_attribute("body", "class")
    assert not screen.page.evaluate("liveView.connection.isOpen")
