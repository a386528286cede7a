"""A session is taken from a real stream, whole, and held by nobody who does not take it."""

from __future__ import annotations

import queue
from contextlib import ExitStack

import pytest

from receivers.dranspose.source import MAX_HEAPS, STUCK, SessionSource
from tests.receivers.conftest import SESSION
from xspress3.stream import Block, EndReason, SessionEnd, SessionStart
from xspress3.stream.tracker import Gap

TIMEOUT = 15.0


class Cluster:
    """Takes heaps, and makes room as soon as one was looked at."""

    def __init__(self, endpoint, **options):
        self._heaps = queue.Queue()
        self.source = SessionSource(endpoint, self._heaps.put, **options)

    def heap(self):
        heap = self._heaps.get(timeout=TIMEOUT)
        self.source.take_back()
        return heap

    def session(self):
        """All items up to the end."""
        items = []
        while True:
            heap = self.heap()
            items += heap.items
            if heap.is_last:
                return items


@pytest.fixture
def cluster(sender):
    with ExitStack() as stack:

        def make(endpoint=sender.endpoint, **options):
            made = Cluster(endpoint, **options)
            stack.callback(made.source.close)
            return made

        yield make


def frames_of(items):
    return [
        (type(item).__name__, item.first_frame, item.n_frames)
        for item in items
        if isinstance(item, (Block, Gap))
    ]


def test_the_next_session_comes_whole(sender, cluster):
    taker = cluster()
    sender.wait_joined()
    assert taker.source.wait_joined(TIMEOUT)
    sender.start(8)
    sender.block(0)
    sender.loss(4, 4)
    sender.end(4, lost=4)

    items = taker.session()

    assert isinstance(items[0], SessionStart)
    assert frames_of(items) == [("Block", 0, 4), ("Gap", 4, 4)]
    end = items[-1]
    assert (end.reason, end.acquired, end.lost) == (EndReason.COMPLETE, 4, 4)
    assert taker.source.key == ("xsp3", "", SESSION)
    sender.wait_left()


def test_a_session_that_was_armed_too_early_is_taken_when_nothing_of_it_is_gone(sender, cluster):
    sender.start(8, is_repeat=False)
    sender.block(0)
    taker = cluster()
    sender.wait_joined()
    sender.start(8, is_repeat=True)
    sender.sequence = 2
    sender.block(0)
    sender.block(4)
    sender.end(8)

    assert frames_of(taker.session()) == [("Block", 0, 4), ("Block", 4, 4)]


@pytest.mark.parametrize(
    ("options", "start"),
    [({}, {"next_frame": 4}), ({"seen": ("xsp3", "", SESSION)}, {})],
    ids=["frames are gone", "was that of the scan before"],
)
def test_a_session_of_somebody_else_is_passed_over(sender, cluster, options, start):
    taker = cluster(**options)
    sender.wait_joined()
    sender.start(8, is_repeat=True, **start)
    sender.block(4)
    sender.end(8)
    sender.session_id += 1
    sender.start(4)
    sender.block(0)
    sender.end(4)

    items = taker.session()

    assert items[0].envelope.session_id == SESSION + 1
    assert frames_of(items) == [("Block", 0, 4)]


def test_a_cluster_that_takes_nothing_holds_up_the_stream_for_a_while_only(sender, cluster):
    taker = cluster(patience=0.2)
    sender.wait_joined()
    n_blocks = 4 * MAX_HEAPS
    sender.start(4 * n_blocks)
    for number in range(n_blocks):
        sender.block(4 * number)  # waits for credit, and would for ever
    sender.end(4 * n_blocks)
    sender.wait_left()

    items = taker.session()

    gaps = [item for item in items if isinstance(item, Gap)]
    blocks = [item for item in items if isinstance(item, Block)]
    assert [gap.reason for gap in gaps] == [STUCK]
    assert sum(item.n_frames for item in [*gaps, *blocks]) == 4 * n_blocks
    assert items[-1].lost == gaps[0].n_frames
    assert items[-1].acquired + items[-1].lost == 4 * n_blocks


def test_a_slow_cluster_gets_every_frame(sender, cluster):
    taker = cluster(patience=TIMEOUT)
    sender.wait_joined()
    sender.start(400)
    items = []
    for first in range(0, 400, 4):
        sender.block(first)
        if first >= 4 * MAX_HEAPS:
            items += taker.heap().items
    sender.end(400)

    items += taker.session()

    assert not [item for item in items if isinstance(item, Gap)]
    assert sum(item.n_frames for item in items if isinstance(item, Block)) == 400


def test_a_source_whose_thread_fails_says_so_in_an_end(cluster):
    def secure(_socket):
        raise RuntimeError("no keys today")

    (end,) = cluster(secure=secure).session()

    assert isinstance(end, SessionEnd)
    assert (end.reason, end.text) == (EndReason.FAILED, "RuntimeError: no keys today")


def test_closing_in_the_middle_of_a_session_ends_at_once(sender, cluster):
    taker = cluster(patience=1000)
    sender.wait_joined()
    sender.start(400)
    for first in range(0, 40, 4):
        sender.block(first)

    taker.source.close()
    taker.source.close()

    sender.wait_left()
