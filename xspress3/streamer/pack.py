"""Compresses blocks ahead of the one that is being sent, and keeps them in order."""

from __future__ import annotations

import queue
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

from xspress3.stream.compression import compress_bslz4
from xspress3.streamer.acquire import Item
from xspress3.streamer.session import Frames

__all__ = ["Packer"]


_SPARE = 3
"""Blocks that may wait beside those in work, so that no thread of it waits for the one that sends."""


class Packer:
    """Takes items from a queue and gives them back in the same order, blocks compressed on the way::

        with Packer(items, n_threads=2) as packer:
            packed = packer.next(timeout=0.02)

    Compression is most of the work between the detector and the wire, and it frees the interpreter
    lock: each thread more is nearly as much speed more, as long as there are cores.

    Parameters
    ----------
    n_threads
        0 does not compress.
    """

    def __init__(self, items: queue.SimpleQueue[Item], n_threads: int) -> None:
        self._items = items
        self._pool = ThreadPoolExecutor(n_threads, "xsp3-compress") if n_threads else None
        self._ahead = n_threads + _SPARE
        self._waiting: deque[tuple[Item, Future[bytes] | None]] = deque()

    def next(self, timeout: float) -> tuple[Item, bytes | None] | None:
        """The next item and, of a block that is compressed, its bytes; `None` when none came in time."""
        try:
            while len(self._waiting) < self._ahead:
                self._put(self._items.get(timeout=timeout) if not self._waiting else self._items.get_nowait())
        except queue.Empty:
            if not self._waiting:
                return None
        item, packed = self._waiting.popleft()
        return item, None if packed is None else packed.result()

    def _put(self, item: Item) -> None:
        packed = None
        if self._pool is not None and isinstance(item, Frames):
            packed = self._pool.submit(compress_bslz4, item.slot.histogram[: item.slot.n_frames])
        self._waiting.append((item, packed))

    def close(self) -> None:
        """End the threads; a second call does nothing."""
        if self._pool is not None:
            self._pool.shutdown()

    def __enter__(self) -> Packer:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()
