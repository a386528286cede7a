"""Arrays that are slots of a ring, and give them back when nobody looks at them any more."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from typing import Any

from xspress3.errors import StreamError
from xspress3.stream.shared import Record, RingReader

__all__ = ["Lease", "Leases"]


class Leases:
    """Slots that arrays look at; a reader that leaves stays in the ring until the last of them is gone.

    Else the sender would write into memory that somebody holds as data.
    """

    def __init__(self, ring: RingReader) -> None:
        self._ring = ring
        self._n_held = 0
        self._is_leaving = False
        # Guards both; to be entered again, because the collector may end a lease in the middle of anything.
        self._lock = threading.RLock()

    def hold(self) -> None:
        """Count an array more."""
        with self._lock:
            self._n_held += 1

    def give_back(self, record: Record) -> None:
        """The array that looked at `record` is gone."""
        with contextlib.suppress(StreamError):  # who was taken off the list is told so when it reads
            record.release()
        with self._lock:
            self._n_held -= 1
            is_last = self._is_leaving and not self._n_held
        if is_last:
            self._ring.close()

    def leave(self) -> None:
        """Leave the ring with the last array."""
        with self._lock:
            self._is_leaving = True
            is_last = not self._n_held
        if is_last:
            self._ring.close()


class Lease:
    """Memory of a slot, given back when the last array that looks at it is gone."""

    __slots__ = ("__array_interface__", "_leases", "_record")

    def __init__(
        self, record: Record, address: int, kind: Mapping[str, Any], shape: tuple[int, ...], leases: Leases
    ) -> None:
        self._record = record
        self._leases = leases
        leases.hold()
        self.__array_interface__ = {**kind, "shape": shape, "data": (address, True)}

    def __del__(self) -> None:
        self._leases.give_back(self._record)
