"""Listed readers read, all others get nothing and are told why: with real sockets in two contexts."""

from __future__ import annotations

import contextlib
import logging
import threading
import time

import pytest
import zmq

from xspress3.errors import ConfigurationError, ProtocolError, StreamRefusedError
from xspress3.stream import Numbering, Publisher, Subscriber
from xspress3.stream.control import decode_request
from xspress3.stream.handshake import Handshakes, HandshakeWatch, explain_refusal
from xspress3.stream.keys import make_keys, read_pair
from xspress3.stream.security import ClientGate, CurveClient, CurveServer

TIMEOUT = 10
PAIRS = [(zmq.ROUTER, zmq.DEALER), (zmq.XPUB, zmq.SUB), (zmq.ROUTER, zmq.REQ), (zmq.REP, zmq.REQ)]


@pytest.fixture
def keys(tmp_path):
    """Keys of a server, of a listed reader and of a stranger."""
    for name in ("server", "reader", "stranger"):
        make_keys(tmp_path / name, name)
    (tmp_path / "clients").mkdir()
    admit(tmp_path, "reader")
    return tmp_path


def admit(keys, name):
    text = (keys / name / f"{name}.key").read_text()
    (keys / "clients" / f"{name}.key").write_text(text)


def server_of(keys) -> CurveServer:
    return CurveServer(keys / "server" / "server.key_secret", keys / "clients")


def client_of(keys, name="reader", server="server") -> CurveClient:
    return CurveClient(keys / name / f"{name}.key_secret", keys / server / f"{server}.key")


@contextlib.contextmanager
def opened(kind, security=None):
    """A socket in a context of its own."""
    with zmq.Context() as context, context.socket(kind) as socket:
        socket.linger = 0
        if security is not None:
            security.apply(socket)
        if kind == zmq.SUB:
            socket.subscribe(b"")
        yield socket


@contextlib.contextmanager
def serving(keys, kind=zmq.ROUTER, gate=True):
    """A bound socket behind a gate, and where it listens."""
    with contextlib.ExitStack() as opening:
        socket = opening.enter_context(opened(kind, server_of(keys)))
        if gate:
            opening.enter_context(ClientGate(socket.context, server_of(keys)))
        socket.bind("tcp://127.0.0.1:0")
        yield socket, socket.getsockopt_string(zmq.LAST_ENDPOINT)


def refusal_of(endpoint, kind, security) -> str:
    """What a client is told that tries to connect."""
    with opened(kind, security) as socket, HandshakeWatch(socket) as watch:
        socket.connect(endpoint)
        if kind != zmq.SUB:
            socket.send(b"let me in")  # waits in a queue of this side
        with pytest.raises(StreamRefusedError) as refused:
            watch.wait(TIMEOUT)
        assert not watch.is_connected
        assert not socket.poll(0)
        return str(refused.value)


@pytest.mark.parametrize(("bound", "connecting"), PAIRS)
def test_a_listed_reader_reads(keys, bound, connecting):
    with (
        serving(keys, bound) as (server, endpoint),
        opened(connecting, client_of(keys)) as client,
        HandshakeWatch(client) as watch,
    ):
        client.connect(endpoint)
        assert watch.wait(TIMEOUT)
        if connecting != zmq.SUB:
            client.send(b"hello")
        assert server.poll(TIMEOUT * 1000)
        frames = server.recv_multipart(copy=False)
        addressed = [] if bound in (zmq.XPUB, zmq.REP) else frames[:-1]
        server.send_multipart([*addressed, b"data"])
        assert client.poll(TIMEOUT * 1000)

        assert client.recv_multipart()[-1] == b"data"
        assert frames[-1].get("User-Id") == "reader"


@pytest.mark.parametrize(("bound", "connecting"), PAIRS)
def test_an_unlisted_reader_gets_nothing_and_is_told(keys, bound, connecting):
    with serving(keys, bound) as (server, endpoint):
        said = refusal_of(endpoint, connecting, client_of(keys, "stranger"))

        assert "does not list the public key of this client" in said
        assert not server.poll(0)


@pytest.mark.parametrize(("bound", "connecting"), PAIRS)
def test_a_reader_without_keys_gets_nothing_and_is_told(keys, bound, connecting):
    with serving(keys, bound) as (server, endpoint):
        said = refusal_of(endpoint, connecting, None)

        assert "one side uses CURVE and the other does not" in said
        assert not server.poll(0)


def test_a_reader_with_the_key_of_another_server_is_told(keys):
    with serving(keys) as (server, endpoint):
        said = refusal_of(endpoint, zmq.DEALER, client_of(keys, server="stranger"))

        assert "the public key of the server may be another one" in said
        assert not server.poll(0)


def test_a_reader_with_keys_does_not_talk_to_a_server_without(keys):
    with opened(zmq.ROUTER) as server:
        server.bind("tcp://127.0.0.1:0")
        said = refusal_of(server.getsockopt_string(zmq.LAST_ENDPOINT), zmq.DEALER, client_of(keys))

        assert "one side uses CURVE and the other does not" in said


def test_a_reader_that_was_added_is_admitted_when_it_connects_anew(keys):
    with serving(keys) as (_, endpoint):
        refusal_of(endpoint, zmq.DEALER, client_of(keys, "stranger"))
        admit(keys, "stranger")

        with opened(zmq.DEALER, client_of(keys, "stranger")) as socket, HandshakeWatch(socket) as watch:
            socket.connect(endpoint)
            assert watch.wait(TIMEOUT)


def test_a_reader_that_was_struck_off_is_not_admitted_again(keys):
    with serving(keys) as (_, endpoint):
        (keys / "clients" / "reader.key").unlink()

        assert "does not list" in refusal_of(endpoint, zmq.DEALER, client_of(keys))


