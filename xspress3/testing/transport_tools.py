"""What the checks of a transport are made with: a session to send, and ends that cannot hang a check."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import zmq

from xspress3.errors import StreamEndedError
from xspress3.stream.messages import (
    Alive,
    ArrayInfo,
    Block,
    EncodedArray,
    EndReason,
    Message,
    SessionEnd,
    SessionStart,
)
from xspress3.stream.numbering import Numbering
from xspress3.stream.tracker import SessionTracker
from xspress3.testing.ends import ReceivingEnd, TransportPair

__all__ = ["Bench", "Check", "account", "bounded", "frames_of", "payload_of"]

T = TypeVar("T")
_TURN = 0.01
_BOUND = 30.0
"""Seconds after which a call that should return soon is said to hang."""
ARRAY = "data"
N_BINS = 16


def bounded(action: Callable[[], T], what: str, seconds: float) -> T:
    """Do it, or fail when that takes longer than `seconds`."""
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(action())
        except BaseException as error:  # handed on below
            errors.append(error)

    # A daemon: what hangs shall not keep the process of the check from ending.
    thread = threading.Thread(target=run, name=f"check-{what}", daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), f"{what} has not returned within {seconds} s"
    if errors:
        raise errors[0]
    return results[0]


def payload_of(first_frame: int, n_frames: int, width: int = N_BINS) -> np.ndarray[Any, Any]:
    """Frame i holds i everywhere; dtype `<u4`, shape (n_frames, width)."""
    numbers = np.arange(first_frame, first_frame + n_frames, dtype="<u4")
    return np.repeat(numbers[:, None], width, axis=1)


def frames_of(message: Block) -> list[int]:
    """Numbers of the frames in `message`, checked against what is in them."""
    numbers = list(range(message.first_frame, message.end_frame, message.step))
    data = message[ARRAY].decode()
    found = data[:, 0].tolist() if data.ndim == 2 and data.shape[1] else None
    assert found == numbers, (
        f"a block says it has frames {numbers[:8]}..., in it are {found and found[:8]}..."
    )
    assert bool((data == data[:, :1]).all()), (
        f"the block from frame {numbers[0]} on is torn: its values differ"
    )
    return numbers


def account(messages: Sequence[Message]) -> SessionTracker:
    """What a tracker makes of the messages of one session."""
    assert messages, "nothing came"
    start = messages[0]
    assert isinstance(start, SessionStart), f"first comes a {type(start).__name__}, expected the SessionStart"
    tracker = SessionTracker(start)
    for message in messages[1:]:
        assert not isinstance(message, SessionStart), "a second start came within one session"
        tracker.feed(message)  # type: ignore[arg-type]  # signs of life were left out
    return tracker


class Bench:
    """One pair with a session to send through it; closes all of it in the end.

    Frames are numbered from 0, see `payload_of`.
    """

    def __init__(self, pair: TransportPair, patience: float) -> None:
        self.pair = pair
        self.sender = pair.sender
        self.patience = patience
        self.numbering = Numbering("check")
        self.next_frame = 0
        self.readers: list[ReceivingEnd] = []
        self._sessions = itertools.count(1000)

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        try:
            self.close_all()
        except Exception:
            if kind is None:  # else the first failure is the one to tell
                raise

    def close_all(self) -> None:
        """Close readers and sender, in bounded time."""
        for reader in self.readers:
            bounded(reader.close, "close of a reader", 2 * self.patience)
        bounded(self.sender.close, "close of the sender", 2 * self.patience)

    # Sending

    def join(self, contract: str = "lossless", name: str = "reader") -> ReceivingEnd:
        """A reader that the sender knows of."""
        before = len(self.sender.readers)
        reader = bounded(
            lambda: self.pair.make_reader(name=name, contract=contract), "make_reader", 2 * self.patience
        )
        self.readers.append(reader)
        self.wait(lambda: len(self.sender.readers) > before, "the sender to list the reader that joined")
        return reader

    def wait(self, condition: Callable[[], object], what: str, seconds: float | None = None) -> None:
        """Serve readers until `condition` holds."""
        deadline = time.monotonic() + (seconds or self.patience)
        while not condition():
            assert time.monotonic() < deadline, f"waited {seconds or self.patience} s in vain for {what}"
            self.sender.serve(_TURN)
            time.sleep(_TURN / 10)  # a transport whose `serve` does nothing returns at once

    def send(self, message: Message, seconds: float | None = None) -> None:
        """Send, in bounded time, what takes the next number."""
        deadline = time.monotonic() + (seconds or self.patience)

        def send() -> None:
            self.sender.send(message, give_up=lambda: time.monotonic() > deadline)

        try:
            bounded(send, "send", 2 * (seconds or self.patience))
        except zmq.Again:
            raise AssertionError(
                f"send waited {seconds or self.patience} s for readers with room, or that are not waited for"
            ) from None
        self.numbering.advance()

    def start(self) -> None:
        """Begin a session."""
        self.numbering.begin(next(self._sessions))
        self.next_frame = 0
        info = ArrayInfo(ARRAY, "<u4", (N_BINS,))
        self.send(SessionStart(self.numbering.envelope(), None, 1, (info,)))

    def block(self, n_frames: int = 1, width: int = N_BINS) -> Block:
        """The next frames, not sent."""
        data = payload_of(self.next_frame, n_frames, width)
        array = EncodedArray(ARRAY, data.dtype, data.shape, "none", data.tobytes())
        return Block(self.numbering.envelope(), self.next_frame, n_frames, (array,))

    def blocks(self, n_blocks: int, n_frames: int = 1, width: int = N_BINS) -> None:
        """Send the next frames."""
        for _ in range(n_blocks):
            self.send(self.block(n_frames, width))
            self.next_frame += n_frames

    def end(self) -> None:
        """End the session."""
        n = self.next_frame
        self.send(SessionEnd(self.numbering.envelope(), EndReason.COMPLETE, n, n, 0))
        self.numbering.end()

    def fill(self, limit: int = 10_000) -> int:
        """Send blocks until a reader is waited for; the number of them that went."""
        return bounded(lambda: self._fill(limit), "send, which was asked to give up,", 10 * self.patience)

    def _fill(self, limit: int) -> int:
        for n_sent in range(limit):
            try:
                self.sender.send(self.block(), give_up=lambda: True)
            except zmq.Again:
                return n_sent
            self.numbering.advance()
            self.next_frame += 1
        raise AssertionError(
            f"{limit} blocks were sent to a reader that took none; expected is back-pressure"
        )

    # Receiving

    def receive(self, reader: ReceivingEnd) -> Message | None:
        """What comes next, signs of life left out; the sender is served meanwhile. `None` at the end."""
        deadline = time.monotonic() + self.patience
        while time.monotonic() < deadline:
            self.sender.serve(0)
            try:
                message = bounded(lambda: reader.receive(_TURN), "receive", _BOUND)
            except StreamEndedError:
                return None
            if message is not None and not isinstance(message, Alive):
                return message
        raise AssertionError(f"nothing came within {self.patience} s")

    def session(self, reader: ReceivingEnd) -> list[Message]:
        """All messages up to the end of a session."""
        found: list[Message] = []
        while not found or not isinstance(found[-1], SessionEnd):
            try:
                message = self.receive(reader)
            except AssertionError as error:
                kinds = [type(one).__name__ for one in found]
                raise AssertionError(
                    f"{error}; the session has no end after {len(found)} messages, last {kinds[-3:]}"
                ) from None
            assert message is not None, (
                f"the sender ended after {len(found)} messages, before the session did"
            )
            found.append(message)
        return found


Check = Callable[[Bench], None]
"""One thing that a transport must keep to; `AssertionError` where it does not."""
