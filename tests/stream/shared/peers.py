"""The other process of a test: `python -m tests.stream.shared.peers read|write <arguments as JSON>`.

It says a line for what it does, so that nobody has to guess with a sleep, and ends when its input ends.
"""

from __future__ import annotations

import json
import sys
import threading
import zlib
from typing import Any

import numpy as np

from xspress3.errors import StreamEndedError
from xspress3.stream.shared import RecordFields, RingReader, RingWriter

WORDS = 4096


def content(number: int, words: int = WORDS) -> np.ndarray:
    """What record `number` holds: no two words of one record or of records near each other are alike."""
    return np.arange(words, dtype=np.uint64) * np.uint64(2654435761) + np.uint64(number)


def checked(number: int) -> np.ndarray:
    """Content with a checksum of itself as the last word."""
    array = content(number)
    array[-1] = zlib.crc32(array[:-1].tobytes())
    return array


def is_whole(memory: memoryview) -> bool:
    """Whether the checksum is right."""
    array = np.frombuffer(memory, np.uint64)
    return int(array[-1]) == zlib.crc32(array[:-1].tobytes())


def say(**what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def is_right(number: int, memory: memoryview) -> bool:
    """Whether this is what record `number` holds."""
    return np.array_equal(np.frombuffer(memory, np.uint64), content(number))


def read(
    ring_id: str, contract: str = "lossless", hold_after: int | None = None, has_checksum: bool = False
) -> None:
    """Read all; `hold_after` records one is kept and nothing more is read until the input ends."""
    with RingReader(ring_id, f"peer {contract}", contract, start="next") as reader:
        say(joined=True)
        numbers, missed, good = [], 0, True
        try:
            while hold_after is None or len(numbers) < hold_after:
                record = reader.read(timeout=15)
                assert record is not None, "nothing came"
                numbers.append(record.number)
                missed += record.missed
                memory = record.memory
                good = good and (is_whole(memory) if has_checksum else is_right(record.number, memory))
                if len(numbers) != hold_after:
                    record.release()
        except StreamEndedError as end:
            say(numbers=numbers, missed=missed, good=good, end=type(end).__name__)
            return
        say(holding=True)
        sys.stdin.read()


def write(n_records: int, n_slots: int = 4, half: bool = False) -> None:
    """Write so many when the first reader is there, `half` of one more, and wait for the end."""
    with RingWriter(n_slots, WORDS * 8, "peer") as ring:
        say(ring_id=ring.ring_id)
        waiting = threading.Event()
        while not ring.readers:
            waiting.wait(0.001)
        for number in range(n_records):
            ring.write(RecordFields(sequence=number), content(number), timeout=15)
        if half:
            ring.borrow(WORDS * 8, timeout=15)[:100] = 1
        say(wrote=n_records)
        sys.stdin.read()


if __name__ == "__main__":
    {"read": read, "write": write}[sys.argv[1]](**json.loads(sys.argv[2]))
