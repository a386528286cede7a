"""Samples go from an output to an input stream: all of them, as they were, over every way there is."""

from __future__ import annotations

import gc
import json
import threading
import time

import numpy as np
import pytest

from tests.stream.streams.conftest import ELSEWHERE, WAYS
from tests.stream.streams.samples import EVENT, KINDS, ramp, samples
from xspress3.errors import (
    ConfigurationError,
    SequenceGapError,
    StateError,
    StreamEndedError,
    StreamTimeoutError,
)
from xspress3.stream import InputStream, OutputStream
from xspress3.stream.streams import Cast, Reshape, Scale, Select
from xspress3.stream.tracker import Gap


def received(reader, n_samples):
    """All samples up to number `n_samples`, in one array."""
    parts, index = [], 0
    while index < n_samples:
        index, data = reader.recv(timeout=5)
        parts.append(np.array(data))
    return np.concatenate(parts)


def same(a, b):
    """Equal in type, shape and every value, NaT and NaN included."""
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


# What is carried


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_stream_arrives_as_it_was_sent(way, make_output, join, kind):
    streamtype, dtype, shape = KINDS[kind]
    output = make_output(streamtype=streamtype, dtype=dtype, shape=(-1, *shape), **way)
    reader = join(output)
    sent = [samples(dtype, shape, n, seed=n) for n in (1, 5, 12)]

    for data in sent:
        output.send(data)
    found = [reader.recv(timeout=5) for _ in sent]

    assert [index for index, _ in found] == [1, 6, 18]
    assert output.last_index == reader.last_index == 18
    assert all(same(data, was) for (_, data), was in zip(found, sent, strict=True))


