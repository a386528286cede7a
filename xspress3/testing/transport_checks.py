"""The checks of a transport, one function each, by name; see `transport`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import zmq

from xspress3.errors import StreamEndedError
from xspress3.stream.messages import Block, Loss, Message, SessionEnd, SessionStart
from xspress3.testing.transport_tools import Bench, account, bounded, frames_of

if TYPE_CHECKING:
    from xspress3.testing.transport import ReceivingEnd

__all__ = ["CHECKS"]

Check = Callable[[Bench], None]
CHECKS: dict[str, Check] = {}
_WIDE = 1 << 18
"""Values of a frame that fills a megabyte, so that no buffer of the system hides who is slow."""


def _named(name: str) -> Callable[[Check], Check]:
    def note(check: Check) -> Check:
        CHECKS[name] = check
        return check

    return note


def _frames(messages: Sequence[Message]) -> list[int]:
    return [frame for message in messages if isinstance(message, Block) for frame in frames_of(message)]


def _lost(messages: list[Message]) -> list[int]:
    return [
        frame
        for message in messages
        if isinstance(message, Loss)
        for frame in range(message.first_frame, message.first_frame + message.n_frames)
    ]


def _expect_all(messages: Sequence[Message], n_frames: int) -> None:
    """A whole session of `n_frames`, in order, each message once."""
    sequences = [message.envelope.sequence for message in messages]  # type: ignore[union-attr]
    assert sequences == sorted(set(sequences)), f"messages came out of order or twice: {_break(sequences)}"
    frames = _frames(messages)
    assert frames == list(range(n_frames)), (
        f"expected frames 0..{n_frames - 1} in order, came {len(frames)}: {_break(frames)}"
    )
    tracker = account(messages)
    assert tracker.is_complete, f"{tracker.lost} frames are told as lost to a lossless reader"
    assert not tracker.missed_messages, f"{tracker.missed_messages} messages are missing"


def _break(numbers: list[int]) -> str:
    """Where numbers stop to follow each other."""
    for before, after in pairwise(numbers):
        if after != before + 1:
            return f"after {before} comes {after}"
    return f"{numbers[:1]} to {numbers[-1:]}"


@_named("order")
def order(bench: Bench) -> None:
    """A reader gets every message of a session, once, in order."""
    reader = bench.join()
    bench.start()
    found: list[Message] = []
    for _ in range(30):
        bench.blocks(1, n_frames=3)
        found += [_next(bench, reader)] if found else [_next(bench, reader), _next(bench, reader)]
    bench.end()
    _expect_all(found + bench.session(reader), 90)


def _next(bench: Bench, reader: ReceivingEnd) -> Message:
    message = bench.receive(reader)
    assert message is not None, "the sender ended within a session"
    return message


@_named("whole messages")
def whole_messages(bench: Bench) -> None:
    """Blocks of any size arrive with every byte, and their envelope."""
    reader = bench.join()
    bench.start()
    _next(bench, reader)
    for width in (1, 7, 1000, 10_000):
        sent = bench.block(3, width)
        bench.send(sent)
        bench.next_frame += 3
        came = _next(bench, reader)
        assert isinstance(came, Block), f"sent was a Block, came {type(came).__name__}"
        frames_of(came)
        data, wanted = came["data"].decode(), sent["data"].decode()
        assert data.shape == wanted.shape, f"sent were {wanted.shape} values, came {data.shape}"
        assert data.dtype == wanted.dtype, f"sent was {wanted.dtype}, came {data.dtype}"
        assert came.envelope == sent.envelope, f"sent with {sent.envelope}, came {came.envelope}"
    bench.end()
    bench.session(reader)


@_named("several readers")
def several_readers(bench: Bench) -> None:
    """Each reader gets everything."""
    readers = [bench.join(name=name) for name in ("a", "b", "c")]
    names = sorted(info.name for info in bench.sender.readers)
    assert names == ["a", "b", "c"], f"readers a, b and c have joined, the sender lists {names}"
    bench.start()
    found: list[list[Message]] = [[_next(bench, reader)] for reader in readers]
    for _ in range(10):
        bench.blocks(1)
        for messages, reader in zip(found, readers, strict=True):
            messages.append(_next(bench, reader))
    bench.end()
    for messages, reader in zip(found, readers, strict=True):
        _expect_all(messages + bench.session(reader), 10)


@_named("sessions")
def sessions(bench: Bench) -> None:
    """Sessions follow each other, each numbered from 0."""
    reader = bench.join()
    ids = []
    for n_frames in (3, 0, 5):
        bench.start()
        bench.blocks(n_frames)
        bench.end()
        found = bench.session(reader)
        _expect_all(found, n_frames)
        start = found[0]
        assert isinstance(start, SessionStart), f"a session begins with a {type(start).__name__}"
        assert not start.is_repeat, "a reader that was there has got a start that says it is a repetition"
        ids.append(start.envelope.session_id)
    assert len(set(ids)) == 3, f"three sessions came as {ids}"


@_named("late join")
def late_join(bench: Bench) -> None:
    """Who joins late gets the start again, then what is kept, then everything that follows."""
    bench.start()
    bench.blocks(5)
    reader = bench.join()
    bench.blocks(5)
    bench.end()
    found = bench.session(reader)
    start = found[0]
    assert isinstance(start, SessionStart), (
        f"who joins late gets a {type(start).__name__} first, expected is the SessionStart"
    )
    first = start.next_frame
    assert first <= 5, f"the reader joined before frame 5, the start says that frame {first} comes next"
    is_told = start.is_repeat or first == 0
    assert is_told, "the start that is sent again does not say so in `is_repeat`"
    frames = _frames(found)
    assert frames == list(range(first, 10)), f"expected frames {first}..9, came {frames}"
    tracker = account(found)
    n_before = sum(gap.n_frames for gap in tracker.joined_late)
    assert tracker.lost == n_before == first, f"{tracker.lost} frames count as lost, {first} were before"
    assert not tracker.missed_messages, f"{tracker.missed_messages} messages are missing by their numbers"


@_named("back-pressure")
def back_pressure(bench: Bench) -> None:
    """The sender waits for a slow lossless reader, which gets all; what was given up reached nobody."""
    slow, other = bench.join(name="slow"), bench.join(name="other")
    bench.start()
    n_sent = bench.fill()
    found = [_next(bench, other) for _ in range(n_sent + 1)]
    bench.sender.serve(0)
    extra = bounded(lambda: other.receive(0.02), "receive", 30)
    assert not isinstance(extra, Block), "a block whose send was given up has reached a reader"
    mine = [_next(bench, slow) for _ in range(n_sent + 1)]
    bench.blocks(1)
    bench.end()
    _expect_all(found + bench.session(other), n_sent + 1)
    _expect_all(mine + bench.session(slow), n_sent + 1)


@_named("slow viewers")
def slow_viewers(bench: Bench) -> None:
    """Readers that need not get all hold up nobody, even when they take nothing."""
    for contract in ("latest", "every:1", "every:7"):
        bench.join(contract, name=contract)
    writer = bench.join(name="writer")
    bench.start()
    found = [_next(bench, writer)]
    for _ in range(30):
        bench.blocks(1, width=_WIDE // 4)
        found.append(_next(bench, writer))
    bench.end()
    _expect_all(found + bench.session(writer), 30)


@_named("latest")
def latest(bench: Bench) -> None:
    """Who wants the newest gets it, late or not, and the count of what it was not given."""
    viewer = bench.join("latest")
    bench.start()
    bench.blocks(40, n_frames=2)
    bench.end()
    found = bench.session(viewer)
    frames, tracker = _frames(found), account(found)
    assert frames[-2:] == [78, 79], f"the newest frames are 78 and 79, the last that came are {frames[-2:]}"
    assert frames == sorted(set(frames)), "frames came out of order or twice"
    _expect_exact(found, 80)
    assert tracker.lost == 0, f"{tracker.lost} frames are told as lost that the contract leaves out"
    assert tracker.received + tracker.skipped == 80, (
        f"{tracker.received} received and {tracker.skipped} left out are not the 80 that were sent"
    )
    assert not tracker.missed_messages, f"{tracker.missed_messages} messages are missing by their numbers"


@_named("every n-th")
def every_nth(bench: Bench) -> None:
    """Who wants each third frame gets the multiples of 3, and is told of no loss while it keeps pace."""
    sampler = bench.join("every:3")
    bench.start()
    found: list[Message] = [_next(bench, sampler)]
    for _ in range(10):
        bench.blocks(1, n_frames=5)
        found.append(_next(bench, sampler))
    bench.end()
    found += bench.session(sampler)
    frames, tracker = _frames(found), account(found)
    assert frames == list(range(0, 50, 3)), f"expected multiples of 3 below 50, came {frames}"
    assert tracker.lost == 0, f"{tracker.lost} frames are told as lost, nothing was"
    assert tracker.is_complete, "the session does not count as complete"


@_named("loss")
def loss(bench: Bench) -> None:
    """Who is too slow for `every:1` is told exactly which frames it will not get, at the end too."""
    slow = bench.join("every:1")
    bench.start()
    n_blocks = 0
    while n_blocks < 300:
        bench.blocks(100)
        n_blocks += 100
    bench.end()
    found = bench.session(slow)
    _expect_exact(found, n_blocks)
    tracker = account(found)
    lost, frames = _lost(found), _frames(found)
    assert tracker.received == len(frames), f"the tracker counts {tracker.received}, came {len(frames)}"
    assert tracker.lost == len(lost), f"the tracker counts {tracker.lost} lost, told were {len(lost)}"
    assert not tracker.missed_messages, f"{tracker.missed_messages} messages are missing by their numbers"


def _expect_exact(found: list[Message], n_frames: int) -> None:
    """Each frame came or was told not to come, once."""
    end = found[-1]
    assert isinstance(end, SessionEnd), f"the last message is a {type(end).__name__}, expected SessionEnd"
    both = sorted(_frames(found) + _lost(found))
    missing = sorted(set(range(n_frames)) - set(both))
    assert not missing, f"frames {missing[:5]}... neither came nor were told as lost ({len(missing)} of them)"
    assert len(both) == n_frames, f"{len(both)} frames came or were told as lost, {n_frames} were sent"


@_named("announced loss")
def announced_loss(bench: Bench) -> None:
    """What the sender itself has lost is told to every reader."""
    readers = [bench.join(contract) for contract in ("lossless", "latest", "every:1")]
    bench.start()
    bench.blocks(1)
    bench.send(Loss(bench.numbering.envelope(), 1, 4, "overwritten in the detector"))
    bench.next_frame = 5
    bench.blocks(1)
    bench.end()
    for reader in readers:
        found = bench.session(reader)
        _expect_exact(found, 6)
        reasons = {
            message.reason for message in found if isinstance(message, Loss) and not message.by_contract
        }
        assert "overwritten in the detector" in reasons, f"the reason that was given is not among {reasons}"


@_named("leaving")
def leaving(bench: Bench) -> None:
    """A lossless reader that leaves is not waited for any more."""
    stays, leaves = bench.join(name="stays"), bench.join(name="leaves")
    bench.start()
    n_sent = bench.fill()
    leaves.close()
    found = [_next(bench, stays) for _ in range(n_sent + 1)]
    bench.wait(
        lambda: [one.name for one in bench.sender.readers] == ["stays"], "the sender to forget a reader"
    )
    bench.blocks(1)
    bench.end()
    _expect_all(found + bench.session(stays), n_sent + 1)


@_named("close while blocked")
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
    assert _frames(came) == list(range(len(_frames(came)))), "what was sent before closing comes torn"
    assert len(_frames(came)) <= n_sent, "more came than was sent"


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


@_named("close")
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
    _expect_all(sent, 3)
    _expect_gone(bench, reader)
    for _ in range(2):
        for one in (reader, other):
            bounded(one.close, "close of a reader", 2 * bench.patience)


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


@_named("reader killed")
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


@_named("sender killed")
def sender_killed(bench: Bench) -> None:
    """A reader notices that its sender was killed."""
    if bench.pair.make_orphan is None:
        return
    reader = bench.pair.make_orphan()
    bench.readers.append(reader)
    _expect_gone(bench, reader)


@_named("contract of the start")
def contract_of_the_start(bench: Bench) -> None:
    """The start tells each reader its own contract."""
    readers = {contract: bench.join(contract, contract) for contract in ("lossless", "latest", "every:4")}
    listed = {info.name: info.contract for info in bench.sender.readers}
    assert listed == {name: name for name in readers}, f"the sender lists readers under contracts {listed}"
    bench.start()
    bench.end()
    for contract, reader in readers.items():
        start = bench.session(reader)[0]
        assert isinstance(start, SessionStart), f"a session begins with a {type(start).__name__}"
        said = start.contract
        assert said == contract, f"the start for a reader under {contract!r} says {said!r}"
