"""Every way that streams are compared by carries what it should."""

from __future__ import annotations

import threading
from contextlib import closing

import numpy as np
import pytest

from benchmarks.rows import Wanted
from benchmarks.stream_ends import N_COLUMNS, receiver_of, sender_of
from benchmarks.streams import WAYS, Plan, stream_rows

KIB = 1 << 10


def test_all_ways_are_measured_and_give_what_was_sent(by_name):
    rows = by_name(stream_rows(Plan((64 * KIB,), memory_bytes=256 * KIB, rounds=1, seconds=0.001)))

    assert rows["chunks that were not what was sent"].value == 0
    assert all(rows[f"64 KiB: {way.name}"].value > 0 for way in WAYS)
    assert len(rows) == len(WAYS) + 2


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_a_chunk_that_is_not_what_was_sent_would_be_seen(way):
    sender = sender_of(way.kind, 4, 4096, *way.protocol)
    found = []

    def receive():
        with closing(
            receiver_of(way.kind, sender.address, sender.context if way.is_local else None, 4)
        ) as end:
            joined.set()
            found.append(np.array(end.take()))

    joined = threading.Event()
    reader = threading.Thread(target=receive, name="reader")
    with closing(sender):
        reader.start()
        assert joined.wait(10.0)
        sender.wait_joined()
        sender.send(np.arange(4 * N_COLUMNS, dtype="<f4").reshape(4, N_COLUMNS))
        reader.join(10.0)

    assert [chunk.tolist() for chunk in found] == [np.arange(4.0 * N_COLUMNS).reshape(4, N_COLUMNS).tolist()]


def test_every_size_has_the_ratios_that_are_wanted():
    wanted = {way.name: [way.wanted(size) for size in Plan().chunk_sizes] for way in WAYS}

    assert wanted["stream, inproc"] == [Wanted(least=8)] * 3
    assert wanted["stream, tcp"] == [Wanted(least=1.4)] * 3
    assert wanted["stream, shared memory"] == [Wanted(least=0.6), Wanted(least=0.9), Wanted(least=0.9)]
    assert wanted["plain stream, tcp"] == [None] * 3
