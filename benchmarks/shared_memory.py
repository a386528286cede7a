"""The slot ring between two processes against a plain copy into a private ring of the same size.

`python -m benchmarks.shared_memory` prints a table. The producer copies each chunk in; the consumer takes
views, or also adds all numbers up. Best of three rounds.
A machine that does other things too gives less, above all for small records.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

import numpy as np
import numpy.typing as npt

from xspress3.errors import StreamEndedError
from xspress3.stream.shared import RecordFields, RingReader, RingWriter

ROUNDS = 3
MIB = 1 << 20
SIZES = [(64, 64), (4, 8)]
"""Of source and ring in MiB: larger than the caches, and small."""

Chunks = list[npt.NDArray[np.uint8]]


def copy_rate(chunks: Chunks, n_chunks: int, ring_bytes: int) -> float:
    """GB/s of copying into private memory, which gets huge pages where the system has them."""
    chunk = chunks[0].nbytes
    ring = np.ones(ring_bytes, np.uint8)
    slots = [ring[i * chunk : (i + 1) * chunk] for i in range(ring_bytes // chunk)]

    def fill() -> None:
        for i in range(n_chunks):
            np.copyto(slots[i % len(slots)], chunks[i % len(chunks)])

    return n_chunks * chunk / _best(fill) / 1e9


def ring_rate(chunks: Chunks, n_chunks: int, ring_bytes: int, adds_up: bool) -> float:
    """GB/s from process to process, until the last record was released."""
    chunk = chunks[0].nbytes
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    with RingWriter(ring_bytes // chunk, chunk) as ring:
        consumer = context.Process(target=_consume, args=(ring.ring_id, theirs, adds_up))
        consumer.start()
        ours.recv()

        def send() -> None:
            for i in range(n_chunks):
                ring.write(RecordFields(), chunks[i % len(chunks)], timeout=5)
            while ring.readers[0].behind:
                pass

        best = _best(send)
    assert ours.recv() == ROUNDS * n_chunks
    consumer.join()
    return n_chunks * chunk / best / 1e9


def _consume(ring_id: str, connection: Connection, adds_up: bool) -> None:
    n_records = 0
    with RingReader(ring_id, "benchmark", start="next") as reader:
        connection.send("here")
        try:
            while True:
                with reader.read() as record:  # type: ignore[union-attr]  # without timeout it is a record
                    if adds_up:
                        np.frombuffer(record.memory, np.uint64).sum()
                n_records += 1
        except StreamEndedError:
            connection.send(n_records)


def _best(work: Callable[[], None]) -> float:
    times = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return min(times)


def main() -> None:
    """Print a line for each size of record."""
    for source_mib, ring_mib in SIZES:
        source = np.ones(source_mib * MIB, np.uint8)
        for chunk in (64 << 10, MIB, 4 * MIB)[: 3 if ring_mib > 8 else 2]:
            chunks = [source[i : i + chunk] for i in range(0, source.nbytes, chunk)]
            n_chunks, ring_bytes = (1 << 30) // chunk, ring_mib * MIB
            copied = copy_rate(chunks, n_chunks, ring_bytes)
            for adds_up in (False, True):
                sent = ring_rate(chunks, n_chunks, ring_bytes, adds_up)
                print(
                    f"{chunk >> 10:5} KiB, source {source_mib}, ring {ring_mib} MiB, "
                    f"{'sums ' if adds_up else 'views'}: {sent:5.1f} of {copied:5.1f} GB/s"
                )


if __name__ == "__main__":
    main()