LAYOUTS = {
    "transposed": lambda: np.arange(60, dtype="<f4").reshape(2, 30).T,
    "reversed": lambda: ramp(0, 30)[::-1, ::-1],
    "strided": lambda: ramp(0, 90, n_channels=4)[::3, ::2],
    "broadcast": lambda: np.broadcast_to(np.arange(2, dtype="<f4"), (30, 2)),
    "Fortran": lambda: np.asfortranarray(ramp(0, 30)),
    "read-only": lambda: np.frombuffer(ramp(0, 30).tobytes(), "<f4").reshape(30, 2),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("chunk_size", [1, 30])
def test_arrays_of_any_order_in_memory_arrive_right(way, make_output, join, layout, chunk_size):
    output = make_output(chunk_size=chunk_size, **way)
    reader = join(output)
    data = LAYOUTS[layout]()

    output.send(data)
    index, found = reader.recv(timeout=5)

    assert index == 30
    assert np.array_equal(found, data)


def test_an_empty_array_is_no_message(way, make_output, join):
    output = make_output(**way)
    reader = join(output)

    output.send(np.empty((0, 2), "<f4"))
    output.send(ramp(0, 3))

    assert reader.recv(timeout=5)[0] == 3


@pytest.mark.parametrize("make", [bytes, bytearray, memoryview])
def test_bytes_are_taken_for_samples(way, make_output, join, make):
    output = make_output(**way)
    reader = join(output)

    output.send(make(ramp(0, 5).tobytes()))

    assert np.array_equal(reader.recv(timeout=5)[1], ramp(0, 5))


def test_bytes_that_are_no_whole_samples_are_refused(make_output):
    output = make_output(protocol="inproc")

    with pytest.raises(ConfigurationError, match="data: 7 bytes"):
        output.send(b"1234567")


@pytest.mark.parametrize(
    "data",
    [
        ramp(0, 4, dtype="<f8"),
        ramp(0, 4, dtype=">f4"),
        ramp(0, 4, n_channels=3),
        ramp(0, 4)[0],
        ramp(0, 4)[None],
        np.float32(1),
        [[1.0, 2.0]],
    ],
    ids=["double", "byte order", "channels", "one sample", "axes", "number", "list of doubles"],
)
def test_data_of_another_type_or_shape_are_refused_before_anything_is_sent(way, make_output, join, data):
    output = make_output(**way)
    reader = join(output)

    with pytest.raises(ConfigurationError, match=r"data: .*allowed is float32 \(-1, 2\)"):
        output.send(data)
    output.send(ramp(0, 1))

    assert reader.recv(timeout=5)[0] == 1


@pytest.mark.parametrize("dtype", ["<f4", [("time", "<i8"), ("energy", "<f4")]])
def test_values_that_are_masked_are_refused_because_they_would_look_measured(make_output, join, dtype):
    output = make_output(protocol="inproc", dtype=dtype, shape=(-1,))
    reader = join(output)
    hidden = np.ma.masked_array(np.zeros(3, dtype), False)
    plain = hidden.copy()
    hidden[1] = np.ma.masked

    with pytest.raises(ConfigurationError, match="masked"):
        output.send(hidden)
    output.send(plain)

    index, data = reader.recv(timeout=5)
    assert index == 3
    assert type(data) is np.ndarray


def test_an_array_larger_than_a_slot_goes_in_pieces(make_output, join):
    output = make_output(**{**WAYS["shared by inproc"], "buffer_size": 8192})
    reader = join(output)
    data = ramp(0, 100_000)
    sender = threading.Thread(target=output.send, args=(data,))

    sender.start()
    found = received(reader, len(data))
    sender.join(5)

    assert np.array_equal(found, data)


def test_what_was_sent_with_copy_may_be_changed_at_once(make_output, join):
    output = make_output(protocol="inproc", copy=True)
    reader = join(output)
    data = ramp(0, 5)

    output.send(data)
    data[:] = -1

    assert np.array_equal(reader.recv(timeout=5)[1], ramp(0, 5))


def test_within_a_process_nothing_is_copied(make_output, join):
    output = make_output(protocol="inproc")
    reader = join(output)
    data = ramp(0, 5)

    output.send(data)

    assert reader.recv(timeout=5)[1] is data


@pytest.mark.parametrize("compression", ["bslz4", "blosc-lz4", "blosc-blosclz"])
def test_compressed_samples_arrive_as_they_were(make_output, join, compression):
    if compression.startswith("blosc"):
        pytest.importorskip("blosc2")
    output = make_output(compression=compression, dtype=EVENT, shape=(-1,))
    reader = join(output)
    data = samples(EVENT, (), 1000)

    output.send(data)

    assert same(reader.recv(timeout=5)[1], data)


# Numbers of samples, and what is left out


def test_samples_that_the_sender_leaves_out_are_told_as_loss(way, make_output, join):
    output = make_output(**way)
    reader = join(output)

    output.send(ramp(0, 5))
    output.send(ramp(15, 5), index=20)
    first = reader.recv(timeout=5)[0]
    with pytest.raises(SequenceGapError, match=r"samples 5\.\.14: left out by the sender") as told:
        reader.recv(timeout=5)
    index, data = reader.recv(timeout=5)

    assert told.value.gap == Gap(5, 10, "left out by the sender")
    assert (first, index, reader.lost) == (5, 20, 10)
    assert np.array_equal(data, ramp(15, 5))


def test_loss_is_given_to_a_function_where_there_is_one(way, make_output, join):
    output = make_output(**way)
    reader = join(output)
    gaps = []
    reader.on_loss = gaps.append

    output.send(ramp(15, 5), index=20)

    assert reader.recv(timeout=5)[0] == 20
    assert gaps == [Gap(0, 15, "left out by the sender")]


def test_an_index_that_goes_back_is_refused(make_output):
    output = make_output(protocol="inproc")
    output.send(ramp(0, 5))

    with pytest.raises(ConfigurationError, match="index=6 after 5 with 5 samples"):
        output.send(ramp(0, 5), index=6)

    assert output.last_index == 5


def test_numbers_can_begin_at_0_again(way, make_output, join):
    output = make_output(**way)
    reader = join(output)
    reader.set_buffer(64)

    output.send(ramp(0, 20))
    output.reset_buffer_index()
    output.send(ramp(0, 3))
    found = [reader.recv(timeout=5) for _ in range(2)]

    assert [index for index, _ in found] == [20, 3]
    assert output.last_index == reader.last_index == 3
    assert np.array_equal(reader[0:3], ramp(0, 3))


def test_who_joins_after_numbers_began_again_knows_nothing_of_those_before(way, make_output, join):
    output = make_output(backlog_bytes=1 << 20, **way)
    output.send(ramp(0, 20))
    output.reset_buffer_index()
    output.send(ramp(0, 3))

    reader = join(output, wants_backlog=True)

    assert reader.recv(timeout=5)[0] == 3
    assert reader.lost == 0


# Stages


def test_samples_pass_filters_scale_and_offset_and_then_filters_of_the_reader(way, make_output, join):
    output = make_output(
        dtype="float32", shape=(-1, 2), scale=2, offset=1, filters=[Select([0, 2]), Cast("float32")], **way
    )
    reader = join(output)
    reader.filters = [Scale(10, 0, "float64"), Reshape((2, 1))]

    output.send(np.arange(12, dtype="int16").reshape(4, 3))
    _, data = reader.recv(timeout=5)

    wanted = (np.arange(12).reshape(4, 3)[:, [0, 2]] * 2 + 1) * 10
    assert (data.dtype, data.shape) == (np.dtype("float64"), (4, 2, 1))
    assert np.array_equal(data[:, :, 0], wanted)


def test_the_ring_buffer_has_samples_as_they_are_after_the_filters(way, make_output, join):
    output = make_output(**way)
    reader = join(output)
    reader.filters = [Select([1]), Cast("int32")]
    reader.set_buffer(100)

    output.send(ramp(0, 10))
    reader.recv(timeout=5)

    assert same(reader[0:10], ramp(0, 10, n_channels=1, dtype="int32"))


def test_small_arrays_are_gathered_to_chunks(way, make_output, join):
    output = make_output(chunk_size=10, chunk_age=60, **way)
    reader = join(output)

    for first in range(0, 24, 3):
        output.send(ramp(first, 3))
    found = [reader.recv(timeout=5) for _ in range(2)]
    came_early = reader.poll(timeout=0)
    output.flush()
    found.append(reader.recv(timeout=5))

    assert [index for index, _ in found] == [10, 20, 24]
    assert not came_early
    assert np.array_equal(np.concatenate([data for _, data in found]), ramp(0, 24))


def test_samples_wait_no_longer_for_others_than_they_may(way, make_output, join):
    output = make_output(chunk_size=1000, chunk_age=0.01, **way)
    reader = join(output)

    output.send(ramp(0, 3))

    assert reader.recv(timeout=5)[0] == 3


def test_a_shape_with_a_number_of_samples_gives_chunks_of_just_that(way, make_output, join):
    output = make_output(shape=(8, 2), **way)
    reader = join(output)

    output.send(ramp(0, 20))
    output.send(ramp(20, 4))
    found = [reader.recv(timeout=5) for _ in range(3)]

    assert [(index, len(data)) for index, data in found] == [(8, 8), (16, 8), (24, 8)]


def test_samples_that_wait_leave_before_a_jump_of_the_index(way, make_output, join):
    output = make_output(chunk_size=10, chunk_age=60, **way)
    reader = join(output)
    gaps = []
    reader.on_loss = gaps.append

    output.send(ramp(0, 4))
    output.send(ramp(50, 10), index=60)
    found = [reader.recv(timeout=5) for _ in range(2)]

    assert [index for index, _ in found] == [4, 60]
    assert gaps == [Gap(4, 46, "left out by the sender")]


def test_what_waits_is_sent_when_the_stream_is_closed(way, make_output, join):
    output = make_output(chunk_size=10, chunk_age=60, **way)
    reader = join(output)

    output.send(ramp(0, 4))
    output.close()

    assert reader.recv(timeout=5)[0] == 4
    with pytest.raises(StreamEndedError, match="complete; closed"):
        reader.recv(timeout=5)


# Options


def test_an_option_that_is_misspelt_is_refused_with_the_right_name():
    with pytest.raises(ConfigurationError, match="'buffersize' is not known, was 'buffer_size' meant"):
        OutputStream().configure(buffersize=10)


def test_the_spelling_of_the_design_text_is_understood(make_output):
    output = make_output(transfertmode="sharedmem", buffer_size=100)

    assert output.params["transfermode"] == "sharedmem"


def test_udp_is_refused_and_nothing_is_left_open():
    with pytest.raises(ConfigurationError, match="protocol: 'udp', allowed are 'tcp', 'ipc', 'inproc'"):
        OutputStream().configure(protocol="udp")


def test_what_a_spec_fixes_cannot_be_chosen_otherwise():
    output = OutputStream(spec={"dtype": "uint16"})

    with pytest.raises(ConfigurationError, match="dtype"):
        output.configure(dtype="float32")


def test_a_stream_is_configured_once_until_it_is_closed(make_output):
    output = make_output(protocol="inproc")

    with pytest.raises(StateError, match="configure"):
        output.configure(protocol="inproc")
    output.close()
    output.configure(protocol="inproc")

    assert output.configured


def test_the_node_of_a_stream_is_told_when_it_is_configured():
    class Node:
        def after_output_configure(self, name):
            self.told = name

    node = Node()
    with OutputStream(node=node, name="out") as output:
        output.configure(protocol="inproc")

        assert output.node is node
        assert node.told == "out"


# Joining


def test_a_reader_knows_what_the_stream_says_of_itself(way, make_output, join):
    output = make_output(name="eeg", units="uV", sample_rate=1e4, streamtype="analogsignal", **way)

    for reader in (join(output), join(output.params), join(json.loads(json.dumps(output.params)))):
        chosen = {name: reader.params[name] for name in ("name", "units", "sample_rate", "dtype", "shape")}
        assert chosen == {
            "name": "eeg",
            "units": "uV",
            "sample_rate": 1e4,
            "dtype": "float32",
            "shape": [-1, 2],
        } or chosen["dtype"] in ("<f4", "float32")


def test_a_url_is_enough_to_join_and_the_rest_is_told(way, make_output, join):
    output = make_output(name="eeg", units="uV", **way)

    reader = join(output.url)
    output.send(ramp(0, 5))

    assert reader.recv(timeout=5)[0] == 5
    assert (reader.params["name"], reader.params["units"]) == ("eeg", "uV")


def test_a_reader_may_ask_for_a_kind_of_stream(way, make_output):
    output = make_output(streamtype="video", **way)

    for where in (output, output.url):
        with (
            InputStream(spec={"streamtype": "event"}) as reader,
            pytest.raises(
                ConfigurationError, match="streamtype: the stream has 'video', asked for is 'event'"
            ),
        ):
            reader.connect(where)


def test_what_a_reader_asks_for_changes_nothing_at_the_sender(make_output):
    output = make_output(protocol="inproc", sample_rate=10.0)
    before = dict(output.params)

    with InputStream(spec={"streamtype": "analogsignal"}) as reader:
        reader.connect(output)
        reader.params["sample_rate"] = 1.0

    assert output.params == before


def test_a_second_connect_leaves_the_first_stream(way, make_output, join, eventually):
    first, second = make_output(**way), make_output(**way)
    reader = join(first)

    reader.connect(second)
    second.send(ramp(0, 3))

    assert reader.recv(timeout=5)[0] == 3
    eventually(lambda: not first.readers)


def test_a_late_reader_gets_what_comes_from_then_on_and_knows_where_it_is(way, make_output, join):
    output = make_output(**way)
    output.send(ramp(0, 7))

    reader = join(output)
    joined_at = reader.last_index
    output.send(ramp(7, 3))

    assert joined_at == 7
    assert reader.recv(timeout=5)[0] == 10
    assert reader.lost == 0


def test_a_late_reader_gets_what_is_kept_if_it_wants_to(way, make_output, join):
    output = make_output(backlog_bytes=1 << 20, **way)
    output.send(ramp(0, 7))
    output.send(ramp(7, 7))

    reader = join(output, wants_backlog=True)

    assert [reader.recv(timeout=5)[0] for _ in range(2)] == [7, 14]


def test_all_that_is_sent_right_after_joining_arrives(way, make_output, join):
    output = make_output(**way)
    reader = join(output)

    for first in range(0, 100, 2):
        output.send(ramp(first, 2))

    assert np.array_equal(received(reader, 100), ramp(0, 100))


@pytest.mark.parametrize("url", ["tcp://127.0.0.1:9", "ipc:///nowhere/stream"])
def test_where_nobody_sends_connecting_says_so(url):
    with InputStream() as reader, pytest.raises(StreamTimeoutError, match="nobody answers at"):
        reader.connect({"url": url, "dtype": "float32", "shape": [-1, 1]}, timeout=0.1)


def test_within_a_process_a_name_that_nobody_has_is_refused():
    with InputStream() as reader, pytest.raises(ConfigurationError, match="nobody sends at inproc://nobody"):
        reader.connect("inproc://nobody")


def test_a_stream_that_is_not_configured_can_neither_send_nor_be_joined():
    output, reader = OutputStream(), InputStream()

    for call in (lambda: output.send(ramp(0, 1)), output.flush, output.reset_buffer_index):
        with pytest.raises(StateError, match="not configured"):
            call()
    with pytest.raises(StateError, match="not configured"):
        reader.connect(output)
    for call in (reader.recv, reader.poll, reader.set_buffer, reader.empty_queue):
        with pytest.raises(StateError, match="not connected"):
            call()
    output.close()
    reader.close()


# Reading


def test_poll_waits_in_milliseconds(way, make_output, join):
    output = make_output(**way)
    reader = join(output)

    nothing = reader.poll(timeout=20)
    output.send(ramp(0, 3))

    assert not nothing
    assert reader.poll(timeout=5000)
    assert reader.recv()[0] == 3


def test_a_wait_for_samples_ends_when_it_shall(way, make_output, join):
    reader = join(make_output(**way))
    began = time.monotonic()

    with pytest.raises(StreamTimeoutError, match=r"nothing came from .* within 0.05 s"):
        reader.recv(timeout=0.05)

    assert time.monotonic() - began >= 0.05


def test_the_queue_can_be_emptied_and_what_comes_next_is_no_loss(way, make_output, join, eventually):
    output = make_output(**way)
    reader = join(output)
    for first in range(0, 30, 3):
        output.send(ramp(first, 3))
    passed = []

    eventually(lambda: passed.append(reader.empty_queue()) or sum(passed) == 30)
    output.send(ramp(30, 3))

    assert reader.recv(timeout=5)[0] == 33
    assert reader.lost == 0


def test_emptying_the_queue_of_a_stream_that_has_ended_leaves_the_end(way, make_output, join, eventually):
    output = make_output(**way)
    reader = join(output)
    output.send(ramp(0, 3))
    output.close()
    passed = []

    eventually(lambda: passed.append(reader.empty_queue()) or sum(passed) == 3)

    with pytest.raises(StreamEndedError):
        reader.recv(timeout=5)


def test_the_number_alone_can_be_asked_for(way, make_output, join):
    output = make_output(**way)
    reader = join(output)

    output.send(ramp(0, 3))

    assert reader.recv(return_data=False, timeout=5) == (3, None)


def test_a_stream_that_was_closed_says_so_and_is_closed_twice_without_harm(way, make_output, join):
    output = make_output(**way)
    reader = join(output)

    output.close()
    output.close()
    with pytest.raises(StreamEndedError, match="complete"):
        reader.recv(timeout=5)
    reader.close()
    reader.close()

    with pytest.raises(StateError):
        output.send(ramp(0, 1))


@pytest.mark.parametrize("way", ELSEWHERE)
def test_where_somebody_may_come_back_an_end_is_told_once(make_output, join, way):
    output = make_output(**WAYS[way])
    reader = join(output)
    output.send(ramp(0, 3))
    output.close()

    assert reader.recv(timeout=5)[0] == 3
    with pytest.raises(StreamEndedError):
        reader.recv(timeout=5)
    with pytest.raises(StreamTimeoutError):
        reader.recv(timeout=0.3)


@pytest.mark.parametrize("way", ["inproc", "shared by inproc"])
def test_where_nobody_can_come_back_each_read_after_the_end_says_so(make_output, join, way):
    output = make_output(**WAYS[way])
    reader = join(output)
    output.close()

    for _ in range(3):
        with pytest.raises(StreamEndedError):
            reader.recv()


# Ring buffers of readers


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("shmem", [None, True])
def test_the_newest_samples_can_be_read_by_number(way, make_output, join, double, shmem):
    output = make_output(**way)
    reader = join(output)
    reader.set_buffer(32, double=double, shmem=shmem)

    for first in range(0, 80, 8):
        output.send(ramp(first, 8))
    received(reader, 80)

    assert np.array_equal(reader[48:80], ramp(48, 32))
    assert np.array_equal(reader.get_data(50, 60, copy=True), ramp(50, 10))
    assert reader[-1, 1] == 79
    assert np.array_equal(reader[60:70:3, 0], [60, 63, 66, 69])
    with pytest.raises(IndexError, match="holds 48 to 80"):
        reader[40:50]


def test_a_ring_buffer_of_events(way, make_output, join):
    output = make_output(streamtype="event", dtype=EVENT, shape=(-1,), **way)
    reader = join(output)
    reader.set_buffer(50)
    data = samples(EVENT, (), 50)

    for first in range(0, 50, 5):
        output.send(data[first : first + 5])
    received(reader, 50)

    assert same(np.ascontiguousarray(reader[0:50]), data)


def test_axes_lie_in_memory_as_it_was_said(way, make_output, join):
    output = make_output(shape=(-1, 4, 6), axisorder=(2, 0, 1), **way)
    reader = join(output)
    reader.set_buffer(16)

    output.send(samples("<f4", (4, 6), 16))
    reader.recv(timeout=5)
    chosen = reader[0:16]

    assert sorted(chosen.strides, reverse=True) == [chosen.strides[axis] for axis in (2, 0, 1)]
    assert np.array_equal(chosen, samples("<f4", (4, 6), 16))


@pytest.mark.parametrize(("fill", "stands"), [(None, "nan"), (-1.0, "-1.0")])
def test_samples_that_never_came_are_filled_in(way, make_output, join, fill, stands):
    output = make_output(fill=fill, **way)
    reader = join(output)
    reader.on_loss = lambda gap: None
    reader.set_buffer(64)

    output.send(ramp(0, 5))
    output.send(ramp(15, 5), index=20)
    received(reader, 20)

    assert {str(value) for value in reader[5:15, 0].tolist()} == {stands}
    assert np.array_equal(reader[15:20], ramp(15, 5))


def test_a_chunk_longer_than_the_ring_buffer_leaves_its_end_there(way, make_output, join):
    output = make_output(**way)
    reader = join(output)
    reader.set_buffer(8)

    output.send(ramp(0, 30))

    assert len(reader.recv(timeout=5)[1]) == 30
    assert np.array_equal(reader[22:30], ramp(22, 8))


def test_a_ring_buffer_is_as_long_as_the_stream_says_unless_told_otherwise(make_output, join):
    with_size = join(make_output(protocol="inproc", buffer_size=77))
    without = join(make_output(protocol="inproc"))

    with_size.set_buffer()

    assert with_size.buffer.shape == (77, 2)
    with pytest.raises(ConfigurationError, match="shape: '0'"):
        without.set_buffer()


def test_a_ring_buffer_that_cannot_be_leaves_the_one_before(make_output, join):
    reader = join(make_output(protocol="inproc"))
    reader.set_buffer(10)

    with pytest.raises(ConfigurationError):
        reader.set_buffer(10, axisorder=(0, 0))

    assert reader.buffer.shape == (10, 2)


def test_a_ring_buffer_can_be_begun_again(make_output, join):
    output = make_output(protocol="inproc")
    reader = join(output)
    reader.set_buffer(10)
    output.send(ramp(0, 5))
    reader.recv(timeout=5)

    reader.reset_buffer_index()

    assert reader.buffer.index() == 0


def test_twenty_rounds_leave_nothing_open(way):
    for _ in range(20):
        with OutputStream() as output, InputStream() as reader:
            output.configure(**way)
            reader.connect(output)
            output.send(ramp(0, 3, n_channels=1))
            reader.set_buffer(10, shmem=True)
            assert reader.recv(timeout=5)[0] == 3
    gc.collect()
