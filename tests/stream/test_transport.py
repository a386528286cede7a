"""Messages travel over real sockets: whole, in order, to each reader as its contract says."""

from __future__ import annotations

import os
import signal
import socket as plain_socket
import subprocess
import sys
import threading
import time
from urllib.parse import urlsplit

import numpy as np
import pytest
import zmq

from tests.stream.relay import Link
from xspress3.errors import ConfigurationError, ProtocolError, StreamTimeoutError
from xspress3.stream import (
    Alive,
    ArrayInfo,
    Block,
    EncodedArray,
    EndReason,
    Loss,
    Numbering,
    Publisher,
    SessionEnd,
    SessionStart,
    SessionTracker,
    Subscriber,
)
from xspress3.stream.outgoing import Outgoing

N_BINS = 64


class Source:
    """A sender whose frame `i` holds `i` everywhere; `serve` runs in this thread, when asked."""

    def __init__(self, context, port=0, **options):
        self.numbering = Numbering("xspress3")
        endpoint = f"tcp://127.0.0.1:{port}"
        self.publisher = Publisher(context, endpoint, self.numbering, **{"linger": 0, **options})
        self.endpoint = self.publisher.endpoint
        self.next_frame = 0

    def wait_joined(self, eventually, n_readers=1):
        def joined():
            self.publisher.serve(0.01)
            return self.publisher.n_readers == n_readers

        eventually(joined, f"{n_readers} readers")

    def start(self, session_id=100):
        self.numbering.begin(session_id)
        self.next_frame = 0
        arrays = (ArrayInfo("data", "<u4", (N_BINS,)),)
        self.send(SessionStart(self.numbering.envelope(), None, 1, arrays))

    def send(self, message, **options):
        sent = self.publisher.send(message, **options)
        self.numbering.advance()
        return sent

    def block(self, n_frames=1, padding=0, **options):
        numbers = np.arange(self.next_frame, self.next_frame + n_frames, dtype="<u4")
        data = np.repeat(numbers[:, None], N_BINS + padding, axis=1)
        array = EncodedArray("data", data.dtype, data.shape, "none", data.tobytes())
        block = Block(self.numbering.envelope(), self.next_frame, n_frames, (array,))
        self.send(block, **options)
        self.next_frame += n_frames

    def end(self):
        n = self.next_frame
        self.send(SessionEnd(self.numbering.envelope(), EndReason.COMPLETE, n, n, 0))
        self.numbering.end()


def large_blocks(source, n_blocks):
    """Blocks of 4 MiB, so that no buffer of the system hides who is slow."""
    for _ in range(n_blocks):
        source.block(padding=(1 << 20) - N_BINS)


@pytest.fixture
def context():
    context = zmq.Context()
    yield context
    context.term()


@pytest.fixture
def make_source(context):
    made = []

    def make(**options):
        deadline = time.monotonic() + 5
        while True:
            try:
                made.append(Source(context, **options))
            except ConfigurationError:  # zmq closes in the background: a port is free a moment later
                assert time.monotonic() < deadline
            else:
                return made[-1]

    yield make
    for source in made:
        source.publisher.close()


@pytest.fixture
def source(make_source):
    return make_source()


@pytest.fixture
def join(eventually):
    made = []

    def make(source, **options):
        before = source.publisher.n_readers
        made.append(Subscriber(source.endpoint, **options))
        source.wait_joined(eventually, before + 1)
        return made[-1]

    yield make
    for subscriber in made:
        subscriber.close()


def messages(subscriber, source, until=SessionEnd, timeout=5.0):
    """All but signs of life, up to the first of type `until`; the source hears its readers meanwhile."""
    found = []
    deadline = time.monotonic() + timeout
    while not found or not isinstance(found[-1], until):
        assert time.monotonic() < deadline, f"no {until.__name__} after {len(found)} messages"
        source.publisher.serve()
        message = subscriber.receive(timeout=0.01)
        if message is not None and not isinstance(message, Alive):
            found.append(message)
    return found


