"""Checks of what every reader gets: all of it, whole, in order, from where it joined."""

from __future__ import annotations

from xspress3.stream.messages import Block, Message, SessionStart
from xspress3.testing.checks.expect import expect_all, frames_in, next_of
from xspress3.testing.transport_tools import Bench, Check, account, frames_of

__all__ = ["CHECKS"]


def order(bench: Bench) -> None:
    """A reader gets every message of a session, once, in order."""
    reader = bench.join()
    bench.start()
    found: list[Message] = []
    for _ in range(30):
        bench.blocks(1, n_frames=3)
        found += [next_of(bench, reader)] if found else [next_of(bench, reader), next_of(bench, reader)]
    bench.end()
    expect_all(found + bench.session(reader), 90)


def whole_messages(bench: Bench) -> None:
    """Blocks of any size arrive with every byte, and their envelope."""
    reader = bench.join()
    bench.start()
    next_of(bench, reader)
    for width in (1, 7, 1000, 10_000):
        sent = bench.block(3, width)
        bench.send(sent)
        bench.next_frame += 3
        came = next_of(bench, reader)
        assert isinstance(came, Block), f"sent was a Block, came {type(came).__name__}"
        frames_of(came)
        data, wanted = came["data"].decode(), sent["data"].decode()
        assert data.shape == wanted.shape, f"sent were {wanted.shape} values, came {data.shape}"
        assert data.dtype == wanted.dtype, f"sent was {wanted.dtype}, came {data.dtype}"
        assert came.envelope == sent.envelope, f"sent with {sent.envelope}, came {came.envelope}"
    bench.end()
    bench.session(reader)


def several_readers(bench: Bench) -> None:
    """Each reader gets everything."""
    readers = [bench.join(name=name) for name in ("a", "b", "c")]
    names = sorted(info.name for info in bench.sender.readers)
    assert names == ["a", "b", "c"], f"readers a, b and c have joined, the sender lists {names}"
    bench.start()
    found: list[list[Message]] = [[next_of(bench, reader)] for reader in readers]
    for _ in range(10):
        bench.blocks(1)
        for messages, reader in zip(found, readers, strict=True):
            messages.append(next_of(bench, reader))
    bench.end()
    for messages, reader in zip(found, readers, strict=True):
        expect_all(messages + bench.session(reader), 10)


def sessions(bench: Bench) -> None:
    """Sessions follow each other, each numbered from 0."""
    reader = bench.join()
    ids = []
    for n_frames in (3, 0, 5):
        bench.start()
        bench.blocks(n_frames)
        bench.end()
        found = bench.session(reader)
        expect_all(found, n_frames)
        start = found[0]
        assert isinstance(start, SessionStart), f"a session begins with a {type(start).__name__}"
        assert not start.is_repeat, "a reader that was there has got a start that says it is a repetition"
        ids.append(start.envelope.session_id)
    assert len(set(ids)) == 3, f"three sessions came as {ids}"


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
    frames = frames_in(found)
    assert frames == list(range(first, 10)), f"expected frames {first}..9, came {frames}"
    tracker = account(found)
    n_before = sum(gap.n_frames for gap in tracker.joined_late)
    assert tracker.lost == n_before == first, f"{tracker.lost} frames count as lost, {first} were before"
    assert not tracker.missed_messages, f"{tracker.missed_messages} messages are missing by their numbers"


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


CHECKS: dict[str, Check] = {
    "order": order,
    "whole messages": whole_messages,
    "several readers": several_readers,
    "sessions": sessions,
    "late join": late_join,
    "contract of the start": contract_of_the_start,
}
