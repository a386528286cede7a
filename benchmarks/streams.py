"""Streams of samples against a copy, raw pyzmq, and a plain stream of two copies.

What makes the comparison fair:

- One producer and one consumer: two processes, or two threads where the way is within a process. Each kind
  of consumer has a process of its own, because ours sets how the memory of its process is managed.
- The same chunks for all: float32, shape (n, 16), from as many different arrays as fill `memory_bytes`,
  four times what the cache of the machine holds, one after the other. The copy goes into as much memory
  again, chunk after chunk, as the shared memory of the stream is large.
- The consumer looks at one value of each chunk, the number of the array that it was made of, and counts
  what is wrong. That is done after the copy as well.
- A round begins with as many chunks as fill the memory once, which are not counted: pages are there,
  connections are warm. The rate is from the first to the last chunk after these, at the consumer.
- All have the same room for chunks on the way, wait where there is none, and lose nothing.
- A plain stream is compared that goes by the same protocol.
- In each round every way has its turn, so that the machine's moods meet all; medians are compared.
"""

from __future__ import annotations

import queue
import statistics
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Any, Union

import numpy as np

from benchmarks.helper import Helper, Tell
from benchmarks.rows import NOTHING, Row, Wanted
from benchmarks.stream_ends import DTYPE, N_COLUMNS, ROW_BYTES, Chunk, receiver_of, sender_of

__all__ = ["CHUNK_BYTES", "Plan", "stream_rows"]

CHUNK_BYTES = (64 << 10, 1 << 20, 4 << 20)
COPY = "np.copyto"


@dataclass(frozen=True)
class Way:
    """One way from producer to consumer, and what is wanted of it.

    Parameters
    ----------
    kind, protocol
        See `stream_ends`; `protocol` has the transfer mode behind it where that is not the usual one.
    against, least
        Name of the way it is held against, and the ratio wanted, by size of chunks where it differs.
    """

    name: str
    kind: str
    protocol: tuple[str, ...]
    against: str = COPY
    least: Union[float, dict[int, float], None] = None

    @property
    def is_local(self) -> bool:
        """Whether it goes from thread to thread."""
        return self.protocol[0] == "inproc"

    def wanted(self, chunk_bytes: int) -> Wanted | None:
        """What is wanted of the ratio."""
        least = self.least.get(chunk_bytes) if isinstance(self.least, dict) else self.least
        return None if least is None else Wanted(least=least)


