"""Results kept back for a moment, so that many of them go to the reducer as one."""

from __future__ import annotations

import time
from collections.abc import Callable

from receivers.dranspose.results import FramesLost, FrameSums, MapResult

__all__ = ["BURST", "RATE", "ResultPool"]

RATE = 50.0
"""Times a second that a worker sends results, in the long run; a map on a screen needs nothing quicker.

Each costs reducer, redis and controller together some 0.7 ms of processor time, however much is in it.
"""
BURST = 64
"""Results that go at once before any is kept back: with slow scans none ever is."""


class ResultPool:
    """Gives nothing, or all that waits::

        pool = ResultPool()
        pool.add(results)     # None, or results of this call and of those before

    Starts and ends of sessions are never kept back, nor anything that came before them. Nothing but
    another call brings out what waits: when a quick scan stands still, its last 1 / `rate` s wait with it.
    """

    def __init__(
        self, rate: float = RATE, burst: int = BURST, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._allowed = float(burst)
        self._looked_at = clock()
        self._waiting: list[MapResult] = []

    def add(self, results: list[MapResult]) -> list[MapResult] | None:
        """What is due, with `results` the last of it."""
        self._waiting += results
        may_wait = all(isinstance(result, FrameSums | FramesLost) for result in results)
        if may_wait and not self._may_send():
            return None
        self._allowed -= 1
        due, self._waiting = self._waiting, []
        return due or None

    def _may_send(self) -> bool:
        now = self._clock()
        gained = (now - self._looked_at) * self._rate
        self._looked_at = now
        self._allowed = min(max(self._allowed, 0) + gained, self._burst)
        return self._allowed >= 1
