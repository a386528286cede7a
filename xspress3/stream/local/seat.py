"""The place of one reader at a publisher of its process."""

from __future__ import annotations

import queue
import threading
from typing import Union

from xspress3.stream.control import Hello
from xspress3.stream.outbox import Outbox
from xspress3.stream.outgoing import Outgoing
from xspress3.stream.publisher import ReaderStatus, Samples

__all__ = ["Seat"]


class Seat:
    """Where one reader finds what it may take.

    What the sender waits for goes straight into `inbox`, which needs no lock: the counters are written
    by one side each. What may be left out goes by `outbox`, under the lock of the publisher.
    """

    def __init__(self, hello: Hello, credit: int) -> None:
        self.hello = hello
        self.credit = credit
        self.outbox = Outbox(hello.contract, credit)
        self.inbox: queue.SimpleQueue[Union[Outgoing, Samples, None]] = queue.SimpleQueue()
        self.n_put = 0
        self.n_taken = 0
        self.n_granted = 0
        self.is_lossless = hello.contract.is_lossless
        self.has_room = threading.Event()
        self.is_waited_for = False

    @property
    def is_full(self) -> bool:
        """Whether what was put and not taken fills its credit."""
        return self.n_put - self.n_taken >= self.credit

    def put(self, item: Union[Outgoing, Samples]) -> None:
        """Give it something, whether it has room or not."""
        self.n_put += 1
        self.inbox.put(item)

    def flush(self) -> None:
        """Give it what may leave the outbox."""
        while (item := self.outbox.take()) is not None:
            self.put(item)

    def grant(self) -> None:
        """Count what was taken as room for more."""
        self.outbox.grant(self.n_taken - self.n_granted)
        self.n_granted = self.n_taken
        self.flush()

    def took_one(self) -> None:
        """Called by the reader; wakes a sender that waits once there is room for some."""
        self.n_taken += 1
        if self.is_waited_for and self.n_put - self.n_taken <= self.credit // 2:
            self.is_waited_for = False
            self.has_room.set()

    def wait_for_room(self, timeout: float) -> None:
        """Called by the sender."""
        self.has_room.clear()
        self.is_waited_for = True
        if self.is_full:
            self.has_room.wait(timeout)
        self.is_waited_for = False

    def demote(self) -> None:
        """From here on nobody waits for this reader."""
        self.is_lossless = False
        self.outbox.demote()
        self.outbox.credit = 0
        self.n_granted = self.n_taken - max(self.credit - (self.n_put - self.n_taken), 0)

    def status(self) -> ReaderStatus:
        """The reader as its publisher tells of it."""
        hello, outbox = self.hello, self.outbox
        on_the_way = self.n_put - self.n_taken
        return ReaderStatus(
            hello.name, hello.host, hello.pid, str(outbox.contract), on_the_way, outbox.n_left_out
        )
