"""Checks of leaving, closing, and sudden death."""

from __future__ import annotations

import time

import zmq

from xspress3.errors import StreamEndedError
from xspress3.stream.messages import Block, Loss, Message, SessionEnd, SessionStart
from xspress3.testing.checks.expect import expect_all, frames_in, next_of
from xspress3.testing.ends import ReceivingEnd
from xspress3.testing.transport_tools import Bench, Check, bounded

__all__ = ["CHECKS"]


def leaving(bench: Bench) -> None:
    """A lossless reader that leaves is not waited for any more."""
    stays, leaves = bench.join(name="stays"), bench.join(name="leaves")
    bench.start()
    n_sent = bench.fill()
    leaves.close()
    found = [next_of(bench, stays) for _ in range(n_sent + 1)]
    bench.wait(
        lambda: [one.name for one in bench.sender.readers] == ["stays"], "the sender to forget a reader"
    )
    bench.blocks(1)
    bench.end()
    expect_all(found + bench.session(stays), n_sent + 1)


def close_while_blocked(bench: Bench) -> None:
    """A sender that waits can give up soon and close, though a reader has taken nothing."""
    reader = bench.join()
    bench.start()
    n_sent = bench.fill()
    give_up_at = time.monotonic() + 0.1

    def send() -> float:
        try:
            bench.sender.send(bench.block(), give_up=lambda: time.monotonic() > give_up_at)
        except zmq.Again:
            return time.monotonic() - give_up_at
        raise AssertionError("a send went through that a reader had no room for")

    late = bounded(send, "send", bench.patience + 1)
    assert late < 1.5, f"a send gave up {late:.1f} s after it was asked to"
    bounded(bench.sender.close, "close of a sender whose reader takes nothing", 2 * bench.patience)
    came = _what_is_left(reader)
    assert frames_in(came) == list(range(len(frames_in(came)))), "what was sent before closing comes torn"
    assert len(frames_in(came)) <= n_sent, "more came than was sent"


def close(bench: Bench) -> None:
    """Closing gives readers all that was sent, then the end; twice, and in any order, it does no harm."""
    reader, other = bench.join(name="one"), bench.join(name="other")
    bench.start()
    bench.blocks(3)
    bench.end()
    for _ in range(2):
        bounded(bench.sender.close, "close of the sender", 2 * bench.patience)
    found = _what_is_left(reader)
    sent = [message for message in found if isinstance(message, (SessionStart, Block, Loss, SessionEnd))]
    expect_all(sent, 3)
    _expect_gone(bench, reader)
    for _ in range(2):
        for one in (reader, other):
            bounded(one.close, "close of a reader", 2 * bench.patience)


def reader_killed(bench: Bench) -> None:
    """A lossless reader that is killed is waited for no longer than it takes to notice."""
    if bench.pair.kill_reader is None:
        return
    bench.pair.kill_reader(lambda: bench.sender.serve(0.01))
    bench.start()
    for _ in range(200):
        bench.send(bench.block(), seconds=4 * bench.patience)
        bench.next_frame += 1
    bench.end()


def sender_killed(bench: Bench) -> None:
    """A reader notices that its sender was killed."""
    if bench.pair.make_orphan is None:
        return
    reader = bench.pair.make_orphan()
    bench.readers.append(reader)
    _expect_gone(bench, reader)


def _what_is_left(reader: ReceivingEnd) -> list[Message]:
    """All that comes of a sender that is closed; it ends, or nothing comes any more."""
    found: list[Message] = []
    while True:
        try:
            message = bounded(lambda: reader.receive(0.3), "receive", 30)
        except StreamEndedError:
            return found
        if message is None:
            return found
        found.append(message)


def _expect_gone(bench: Bench, reader: ReceivingEnd) -> None:
    """The reader gets to know that its sender is gone."""
    deadline = time.monotonic() + bench.patience
    while time.monotonic() < deadline:
        try:
            bounded(lambda: reader.receive(0.05), "receive", 30)
        except StreamEndedError:
            return
        if not reader.is_connected:
            return
    raise AssertionError(f"the sender is gone, and the reader has not noticed within {bench.patience} s")


CHECKS: dict[str, Check] = {
    "leaving": leaving,
    "close while blocked": close_while_blocked,
    "close": close,
    "reader killed": reader_killed,
    "sender killed": sender_killed,
}
