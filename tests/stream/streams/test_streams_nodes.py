"""Nodes make streams of streams, and keep to the numbers of samples."""

from __future__ import annotations

import numpy as np
import pytest

from tests.stream.streams.samples import ramp
from xspress3.errors import ConfigurationError, SequenceGapError, StateError, StreamEndedError
from xspress3.stream import ChannelSplitter, ChunkResizer, InputStream, OutputStream


@pytest.fixture
def source(make_output, join):
    output = make_output(protocol="inproc", shape=(-1, 4), units="V", sample_rate=100.0)
    return output, join(output)


def recv_all(reader, n_chunks):
    return [reader.recv(timeout=5) for _ in range(n_chunks)]


@pytest.mark.parametrize("size", [1, 33, 250])
def test_a_resizer_gives_chunks_of_one_size_and_the_rest_when_it_stops(source, way, size):
    output, reader = source
    data = np.arange(4000, dtype="<f4").reshape(1000, 4)
    with OutputStream() as resized, InputStream() as after:
        node = ChunkResizer(reader, resized, size, **{**way, "queue_messages": 1024})
        with node:
            after.connect(resized, queue_messages=1024)
            after.set_buffer(1000)
            for first in range(0, 1000, 100):
                output.send(data[first : first + 100])
                if size == 1:
                    assert sum(len(after.recv(timeout=5)[1]) for _ in range(100)) == 100
            output.close()
            assert node.wait(timeout=5)
        found = [] if size == 1 else recv_all(after, -(-1000 // size))

        assert {len(chunk) for _, chunk in found[:-1]} <= {size}
        assert np.array_equal(after[0:1000], data)
        assert (after.params["units"], after.params["sample_rate"]) == ("V", 100.0)


def test_what_is_missing_before_a_node_is_missing_behind_it(source):
    output, reader = source
    resized, after = OutputStream(), InputStream()
    with resized, after, ChunkResizer(reader, resized, 10, protocol="inproc"):
        after.connect(resized)
        output.send(ramp(0, 15, 4))
        output.send(ramp(100, 10, 4), index=110)
        ends = [index for index, _ in recv_all(after, 2)]
        with pytest.raises(SequenceGapError, match=r"samples 15\.\.99"):
            after.recv(timeout=5)
        ends.append(after.recv(timeout=5)[0])

    assert ends == [10, 15, 110]


def test_numbers_that_begin_again_do_so_behind_a_node(source, eventually):
    output, reader = source
    resized, after = OutputStream(), InputStream()
    with resized, after, ChunkResizer(reader, resized, 10, protocol="inproc"):
        after.connect(resized)
        output.send(ramp(0, 15, 4))
        output.reset_buffer_index()
        output.send(ramp(0, 10, 4))
        ends = [index for index, _ in recv_all(after, 3)]

    assert ends == [10, 15, 10]


def test_a_node_can_be_stopped_and_started(source):
    output, reader = source
    with OutputStream() as resized, InputStream() as after:
        node = ChunkResizer(reader, resized, 10, protocol="inproc")
        node.start()
        after.connect(resized)
        output.send(ramp(0, 15, 4))
        first = after.recv(timeout=5)[0]
        node.stop()
        output.send(ramp(15, 15, 4))
        node.start()
        ends = [index for index, _ in recv_all(after, 2)]
        node.close()
        node.close()

    assert (first, ends[0]) == (10, 15)


def test_an_error_of_a_node_is_raised_when_it_is_closed(source, make_output):
    output, reader = source
    of_another_type = make_output(protocol="inproc", dtype="int8")
    node = ChunkResizer(reader, of_another_type, 1)
    node.start()

    output.send(ramp(0, 1, 4))

    assert node.wait(timeout=5)
    with pytest.raises(ConfigurationError, match="data: float32"):
        node.close()


def test_a_splitter_gives_each_output_its_channels(source, way, join):
    output, reader = source
    data = np.arange(40, dtype="<f4").reshape(10, 4)
    channels = {"first": [0], "odd": range(1, 4, 2), "turned": [3, 0]}
    # Readers in the thread that closes cannot say meanwhile that they took all.
    with ChannelSplitter(reader, channels, linger=0.1, **way) as splitter:
        after = {name: join(one) for name, one in splitter.outputs.items()}
        output.send(data)
        found = {name: one.recv(timeout=5) for name, one in after.items()}

        assert {index for index, _ in found.values()} == {10}
        assert np.array_equal(found["first"][1], data[:, [0]])
        assert np.array_equal(found["odd"][1], data[:, 1::2])
        assert np.array_equal(found["turned"][1], data[:, [3, 0]])
        assert after["odd"].params["units"] == "V"
        for name in found:
            found[name] = None
    with pytest.raises(StreamEndedError):
        after["odd"].recv(timeout=5)


def test_within_a_process_split_channels_are_views(source, join):
    output, reader = source
    data = np.arange(40, dtype="<f4").reshape(10, 4)
    with ChannelSplitter(reader, {"odd": range(1, 4, 2)}, protocol="inproc") as splitter:
        after = join(splitter.outputs["odd"])
        output.send(data)
        found = after.recv(timeout=5)[1]

    assert np.shares_memory(found, data)
    assert not found.flags.c_contiguous


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        ({}, "outputs: none"),
        ({"a": [4]}, "do not have these channels"),
        ({"a": [0], "b": []}, "one or more"),
        ({"a": [0], "": [1], "c": [9]}, "do not have"),
    ],
)
def test_a_splitter_of_channels_that_are_not_there_is_refused(source, outputs, said):
    with pytest.raises(ConfigurationError, match=said):
        ChannelSplitter(source[1], outputs, protocol="inproc")


def test_a_node_needs_an_input_that_is_connected(make_output):
    with pytest.raises(StateError, match="not connected"):
        ChannelSplitter(InputStream(), {"a": [0]})
    with pytest.raises(StateError, match="not connected"):
        ChunkResizer(InputStream(), make_output(protocol="inproc"), 10).start()
