"""Messages travel over real sockets: whole, in order, and never dropped in silence."""

from __future__ import annotations

import socket as plain_socket
import threading
from urllib.parse import urlsplit

import pytest
import zmq

from xspress3.errors import ConfigurationError, ProtocolError, StreamTimeoutError
from xspress3.stream import Alive, Envelope, Publisher, Subscriber, encode


@pytest.fixture
def context():
    context = zmq.Context()
    yield context
    context.term()


@pytest.fixture
def publisher(context):
    publisher = Publisher(context, "tcp://127.0.0.1:0", queue_messages=2, linger=0)
    yield publisher
    publisher.close()


@pytest.fixture
def subscriber(publisher):
    with Subscriber(publisher.endpoint, queue_messages=2) as subscriber:
        yield subscriber


def alive(number):
    return Alive(Envelope("xspress3", None, number, 0), "idle")


def wait_joined(publisher, eventually, n_readers=1):
    def joined():
        publisher.poll_joins()
        return publisher.n_readers == n_readers

    eventually(joined, f"{n_readers} readers")


def test_what_is_sent_after_a_reader_joined_is_received(publisher, subscriber, eventually):
    wait_joined(publisher, eventually)

    publisher.send(encode(alive(1)))

    assert subscriber.receive(timeout=2) == alive(1)


def test_a_reader_that_leaves_is_noticed(publisher, eventually):
    with Subscriber(publisher.endpoint):
        wait_joined(publisher, eventually)

    wait_joined(publisher, eventually, n_readers=0)


def test_a_slow_reader_makes_the_sender_wait_and_gets_everything(publisher, subscriber, eventually):
    wait_joined(publisher, eventually)
    padding = bytes(1 << 20)
    sent = []

    def send_all():
        for number in range(40):
            publisher.send([encode(alive(number))[0] + b" " * len(padding)])
            sent.append(number)

    sender = threading.Thread(target=send_all)
    sender.start()
    sender.join(timeout=0.3)
    was_blocked = sender.is_alive()
    with pytest.raises(ProtocolError):  # the padding makes each header larger than allowed
        subscriber.receive(timeout=2)
    received = 1 + sum(1 for _ in range(39) if refused(subscriber))
    sender.join(timeout=5)

    assert was_blocked
    assert received == len(sent) == 40


def refused(subscriber):
    with pytest.raises(ProtocolError):
        subscriber.receive(timeout=2)
    return True


def test_a_blocked_sender_can_give_up(publisher, subscriber, eventually):
    wait_joined(publisher, eventually)

    with pytest.raises(zmq.Again):
        send_for_ever(publisher)


def send_for_ever(publisher):
    while True:
        publisher.send([bytes(1 << 20)], give_up=lambda: True)


def test_a_sender_without_readers_does_not_wait(publisher):
    for number in range(100):
        publisher.send(encode(alive(number)))


@pytest.mark.parametrize("said", [b"", b"\x01topic", b"hello", b"\x00", bytes(2000)])
def test_a_peer_that_sends_rubbish_is_not_counted_and_hurts_nobody(
    context, publisher, subscriber, eventually, said
):
    wait_joined(publisher, eventually)
    foreign = context.socket(zmq.XSUB)
    foreign.setsockopt(zmq.LINGER, 1000)
    foreign.connect(publisher.endpoint)
    foreign.send(said)
    foreign.close()

    publisher.poll_joins()
    publisher.send(encode(alive(3)))

    assert publisher.n_readers == 1
    assert subscriber.receive(timeout=2) == alive(3)


def test_a_peer_that_does_not_speak_zmq_hurts_nobody(publisher, subscriber, eventually):
    address = urlsplit(publisher.endpoint)
    with plain_socket.create_connection((address.hostname, address.port)) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\n\r\n")
        wait_joined(publisher, eventually)
        publisher.send(encode(alive(4)))

        assert subscriber.receive(timeout=2) == alive(4)


def test_a_port_in_use_is_refused_by_name(context, publisher):
    with pytest.raises(
        ConfigurationError, match=rf"cannot bind {publisher.endpoint}: Address already in use"
    ):
        Publisher(context, publisher.endpoint)


def test_an_endpoint_that_is_none_is_refused_by_name():
    with pytest.raises(ConfigurationError, match="cannot connect to nowhere"):
        Subscriber("nowhere")


def test_a_sender_that_is_not_there_is_told_after_the_time():
    with (
        Subscriber("tcp://127.0.0.1:9") as subscriber,
        pytest.raises(StreamTimeoutError, match="nobody answers"),
    ):
        subscriber.wait_joined(timeout=0.05)


def test_a_tracked_buffer_is_done_when_all_parts_of_its_message_are_sent(publisher, subscriber, eventually):
    wait_joined(publisher, eventually)
    large = bytearray(1 << 20)

    trackers = [publisher.send([large, b"small"], track=True) for _ in range(3)]
    was_done = [tracker.done for tracker in trackers]
    for _ in trackers:
        refused(subscriber)

    assert not all(was_done)
    eventually(lambda: all(tracker.done for tracker in trackers))


def test_a_reader_that_joins_while_a_send_is_blocked_is_not_forgotten(publisher, subscriber, eventually):
    wait_joined(publisher, eventually)
    with pytest.raises(zmq.Again):
        send_for_ever(publisher)
    with Subscriber(publisher.endpoint):
        eventually(lambda: gives_up_with(publisher, n_readers=2))

        assert publisher.poll_joins() == 1


def gives_up_with(publisher, n_readers):
    """Whether so many readers are known after a send that could not go."""
    with pytest.raises(zmq.Again):
        publisher.send([b"x"], give_up=lambda: True)
    return publisher.n_readers == n_readers


def test_a_reader_knows_whether_its_sender_is_there(publisher, eventually):
    with Subscriber(publisher.endpoint) as subscriber:
        eventually(lambda: subscriber.is_connected)
        publisher.close()
        eventually(lambda: not subscriber.is_connected)
