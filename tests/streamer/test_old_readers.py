"""Readers of the dialects before ours get whole series, beside those of ours."""

from __future__ import annotations

import json

import numpy as np
import pytest
import zmq

from tests.streamer.conftest import frames_of, read_session
from xspress3.errors import ConfigurationError
from xspress3.model import Acquisition
from xspress3.stream.dialects import DialectReader, Frame, SeriesEnd, SeriesHeader
from xspress3.testing import fake_frames


@pytest.fixture
def subscribe():
    """Plain SUB sockets, as old readers have them."""
    context = zmq.Context()
    sockets = []

    def make(endpoint):
        socket = context.socket(zmq.SUB)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.RCVTIMEO, 5000)
        socket.connect(endpoint)
        socket.setsockopt(zmq.SUBSCRIBE, b"")
        sockets.append(socket)
        return socket

    yield make
    for socket in sockets:
        socket.close()
    context.term()


def read_series(socket):
    reader, found = DialectReader(), []
    while not found or not isinstance(found[-1], SeriesEnd):
        said = reader.feed(socket.recv_multipart())
        if said is not None:
            found.append(said)
    return found


@pytest.mark.parametrize("dialect", ["multipart", "legacy"])
def test_an_old_reader_gets_every_frame_beside_one_of_ours(detector, make_streamer, join, subscribe, dialect):
    streamer = make_streamer(old_dialects={dialect: 0})
    ours = join(streamer)
    old = subscribe(streamer.old_endpoints[dialect])
    streamer.wait_readers(2, timeout=5)
    detector.finish(70)

    streamer.arm(Acquisition(exposure_time=0.001, frames_per_trigger=70), metadata={"filename": "/data/a.h5"})
    series = read_series(old)
    messages = read_session(ours)

    assert isinstance(series[0], SeriesHeader)
    frames = [said for said in series if isinstance(said, Frame)]
    assert [frame.frame for frame in frames] == list(range(70)) == frames_of(messages)
    expected, _ = fake_frames(0, 70, 2, 64, detector.ticks)
    np.testing.assert_array_equal([frame.histogram for frame in frames], expected)


def test_the_header_names_the_file_that_was_asked_for(detector, make_streamer, subscribe):
    streamer = make_streamer(old_dialects={"multipart": 0})
    old = subscribe(streamer.old_endpoints["multipart"])
    streamer.wait_readers(0, timeout=5, names=("multipart",))
    detector.finish(1)

    streamer.arm(Acquisition(exposure_time=0.001), metadata={"filename": "/data/a.h5"})
    header = json.loads(old.recv_multipart()[0])

    assert (header["htype"], header["filename"]) == ("header", "/data/a.h5")


def test_sessions_follow_each_other_for_old_readers_too(detector, make_streamer, subscribe):
    streamer = make_streamer(old_dialects={"multipart": 0})
    old = subscribe(streamer.old_endpoints["multipart"])
    streamer.wait_readers(1, timeout=5)
    detector.finish(3)

    for _ in range(10):
        streamer.arm(Acquisition(exposure_time=0.001, frames_per_trigger=3))
        series = read_series(old)
        streamer.wait(timeout=5)

        assert [type(said) for said in series] == [SeriesHeader, Frame, Frame, Frame, SeriesEnd]


def test_nobody_waits_for_old_readers_that_are_not_there(detector, make_streamer):
    streamer = make_streamer(old_dialects={"multipart": 0, "legacy": 0})
    detector.finish(1000)

    streamer.arm(Acquisition(exposure_time=0.001, frames_per_trigger=1000))

    assert streamer.wait(timeout=10).streamed == 1000


def test_a_dialect_that_there_is_not_is_refused(make_streamer):
    with pytest.raises(ConfigurationError, match="old_dialects: 'stins' at port 0, allowed are"):
        make_streamer(old_dialects={"stins": 0})


def test_a_port_in_use_is_refused_and_leaves_nothing_open(make_streamer):
    taken = make_streamer()

    with pytest.raises(ConfigurationError, match="Address already in use"):
        make_streamer(old_dialects={"multipart": taken.config.data_port})
