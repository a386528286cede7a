"""Arrays that are slots of a ring, and give them back when nobody looks at them any more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xspress3.errors import StreamError
from xspress3.stream.shared import Record, RingReader
from xspress3.stream.shared.records import NUMBER

__all__ = ["Lease", "Leases"]


class Leases:
    """Slots that arrays look at; a reader that leaves stays in the ring until the last of them is gone.

    Else the sender would write into memory that somebody holds as data.
    """

    def __init__(self, ring: RingReader) -> None:
        self._ring = ring
        # Numbers of records. Without a lock, because the collector may end a lease in the middle of
        # anything: what changes is one set, in single steps, and to close the ring twice does no harm.
        self._held: set[int] = set()
        self._is_leaving = False

    def hold(self, record: Record) -> None:
        """Count an array more."""
        self._held.add(record.values[NUMBER])

    def give_back(self, record: Record) -> None:
        """The array that looked at `record` is gone."""
        try:  # noqa: SIM105  # `suppress` would cost more than all the rest
            record.release()
        except StreamError:
            pass  # who was taken off the list is told so when it reads
        self._held.discard(record.values[NUMBER])
        if self._is_leaving:
            self._close_when_free()

    def leave(self) -> None:
        """Leave the ring with the last array."""
        self._is_leaving = True
        self._close_when_free()

    def _close_when_free(self) -> None:
        if not self._held:
            self._ring.close()


class Lease:
    """Memory of a slot, given back when the last array that looks at it is gone."""

    __slots__ = ("__array_interface__", "_leases", "_record")

    def __init__(
        self, record: Record, address: int, kind: Mapping[str, Any], shape: tuple[int, ...], leases: Leases
    ) -> None:
        self._record = record
        self._leases = leases
        leases.hold(record)
        self.__array_interface__ = {**kind, "shape": shape, "data": (address, True)}

    def __del__(self) -> None:
        self._leases.give_back(self._record)