WAYS = (
    Way("plain stream, inproc", "plain", ("inproc",)),
    Way("raw pyzmq, inproc", "raw", ("inproc",)),
    Way("stream, inproc", "stream", ("inproc",), "plain stream, inproc", 8.0),
    Way("plain stream, tcp", "plain", ("tcp",)),
    Way("raw pyzmq, tcp", "raw", ("tcp",)),
    Way("stream, tcp", "stream", ("tcp",), "plain stream, tcp", 1.4),
    Way(
        "stream, shared memory",
        "stream",
        ("tcp", "sharedmem"),
        COPY,
        {64 << 10: 0.6, 1 << 20: 0.9, 4 << 20: 0.9},
    ),
)


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Parameters
    ----------
    memory_bytes
        Of all source arrays together, of the target of the copy, and of the shared memory.
    seconds
        About what one turn of one way takes.
    """

    chunk_sizes: tuple[int, ...] = CHUNK_BYTES
    memory_bytes: int = 128 << 20
    rounds: int = 7
    seconds: float = 0.5


def stream_rows(plan: Plan | None = None) -> list[Row]:
    """Rates of all ways for all sizes of chunks, in MB/s."""
    plan = plan or Plan()
    rows, n_wrong = [], 0
    with ExitStack() as stack:
        consumers = {kind: stack.enter_context(Helper()) for kind in sorted({way.kind for way in WAYS})}
        for chunk_bytes in plan.chunk_sizes:
            bench = _Bench(plan, chunk_bytes, consumers)
            rows += _rows_of(chunk_bytes, bench.run())
            n_wrong += bench.n_wrong
    return [*rows, Row("chunks that were not what was sent", n_wrong, "chunks", wanted=NOTHING)]


def _rows_of(chunk_bytes: int, rates: dict[str, float]) -> list[Row]:
    size = f"{chunk_bytes >> 10} KiB" if chunk_bytes < 1 << 20 else f"{chunk_bytes >> 20} MiB"
    rows = [Row(f"{size}: {COPY}", rates[COPY], "MB/s")]
    for way in WAYS:
        rate, baseline = rates[way.name], way.against
        ratio = rate / rates[baseline]
        rows.append(
            Row(f"{size}: {way.name}", rate, "MB/s", f"{size}: {baseline}", ratio, way.wanted(chunk_bytes))
        )
    return rows


class _Bench:
    """All ways with chunks of one size."""

    def __init__(self, plan: Plan, chunk_bytes: int, consumers: Mapping[str, Helper]) -> None:
        self._plan = plan
        self._consumers = consumers
        self._chunk_bytes = chunk_bytes
        self._n_samples = chunk_bytes // ROW_BYTES
        self._sources = _numbered(max(plan.memory_bytes // chunk_bytes, 2), self._n_samples)
        self._targets = [np.zeros_like(source) for source in self._sources]
        self.n_wrong = 0

    def run(self) -> dict[str, float]:
        """Median rate of each way in MB/s; a first round only says how many chunks take how long."""
        names = [COPY, *(way.name for way in WAYS)]
        n_chunks = dict.fromkeys(names, len(self._sources))
        for name, rate in self._round(n_chunks).items():
            n_chunks[name] = max(int(rate * self._plan.seconds), len(self._sources))
        rounds = [self._round(n_chunks) for _ in range(self._plan.rounds)]
        scale = self._chunk_bytes / 1e6
        return {name: statistics.median(found[name] for found in rounds) * scale for name in names}

    def _round(self, n_chunks: dict[str, int]) -> dict[str, float]:
        """Chunks a second of each way."""
        rates = {COPY: self._copy(n_chunks[COPY])}
        for way in WAYS:
            rates[way.name] = self._send(way, n_chunks[way.name])
        return rates

    def _copy(self, n_chunks: int) -> float:
        n_sources, begin = len(self._sources), 0.0
        for number in range(-n_sources, n_chunks):
            if number == 0:
                begin = time.perf_counter()
            place = number % n_sources
            np.copyto(self._targets[place], self._sources[place])
            self.n_wrong += bool(self._targets[place][0, 0] != place)
        return n_chunks / (time.perf_counter() - begin)

    def _send(self, way: Way, n_chunks: int) -> float:
        n_sources = len(self._sources)
        sender = sender_of(way.kind, self._n_samples, self._plan.memory_bytes, *way.protocol)
        arguments = {
            "kind": way.kind,
            "address": sender.address,
            "n_samples": self._n_samples,
            "n_sources": n_sources,
            "n_chunks": n_chunks,
        }
        with closing(sender), self._consumer(way, arguments, sender.context) as hear:
            assert hear() == "joined"
            sender.wait_joined()
            for number in range(n_sources + n_chunks):
                sender.send(self._sources[number % n_sources])
            taken = hear()
        self.n_wrong += taken["wrong"]
        return (n_chunks - 1) / float(taken["seconds"])

    @contextmanager
    def _consumer(self, way: Way, arguments: dict[str, Any], context: Any) -> Iterator[Any]:
        """Who receives, in the other process or in a thread; gives what hears it."""
        if not way.is_local:
            consumer = self._consumers[way.kind]
            consumer.start(f"{__name__}:consume", **arguments)
            yield consumer.hear
            return
        told: queue.SimpleQueue[Any] = queue.SimpleQueue()
        thread = threading.Thread(
            target=lambda: told.put(consume(told.put, context=context, **arguments)), name="consumer"
        )
        thread.start()
        try:
            yield lambda: told.get(timeout=60.0)
        finally:
            thread.join()


def _numbered(n_chunks: int, n_samples: int) -> list[Chunk]:
    """Arrays whose every value is the number of the array; float32 holds it exactly."""
    return [np.full((n_samples, N_COLUMNS), number, DTYPE) for number in range(n_chunks)]


def consume(
    tell: Tell,
    *,
    kind: str,
    address: Any,
    n_samples: int,
    n_sources: int,
    n_chunks: int,
    context: Any = None,
) -> dict[str, Any]:
    """Take `n_sources` chunks and then `n_chunks` more; seconds from the first to the last of these."""
    n_wrong = 0
    with closing(receiver_of(kind, address, context, n_samples)) as receiver:
        tell("joined")
        take = receiver.take
        begin = 0.0
        for number in range(n_sources + n_chunks):
            chunk = take()
            n_wrong += bool(chunk[0, 0] != number % n_sources)
            if number == n_sources:
                begin = time.perf_counter()
        end = time.perf_counter()
        del chunk
    return {"seconds": end - begin, "wrong": n_wrong}
