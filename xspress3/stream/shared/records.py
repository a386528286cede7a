"""What lies in a slot, and what is said about it."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from enum import IntEnum
from typing import Any, NamedTuple, Protocol

__all__ = ["Record", "RecordFields", "RecordKind", "part_offsets"]

PART_ALIGNMENT = 64
"""Parts of a record begin at multiples of this many bytes from its beginning."""

FIELDS = struct.Struct("=QqQqQQQ")
"""`RecordFields` as C has them."""
RECORD = struct.Struct("=QqQqQQQ" + "QQQQQ" + "8Q")
"""The fields, then number, missed, offset, nbytes, n_parts, and the sizes of the parts."""
NUMBER, MISSED, OFFSET, NBYTES, N_PARTS, PART_BYTES = range(7, 13)


class RecordKind(IntEnum):
    """What a record is to the ring: blocks may be passed over when the contract allows it, messages not."""

    BLOCK = 0
    MESSAGE = 1


class RecordFields(NamedTuple):
    """What is said about a record besides its bytes; the ring looks at `kind` and the frames only.

    Parameters
    ----------
    session_id, time_ns
        Signed 64 bit; the others unsigned.
    first_frame, n_frames, step
        The record holds frames `first_frame + i * step` for i below `n_frames`.
    """

    kind: int = RecordKind.BLOCK
    session_id: int = 0
    sequence: int = 0
    time_ns: int = 0
    first_frame: int = 0
    n_frames: int = 0
    step: int = 1


def part_offsets(part_bytes: Sequence[int]) -> list[int]:
    """Where parts of these sizes begin in a record, and behind the last one the size of it all."""
    offsets, end = [], 0
    for size in part_bytes:
        offsets.append(-(-end // PART_ALIGNMENT) * PART_ALIGNMENT)
        end = offsets[-1] + size
    return [*offsets, end]


class Holder(Protocol):
    """Who gave a record, and takes it back."""

    def _release(self, number: int, store: Any) -> None: ...


class Record:
    """A record that was read; a context manager that releases it::

        with reader.read() as record:
            frames = np.frombuffer(record.memory, "<u4").reshape(record.n_frames, 4, 4096)

    `memory` is read-only, and holds the record until `release`; not a moment longer.

    Attributes
    ----------
    values
        What the ring says of it, in the order of `RECORD`: for who looks at each record of many.
    """

    __slots__ = ("_reader", "_store", "_whole", "values")

    def __init__(self, reader: Holder, values: tuple[int, ...], whole: memoryview, store: Any) -> None:
        self._reader: Holder | None = reader
        self._whole = whole
        self._store = store
        self.values = values

    @property
    def memory(self) -> memoryview:
        """Its bytes, where they are."""
        begin = self.values[OFFSET]
        return self._whole[begin : begin + self.values[NBYTES]]

    @property
    def fields(self) -> RecordFields:
        """What the writer said about it."""
        return RecordFields._make(self.values[:7])

    @property
    def is_message(self) -> bool:
        """Whether it is a message and not a block."""
        return self.values[0] == RecordKind.MESSAGE

    @property
    def sequence(self) -> int:
        """As in `fields`."""
        return self.values[2]

    @property
    def first_frame(self) -> int:
        """As in `fields`."""
        return self.values[4]

    @property
    def n_frames(self) -> int:
        """As in `fields`."""
        return self.values[5]

    @property
    def number(self) -> int:
        """Of the record in its ring, from 0."""
        return self.values[NUMBER]

    @property
    def missed(self) -> int:
        """Records since the last one that were overwritten or passed over unseen; 0 for lossless."""
        return self.values[MISSED]

    @property
    def nbytes(self) -> int:
        """Size of `memory`."""
        return self.values[NBYTES]

    @property
    def parts(self) -> list[memoryview]:
        """The parts as they were written."""
        sizes = self.values[PART_BYTES : PART_BYTES + self.values[N_PARTS]]
        return [self.memory[at : at + n] for at, n in zip(part_offsets(sizes), sizes, strict=False)]

    def release(self) -> None:
        """Give the slot back; in any order, and from any thread. Repeat calls do nothing."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader._release(self.values[NUMBER], self._store)

    def __enter__(self) -> Record:
        return self

    def __exit__(self, *exc: object) -> None:
        self.release()
