"""Memory that several processes of one machine look at.

`SharedMem` and `SharedArray` are plain memory with a name. On top of it, `RingWriter` and `RingReader` hand
records from one process to others, see `xspress3.stream.shared.slot_ring`.
"""

from xspress3.stream.shared.ledger import EndedSession
from xspress3.stream.shared.segment import SharedArray, SharedMem
from xspress3.stream.shared.slot_ring import (
    Record,
    RecordFields,
    RecordKind,
    RingReader,
    RingReaderInfo,
    RingWriter,
    part_offsets,
)

__all__ = [
    "EndedSession",
    "Record",
    "RecordFields",
    "RecordKind",
    "RingReader",
    "RingReaderInfo",
    "RingWriter",
    "SharedArray",
    "SharedMem",
    "part_offsets",
]
