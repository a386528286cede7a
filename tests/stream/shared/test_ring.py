"""The slot ring in one process: what goes in comes out, who waits for whom, and what is refused."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from tests.stream.shared.peers import content
from xspress3.errors import (
    ConfigurationError,
    ProtocolError,
    SharedMemoryError,
    StateError,
    StreamEndedError,
    StreamError,
    StreamTimeoutError,
)
from xspress3.stream.shared import RecordFields, RecordKind, RingReader, RingWriter, SharedMem, part_offsets

BLOCK = RecordFields()
MESSAGE = RecordFields(RecordKind.MESSAGE)


@pytest.fixture
def ring():
    with RingWriter(4, 1 << 16, "test ring") as ring:
        yield ring


@pytest.fixture
def reader(ring):
    with RingReader(ring.ring_id, "reader") as reader:
        yield reader


def numbers_of(reader):
    found = []
    while (record := reader.read(timeout=0)) is not None:
        with record:
            found.append(record.number)
    return found


def test_an_array_and_its_fields_come_as_they_were_written(ring, reader):
    fields = RecordFields(RecordKind.BLOCK, -5, 2**64 - 1, -(2**63), 7, 3, 2)
    array = np.arange(3 * 4 * 16, dtype="<u4").reshape(3, 4, 16)

    assert ring.write(fields, array) == 0
    with reader.read(timeout=5) as record:
        assert record.fields == fields
        assert (record.sequence, record.first_frame, record.n_frames) == (2**64 - 1, 7, 3)
        assert not record.is_message
        assert np.array_equal(np.frombuffer(record.memory, "<u4").reshape(3, 4, 16), array)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, np.frombuffer])
def test_all_kinds_of_bytes_can_be_written(ring, reader, kind):
    ring.write(MESSAGE, kind(b"textures"))

    with reader.read(timeout=5) as record:
        assert bytes(record.memory) == b"textures"
        assert record.is_message


def test_nothing_is_a_record_too(ring, reader):
    ring.write(MESSAGE, b"")

    with reader.read(timeout=5) as record:
        assert bytes(record.memory) == b""
        assert [bytes(part) for part in record.parts] == [b""]


def test_arrays_that_are_not_contiguous_come_in_c_order(ring, reader):
    array = np.arange(60).reshape(3, 4, 5).transpose(2, 0, 1)

    ring.write(BLOCK, array[::2])

    with reader.read(timeout=5) as record:
        assert np.array_equal(np.frombuffer(record.memory, array.dtype).reshape(3, 3, 4), array[::2])


def test_parts_come_as_they_were_written_and_aligned(ring, reader):
    parts = [b"header", np.arange(5, dtype="<u4"), b"", content(3, 100)]

    ring.write(BLOCK, parts)

    with reader.read(timeout=5) as record:
        assert [bytes(part) for part in record.parts] == [bytes(memoryview(part)) for part in parts]
        assert all(np.frombuffer(part, "u1").ctypes.data % 64 == 0 for part in record.parts if len(part))
        assert record.nbytes == 128 + 800


def test_offsets_of_parts():
    assert part_offsets([1, 64, 65, 0, 3]) == [0, 64, 128, 256, 256, 259]


def test_the_views_of_a_reader_are_read_only(ring, reader):
    ring.write(BLOCK, content(0))

    with reader.read(timeout=5) as record:
        assert record.memory.readonly
        with pytest.raises(ValueError, match="WRITEABLE"):
            np.frombuffer(record.memory, "u1").flags.writeable = True


def test_what_was_borrowed_is_written_in_place(ring, reader):
    view = ring.borrow(1000)
    view.view("<u4")[:] = np.arange(250)

    assert reader.read(timeout=0) is None
    ring.commit(BLOCK)
    with reader.read(timeout=5) as record:
        seen = np.frombuffer(record.memory, "<u4")
        assert np.array_equal(seen, np.arange(250))
        view[:4] = 255
        assert seen[0] == 2**32 - 1  # the same memory: nothing was copied


def test_of_what_was_borrowed_parts_can_be_published(ring, reader):
    offsets = part_offsets([10, 20])
    view = ring.borrow(1000)
    view[offsets[0] : offsets[0] + 10] = 1
    view[offsets[1] : offsets[1] + 20] = 2

    ring.commit(BLOCK, [10, 20])

    with reader.read(timeout=5) as record:
        assert [bytes(part) for part in record.parts] == [b"\1" * 10, b"\2" * 20]


def test_what_was_abandoned_is_never_seen(ring, reader):
    ring.borrow(10)[:] = 1
    ring.abandon()
    ring.abandon()
    ring.write(BLOCK, b"after")

    with reader.read(timeout=5) as record:
        assert (record.number, bytes(record.memory)) == (0, b"after")


def test_calls_in_the_wrong_order_are_refused(ring):
    with pytest.raises(StateError, match="without a borrow"):
        ring.commit(BLOCK)
    ring.borrow(10)
    with pytest.raises(StateError, match="is borrowed"):
        ring.borrow(10)
    with pytest.raises(StateError, match="is borrowed"):
        ring.write(BLOCK, b"")
    with pytest.raises(ConfigurationError, match=r"\[11\] bytes in 10"):
        ring.commit(BLOCK, [11])
    with pytest.raises(ConfigurationError, match="of 0 and more"):
        ring.commit(BLOCK, [-1])
    ring.commit(BLOCK, [3])


@pytest.mark.parametrize(
    ("fields", "data"),
    [
        (BLOCK, bytes((1 << 16) + 1)),
        (BLOCK, [bytes(1), bytes(1 << 16)]),
        (BLOCK, [b""] * 9),
        (BLOCK, []),
        (RecordFields(kind=2), b""),
        (RecordFields(sequence=-1), b""),
        (RecordFields(session_id=1 << 63), b""),
        (RecordFields(session_id=None), b""),
    ],
)
def test_a_record_that_cannot_be_is_refused_and_does_no_harm(ring, reader, fields, data):
    with pytest.raises(ConfigurationError, match="allowed"):
        ring.write(fields, data)
    ring.write(BLOCK, b"good")

    with reader.read(timeout=5) as record:
        assert bytes(record.memory) == b"good"


@pytest.mark.parametrize("nbytes", [-1, (1 << 16) + 1, 1 << 70])
def test_a_borrow_that_cannot_be_is_refused(ring, nbytes):
    with pytest.raises(ConfigurationError, match="allowed"):
        ring.borrow(nbytes)


@pytest.mark.parametrize("sizes", [(1, 10), (65537, 10), (2, 0), (2, (1 << 40) + 1), (-3, 10), (2, -1)])
def test_a_ring_that_cannot_be_is_refused(sizes):
    with pytest.raises(ConfigurationError, match=r"2\.\.65536 and 1\.\.2\^40"):
        RingWriter(*sizes)


def test_a_ring_larger_than_the_room_there_is_leaves_nothing(folder):
    with pytest.raises(SharedMemoryError, match="no room"):
        RingWriter(65536, 1 << 40)

    assert list(folder.iterdir()) == []


def test_the_slow_reader_is_named_when_the_writer_has_waited_too_long(ring, reader):
    for _ in range(4):
        ring.write(BLOCK, b"x", timeout=0)

    with pytest.raises(StreamTimeoutError, match=r"no room within 0\.01 s; 4 of 4 .* reader \(pid"):
        ring.write(BLOCK, b"x", timeout=0.01)
    reader.read().release()
    assert ring.write(BLOCK, b"x", timeout=0) == 4


def test_records_may_be_released_in_any_order(ring, reader):
    for _ in range(4):
        ring.write(BLOCK, b"x")
    first, second, third = (reader.read() for _ in range(3))

    third.release()
    second.release()
    second.release()
    with pytest.raises(StreamTimeoutError):
        ring.write(BLOCK, b"x", timeout=0)
    first.release()
    for number in (4, 5, 6):
        assert ring.write(BLOCK, b"x", timeout=0) == number


def test_a_reader_begins_at_the_newest_the_oldest_or_the_next(ring):
    for _ in range(10):
        ring.write(BLOCK, b"x")

    for start, numbers in {"newest": [9], "oldest": [6, 7, 8, 9], "next": []}.items():
        with RingReader(ring.ring_id, "late", start=start) as reader:
            assert numbers_of(reader) == numbers


def test_the_latest_is_the_newest_block_and_all_messages(ring):
    with RingReader(ring.ring_id, "viewer", "latest", start="next") as reader:
        for fields in (BLOCK, BLOCK, MESSAGE, BLOCK):
            ring.write(fields, b"x")

        assert numbers_of(reader) == [1, 2, 3]


def test_what_a_reader_copied_stays_when_the_ring_goes_on(ring):
    with RingReader(ring.ring_id, "viewer", "latest") as reader:
        ring.write(BLOCK, b"first")
        first = reader.read()
        for _ in range(10):
            ring.write(BLOCK, b"other")
        second = reader.read()

        assert bytes(first.memory) == b"first"
        assert bytes(second.memory) == b"other"
        assert second.missed == 9
        assert second.memory.readonly


def test_every_third_frame_is_in_the_records_that_come(ring):
    with RingReader(ring.ring_id, "analysis", "every:3", start="next") as reader:
        found = []
        for first_frame in range(0, 24, 2):
            ring.write(RecordFields(first_frame=first_frame, n_frames=2), b"x")
            found += [2 * number for number in numbers_of(reader)]

        # records of frames 0-1, 2-3, 6-7, 8-9, ...: those in which a multiple of 3 is
        assert found == [0, 2, 6, 8, 12, 14, 18, 20]


@pytest.mark.parametrize("contract", ["", "all", "every:0", "every:x", "every:2147483649", "latest:3"])
def test_a_contract_that_cannot_be_is_refused(ring, contract):
    with pytest.raises(ConfigurationError, match=r"contract: .*allowed are 'lossless', 'latest'"):
        RingReader(ring.ring_id, "reader", contract)


@pytest.mark.parametrize(("name", "start"), [("", "next"), ("x" * 64, "next"), ("reader", "first")])
def test_a_name_or_start_that_cannot_be_is_refused(ring, name, start):
    with pytest.raises(ConfigurationError, match=r"1\.\.63 bytes"):
        RingReader(ring.ring_id, name, start=start)


def test_the_writer_sees_who_reads(ring):
    assert ring.readers == []
    with RingReader(ring.ring_id, "writer of files"), RingReader(ring.ring_id, "Ansicht ä", "every:10"):
        ring.write(BLOCK, b"x")
        first, second = ring.readers

        assert (first.name, first.contract, first.behind) == ("writer of files", "lossless", 1)
        assert (second.name, second.contract) == ("Ansicht ä", "every:10")
    assert ring.readers == []


def test_a_reader_that_was_evicted_is_told_and_holds_nobody_up(ring, reader):
    for _ in range(4):
        ring.write(BLOCK, b"x")
    record = reader.read()
    (info,) = ring.readers

    assert ring.evict(info)
    assert not ring.evict(info)
    ring.write(BLOCK, b"x", timeout=0)
    with pytest.raises(StreamError, match="took it off its list"):
        record.release()
    with pytest.raises(StreamError, match="took it off its list"):
        reader.read(timeout=5)


def test_a_reader_that_was_evicted_can_sit_down_again_also_when_the_ring_is_closed(ring, reader):
    for n in range(4):
        ring.write(BLOCK, bytes([n]))
    assert ring.evict(ring.readers[0])
    ring.close()

    with RingReader(ring.ring_id, "again", beside=reader) as again:
        with again.read(timeout=5) as record:
            assert bytes(record.memory) == b"\x03"
        with pytest.raises(StreamEndedError):
            again.read(timeout=5)
        del record
    reader.close()
    with pytest.raises(StateError, match="closed here"):
        RingReader(ring.ring_id, "too late", beside=reader)


def test_more_readers_than_seats_are_refused(ring):
    readers = [RingReader(ring.ring_id, f"reader {i}") for i in range(32)]
    with pytest.raises(StreamError, match="no seat left, 32 readers"):
        RingReader(ring.ring_id, "one more")
    for reader in readers:
        reader.close()
    RingReader(ring.ring_id, "now there is room").close()


def test_after_close_readers_get_what_is_there_and_then_the_end(ring, reader):
    ring.write(BLOCK, b"last")
    ring.close()

    with reader.read(timeout=5) as record:
        assert bytes(record.memory) == b"last"
    for _ in range(2):
        with pytest.raises(StreamEndedError, match="closed by its writer"):
            reader.read(timeout=5)


def test_both_ends_can_be_closed_twice_and_not_used_after(ring, reader):
    record_held = ring.write(BLOCK, b"x")
    record = reader.read()
    for end in (reader, reader, ring, ring):
        end.close()

    assert record.number == record_held
    record.release()
    for call in (lambda: ring.write(BLOCK, b"x"), lambda: ring.borrow(1), reader.read):
        with pytest.raises(StateError, match="closed here"):
            call()
    assert ring.readers == []


def in_thread(call):
    """Run in a thread that is joined by the function returned, which gives what was raised."""
    raised = []

    def run():
        try:
            call()
        except Exception as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()

    def join():
        thread.join()
        return raised[0]

    return join


def test_close_ends_the_wait_of_a_reader(ring, reader):
    join = in_thread(lambda: reader.read(timeout=None))
    reader.close()

    assert isinstance(join(), StateError)


def test_close_ends_the_wait_of_a_writer(ring, reader):
    for _ in range(4):
        ring.write(BLOCK, b"x")
    join = in_thread(lambda: ring.write(BLOCK, b"x", timeout=None))
    ring.close()

    assert isinstance(join(), StateError)


def test_garbage_is_not_taken_for_a_ring(ring):
    with SharedMem(1 << 16) as memory:
        with pytest.raises(ProtocolError, match="holds what cannot be"):
            RingReader(memory.shm_id, "reader")
        memory.to_numpy(0, "u1", 1 << 16)[:] = 255
        with pytest.raises(ProtocolError, match="holds what cannot be"):
            RingReader(memory.shm_id, "reader")
    with SharedMem(100) as memory, pytest.raises(ProtocolError, match="holds what cannot be"):
        RingReader(memory.shm_id, "reader")


def test_a_ring_that_is_gone_says_so(ring):
    ring.close()

    with pytest.raises(SharedMemoryError, match="its creator is gone"):
        RingReader(ring.ring_id, "late")


def test_rings_side_by_side_do_not_mix():
    with (
        RingWriter(4, 100, "a") as a,
        RingWriter(4, 100, "b") as b,
        RingReader(a.ring_id, "of a") as of_a,
        RingReader(b.ring_id, "of b") as of_b,
    ):
        a.write(BLOCK, b"a")
        b.write(BLOCK, b"b")

        with of_a.read() as from_a, of_b.read() as from_b:
            assert (bytes(from_a.memory), bytes(from_b.memory)) == (b"a", b"b")


def test_views_outlive_the_close_of_both_ends(ring, reader):
    ring.write(BLOCK, content(5))
    array = np.frombuffer(reader.read().memory, np.uint64)
    reader.close()
    ring.close()

    assert np.array_equal(array, content(5))


def test_ends_that_nobody_closed_go_with_their_objects(folder):
    ring = RingWriter(4, 100)
    RingReader(ring.ring_id, "reader")
    assert ring.readers == []
    del ring

    assert list(folder.iterdir()) == []
