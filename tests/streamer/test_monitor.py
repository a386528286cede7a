"""Whoever asks gets the newest frame; nobody can stop or slow the server by what they send."""

from __future__ import annotations

import json
import socket as plain_socket
from urllib.parse import urlsplit

import numpy as np
import pytest
import zmq

from xspress3.model import Acquisition
from xspress3.stream import Alive, decode
from xspress3.streamer import Written
from xspress3.testing import fake_frames


@pytest.fixture
def connect(streamer):
    context = zmq.Context()
    clients = []

    def make(kind=zmq.REQ):
        client = context.socket(kind)
        client.setsockopt(zmq.RCVTIMEO, 3000)
        client.connect(streamer.monitor_endpoint)
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close(linger=0)
    context.term()


def take(streamer, detector, n_frames):
    detector.finish(n_frames)
    streamer.arm(Acquisition(exposure_time=0.001, frames_per_trigger=n_frames)).wait(timeout=5)


@pytest.mark.parametrize("request_text", [b"latest", b""])
def test_the_last_frame_of_a_session_is_there_afterwards(detector, streamer, connect, request_text):
    take(streamer, detector, 50)
    client = connect()

    client.send(request_text)
    block = decode(client.recv_multipart())

    histogram, scalers = fake_frames(49, 1, 2, 64, detector.ticks)
    assert (block.first_frame, block.n_frames) == (49, 1)
    np.testing.assert_array_equal(block["histogram"].decode(), histogram)
    np.testing.assert_array_equal(block["scalers"].decode(), scalers)


def test_before_the_first_frame_there_is_a_sign_of_life(connect):
    client = connect()

    client.send(b"latest")

    answer = decode(client.recv_multipart())
    assert isinstance(answer, Alive)
    assert answer.state == "no frame yet"


def test_the_status_is_told_in_json(detector, streamer, connect):
    take(streamer, detector, 5)
    client = connect()

    client.send(b"status")
    status = json.loads(client.recv())

    assert (status["type"], status["state"], status["acquired"]) == ("status", "idle", 5)


def test_a_dealer_is_answered_without_an_envelope(detector, streamer, connect):
    take(streamer, detector, 5)
    client = connect(zmq.DEALER)

    client.send(b"latest")

    assert decode(client.recv_multipart()).first_frame == 4


@pytest.mark.parametrize(
    "parts",
    [[b"frame please"], [b"latest", b"latest"], [bytes(range(256))], [b"x"] * 100],
    ids=["words", "two", "binary", "many"],
)
def test_a_request_that_is_none_is_answered_by_what_is_allowed(connect, parts):
    client = connect()

    client.send_multipart(parts)
    answer = json.loads(client.recv())

    assert answer["type"] == "error"
    assert "allowed is one part, 'latest' or 'status'" in answer["text"]


def test_many_clients_are_answered_at_the_same_time(detector, streamer, connect):
    take(streamer, detector, 5)
    clients = [connect() for _ in range(50)]

    for client in clients:
        client.send(b"latest")

    assert [decode(client.recv_multipart()).first_frame for client in clients] == [4] * 50


def test_clients_that_go_away_or_never_read_stop_nobody(detector, streamer, connect):
    take(streamer, detector, 5)
    greedy = connect(zmq.DEALER)
    for _ in range(500):
        greedy.send(b"latest")
    for _ in range(20):
        impatient = connect()
        impatient.send(b"latest")
        impatient.close(linger=0)
    client = connect()

    client.send(b"latest")

    assert decode(client.recv_multipart()).first_frame == 4


def test_bytes_that_are_not_zmq_stop_nobody(streamer, connect):
    address = urlsplit(streamer.monitor_endpoint)
    with plain_socket.create_connection((address.hostname, address.port)) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\n\r\n" + bytes(1000))
        client = connect()
        client.send(b"status")

        assert json.loads(client.recv())["type"] == "status"


def test_a_request_above_the_limit_is_cut_off_and_stops_nobody(streamer, connect):
    large = connect(zmq.DEALER)
    large.send(bytes(1 << 20))
    client = connect()

    client.send(b"status")

    assert json.loads(client.recv())["type"] == "status"


def test_the_status_tells_what_a_writer_says_of_its_file(detector, streamer, connect):
    take(streamer, detector, 5)
    session_id = streamer.status().session_id
    client = connect()

    before = ask_written(client)
    streamer.note_written(session_id, Written(3, "/data/a.h5"))
    during = ask_written(client)
    streamer.note_written(session_id - 1, Written(100, "/data/old.h5"))

    assert before == (None, None)
    assert during == (3, "/data/a.h5")
    assert ask_written(client) == during


def test_what_was_written_of_one_session_is_not_told_of_the_next(detector, streamer, connect):
    take(streamer, detector, 5)
    streamer.note_written(streamer.status().session_id, Written(5, "/data/a.h5"))

    take(streamer, detector, 5)

    assert ask_written(connect()) == (None, None)


def ask_written(client):
    client.send(b"status")
    status = json.loads(client.recv())
    return status["written"], status["file"]
