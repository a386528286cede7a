"""Old readers, which are plain SUB sockets, at a real socket."""

from __future__ import annotations

import json

import numpy as np
import pytest
import zmq

from xspress3.errors import ConfigurationError, StateError
from xspress3.stream.dialects import DialectReader, Frame, SeriesEnd, SeriesHeader, old_dialect
from xspress3.stream.dialects.publisher import DialectPublisher


def read_series(socket: zmq.Socket, reader: DialectReader | None = None) -> list:
    """All up to the end of a series, each frame by its number."""
    reader, said = reader or DialectReader(), []
    while not said or not isinstance(said[-1], SeriesEnd):
        what = reader.feed(socket.recv_multipart())
        if what is not None:
            said.append(what)
    assert reader.n_torn == 0
    return said


def frames_of(said: list) -> list[int]:
    return [what.frame for what in said if isinstance(what, Frame)]


def send_series(publisher, start, histogram, scalers, n_blocks: int = 1) -> None:
    publisher.begin(start)
    for block in range(n_blocks):
        publisher.send(block * len(histogram), histogram, scalers)
    publisher.end()


@pytest.mark.parametrize("dialect", ["multipart", "legacy"])
def test_every_reader_gets_the_whole_series(make_publisher, make_reader, start, histogram, scalers, dialect):
    publisher = make_publisher(dialect)
    readers = [make_reader(publisher), make_reader(publisher)]

    send_series(publisher, start, histogram, scalers, n_blocks=2)

    for reader in readers:
        said = read_series(reader)
        assert isinstance(said[0], SeriesHeader)
        assert frames_of(said) == [0, 1, 2, 3, 4, 5]
        assert np.array_equal(said[1].histogram, histogram[0])


def test_the_arrays_may_change_as_soon_as_they_were_sent(
    make_publisher, make_reader, start, histogram, scalers
):
    publisher = make_publisher()
    reader = make_reader(publisher)
    wanted = histogram.copy()

    publisher.begin(start)
    publisher.send(0, histogram, scalers)
    histogram[...] = 0
    publisher.end()

    assert np.array_equal(read_series(reader)[3].histogram, wanted[2])


def test_who_joins_in_the_middle_of_a_series_gets_the_next_one_whole(
    make_publisher, make_reader, start, histogram, scalers
):
    publisher = make_publisher()
    first = make_reader(publisher)
    publisher.begin(start)
    publisher.send(0, histogram, scalers)
    late = make_reader(publisher, wait=False)
    assert publisher._socket.poll(5000), "the late reader did not come"

    n_joined = publisher.poll_joins()
    publisher.send(3, histogram, scalers)
    publisher.end()
    send_series(publisher, start, histogram, scalers)

    assert n_joined == 0
    assert publisher.n_readers == 2
    assert frames_of(read_series(late)) == [0, 1, 2]
    assert frames_of(read_series(first)) == [0, 1, 2, 3, 4, 5]


def test_a_reader_that_opens_a_new_socket_for_each_scan_misses_nothing(
    make_publisher, make_reader, start, histogram, scalers
):
    publisher = make_publisher()

    for _ in range(5):
        reader = make_reader(publisher)
        send_series(publisher, start, histogram, scalers)
        assert frames_of(read_series(reader)) == [0, 1, 2]
        reader.close()


def test_readers_that_leave_are_not_counted(make_publisher, make_reader, eventually):
    publisher = make_publisher()
    stays, leaves = make_reader(publisher), make_reader(publisher)

    leaves.close()

    eventually(lambda: publisher.poll_joins() == 0 and publisher.n_readers == 1)
    stays.close()
    eventually(lambda: publisher.poll_joins() == 0 and publisher.n_readers == 0)


def test_a_reader_of_another_topic_is_no_reader(make_publisher, make_reader, context):
    publisher = make_publisher()
    with context.socket(zmq.SUB) as other:
        other.setsockopt(zmq.SUBSCRIBE, b"something")
        other.connect(publisher.endpoint)
        assert publisher._socket.poll(5000)

        assert publisher.poll_joins() == 0
        assert publisher.n_readers == 0


