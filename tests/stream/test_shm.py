"""Messages through shared memory: who joins when, who is overtaken, and which session is meant."""

from __future__ import annotations

import time

import numpy as np
import pytest

from xspress3.errors import ProtocolError, StreamEndedError
from xspress3.stream import (
    ArrayInfo,
    Block,
    EndReason,
    Loss,
    Numbering,
    SessionEnd,
    SessionStart,
    SessionTracker,
)
from xspress3.stream.contract import Contract
from xspress3.stream.local import LocalPublisher, LocalSubscriber, samples_block
from xspress3.stream.shared import RecordFields, RecordKind, RingWriter
from xspress3.stream.shm import ShmPublisher, ShmSubscriber, ring_of

ENDPOINT = "inproc://shm-tests"


class Source:
    """A ring of 8 slots."""

    def __init__(self):
        self.numbering = Numbering("shm")
        self.publisher = ShmPublisher(LocalPublisher(ENDPOINT, self.numbering), RingWriter(8, 1 << 16))
        self.end = 0

    def begin(self, session_id):
        self.numbering.begin(session_id)
        self.end = 0
        start = SessionStart(self.numbering.envelope(), None, 1, (ArrayInfo("data", "<u4", (2,)),))
        self.publisher.send(start)
        self.numbering.advance()

    def chunks(self, n_chunks, n_samples=3):
        for _ in range(n_chunks):
            array = np.arange(self.end, self.end + n_samples, dtype="<u4").repeat(2).reshape(-1, 2)
            self.end += n_samples
            samples = self.end, array, self.numbering.sequence, time.time_ns()
            block = samples_block(self.numbering.envelope(), self.end - n_samples, array)
            self.publisher.send_samples(samples, lambda _, block=block: block, lambda: True)
            self.numbering.advance()

    def finish(self):
        end = SessionEnd(self.numbering.envelope(), EndReason.COMPLETE, self.end, self.end, 0)
        self.publisher.send(end)
        self.numbering.end()


@pytest.fixture
def source():
    made = Source()
    yield made
    made.publisher.close()


@pytest.fixture
def join(source):
    made = []

    def make(contract="lossless", wants_backlog=True):
        with LocalSubscriber(ENDPOINT) as control:
            start = control.receive(1)
        assert ring_of(start) == source.publisher.ring.ring_id
        made.append(
            ShmSubscriber(
                ENDPOINT, start, name="x", contract=Contract.parse(contract), wants_backlog=wants_backlog
            )
        )
        return made[-1]

    yield make
    for reader in made:
        reader.close()


def all_of(reader, tracker=None):
    """Messages that are there, and what a tracker makes of them; `tracker` of the session that was on."""
    found = []
    while (message := reader.receive(0)) is not None:
        found.append(message)
        if isinstance(message, SessionStart):
            tracker = SessionTracker(message)
        else:
            tracker.feed(message)
    return found, tracker


def frames(found):
    return [frame for m in found if isinstance(m, Block) for frame in m["data"].decode()[:, 0].tolist()]


def test_a_reader_gets_what_is_in_the_ring_or_what_comes_as_it_likes(source, join):
    source.begin(1)
    source.chunks(2)
    all_, new = join(), join(wants_backlog=False)
    source.chunks(1)

    found, _ = all_of(all_)
    found_new, tracker = all_of(new)

    assert frames(found) == list(range(9))
    assert not found[0].is_repeat
    assert frames(found_new) == [6, 7, 8]
    assert (found_new[0].is_repeat, found_new[0].next_frame) == (True, 6)
    assert tracker.missed_messages == 0


def test_a_reader_is_told_of_the_start_though_it_was_overwritten(source, join):
    source.begin(1)
    source.chunks(20)

    found, tracker = all_of(join())

    assert (found[0].is_repeat, found[0].next_frame) == (True, 36)
    assert frames(found) == list(range(36, 60))
    assert tracker.missed_messages == 0


@pytest.mark.parametrize("wants_backlog", [True, False])
@pytest.mark.parametrize("contract", ["latest", "every:1", "every:2"])
def test_who_is_overtaken_before_it_reads_is_told_what_it_missed(source, join, contract, wants_backlog):
    source.begin(1)
    source.chunks(2)
    reader = join(contract, wants_backlog)
    source.chunks(20)
    source.finish()

    found, tracker = all_of(reader)

    step = Contract.parse(contract).step
    first = found[0].next_frame
    assert found[0].is_repeat
    assert first <= 6
    n_wanted = len([n for n in range(first, 66) if n % step == 0])
    late = sum(
        len([n for n in range(g.first_frame, g.n_frames) if n % step == 0]) for g in tracker.joined_late
    )
    assert tracker.received + tracker.lost - late + tracker.skipped == n_wanted
    assert any(isinstance(m, Loss) for m in found)
    assert tracker.missed_messages == 0


