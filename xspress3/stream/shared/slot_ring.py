"""A ring of slots in shared memory: one process writes records, up to 32 readers take them.

::

    writer: borrow -> slot -> commit           reader: read -> view of the slot -> release   (lossless)
                                                       read -> copy, checked                 (latest, every:N)

The writer waits for lossless readers, which hold a slot until they release it. It does not wait for the
others: what they get is whole, and each record says how many before it they did not look at. Which frames
those were follows from `sequence` and `first_frame`. A reader that was overtaken goes on half a ring behind
the writer.

Readers map the data read-only; the little that they write is in memory of its own, and the writer checks it.
A lossless reader that died is taken off the list when the writer has waited 50 ms for it; that the writer
died is seen by its readers within half a second. Neither end may be used in a child that was forked off.
"""

from xspress3.stream.shared.records import Record, RecordFields, RecordKind, part_offsets
from xspress3.stream.shared.ring_reader import RingReader
from xspress3.stream.shared.ring_writer import RingReaderInfo, RingWriter

__all__ = [
    "Record",
    "RecordFields",
    "RecordKind",
    "RingReader",
    "RingReaderInfo",
    "RingWriter",
    "part_offsets",
]