@pytest.fixture
def large(make_start):
    """A start and a block of 16 frames of 64 KiB, so that no system buffer takes many."""
    start = make_start(
        arrays=(
            start_array("histogram", (2, 8192)),
            start_array("scalers", (2, 9)),
        )
    )
    histogram = np.repeat(np.arange(16, dtype="<u4"), 2 * 8192).reshape(16, 2, 8192)
    return start, histogram, np.full((16, 2, 9), 7, dtype="<u4")


def start_array(name: str, shape: tuple[int, ...]):
    from xspress3.stream import ArrayInfo

    return ArrayInfo(name, "<u4", shape)


@pytest.mark.parametrize("dialect", ["multipart", "legacy"])
def test_a_sender_that_drops_does_not_wait_and_drops_frames_whole(
    make_publisher, make_reader, large, dialect
):
    publisher = make_publisher(dialect, slow_reader="drop", queue_messages=4)
    reader = make_reader(publisher, RCVHWM=4, RCVBUF=8192)
    start, histogram, scalers = large

    publisher.begin(start)
    n_sent = sum(publisher.send(block * 16, histogram, scalers) for block in range(40))
    publisher.end()

    said = read_series(reader)
    assert 0 < n_sent < 640
    assert publisher.n_dropped == 640 - n_sent
    assert len(frames_of(said)) == n_sent
    assert all((frame.histogram == frame.frame % 16).all() for frame in said[1:-1])


def test_a_series_whose_header_has_no_room_is_dropped_whole(make_publisher, make_reader, large):
    publisher = make_publisher("legacy", slow_reader="drop", queue_messages=4)
    reader = make_reader(publisher, RCVHWM=4, RCVBUF=8192)
    start, histogram, scalers = large
    for _ in range(10):
        publisher.begin(start)
        for block in range(10):
            publisher.send(block * 16, histogram, scalers)
        publisher.end()

    first = read_series(reader)
    make_reader(publisher)  # its joining is heard after what is queued was read
    while reader.poll(200):
        reader.recv_multipart()
    n_dropped = publisher.n_dropped
    send_series(publisher, start, histogram[:2], scalers[:2])

    assert isinstance(first[0], SeriesHeader)
    assert frames_of(read_series(reader)) == [0, 1]
    assert publisher.n_dropped == n_dropped


def test_a_sender_that_waits_loses_nothing(make_publisher, make_reader, large):
    publisher = make_publisher(queue_messages=4)
    reader = make_reader(publisher, RCVHWM=4, RCVBUF=8192)
    start, histogram, scalers = large
    asked = []

    def send_until_it_is_given_up():
        while True:
            publisher.send(0, histogram, scalers, give_up=lambda: asked.append(1) or True)

    publisher.begin(start)
    with pytest.raises(zmq.Again):
        send_until_it_is_given_up()
    reader.close()
    publisher.end()

    assert asked == [1]
    assert publisher.n_dropped == 0


def test_frames_outside_a_series_and_a_second_header_are_refused(make_publisher, start, histogram, scalers):
    publisher = make_publisher()

    with pytest.raises(StateError, match="outside a series"):
        publisher.send(0, histogram, scalers)
    publisher.begin(start)
    with pytest.raises(StateError, match="before the end"):
        publisher.begin(start)
    with pytest.raises(StateError, match="while a series is on"):
        publisher.wait_readers(1, 0)


def test_the_header_is_json_of_one_part(make_publisher, make_reader, start):
    publisher = make_publisher()
    reader = make_reader(publisher)

    publisher.begin(start)

    (header,) = reader.recv_multipart()
    assert json.loads(header)["htype"] == "header"


def test_a_port_in_use_and_an_unknown_policy_are_refused(context, make_publisher):
    publisher = make_publisher()

    with pytest.raises(ConfigurationError, match="cannot bind"):
        DialectPublisher(context, publisher.endpoint, old_dialect("legacy"))
    with pytest.raises(ConfigurationError, match="allowed are 'wait' and 'drop'"):
        make_publisher(slow_reader="hurry")
    with pytest.raises(ConfigurationError, match="allowed are 'multipart' and 'legacy'"):
        old_dialect("pidgin")