@pytest.mark.parametrize("wants_backlog", [True, False])
def test_a_reader_sees_nothing_of_sessions_before_the_one_it_joined(source, join, wants_backlog):
    source.begin(1)
    source.chunks(2)
    source.finish()
    source.begin(2)
    reader = join(wants_backlog=wants_backlog)
    source.chunks(1)

    found, tracker = all_of(reader)

    assert {m.envelope.session_id for m in found} == {2}
    assert frames(found) == [0, 1, 2]
    assert tracker.lost == 0


def test_who_is_overtaken_by_a_whole_session_finds_itself_in_the_next(source, join):
    source.begin(1)
    reader = join("every:1")
    source.chunks(2)
    _, tracker = all_of(reader)
    source.finish()
    source.begin(2)
    source.chunks(30)

    found, tracker = all_of(reader, tracker)

    end, start, *_ = found
    assert isinstance(end, SessionEnd)
    assert (end.envelope.session_id, end.acquired, end.lost) == (1, 6, 0)
    assert (start.envelope.session_id, start.next_frame) == (2, 0)
    assert tracker.received + tracker.lost == 90
    assert sorted(set(frames(found))) == frames(found)


def losses(found):
    """Session, first frame and number of frames of each range that is told to be lost."""
    return [
        (m.envelope.session_id, m.first_frame, m.n_frames)
        for m in found
        if isinstance(m, Loss) and not m.by_contract
    ]


def sessions_that_ended(found):
    return [(m.envelope.session_id, m.acquired) for m in found if isinstance(m, SessionEnd)]


def drop_all(source):
    for reader in source.publisher.ring.readers:
        assert source.publisher.ring.evict(reader)


@pytest.mark.parametrize("n_chunks_since", [1, 30])
def test_who_was_dropped_learns_to_the_frame_how_its_session_ended(source, join, n_chunks_since):
    source.begin(1)
    reader = join()
    source.chunks(2)
    _, tracker = all_of(reader)
    drop_all(source)
    source.chunks(5)
    source.finish()
    source.begin(2)
    source.chunks(n_chunks_since)

    found, tracker = all_of(reader, tracker)

    n_before = 3 * n_chunks_since - 3  # the newest chunk is there
    assert losses(found) == [(1, 6, 15), *([(2, 0, n_before)] if n_before else [])]
    assert sessions_that_ended(found) == [(1, 21)]
    assert frames(found) == list(range(n_before, n_before + 3))
    assert tracker.missed_messages == 0


@pytest.mark.parametrize("contract", ["lossless", "every:1", "every:2"])
def test_sessions_that_passed_while_a_reader_slept_are_told_one_by_one(source, join, contract):
    source.begin(1)
    reader = join(contract)
    source.chunks(2)
    _, tracker = all_of(reader)
    drop_all(source)
    for session_id, n_chunks in ((2, 10), (3, 4)):
        source.finish()
        source.begin(session_id)
        source.chunks(n_chunks)
    source.finish()
    source.begin(4)
    source.chunks(20)

    found, tracker = all_of(reader, tracker)

    starts = [m.envelope.session_id for m in found if isinstance(m, SessionStart)]
    assert starts == [2, 3, 4]
    assert sessions_that_ended(found) == [(1, 6), (2, 30), (3, 12)]
    assert [lost for lost in losses(found) if lost[0] < 4] == [(2, 0, 30), (3, 0, 12)]
    assert tracker.session_id == 4
    step = Contract.parse(contract).step
    assert tracker.received + tracker.lost == 60 // step


def test_frames_that_were_passed_over_as_wanted_are_no_loss_across_sessions(source, join):
    source.begin(1)
    reader = join("latest")
    source.chunks(1)
    _, tracker = all_of(reader)
    source.chunks(5)
    source.finish()
    source.begin(2)
    source.chunks(30)

    found, tracker = all_of(reader, tracker)

    assert losses(found) == []
    assert sessions_that_ended(found) == [(1, 18)]
    assert tracker.skipped + tracker.received == 90


def test_a_record_whose_size_is_not_that_of_its_frames_is_refused(source, join):
    source.begin(1)
    reader = join()
    reader.receive(0)

    source.publisher.ring.write(RecordFields(RecordKind.BLOCK, 1 << 1, 1, 0, 0, 5), bytes(7))

    with pytest.raises(ProtocolError, match="7 bytes for shape"):
        reader.receive(0)


def test_the_end_of_the_ring_is_told_after_all_was_read(source, join):
    source.begin(1)
    reader = join()
    source.chunks(2)
    source.publisher.close()

    found = [reader.receive(0) for _ in range(3)]

    assert frames(found) == list(range(6))
    for _ in range(2):
        with pytest.raises(StreamEndedError):
            reader.receive(0)


def test_a_reader_that_is_closed_gives_its_seat_back_with_the_last_array(source, join):
    source.begin(1)
    reader = join()
    source.chunks(2)
    reader.take(0)
    arrays = [reader.take(0)[1] for _ in range(2)]

    reader.close()
    seated = []
    while arrays:
        seated.append(source.publisher.n_readers)
        arrays.pop()

    assert seated == [1, 1]
    assert source.publisher.n_readers == 0
    reader.close()