def values(found):
    """First value of each frame that came, with its number."""
    frames = []
    for block in (m for m in found if isinstance(m, Block)):
        numbers = range(block.first_frame, block.end_frame, block.step)
        frames += zip(numbers, block["data"].decode()[:, 0].tolist(), strict=True)
    return frames


def losses(found):
    return [(m.first_frame, m.n_frames, m.reason) for m in found if isinstance(m, Loss)]


def account(found):
    """What a tracker makes of it."""
    tracker = SessionTracker(found[0])
    for message in found[1:]:
        tracker.feed(message)
    return tracker


def test_a_reader_gets_a_whole_session_in_order(source, join):
    reader = join(source)

    source.start()
    for _ in range(10):
        source.block(n_frames=3)
    source.end()
    found = messages(reader, source)

    assert values(found) == [(n, n) for n in range(30)]
    assert [m.envelope.sequence for m in found] == list(range(12))
    assert {m.envelope.epoch for m in found} == {source.numbering.epoch}


def test_a_reader_that_joins_while_nothing_goes_on_is_told_that_the_sender_is_there(source, join):
    reader = join(source)

    assert isinstance(reader.receive(timeout=2), Alive)


def test_a_silent_sender_gives_a_sign_of_life_each_second(source, join, eventually):
    reader = join(source)
    reader.receive(timeout=2)

    def hears_another():
        source.publisher.serve(0.01)
        return isinstance(reader.receive(timeout=0.01), Alive)

    eventually(hears_another)
    assert reader.silent_for < 1


def test_readers_are_known_by_name_and_contract(source, join):
    join(source, name="writer")
    join(source, name="plot", contract="latest")

    readers = {reader.name: reader for reader in source.publisher.readers}

    assert readers["writer"].contract == "lossless"
    assert readers["plot"].contract == "latest"
    assert readers["plot"].pid == os.getpid()


def test_a_reader_that_leaves_is_noticed_at_once(source, join, eventually):
    join(source).close()

    source.wait_joined(eventually, n_readers=0)


