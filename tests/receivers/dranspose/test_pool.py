"""Results are kept back for a moment only, and never beyond the end."""

from __future__ import annotations

import numpy as np

from receivers.dranspose.pool import ResultPool
from receivers.dranspose.results import FramesLost, FrameSums, MapEnd

KEY = ("x", "", 1)


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def sums(frame):
    return FrameSums(KEY, np.array([frame]), np.array([frame]), np.zeros((1, 1), "u8"), np.zeros((1, 1)))


def test_what_goes_beyond_a_burst_waits_until_it_may_go_together():
    clock = Clock()
    pool = ResultPool(rate=50, burst=2, clock=clock)
    results = [sums(frame) for frame in range(6)]

    assert pool.add(results[:1]) == results[:1]
    assert pool.add(results[1:2]) == results[1:2]
    assert pool.add(results[2:3]) is None
    clock.now = 0.015
    assert pool.add([FramesLost(KEY, 3, 1, "overrun")]) is None
    clock.now = 0.025
    due = pool.add(results[4:5])

    assert due == [results[2], FramesLost(KEY, 3, 1, "overrun"), results[4]]
    assert pool.add(results[5:]) is None


def test_an_end_brings_all_that_waits_and_stands_behind_it():
    pool = ResultPool(burst=1, clock=Clock())
    first, second, end = sums(0), sums(1), MapEnd(KEY, "complete", "", 2)

    assert pool.add([first]) == [first]
    assert pool.add([second]) is None
    assert pool.add([end]) == [second, end]


def test_a_quick_scan_sends_as_often_as_it_may_and_all_of_its_frames():
    clock = Clock()
    pool = ResultPool(rate=50, burst=16, clock=clock)
    sent = []

    for frame in range(2000):
        clock.now += 0.001
        sent.append(pool.add([sums(frame)]))
    sent.append(pool.add([MapEnd(KEY, "complete", "", 2000)]))

    assert 100 <= sum(one is not None for one in sent) <= 100 + 16 + 1
    frames = [int(result.frames[0]) for one in sent if one for result in one if isinstance(result, FrameSums)]
    assert frames == list(range(2000))


def test_a_slow_scan_is_never_kept_back():
    clock = Clock()
    pool = ResultPool(rate=50, burst=1, clock=clock)

    for frame in range(100):
        clock.now += 0.03
        (due,) = pool.add([sums(frame)])
        assert due.frames.tolist() == [frame]
