"""What a transport is made of, as its checks need it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from xspress3.stream.messages import Message

__all__ = ["MakeReader", "ReaderInfo", "ReceivingEnd", "SendingEnd", "TransportPair"]


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
