"""Checks of who waits for whom, and of what is told to those who are not waited for."""

from __future__ import annotations

from xspress3.stream.messages import Block, Loss, Message
from xspress3.testing.checks.expect import WIDE, expect_all, expect_exact, frames_in, lost_in, next_of
from xspress3.testing.transport_tools import Bench, Check, account, bounded

__all__ = ["CHECKS"]


def back_pressure(bench: Bench) -> None:
    """The sender waits for a slow lossless reader, which gets all; what was given up reached nobody."""
    slow, other = bench.join(name="slow"), bench.join(name="other")
    bench.start()
    n_sent = bench.fill()
    found = [next_of(bench, other) for _ in range(n_sent + 1)]
    bench.sender.serve(0)
    extra = bounded(lambda: other.receive(0.02), "receive", 30)
    assert not isinstance(extra, Block), "a block whose send was given up has reached a reader"
    mine = [next_of(bench, slow) for _ in range(n_sent + 1)]
    bench.blocks(1)
    bench.end()
    expect_all(found + bench.session(other), n_sent + 1)
    expect_all(mine + bench.session(slow), n_sent + 1)


def slow_viewers(bench: Bench) -> None:
    """Readers that need not get all hold up nobody, even when they take nothing."""
    for contract in ("latest", "every:1", "every:7"):
        bench.join(contract, name=contract)
    writer = bench.join(name="writer")
    bench.start()
    found = [next_of(bench, writer)]
    for _ in range(30):
        bench.blocks(1, width=WIDE // 4)
        found.append(next_of(bench, writer))
    bench.end()
    expect_all(found + bench.session(writer), 30)


def latest(bench: Bench) -> None:
    """Who wants the newest gets it, late or not, and the count of what it was not given."""
    viewer = bench.join("latest")
    bench.start()
    bench.blocks(40, n_frames=2)
    bench.end()
    found = bench.session(viewer)
    frames, tracker = frames_in(found), account(found)
    assert frames[-2:] == [78, 79], f"the newest frames are 78 and 79, the last that came are {frames[-2:]}"
    assert frames == sorted(set(frames)), "frames came out of order or twice"
    expect_exact(found, 80)
    assert tracker.lost == 0, f"{tracker.lost} frames are told as lost that the contract leaves out"
    assert tracker.received + tracker.skipped == 80, (
        f"{tracker.received} received and {tracker.skipped} left out are not the 80 that were sent"
    )
    assert not tracker.missed_messages, f"{tracker.missed_messages} messages are missing by their numbers"


def every_nth(bench: Bench) -> None:
    """Who wants each third frame gets the multiples of 3, and is told of no loss while it keeps pace."""
    sampler = bench.join("every:3")
    bench.start()
    found: list[Message] = [next_of(bench, sampler)]
    for _ in range(10):
        bench.blocks(1, n_frames=5)
        found.append(next_of(bench, sampler))
    bench.end()
    found += bench.session(sampler)
    frames, tracker = frames_in(found), account(found)
    assert frames == list(range(0, 50, 3)), f"expected multiples of 3 below 50, came {frames}"
    assert tracker.lost == 0, f"{tracker.lost} frames are told as lost, nothing was"
    assert tracker.is_complete, "the session does not count as complete"


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
    expect_exact(found, n_blocks)
    tracker = account(found)
    lost, frames = lost_in(found), frames_in(found)
    assert tracker.received == len(frames), f"the tracker counts {tracker.received}, came {len(frames)}"
    assert tracker.lost == len(lost), f"the tracker counts {tracker.lost} lost, told were {len(lost)}"
    assert not tracker.missed_messages, f"{tracker.missed_messages} messages are missing by their numbers"


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
        expect_exact(found, 6)
        reasons = {
            message.reason for message in found if isinstance(message, Loss) and not message.by_contract
        }
        assert "overwritten in the detector" in reasons, f"the reason that was given is not among {reasons}"


CHECKS: dict[str, Check] = {
    "back-pressure": back_pressure,
    "slow viewers": slow_viewers,
    "latest": latest,
    "every n-th": every_nth,
    "loss": loss,
    "announced loss": announced_loss,
}
