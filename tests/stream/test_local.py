"""Messages within a process: the very objects, under the same contracts as elsewhere."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import zmq

from tests.stream.streams.samples import keep_on
from xspress3.errors import ConfigurationError, ProtocolError, StateError, StreamEndedError
from xspress3.stream import Alive, ArrayInfo, EndReason, Numbering, SessionEnd, SessionStart
from xspress3.stream.local import LocalPublisher, LocalSubscriber, samples_block

ENDPOINT = "inproc://tests"


class Source:
    def __init__(self, **options):
        self.numbering = Numbering("local")
        self.publisher = LocalPublisher(ENDPOINT, self.numbering, **options)
        self.end = 0

    def begin(self, session_id):
        self.numbering.begin(session_id)
        self.end = 0
        info = ArrayInfo("data", "<f4", (2,))
        self.send(SessionStart(self.numbering.envelope(), None, 1, (info,)))

    def finish(self):
        self.send(SessionEnd(self.numbering.envelope(), EndReason.COMPLETE, self.end, self.end, 0))
        self.numbering.end()

    def send(self, message):
        self.publisher.send(message)
        self.numbering.advance()

    def chunk(self, n_samples=3, **options):
        array = np.full((n_samples, 2), self.end, "<f4")
        samples = self.end + n_samples, array, self.numbering.sequence, time.time_ns()
        envelope = self.numbering.envelope()
        self.publisher.send_samples(samples, lambda _: samples_block(envelope, self.end, array), **options)
        self.numbering.advance()
        self.end += n_samples
        return array


@pytest.fixture
def make_source():
    made = []

    def make(**options):
        made.append(Source(**options))
        return made[-1]

    yield make
    for source in made:
        source.publisher.close()


def all_of(reader):
    found = []
    with pytest.raises(StreamEndedError):
        keep_on(lambda: found.append(reader.receive(1)))
    return found


def test_a_reader_gets_the_very_objects(make_source):
    source = make_source()
    with LocalSubscriber(ENDPOINT) as reader:
        reader.take(0)
        source.begin(1)
        array = source.chunk()

        assert isinstance(reader.take(0), SessionStart)
        assert reader.take(0)[1] is array
        assert reader.take(0) is None


def test_blocks_are_of_the_session_they_were_sent_in_however_late_they_are_read(make_source):
    source = make_source()
    with LocalSubscriber(ENDPOINT) as reader:
        for session_id in (7, 8):
            source.begin(session_id)
            source.chunk()
            source.finish()
        source.publisher.close()
        found = all_of(reader)[1:]

    assert [m.envelope.session_id for m in found] == [7, 7, 7, 8, 8, 8]
    assert [m.envelope.sequence for m in found] == [0, 1, 2, 0, 1, 2]


def test_what_is_received_as_a_block_has_the_array(make_source):
    source = make_source()
    source.begin(1)
    with LocalSubscriber(ENDPOINT) as reader:
        assert reader.receive(0).is_repeat
        source.chunk()
        array = source.chunk()
        reader.receive(0)

        block = reader.receive(0)

    assert (block.first_frame, block.n_frames) == (3, 3)
    assert np.array_equal(block["data"].decode(), array)


def test_a_block_without_a_session_is_refused(make_source):
    source = make_source()
    with LocalSubscriber(ENDPOINT) as reader:
        assert isinstance(reader.receive(0), Alive)
        source.numbering.begin(3)
        source.chunk()

        with pytest.raises(ProtocolError, match="whose start did not come"):
            reader.receive(0)


def test_a_send_that_waits_ends_when_the_publisher_is_closed(make_source):
    source = make_source(queue_messages=2)
    errors = []

    def send():
        try:
            while True:
                source.chunk()
        except (zmq.Again, StateError) as error:
            errors.append(error)

    with LocalSubscriber(ENDPOINT) as reader:
        source.begin(1)
        thread = threading.Thread(target=send)
        thread.start()
        reader.receive(1)
        source.publisher.close()
        thread.join(5)
        rest = all_of(reader)

    assert errors
    assert rest


def test_every_reader_or_none_gets_what_is_sent(make_source):
    source = make_source(queue_messages=2)
    with LocalSubscriber(ENDPOINT) as slow, LocalSubscriber(ENDPOINT) as fast:
        source.begin(1)
        for reader in (slow, fast, fast):
            reader.receive(0)

        with pytest.raises(zmq.Again):
            keep_on(lambda: (source.chunk(give_up=lambda: True), fast.receive(0)))
        missed = fast.receive(0)
        slow.receive(0)
        source.chunk(give_up=lambda: True)

        assert missed is None
        assert fast.receive(0).first_frame == source.end - 3


@pytest.mark.parametrize("endpoint", ["inproc://", "tcp://127.0.0.1:1", "name"])
def test_an_endpoint_that_is_none_is_refused(endpoint):
    with pytest.raises(ConfigurationError, match="allowed is inproc://NAME"):
        LocalPublisher(endpoint, Numbering("x"))


def test_a_closed_publisher_sends_nothing_and_frees_its_name(make_source):
    source = make_source()
    source.publisher.close()

    with pytest.raises(StateError, match="after it was closed"):
        source.chunk()
    make_source()