def test_nobody_is_admitted_while_the_list_cannot_be_trusted(keys, caplog):
    with serving(keys) as (_, endpoint):
        (keys / "clients").chmod(0o777)

        said = refusal_of(endpoint, zmq.DEALER, client_of(keys))

    assert "could not check the key" in said
    assert "everybody can add a key" in caplog.text


def test_nobody_is_admitted_without_a_gate(keys):
    with (
        serving(keys, gate=False) as (server, endpoint),
        server_events(server) as events,
        opened(zmq.DEALER, client_of(keys)) as client,
    ):
        client.connect(endpoint)
        client.send(b"hello")

        assert events.poll(TIMEOUT * 1000)
        assert not server.poll(0)


@contextlib.contextmanager
def server_events(socket):
    """Events of handshakes that failed at the server."""
    events = socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL)
    try:
        yield events
    finally:
        socket.disable_monitor()
        events.close(linger=0)


def test_two_lists_in_one_context_are_kept_apart(keys):
    other = CurveServer(keys / "server" / "server.key_secret", keys / "stranger")
    with (
        zmq.Context() as context,
        ClientGate(context, server_of(keys), other),
        context.socket(zmq.ROUTER) as first,
        context.socket(zmq.ROUTER) as second,
    ):
        endpoints = []
        for socket, security in ((first, server_of(keys)), (second, other)):
            security.apply(socket)
            socket.bind("tcp://127.0.0.1:0")
            endpoints.append(socket.getsockopt_string(zmq.LAST_ENDPOINT))

        assert "does not list" in refusal_of(endpoints[1], zmq.DEALER, client_of(keys))
        assert "does not list" in refusal_of(endpoints[0], zmq.DEALER, client_of(keys, "stranger"))


def test_a_second_gate_in_a_context_is_refused(keys):
    with (
        zmq.Context() as context,
        ClientGate(context, server_of(keys)),
        pytest.raises(ConfigurationError, match="allowed is one in each context"),
    ):
        ClientGate(context, server_of(keys))


def test_a_gate_ends_with_its_context_and_may_be_closed_twice(keys):
    context = zmq.Context()
    gate = ClientGate(context, server_of(keys))

    context.term()
    gate.close()
    gate.close()

    assert not [thread for thread in threading.enumerate() if thread.name == "curve-gate"]


def test_no_secret_is_logged_or_shown(keys, caplog):
    caplog.set_level(logging.DEBUG)
    secrets = [read_pair(keys / name / f"{name}.key_secret")[1].decode() for name in ("server", "stranger")]

    with serving(keys) as (_, endpoint):
        said = refusal_of(endpoint, zmq.DEALER, client_of(keys, "stranger"))

    assert "is refused: not in" in caplog.text
    shown = said + caplog.text + repr(server_of(keys)) + repr(client_of(keys))
    assert not [secret for secret in secrets if secret in shown]


def test_a_server_whose_secret_others_can_read_does_not_start(keys):
    (keys / "server" / "server.key_secret").chmod(0o644)

    with opened(zmq.ROUTER) as socket, pytest.raises(ConfigurationError, match="chmod 600"):
        server_of(keys).apply(socket)


def test_nobody_at_the_other_end_is_no_refusal(keys):
    with opened(zmq.DEALER, client_of(keys)) as socket, HandshakeWatch(socket) as watch:
        socket.connect("tcp://127.0.0.1:1")

        assert not watch.wait(0.1)


def test_a_stream_with_keys_is_read_by_who_is_listed(keys):
    with zmq.Context() as context, ClientGate(context, server_of(keys)):
        publisher = Publisher(
            context, "tcp://127.0.0.1:0", Numbering("xspress3"), secure=server_of(keys).apply, linger=0
        )
        sender = threading.Thread(target=serve_readers, args=(publisher,), name="sender")
        sender.start()
        try:
            with Subscriber(publisher.endpoint, secure=client_of(keys).apply) as subscriber:
                subscriber.wait_joined(TIMEOUT)
                assert subscriber.is_connected
        finally:
            sender.join()


def serve_readers(publisher):
    """Serve until a reader has come and gone, then close."""
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline and not (publisher.n_joined and not publisher.n_readers):
        publisher.serve(timeout=0.01)
    publisher.close()


def test_one_end_in_a_handshake_is_no_refusal_two_are():
    seen = Handshakes()

    seen.take(zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL, 32)
    seen.check()
    seen.take(zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL, 32)

    with pytest.raises(StreamRefusedError, match="EPIPE"):
        seen.check()


def test_a_connection_that_was_made_since_is_not_refused():
    seen = Handshakes()

    seen.take(zmq.EVENT_HANDSHAKE_FAILED_AUTH, 400)
    seen.take(zmq.EVENT_HANDSHAKE_SUCCEEDED, 0)

    seen.check()
    assert seen.is_connected


def test_who_was_connected_before_is_not_refused_because_the_other_side_hangs_up():
    seen = Handshakes()

    seen.take(zmq.EVENT_HANDSHAKE_SUCCEEDED, 0)
    for _ in range(5):
        seen.take(zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL, 32)

    seen.check()
    assert not seen.is_connected


@pytest.mark.parametrize("name", ["half of \\ud800", "two\\nlines", "turned \\u202e round"])
def test_names_that_would_spoil_a_log_are_refused(name):
    request = f'{{"type":"hello","name":"{name}","contract":"lossless","credit":1}}'

    with pytest.raises(ProtocolError):
        decode_request(request.encode())


def test_an_ordinary_end_of_a_connection_is_no_refusal():
    assert explain_refusal(zmq.EVENT_DISCONNECTED, 22) is None
    assert explain_refusal(zmq.EVENT_HANDSHAKE_SUCCEEDED, 0) is None
