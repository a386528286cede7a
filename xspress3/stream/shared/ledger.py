"""How the last sessions in a ring ended, for readers whom the ends of these did not reach.

It lies behind what the C library has in the control memory. One writes, any may read: a sum over all
of it tells whether it was read while it was written.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

__all__ = ["LEDGER_BYTES", "EndedSession", "note_ended", "read_ended"]

_HEAD = struct.Struct("=II")
"""Number of rows, and the sum over this number and the rows."""
_ROW = struct.Struct("=qQQQQ")
_MAX_ROWS = 32
_TRIES = 1000
LEDGER_BYTES = _HEAD.size + _MAX_ROWS * _ROW.size


class EndedSession(NamedTuple):
    """A session that is over, with the sender's counts of frames; `reason` is a number that it knows."""

    session_id: int
    reason: int
    acquired: int
    streamed: int
    lost: int


def note_ended(memory: memoryview, ended: EndedSession) -> None:
    """Add a session to those in `memory`, of `LEDGER_BYTES`; the oldest makes room."""
    rows = [*read_ended(memory), ended][-_MAX_ROWS:]
    packed = b"".join(_ROW.pack(*row) for row in rows)
    memory[: _HEAD.size + len(packed)] = _HEAD.pack(len(rows), _sum(len(rows), packed)) + packed


def read_ended(memory: memoryview) -> list[EndedSession]:
    """The last sessions, oldest first; empty where there is no such memory, or it holds anything else."""
    for _ in range(_TRIES if len(memory) == LEDGER_BYTES else 0):
        copy = bytes(memory)
        n_rows, said = _HEAD.unpack_from(copy)
        rows = copy[_HEAD.size : _HEAD.size + n_rows * _ROW.size]
        if n_rows <= _MAX_ROWS and said == _sum(n_rows, rows):
            return [EndedSession._make(row) for row in _ROW.iter_unpack(rows)]
    return []


def _sum(n_rows: int, rows: bytes) -> int:
    """Of nothing at all it is 0, as in memory that is new."""
    return zlib.crc32(rows, n_rows)
