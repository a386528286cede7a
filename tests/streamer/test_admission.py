"""Both sockets of a streamer admit who is listed, and nobody else."""

from __future__ import annotations

import json
import logging

import pytest
import zmq

from tests.keyring import Keyring, make_keyring
from tests.streamer.conftest import frames_of, read_session
from xspress3.errors import ConfigurationError, StreamRefusedError
from xspress3.model import Acquisition
from xspress3.stream import Subscriber
from xspress3.stream.handshake import HandshakeWatch

TIMEOUT = 10


@pytest.fixture
def keys(tmp_path) -> Keyring:
    return make_keyring(tmp_path)


@pytest.fixture
def guarded(make_streamer, keys):
    return make_streamer(curve_secret_key=str(keys.secret("server")), curve_allowed_keys=str(keys.clients))


def ask_status(endpoint, security):
    """What the monitor socket answers."""
    with zmq.Context() as context, context.socket(zmq.REQ) as socket:
        socket.linger = 0
        if security is not None:
            security.apply(socket)
        with HandshakeWatch(socket) as watch:
            socket.connect(endpoint)
            assert watch.wait(TIMEOUT)
            socket.send(b"status")
            assert socket.poll(TIMEOUT * 1000)
            return json.loads(socket.recv())


def test_a_listed_reader_gets_every_frame(guarded, detector, keys, join):
    reader = join(guarded, secure=keys.client().apply)

    guarded.arm(Acquisition(exposure_time=0.001, frames_per_trigger=20))
    detector.finish(20)

    assert frames_of(read_session(reader)) == list(range(20))


@pytest.mark.parametrize(
    ("name", "reason"), [("stranger", "does not list the public key"), (None, "one side uses CURVE")]
)
def test_others_are_told_why_they_get_nothing(guarded, keys, name, reason):
    security = None if name is None else keys.client(name)
    options = {} if security is None else {"secure": security.apply}

    with (
        Subscriber(guarded.data_endpoint, **options) as reader,
        pytest.raises(StreamRefusedError, match=reason),
    ):
        reader.wait_joined(TIMEOUT)
    with pytest.raises(StreamRefusedError, match=reason):
        ask_status(guarded.monitor_endpoint, security)

    assert guarded.status().n_readers == 0


def test_the_monitor_answers_a_listed_client(guarded, keys):
    assert ask_status(guarded.monitor_endpoint, keys.client())["state"] == "idle"


def test_a_refused_reader_is_refused_again_each_time_it_asks(guarded, keys):
    with Subscriber(guarded.data_endpoint, secure=keys.client("stranger").apply) as reader:
        for _ in range(2):
            with pytest.raises(StreamRefusedError):
                reader.receive(TIMEOUT)


def test_after_a_reset_the_same_are_admitted(guarded, keys, detector, join):
    detector.error = OSError("no detector")
    guarded.arm(Acquisition(exposure_time=0.001, frames_per_trigger=20))
    with pytest.raises(OSError, match="no detector"):
        guarded.wait(TIMEOUT)
    detector.error = None
    guarded.reset()

    reader = join(guarded, secure=keys.client().apply)

    assert reader.is_connected


def test_a_server_whose_keys_cannot_be_read_does_not_start(make_streamer, keys):
    with pytest.raises(ConfigurationError, match=r"cannot read keys from .*nobody"):
        make_streamer(curve_secret_key=str(keys.directory / "nobody"), curve_allowed_keys=str(keys.clients))


def test_one_key_of_two_is_no_configuration(make_streamer, keys):
    with pytest.raises(ConfigurationError, match="allowed are both or neither"):
        make_streamer(curve_secret_key=str(keys.secret("server")))


def test_that_everybody_can_read_is_said_once(make_streamer, caplog):
    caplog.set_level(logging.WARNING)

    make_streamer(interface="0.0.0.0")

    assert caplog.text.count("everybody who reaches the address 0.0.0.0 can read") == 1
