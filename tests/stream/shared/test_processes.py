"""The slot ring between processes: order, values, back-pressure, and ends of either side by kill -9."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.stream.shared.peers import WORDS, checked, content
from xspress3.errors import SenderDiedError, StreamEndedError, StreamTimeoutError
from xspress3.stream.shared import RecordFields, RingReader, RingWriter

pytestmark = pytest.mark.timeout(60)  # processes take a while to start on a busy machine

BLOCK = RecordFields()


@pytest.fixture
def ring():
    with RingWriter(4, WORDS * 8, "test ring") as ring:
        yield ring


def test_everything_arrives_in_order_and_whole_over_many_rounds_of_the_ring(ring, peer):
    readers = [peer("read", ring_id=ring.ring_id) for _ in range(2)]
    for reader in readers:
        assert reader.hear() == {"joined": True}

    for number in range(3000):
        ring.write(BLOCK, content(number), timeout=15)
    ring.close()

    for reader in readers:
        said = reader.hear()
        assert said == {"numbers": list(range(3000)), "missed": 0, "good": True, "end": "StreamEndedError"}


@pytest.mark.parametrize("contract", ["latest", "every:1"])
def test_a_reader_that_is_overtaken_gets_nothing_torn_and_knows_what_it_missed(ring, peer, contract):
    reader = peer("read", ring_id=ring.ring_id, contract=contract, has_checksum=True)
    reader.hear()
    arrays = [checked(number) for number in range(16)]

    for number in range(20000):
        ring.write(BLOCK, arrays[number % 16], timeout=0)
    ring.close()

    said = reader.hear()
    assert said["good"]
    assert said["numbers"] == sorted(set(said["numbers"]))
    assert said["numbers"][-1] == 19999
    assert len(said["numbers"]) + said["missed"] == 20000


def test_a_slow_reader_holds_the_writer_up_and_is_named(ring, peer):
    reader = peer("read", ring_id=ring.ring_id, hold_after=1)
    reader.hear()
    for number in range(4):
        ring.write(BLOCK, content(number), timeout=15)
    reader.hear()

    with pytest.raises(StreamTimeoutError, match=rf"peer lossless \(pid {reader.pid}\)"):
        ring.write(BLOCK, content(4), timeout=0.2)
    assert [info.pid for info in ring.readers] == [reader.pid]


def test_a_reader_that_was_killed_holding_a_slot_does_not_hold_the_writer_up(ring, peer):
    with RingReader(ring.ring_id, "other", start="next") as other:
        reader = peer("read", ring_id=ring.ring_id, hold_after=1)
        reader.hear()
        ring.write(BLOCK, content(0))
        reader.hear()
        other.read().release()

        reader.kill()
        for number in range(1, 20):
            ring.write(BLOCK, content(number), timeout=15)
            with other.read(timeout=15) as record:
                assert np.array_equal(np.frombuffer(record.memory, np.uint64), content(number))
        assert [info.name for info in ring.readers] == ["other"]


def test_a_reader_that_was_killed_while_it_waited_leaves_its_seat_to_the_next(ring, peer):
    reader = peer("read", ring_id=ring.ring_id)
    reader.hear()
    reader.kill()

    with RingReader(ring.ring_id, "next", start="next") as following:
        assert [info.name for info in ring.readers] == ["next"]
        for number in range(10):
            ring.write(BLOCK, content(number), timeout=0)
            following.read(timeout=0).release()


def test_a_writer_that_was_killed_is_noticed_after_all_it_published_was_read(peer):
    writer = peer("write", n_records=3, half=True)
    ring_id = writer.hear()["ring_id"]
    with RingReader(ring_id, "reader", start="next") as reader:
        assert writer.hear() == {"wrote": 3}
        writer.kill()

        for number in range(3):
            with reader.read(timeout=15) as record:
                assert np.array_equal(np.frombuffer(record.memory, np.uint64), content(number))
        with pytest.raises(SenderDiedError):
            reader.read(timeout=15)


def test_what_a_killed_writer_left_is_removed_when_the_next_begins(peer, folder):
    writer = peer("write", n_records=0)
    ring_id = writer.hear()["ring_id"]
    writer.kill()
    assert (folder / ring_id).exists()

    with RingWriter(2, 100) as ring:
        left = {path.name for path in folder.iterdir()}
        assert ring_id not in left
        assert ring.ring_id in left
        assert len(left) == 2


def test_a_writer_that_ends_tells_its_readers(peer):
    writer = peer("write", n_records=2)
    with RingReader(writer.hear()["ring_id"], "reader", start="next") as reader:
        writer.hear()
        writer.end()

        for number in range(2):
            assert reader.read(timeout=15).number == number
        with pytest.raises(StreamEndedError, match="closed by its writer"):
            reader.read(timeout=15)


def descriptors():
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


def test_twenty_starts_and_stops_leave_nothing(folder):
    before = descriptors()
    for round_ in range(20):
        with RingWriter(4, 1000) as ring, RingReader(ring.ring_id, "reader") as reader:
            ring.write(RecordFields(sequence=round_), b"x")
            with reader.read() as record:
                assert record.sequence == round_
        del record  # its memory would stay

        assert list(folder.iterdir()) == []
        assert descriptors() == before


def test_a_forked_child_does_not_end_the_ring_of_its_parent():
    code = (
        "import os, sys\n"
        "from xspress3.stream.shared import RecordFields, RingReader, RingWriter\n"
        "ring = RingWriter(4, 100)\n"
        "reader = RingReader(ring.ring_id, 'reader')\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    sys.exit()\n"  # runs the finalizers
        "os.waitpid(child, 0)\n"
        "ring.write(RecordFields(), b'still there', timeout=5)\n"
        "print(bytes(reader.read(timeout=5).memory))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert done.stdout == "b'still there'\n"
