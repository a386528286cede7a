"""How the last sessions of a ring ended, as its readers find it."""

from __future__ import annotations

import threading

import pytest

from xspress3.errors import StateError
from xspress3.stream.shared import EndedSession, RingReader, RingWriter
from xspress3.stream.shared.ledger import LEDGER_BYTES, note_ended, read_ended


def session(number):
    return EndedSession(number, number % 4, 10 * number, 9 * number, number)


def test_sessions_are_found_by_all_readers_in_the_order_in_which_they_ended():
    with RingWriter(4, 64) as ring, RingReader(ring.ring_id, "early") as early:
        for number in (5, 6):
            ring.note_ended(session(number))
        with RingReader(ring.ring_id, "late") as late:
            found = [reader.ended_sessions() for reader in (early, late)]

    assert found == [[session(5), session(6)]] * 2


def test_a_ring_in_which_nothing_ended_has_no_such_sessions():
    with RingWriter(4, 64) as ring, RingReader(ring.ring_id, "x") as reader:
        assert reader.ended_sessions() == []


def test_they_are_there_when_the_writer_is_gone_and_not_when_the_reader_is_closed():
    ring = RingWriter(4, 64)
    with RingReader(ring.ring_id, "x") as reader:
        ring.note_ended(session(1))
        ring.close()
        ring.note_ended(session(2))

        assert reader.ended_sessions() == [session(1)]

    with pytest.raises(StateError):
        reader.ended_sessions()


def test_the_oldest_session_makes_room():
    memory = memoryview(bytearray(LEDGER_BYTES))

    for number in range(100):
        note_ended(memory, session(number))

    assert read_ended(memory) == [session(number) for number in range(68, 100)]


@pytest.mark.parametrize("at", [0, 4, 8, 47])
def test_what_is_not_whole_is_not_given(at):
    memory = memoryview(bytearray(LEDGER_BYTES))
    note_ended(memory, session(7))

    memory[at] ^= 1

    assert read_ended(memory) == []


@pytest.mark.parametrize("n_bytes", [0, 8, LEDGER_BYTES - 1])
def test_a_ring_of_another_version_may_have_no_such_memory(n_bytes):
    assert read_ended(memoryview(bytes(n_bytes))) == []


def test_who_reads_while_it_is_written_gets_what_was_there_before_or_after():
    memory = memoryview(bytearray(LEDGER_BYTES))
    note_ended(memory, session(0))
    stop = threading.Event()

    def write():
        number = 0
        while not stop.is_set():
            number += 1
            note_ended(memory, session(number))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(300):
            numbers = [ended.session_id for ended in read_ended(memory)]
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    finally:
        stop.set()
        writer.join()
