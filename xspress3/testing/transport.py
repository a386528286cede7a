"""What every transport of messages must keep to, as checks for whoever writes one.

A transport is a sender and readers that join it. No test framework is needed: a check that fails raises
`AssertionError`, and says what was expected and what came instead. See `check_transport`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, Union

from xspress3.stream.messages import Message
from xspress3.testing.checks import CHECKS
from xspress3.testing.transport_tools import Bench

__all__ = [
    "MakeReader",
    "ReaderInfo",
    "ReceivingEnd",
    "SendingEnd",
    "TransportPair",
    "check_transport",
    "transport_checks",
]


class ReaderInfo(Protocol):
    """A reader as its sender knows it."""

    @property
    def name(self) -> str:
        """As the reader has it."""

    @property
    def contract(self) -> str:
        """How this reader is served, as text, such as `lossless`."""


class SendingEnd(Protocol):
    """The end that sends, used in one thread."""

    def send(self, message: Message, *, give_up: Callable[[], bool] = ...) -> object:
        """Give `message` to every reader as its contract says.

        Lossless readers without room are waited for; meanwhile `give_up` is asked, several times in a
        second, and when it says True `zmq.Again` is raised, and no lossless reader gets the message.
        """

    def serve(self, timeout: float = ...) -> None:
        """Hear readers, for up to `timeout` s; called often while nothing is sent."""

    @property
    def readers(self) -> Sequence[ReaderInfo]:
        """Readers that have joined and not left."""

    def close(self) -> None:
        """Let readers get what they were sent, and then the end; a second call does nothing."""


class ReceivingEnd(Protocol):
    """The end that receives, used in one thread."""

    def receive(self, timeout: float) -> Message | None:
        """The next message, or `None` when there was none within `timeout` s.

        May raise `StreamEndedError` once all was received and the sender is gone.
        """

    @property
    def is_connected(self) -> bool:
        """Whether the sender is there; may be True for ever where `receive` tells of the end."""

    def close(self) -> None:
        """Leave; a second call does nothing."""


class MakeReader(Protocol):
    """Makes readers of one sender, joined or about to join; the suite closes them."""

    def __call__(self, *, name: str = ..., contract: str = ...) -> ReceivingEnd:
        """A reader called `name`, under `contract`."""


@dataclass(frozen=True)
class TransportPair:
    """A sender, how to join it, and what the transport can do for checks of sudden death.

    Parameters
    ----------
    sender
        Closed by the suite.
    make_reader
        See `MakeReader`.
    kill_reader
        Lets a lossless reader join from another process and kills it; the sender is served meanwhile by
        the function it is given. `None` where there are no other processes.
    make_orphan
        Gives a reader whose sender, in another process, was killed after the reader had joined; the suite
        closes it. `None` as above.
    cleanup
        Called at the end, after both ends were closed; `None` for nothing.
    """

    sender: SendingEnd
    make_reader: MakeReader
    kill_reader: Callable[[Callable[[], None]], None] | None = None
    make_orphan: Callable[[], ReceivingEnd] | None = None
    cleanup: Callable[[], None] | None = None


MakePair = Callable[[], Union[TransportPair, tuple[SendingEnd, MakeReader]]]


def transport_checks() -> list[str]:
    """Names of all checks, for `check_transport`; as parameters of one test each, for example."""
    return [*CHECKS]


def check_transport(make_pair: MakePair, *names: str, patience: float = 5.0) -> None:
    """Check a transport.

    Parameters
    ----------
    make_pair
        Gives a new sender and a function that makes its readers, each time it is called: a
        `TransportPair`, or a tuple of these two. Called once for each check. The sender should keep few
        messages (2 to 64) on the way to a reader, and some of a session for readers that join late.
    names
        Of the checks to make, see `transport_checks`; all of them when none is named. Checks for which
        the pair lacks the means pass.
    patience
        Seconds for each thing that must happen sooner or later.

    Raises
    ------
    AssertionError
        Names the check, what was expected, and what came.
    ValueError
        For a name that there is not.
    """
    unknown = [name for name in names if name not in CHECKS]
    if unknown:
        raise ValueError(f"checks {unknown}, there are {list(CHECKS)}")
    for name in names or CHECKS:
        _check(name, CHECKS[name], make_pair, patience)


def _check(name: str, check: Callable[[Bench], None], make_pair: MakePair, patience: float) -> None:
    made = make_pair()
    pair = made if isinstance(made, TransportPair) else TransportPair(*made)
    began = time.monotonic()
    try:
        with Bench(pair, patience) as bench:
            check(bench)
    except Exception as error:
        what = str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
        after = time.monotonic() - began
        raise AssertionError(f"check {name!r} failed after {after:.1f} s: {what}") from error
    finally:
        if pair.cleanup is not None:
            pair.cleanup()
