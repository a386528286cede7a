"""Small chunks put side by side, so that one message carries many of them.

A message costs as much as copying 256 KiB. The memory is kept and used again when zmq has sent it:
to have the system make and clear new pages costs as much as the copy.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import numpy.typing as npt
import zmq

__all__ = ["SMALL_BYTES", "Gatherer"]

SMALL_BYTES = 1 << 18
"""Chunks up to this size are worth it."""
_GATHERED_BYTES = 1 << 20
_MAX_POOL = 64

Array = npt.NDArray[Any]


class Gatherer:
    """Copies chunks of one length and type side by side::

    gatherer.begin(first, now)
    if gatherer.fits(array):
        gatherer.add(array)
    whole, piece = gatherer.whole()
    ...                               # sent: zmq tells by `tracker` when it is done with it
    gatherer.sent(tracker)
    """

    def __init__(self) -> None:
        self.n_samples = 0
        self.since = 0.0
        self._room: Array | None = None
        self._piece = 0
        self._like: Array | None = None
        self._pool: deque[tuple[Array, zmq.MessageTracker]] = deque()

    def fits(self, array: Array) -> bool:
        """Whether `array` is as those that wait, and there is room for it beside them."""
        like, room = self._like, self._room
        return (
            like is not None
            and room is not None
            and array.shape == like.shape
            and array.dtype == like.dtype
            and self.n_samples < len(room)
        )

    def begin(self, array: Array, now: float) -> None:
        """The first one, whose length and type the others must have."""
        self._piece, self.since = len(array), now
        shape = (_GATHERED_BYTES // array.nbytes * len(array), *array.shape[1:])
        self._room = self._take_room(shape, array.dtype)
        self._like = self._room[: len(array)]
        self.add(array)

    def add(self, array: Array) -> None:
        """Another one, that `fits`."""
        assert self._room is not None
        end = self.n_samples + self._piece
        self._room[self.n_samples : end] = array
        self.n_samples = end

    def whole(self) -> tuple[Array, int]:
        """All of them, and how many samples each has."""
        assert self._room is not None
        return self._room[: self.n_samples], self._piece

    def sent(self, tracker: zmq.MessageTracker) -> None:
        """What `whole` gave is on its way; `tracker` tells when its memory is free."""
        assert self._room is not None
        if len(self._pool) < _MAX_POOL:
            self._pool.append((self._room, tracker))
        self._room, self._like, self.n_samples = None, None, 0

    def _take_room(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        pool = self._pool
        if pool and pool[0][1].done:
            room = pool.popleft()[0]
            if room.shape == shape and room.dtype == dtype:
                return room
        return np.empty(shape, dtype)
