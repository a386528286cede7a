"""Readers that are slow, want less, hold on to memory, or go away: each is served as its contract says."""

from __future__ import annotations

import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.stream.streams.conftest import SHARED, WAYS
from tests.stream.streams.samples import keep_on, ramp
from xspress3.errors import (
    ConfigurationError,
    SequenceGapError,
    StateError,
    StreamEndedError,
    StreamError,
    StreamTimeoutError,
)
from xspress3.stream import InputStream, OutputStream

LARGE = 1 << 18
"""Samples of 8 bytes: more than the system keeps on the way."""
SMALL_RING = {"buffer_size": 4 * LARGE, "chunk_size": LARGE}


def narrow(way):
    """`way` with room for a few large chunks only."""
    options = {**WAYS[way], "queue_messages": 3}
    return {**options, **SMALL_RING} if way in SHARED else options


def in_a_thread(action):
    """What `action` gives, or raises, when another thread does it."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(action).result()


def send_until_full(output, n_samples=LARGE, timeout=0.05):
    """Number of chunks that went before a reader was waited for."""
    for n in range(64):
        try:
            output.send(ramp(output.last_index, n_samples), timeout=timeout)
        except StreamTimeoutError:
            return n
    raise AssertionError("64 large chunks went without anybody reading")


def read_to_the_end(reader):
    """All samples that come, and the ranges that do not."""
    gaps, found = [], []
    reader.on_loss = gaps.append
    while True:
        try:
            index, data = reader.recv(timeout=5)
        except StreamEndedError:
            return found, gaps
        found.append((index, data[:, 0].astype(int).tolist()))


@pytest.fixture
def in_background():
    """Run functions in threads that have ended when the test has."""
    threads = []

    def start(function, *arguments):
        errors = []

        def run():
            try:
                function(*arguments)
            except Exception as error:
                errors.append(error)

        threads.append(threading.Thread(target=run))
        threads[-1].start()
        threads[-1].errors = errors
        return threads[-1]

    yield start
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


# The sender waits


@pytest.mark.parametrize("way", WAYS)
def test_a_slow_reader_makes_the_sender_wait_and_gets_everything(make_output, join, in_background, way):
    output = make_output(**narrow(way))
    reader = join(output)

    n_before = send_until_full(output)
    sender = in_background(output.send, ramp(output.last_index, LARGE))
    ends = [reader.recv(timeout=5)[0] for _ in range(n_before + 1)]
    sender.join(5)

    assert ends == [LARGE * (n + 1) for n in range(n_before + 1)]
    assert not sender.errors


@pytest.mark.parametrize("way", WAYS)
def test_a_chunk_that_was_refused_for_want_of_room_was_sent_to_nobody(make_output, join, way):
    output = make_output(**narrow(way))
    slow, fast = join(output, "slow"), join(output, "fast")
    n_sent = send_until_full(output)

    kept = [fast.recv(timeout=5)[0] for _ in range(n_sent)]
    came = fast.poll(timeout=20)
    with pytest.raises(StreamTimeoutError, match=r"have no room: .*slow"):
        output.send(ramp(output.last_index, LARGE), timeout=0.02)
    index, _ = slow.recv(timeout=5)
    del _
    output.send(np.full((LARGE, 2), 7, "<f4"), timeout=5)

    assert kept[-1] == n_sent * LARGE
    assert not came
    assert index == LARGE
    assert fast.recv(timeout=5)[1][0, 0] == 7


@pytest.mark.parametrize("way", WAYS)
def test_who_holds_the_sender_up_can_be_seen_while_it_waits(make_output, join, in_background, way):
    output = make_output(**narrow(way))
    slow = join(output, "slow writer")
    send_until_full(output)

    in_background(output.send, ramp(output.last_index, LARGE))
    seen = [(reader.name, reader.contract) for reader in output.readers]
    slow.close()

    assert seen == [("slow writer", "lossless")]


@pytest.mark.parametrize("way", WAYS)
def test_a_stream_can_be_closed_while_a_send_waits(make_output, join, in_background, way):
    output = make_output(**narrow(way))
    join(output)
    send_until_full(output)
    sender = in_background(output.send, ramp(output.last_index, LARGE))

    began = time.monotonic()
    with pytest.raises(StreamTimeoutError):  # the end found no room either
        output.close()
    sender.join(5)

    assert time.monotonic() - began < 5
    assert not sender.errors or isinstance(sender.errors[0], (StateError, StreamTimeoutError))


@pytest.mark.parametrize("way", WAYS)
def test_a_reader_that_leaves_sets_a_send_free_that_waits_for_it(make_output, join, in_background, way):
    output = make_output(**narrow(way))
    reader = join(output)
    send_until_full(output)
    sender = in_background(output.send, ramp(output.last_index, LARGE))

    reader.close()
    sender.join(5)

    assert not sender.is_alive()
    assert not sender.errors


@pytest.mark.parametrize("way", WAYS)
def test_samples_whose_time_has_come_hold_no_send_up_that_shall_not_wait(make_output, join, way):
    options = {**WAYS[way], "queue_messages": 2}
    options = (
        {**options, "buffer_size": 4, "chunk_size": 2} if way in SHARED else {**options, "chunk_size": 2}
    )
    output = make_output(chunk_age=0.001, **options)
    reader = join(output)
    n_taken, found = 0, []

    def send():
        nonlocal n_taken
        output.send(ramp(n_taken, 1), timeout=0.05)
        n_taken += 1

    with pytest.raises(StreamTimeoutError):
        keep_on(send)
    while len(found) < n_taken:
        found += reader.recv(timeout=5)[1][:, 0].astype(int).tolist()

    assert 0 < n_taken < 100
    assert found == list(range(n_taken))


# Contracts


def send_much(output, n_chunks=40, n_samples=LARGE):
    for n in range(n_chunks):
        output.send(ramp(n * n_samples, 1).repeat(n_samples, axis=0) + np.float32(0), timeout=5)


@pytest.mark.parametrize("way", WAYS)
def test_who_wants_the_newest_gets_it_and_each_other_sample_is_counted(make_output, join, way):
    output = make_output(**narrow(way))
    viewer = join(output, contract="latest")

    send_much(output, n_chunks=12)
    output.close()
    found, gaps = read_to_the_end(viewer)

    assert found[-1][0] == 12 * LARGE
    assert gaps == []
    assert sum(len(values) for _, values in found) + viewer.skipped == 12 * LARGE
    assert viewer.lost == 0


@pytest.mark.parametrize("way", WAYS)
def test_who_wants_each_third_sample_gets_those(make_output, join, way):
    output = make_output(**WAYS[way])
    sampler = join(output, contract="every:3")
    sampler.set_buffer(64)

    for first in range(0, 50, 5):
        output.send(ramp(first, 5))
    output.close()
    found, gaps = read_to_the_end(sampler)

    assert [value for _, values in found for value in values] == list(range(0, 50, 3))
    assert gaps == []
    assert sampler.lost == 0
    assert sampler.buffer is not None
    assert sampler[0:17, 0].astype(int).tolist() == list(range(0, 50, 3))


@pytest.mark.parametrize("way", WAYS)
def test_who_is_too_slow_for_all_is_told_exactly_what_it_does_not_get(make_output, join, way):
    output = make_output(**narrow(way))
    slow = join(output, contract="every:1", queue_messages=3)

    send_much(output, n_chunks=12)
    output.close()
    found, gaps = read_to_the_end(slow)

    came = [number for end, values in found for number in range(end - len(values), end)]
    lost = [number for gap in gaps for number in range(gap.first_frame, gap.first_frame + gap.n_frames)]
    assert lost
    assert sorted(came + lost) == list(range(12 * LARGE))
    assert slow.lost == len(lost)
    assert {gap.reason for gap in gaps} == {"not taken in time by this reader"}


@pytest.mark.parametrize("way", WAYS)
def test_readers_that_are_not_waited_for_hold_up_nobody(make_output, join, way):
    output = make_output(**narrow(way))
    join(output, contract="latest")
    join(output, contract="every:1", queue_messages=3)
    writer = join(output)

    for n in range(20):
        output.send(ramp(n, 1).repeat(LARGE, axis=0), timeout=5)
        index, data = writer.recv(timeout=5)
        assert (index, data[-1, 0]) == ((n + 1) * LARGE, n)
        del data


@pytest.mark.parametrize("way", WAYS)
def test_the_stream_may_say_which_contract_readers_have(make_output, join, eventually, way):
    output = make_output(contract="latest", **WAYS[way])

    join(output)

    eventually(lambda: [reader.contract for reader in output.readers] == ["latest"])


@pytest.mark.parametrize("way", ["tcp", "inproc"])
def test_a_reader_that_is_given_up_is_told_what_it_loses(make_output, join, way):
    output = make_output(drop_after=0.05, **narrow(way))
    slow = join(output)

    send_much(output, n_chunks=8)
    output.close()
    found, gaps = read_to_the_end(slow)

    assert slow.lost == sum(gap.n_frames for gap in gaps) > 0
    assert sum(len(values) for _, values in found) + slow.lost == 8 * LARGE


@pytest.mark.parametrize("way", SHARED)
def test_a_reader_of_shared_memory_that_is_given_up_is_told_exactly_what_it_loses(make_output, join, way):
    output = make_output(drop_after=0.05, **narrow(way))
    slow = join(output)

    send_much(output, n_chunks=8)
    with pytest.raises(SequenceGapError, match="not taken in time") as first:
        keep_on(lambda: slow.recv(timeout=5))
    index, newest = slow.recv(timeout=5)
    send_much(output, n_chunks=8)  # it holds one of these, and is given up again
    output.close()
    found, gaps = read_to_the_end(slow)

    assert (first.value.gap.first_frame, first.value.gap.n_frames) == (0, 7 * LARGE)
    assert (index, newest[0, 0]) == (8 * LARGE, 7 * LARGE)
    assert (gaps[0].first_frame, sum(gap.n_frames for gap in gaps)) == (8 * LARGE, 8 * LARGE)
    assert not found  # but for the end
    assert slow.lost == 15 * LARGE


@pytest.mark.parametrize("way", SHARED)
def test_a_reader_of_shared_memory_that_was_given_up_goes_on_with_the_newest(make_output, join, way):
    output = make_output(drop_after=0.05, **narrow(way))
    slow = join(output)

    send_much(output, n_chunks=8)
    slow.on_loss = lambda gap: None
    indices = [slow.recv(timeout=5)[0]]
    for _ in range(8):
        send_much(output, n_chunks=1)
        indices.append(slow.recv(timeout=5)[0])

    assert indices == [n * LARGE for n in range(8, 17)]
    assert [reader.name for reader in output.readers if reader.contract == "lossless"]


# Memory of shared streams


@pytest.mark.parametrize("way", SHARED)
def test_an_array_stays_as_it_is_for_as_long_as_it_is_held(make_output, join, way):
    output = make_output(**{**WAYS[way], "buffer_size": 8, "chunk_size": 2})
    reader = join(output)
    output.send(ramp(0, 2))
    _, held = reader.recv(timeout=5)

    def send_and_read():
        output.send(ramp(output.last_index, 2), timeout=0.02)
        if reader.poll(timeout=0):
            reader.recv()

    with pytest.raises(StreamTimeoutError):
        keep_on(send_and_read)

    assert np.array_equal(held, ramp(0, 2))
    assert not held.flags.writeable
    del held
    output.send(ramp(500, 2), timeout=5)


@pytest.mark.parametrize("way", SHARED)
def test_an_array_outlives_its_reader_unchanged(make_output, join, way):
    output = make_output(**{**WAYS[way], "buffer_size": 8, "chunk_size": 2})
    reader = join(output)
    output.send(ramp(0, 2))
    _, held = reader.recv(timeout=5)
    piece = held[1:, 0]
    del held

    reader.close()
    with pytest.raises(StreamTimeoutError):
        keep_on(lambda: output.send(ramp(output.last_index, 2), timeout=0.02))
    as_it_was = piece.tolist()
    del piece
    output.send(ramp(500, 2), timeout=5)

    assert as_it_was == [1.0]
    assert not output.readers


@pytest.mark.parametrize("way", SHARED)
def test_an_array_outlives_its_sender(make_output, join, way):
    output = make_output(**WAYS[way])
    reader = join(output)
    output.send(ramp(0, 50))
    _, held = reader.recv(timeout=5)

    output.close()
    reader.close()
    gc.collect()

    assert np.array_equal(held, ramp(0, 50))


@pytest.mark.parametrize("way", SHARED)
def test_who_may_be_overtaken_has_copies(make_output, join, way):
    output = make_output(**{**WAYS[way], "buffer_size": 8, "chunk_size": 2})
    viewer = join(output, contract="latest")
    output.send(ramp(0, 2))
    _, held = viewer.recv(timeout=5)

    for n in range(1, 50):
        output.send(ramp(2 * n, 2), timeout=5)

    assert np.array_equal(held, ramp(0, 2))


@pytest.mark.parametrize("way", SHARED)
def test_samples_can_be_written_where_readers_look_at_them(make_output, join, way):
    output = make_output(**WAYS[way])
    reader = join(output)
    output.send(ramp(0, 3))

    with output.borrow(5) as memory:
        memory[:] = ramp(3, 5)
    index_before, _ = reader.recv(timeout=5)
    index, data = reader.recv(timeout=5)

    assert (index_before, index, output.last_index) == (3, 8, 8)
    assert np.array_equal(data, ramp(3, 5))
    with pytest.raises(ValueError, match="read-only"):
        memory[:] = 0


@pytest.mark.parametrize("way", SHARED)
def test_what_was_borrowed_is_not_sent_after_an_error(make_output, join, way):
    output = make_output(**WAYS[way])
    reader = join(output)

    with pytest.raises(ZeroDivisionError), output.borrow(5):
        raise ZeroDivisionError
    output.send(ramp(0, 3))

    assert reader.recv(timeout=5)[0] == 3


@pytest.mark.parametrize("way", SHARED)
def test_memory_can_be_borrowed_once_readers_have_given_it_back(make_output, join, way):
    output = make_output(**{**WAYS[way], "buffer_size": 8, "chunk_size": 2})
    reader = join(output)

    def fill():
        with output.borrow(2, timeout=0.02) as memory:
            memory[:] = 1

    with pytest.raises(StreamTimeoutError, match="no room"):
        keep_on(fill)

    reader.empty_queue()

    with output.borrow(2, timeout=5):
        pass


def test_readers_hear_of_a_sender_whose_memory_is_filled_for_long(make_output, join):
    heartbeat = 0.5
    output = make_output(**WAYS["shared by tcp"], heartbeat=heartbeat)
    elsewhere = join({**output.params, "transfermode": "plaindata"})

    with output.borrow(3) as memory:
        with pytest.raises(StreamTimeoutError):  # and not that the sender died
            elsewhere.recv(timeout=6 * heartbeat)
        late = join(output, timeout=10)
        memory[:] = ramp(0, 3)

    for reader in (elsewhere, late):
        index, data = reader.recv(timeout=10)
        assert index == 3
        assert np.array_equal(data, ramp(0, 3))


@pytest.mark.parametrize("way", SHARED)
def test_who_sends_while_memory_is_borrowed_waits_for_its_turn(make_output, join, way):
    output = make_output(**WAYS[way])
    reader = join(output)
    output.send(ramp(0, 3))
    sender = threading.Thread(target=lambda: output.send(ramp(8, 3)))

    with output.borrow(5) as memory:
        sender.start()
        memory[:] = ramp(3, 5)
        with pytest.raises(StreamTimeoutError):
            in_a_thread(lambda: output.send(ramp(100, 3), timeout=0.05))
    sender.join()

    assert [reader.recv(timeout=5)[0] for _ in range(3)] == [3, 8, 11]
    assert output.last_index == 11


@pytest.mark.parametrize("way", SHARED)
def test_who_borrows_can_do_nothing_else_with_the_stream_until_it_is_done(make_output, join, way):
    output = make_output(**WAYS[way])
    reader = join(output)
    output.send(ramp(0, 3))

    with output.borrow(3) as memory:
        for action in (lambda: output.send(ramp(0, 3)), output.flush, output.reset_buffer_index):
            with pytest.raises(StateError, match="is borrowed here"):
                action()
        with pytest.raises(StateError, match="is borrowed here"), output.borrow(3):
            pass
        memory[:] = ramp(3, 3)
    output.send(ramp(6, 3))

    assert [reader.recv(timeout=5)[0] for _ in range(3)] == [3, 6, 9]


@pytest.mark.parametrize("way", SHARED)
def test_a_stream_that_is_closed_while_it_is_borrowed_does_not_send_what_was_not_finished(
    make_output, join, way
):
    output = make_output(**WAYS[way])
    reader = join(output)
    output.send(ramp(0, 3))

    with pytest.raises(StateError, match="nothing was sent"), output.borrow(3):
        output.close()

    assert reader.recv(timeout=5)[0] == 3
    with pytest.raises(StreamEndedError):
        reader.recv(timeout=5)


@pytest.mark.parametrize("way", SHARED)
def test_closing_waits_for_another_thread_that_borrows(make_output, join, way):
    output = make_output(**WAYS[way])
    reader = join(output)
    closer = threading.Thread(target=output.close)

    with output.borrow(3) as memory:
        closer.start()
        closer.join(0.1)
        assert closer.is_alive()
        memory[:] = ramp(0, 3)
    closer.join()

    assert reader.recv(timeout=5)[0] == 3
    with pytest.raises(StreamEndedError):
        reader.recv(timeout=5)


def test_borrowing_is_refused_where_it_could_not_keep_its_word(make_output):
    shared = {"transfermode": "sharedmem", "protocol": "inproc", "buffer_size": 64}
    plain = make_output(protocol="inproc")
    scaled = make_output(scale=2.0, **shared)
    of_eight = make_output(shape=(8, 2), **shared)

    for output, said in ((plain, "plain stream"), (scaled, "filters or scale")):
        with pytest.raises(StateError, match=said), output.borrow(4):
            pass
    for n_samples in (0, 4, 9):
        with pytest.raises(ConfigurationError, match="allowed are 8"), of_eight.borrow(n_samples):
            pass
    large = make_output(chunk_size=100_000, **{**shared, "buffer_size": 200_000})
    with pytest.raises(ConfigurationError, match=r"allowed are 1\.\.100000"), large.borrow(100_001):
        pass


@pytest.mark.parametrize("way", SHARED)
def test_readers_at_the_socket_of_a_shared_stream_hear_of_it_while_it_waits(
    make_output, join, in_background, monkeypatch, tmp_path, way
):
    output = make_output(**{**narrow(way), "heartbeat": 0.25, "queue_messages": 64})
    stuck = join(output, "stuck")
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("XSPRESS3_SHARED_MEMORY", str(tmp_path))  # as on another host
        far = join(output, "far")
    n_sent = send_until_full(output)
    for n in range(n_sent):
        assert far.recv(timeout=5)[0] == (n + 1) * LARGE

    sender = in_background(output.send, ramp(output.last_index, LARGE))
    with pytest.raises(StreamTimeoutError):
        far.recv(timeout=1)
    stuck.close()
    sender.join(5)

    assert far.recv(timeout=5)[0] == (n_sent + 1) * LARGE


@pytest.mark.parametrize("way", ["shared by tcp"])
def test_a_chunk_that_a_reader_at_the_socket_had_no_room_for_is_not_in_shared_memory(
    make_output, join, in_background, tmp_path, monkeypatch, way
):
    output = make_output(**narrow(way))
    reader = join(output)
    n_sent = send_until_full(output)

    sender = in_background(lambda: output.send(ramp(output.last_index, LARGE), timeout=1))
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("XSPRESS3_SHARED_MEMORY", str(tmp_path))  # as on another host
        join(output, "full from the first message on", queue_messages=1)
    for n in range(n_sent):
        assert reader.recv(timeout=5)[0] == (n + 1) * LARGE
    sender.join(10)

    assert [type(error) for error in sender.errors] == [StreamTimeoutError]
    with pytest.raises(StreamTimeoutError):
        reader.recv(timeout=0.2)


# Senders that come back


def test_a_stream_that_changed_its_type_is_refused(make_output, join, eventually):
    output = make_output(protocol="tcp")
    port = int(output.url.rsplit(":", 1)[1])
    reader = join(output)
    output.close()
    with pytest.raises(StreamEndedError):
        reader.recv(timeout=5)
    after = OutputStream()

    def is_there():
        try:
            after.configure(port=port, dtype="int8", shape=(-1, 2), linger=0.1)
        except ConfigurationError:
            return False
        return True

    with after:
        eventually(is_there)
        with pytest.raises(Exception, match=r"changed from <?f.*4|changed from") as refused:
            reader.recv(timeout=5)

    assert isinstance(refused.value, StreamError)


# Names and files


def test_two_streams_cannot_have_one_name_within_a_process(make_output):
    make_output(protocol="inproc", interface="camera")

    with pytest.raises(ConfigurationError, match="inproc://camera is in use"):
        make_output(protocol="inproc", interface="camera")


def test_a_socket_that_is_in_use_is_left_alone(make_output, join, tmp_path):
    path = str(tmp_path / "s")
    first = make_output(protocol="ipc", interface=path)

    with pytest.raises(ConfigurationError, match="in use"):
        make_output(protocol="ipc", interface=path)
    reader = join(first)
    first.send(ramp(0, 3))

    assert reader.recv(timeout=5)[0] == 3


def test_a_file_where_a_socket_should_be_is_left_alone(make_output, tmp_path):
    path = tmp_path / "thesis.h5"
    path.write_text("years of work")

    with pytest.raises(ConfigurationError, match="there is a file"):
        make_output(protocol="ipc", interface=str(path))

    assert path.read_text() == "years of work"


def test_a_socket_is_removed_when_the_stream_is_closed(make_output, tmp_path, eventually):
    output = make_output(protocol="ipc", interface=str(tmp_path / "s"))

    output.close()

    eventually(lambda: not list(tmp_path.iterdir()))


def test_a_gap_says_what_is_missing(make_output, join):
    output = make_output(protocol="inproc")
    reader = join(output)

    output.send(ramp(3, 1), index=4)

    with pytest.raises(SequenceGapError) as told:
        reader.recv(timeout=5)
    assert (told.value.gap.first_frame, told.value.gap.n_frames) == (0, 3)


def test_a_reader_with_a_long_name_can_join(make_output):
    output = make_output(**WAYS["shared by inproc"])

    with InputStream(name="é" * 100) as reader:
        reader.connect(output)

        assert output.readers[0].name == "é" * 31