def test_a_reader_that_is_killed_is_noticed_while_nothing_is_sent(source, eventually):
    program = (
        "import sys; from xspress3.stream import Subscriber\n"
        "with Subscriber(sys.argv[1]) as reader:\n    reader.receive(60)\n    reader.receive(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, source.endpoint]) as process:
        source.wait_joined(eventually)
        process.send_signal(signal.SIGKILL)

        source.wait_joined(eventually, n_readers=0)


def test_a_slow_lossless_reader_makes_the_sender_wait_and_gets_everything(make_source, join, eventually):
    source = make_source(queue_messages=2)
    reader = join(source, queue_messages=2)
    source.start()
    sent = threading.Event()

    def send_all():
        large_blocks(source, 10)
        source.end()
        sent.set()

    sender = threading.Thread(target=send_all)
    sender.start()
    was_sent_at_once = sent.wait(0.2)
    found = []
    while not found or not isinstance(found[-1], SessionEnd):
        found.append(reader.receive(timeout=5))
    sender.join(timeout=5)

    assert not was_sent_at_once
    assert values(found) == [(n, n) for n in range(10)]


def test_a_reader_that_takes_nothing_holds_up_no_reader_under_another_contract(make_source, join):
    source = make_source(queue_messages=4)
    join(source, name="stuck viewer", contract="latest")
    join(source, name="stuck sampler", contract="every:1", queue_messages=4)
    writer = join(source, name="writer", queue_messages=4)

    source.start()
    found = []
    for _ in range(20):
        large_blocks(source, 1)
        found += messages(writer, source, until=Block)

    assert values(found) == [(n, n) for n in range(20)]


def test_who_wants_the_newest_gets_the_newest_and_the_count_of_the_others(source, join):
    viewer = join(source, contract="latest")

    source.start()
    for _ in range(50):
        source.block()
    source.end()
    found = messages(viewer, source)

    tracker = account(found)
    assert values(found)[-1] == (49, 49)
    assert found[0].contract == "latest"
    assert tracker.received + tracker.skipped == 50
    assert tracker.is_complete
    assert tracker.missed_messages == 0


def test_who_wants_the_newest_has_at_most_one_older_block_on_the_way(source, join):
    viewer = join(source, contract="latest")
    source.start()
    messages(viewer, source, until=SessionStart)

    for _ in range(30):
        source.block()
    found = messages(viewer, source, until=Block)
    if values(found)[-1] != (29, 29):
        found = messages(viewer, source, until=Block)

    assert values(found)[-1] == (29, 29)


@pytest.mark.parametrize("step", [2, 3, 7, 100])
def test_who_wants_each_nth_frame_gets_frames_whose_number_is_a_multiple(source, join, step):
    sampler = join(source, contract=f"every:{step}")

    source.start()
    for _ in range(20):
        source.block(n_frames=5)
    source.end()
    found = messages(sampler, source)

    tracker = account(found)
    assert values(found) == [(n, n) for n in range(0, 100, step)]
    assert losses(found) == []
    assert tracker.is_complete
    assert tracker.received == len(range(0, 100, step))


def test_who_is_too_slow_for_each_frame_is_told_exactly_which_it_does_not_get(make_source, join):
    source = make_source(queue_messages=4)
    slow = join(source, contract="every:1", queue_messages=4)

    source.start()
    large_blocks(source, 20)
    found = messages(slow, source, until=Loss)
    large_blocks(source, 2)
    source.end()
    found += messages(slow, source)

    tracker = account(found)
    lost = [f for first, n, _ in losses(found) for f in range(first, first + n)]
    assert lost
    assert sorted(lost + [frame for frame, _ in values(found)]) == list(range(22))
    assert {reason for *_, reason in losses(found)} == {"not taken in time by this reader"}
    assert (tracker.received + tracker.lost, tracker.missed_messages) == (22, 0)


def test_frames_lost_at_the_tail_are_told_before_the_end(make_source, join):
    source = make_source(queue_messages=2)
    slow = join(source, contract="every:1", queue_messages=2)

    source.start()
    large_blocks(source, 9)
    source.end()
    found = messages(slow, source)

    assert isinstance(found[-2], Loss)
    assert account(found).received + account(found).lost == 9


def test_a_lossless_reader_may_be_given_up_after_a_time_and_is_told_what_it_lost(make_source, join):
    source = make_source(queue_messages=2, drop_after=0.05)
    slow = join(source, queue_messages=2)

    source.start()
    large_blocks(source, 9)
    source.end()
    found = messages(slow, source)

    tracker = account(found)
    assert tracker.lost
    assert tracker.received + tracker.lost == 9


def test_a_late_reader_gets_the_start_again_and_where_the_session_is(source, join):
    source.start()
    source.block(n_frames=5)

    found = messages(join(source), source, until=SessionStart)

    assert (found[0].is_repeat, found[0].next_frame) == (True, 5)


def test_a_late_reader_gets_what_the_sender_still_keeps(make_source, join):
    frame_bytes = N_BINS * 4
    source = make_source(backlog_bytes=10 * frame_bytes)
    source.start()
    for _ in range(25):
        source.block()

    late = join(source)
    source.end()
    found = messages(late, source)

    assert found[0].next_frame == 15
    assert values(found) == [(n, n) for n in range(15, 25)]
    tracker = account(found)
    assert tracker.joined_late == (
        (tracker.joined_late[0].first_frame, 15, "before this reader joined"),
    ) or (tracker.joined_late[0].n_frames == 15)
    assert tracker.missed_messages == 0


def test_a_reader_that_joins_after_the_end_is_not_told_of_the_session(make_source, join):
    source = make_source(backlog_bytes=1 << 20)
    source.start()
    source.block()
    source.end()

    assert isinstance(join(source).receive(timeout=2), Alive)


@pytest.mark.parametrize("has_ended", [False, True], ids=["session goes on", "session has ended meanwhile"])
def test_a_reader_whose_connection_broke_gets_what_came_meanwhile(make_source, eventually, has_ended):
    source = make_source(backlog_bytes=1 << 20)
    link = Link(source.endpoint)
    with Subscriber(link.endpoint, name="writer") as reader:
        source.wait_joined(eventually)
        source.start()
        for _ in range(5):
            source.block()
        found = messages(reader, source, until=SessionStart)
        while len(found) < 6:
            found += messages(reader, source, until=Block)

        link.cut()
        source.wait_joined(eventually, n_readers=0)
        for _ in range(5):
            source.block()
        if has_ended:
            source.end()
        again = messages(reader, source, until=SessionStart)
        if not has_ended:
            source.end()
        again += messages(reader, source)

    link.close()
    assert again[0].is_repeat
    assert values(found) + values(again) == [(n, n) for n in range(10)]
    assert account([found[0], *found[1:], *again[1:]]).is_complete


def test_a_restarted_sender_is_not_taken_for_the_one_before(source, join, make_source, eventually):
    reader = join(source)
    source.start(session_id=100)
    source.block()
    first = messages(reader, source, until=Block)
    port = urlsplit(source.endpoint).port
    source.publisher.close()

    after = make_source(port=port)

    def has_joined_again():
        after.publisher.serve()
        reader.receive(timeout=0.01)
        return after.publisher.n_readers

    eventually(has_joined_again)
    after.start(session_id=100)
    second = messages(reader, after, until=SessionStart)

    assert second[0].envelope.session_id == first[0].envelope.session_id
    assert second[0].envelope.epoch != first[0].envelope.epoch


def test_a_blocked_sender_can_give_up(make_source, join):
    source = make_source(queue_messages=2)
    join(source, queue_messages=2)
    source.start()

    source.block()
    with pytest.raises(zmq.Again):
        source.block(give_up=lambda: True)


def test_a_sender_knows_when_a_reader_has_taken_all_and_not_only_the_system(source, join):
    reader = join(source)
    source.start()
    for _ in range(5):
        source.block()
    source.end()

    was_taken_at_once = source.publisher.wait_taken(timeout=0.05)
    messages(reader, source)

    assert not was_taken_at_once
    assert source.publisher.wait_taken(timeout=5)


def test_a_sender_without_readers_does_not_wait(source):
    source.start()
    for _ in range(1000):
        source.block()


def test_a_reader_that_joins_while_another_is_waited_for_is_offered_the_same_message(source, join):
    slow = join(source, queue_messages=1)
    source.start()
    joined_meanwhile = []

    def join_and_stay_patient():
        if not joined_meanwhile:
            joined_meanwhile.append(Subscriber(source.endpoint, queue_messages=8))
        if source.publisher.n_readers == 2:
            slow.receive(timeout=0)
        return False

    source.block(give_up=join_and_stay_patient)
    with joined_meanwhile[0] as late:
        found = messages(late, source, until=Block)

    assert values(found) == [(0, 0)]


@pytest.mark.parametrize(
    "said",
    [
        [b""],
        [b"hello"],
        [bytes(2000)],
        [b"{}"],
        [b"[1]"],
        [b'{"type":"hello"}'],
        [b'{"type":"hello","name":"x","contract":"every:0","credit":1}'],
        [b'{"type":"hello","name":"x","contract":"lossless","credit":true}'],
        [b'{"type":"hello","name":"x","contract":"lossless","credit":1000000}'],
        [b'{"type":"hello","name":"x","contract":"lossless","credit":1,"resume":[]}'],
        [b'{"type":"credit","n":-1}'],
        [b'{"type":"credit","n":5}'],
        [b'{"type":"bye"}'],
        [b"a", b"b"],
        [b"[" * 4000],
    ],
)
def test_a_peer_that_sends_rubbish_is_not_counted_and_hurts_nobody(context, source, join, said, eventually):
    reader = join(source)
    foreign = context.socket(zmq.DEALER)
    foreign.setsockopt(zmq.LINGER, 1000)
    foreign.connect(source.endpoint)
    foreign.send_multipart(said)
    foreign.close()

    source.publisher.serve(0.2)
    source.start()

    assert source.publisher.n_readers == 1
    assert messages(reader, source, until=SessionStart)


def test_a_reader_cannot_take_more_credit_than_it_has(context, make_source):
    source = make_source(queue_messages=2)
    greedy = context.socket(zmq.DEALER)
    greedy.setsockopt(zmq.LINGER, 0)
    greedy.connect(source.endpoint)
    greedy.send(b'{"type":"hello","name":"greedy","contract":"every:1","credit":4000}')
    source.publisher.serve(2)
    greedy.send(b'{"type":"credit","n":4000}')
    source.publisher.serve(0.2)

    source.start()
    for _ in range(10):
        source.block()
    greedy.close()

    assert source.publisher.readers[0].n_on_the_way == 2


def test_a_peer_that_does_not_speak_zmq_hurts_nobody(source, join):
    address = urlsplit(source.endpoint)
    with plain_socket.create_connection((address.hostname, address.port)) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\n\r\n")
        reader = join(source)
        source.start()

        assert messages(reader, source, until=SessionStart)


def test_a_port_in_use_is_refused_by_name(context, source):
    with pytest.raises(ConfigurationError, match=rf"cannot bind {source.endpoint}: Address already in use"):
        Publisher(context, source.endpoint, Numbering("other"))


def test_an_endpoint_that_is_none_is_refused_by_name():
    with pytest.raises(ConfigurationError, match="cannot connect to nowhere"):
        Subscriber("nowhere")


def test_a_contract_that_is_none_is_refused_with_what_is_allowed():
    with pytest.raises(ConfigurationError, match=r"contract: 'most', allowed are 'lossless', 'latest' and"):
        Subscriber("tcp://127.0.0.1:9", contract="most")


def test_a_sender_that_is_not_there_is_told_after_the_time():
    with (
        Subscriber("tcp://127.0.0.1:9") as subscriber,
        pytest.raises(StreamTimeoutError, match="nobody answers"),
    ):
        subscriber.wait_joined(timeout=0.05)


def test_bytes_that_are_no_message_use_credit_and_are_refused(make_source, join):
    source = make_source(queue_messages=2)
    reader = join(source, queue_messages=2)
    reader.wait_joined(timeout=2)
    reader.receive(timeout=0)

    for _ in range(6):
        source.publisher.send_item(Outgoing(None, raw=[b"rubbish"]))
        with pytest.raises(ProtocolError):
            reader.receive(timeout=2)


def test_borrowed_memory_is_done_with_when_every_reader_has_it(make_source, join, eventually):
    source = make_source(queue_messages=8)
    reader = join(source, queue_messages=8)
    viewer = join(source, contract="latest")
    source.start()
    memory = np.arange(1 << 20, dtype="<u4")
    array = EncodedArray("data", memory.dtype, (1, 1 << 20), "none", memory.view(np.uint8).data)

    def lend():
        block = Block(source.numbering.envelope(), source.next_frame, 1, (array,))
        source.next_frame += 1
        return source.send(block, is_borrowed=True).tracker

    trackers = [lend() for _ in range(4)]
    was_done = [tracker.done for tracker in trackers]
    for _ in range(5):
        reader.receive(timeout=2)
    eventually(lambda: all(tracker.done for tracker in trackers))
    memory[:] = 0
    found = messages(viewer, source, until=Block)

    assert not all(was_done)
    assert found[-1]["data"].decode()[0, -1] == (1 << 20) - 1, "who is not waited for has a copy"


def test_a_reader_knows_whether_its_sender_is_there(source, join, eventually):
    reader = join(source)
    eventually(lambda: reader.is_connected)
    source.publisher.close()
    eventually(lambda: not reader.is_connected)
