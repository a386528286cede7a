"""The end that takes."""

from __future__ import annotations

import queue
import threading
from dataclasses import replace
from types import TracebackType
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from xspress3.errors import ProtocolError, StreamEndedError, StreamTimeoutError
from xspress3.stream.contract import LOSSLESS, Contract, Delivery
from xspress3.stream.control import Hello
from xspress3.stream.local.publisher import LocalPublisher
from xspress3.stream.messages import Block, EncodedArray, Envelope, Message, SessionStart
from xspress3.stream.outgoing import Outgoing
from xspress3.stream.publisher import Samples

__all__ = ["LocalSubscriber", "Taken", "samples_block"]

Taken = Union[Message, Samples]


class LocalSubscriber:
    """Receives from a `LocalPublisher` of this process, as a `Subscriber` does from elsewhere.

    Parameters
    ----------
    endpoint
        `inproc://NAME` of a publisher that is there.
    name, contract, queue_messages, wants_backlog
        As of `Subscriber`.

    Raises
    ------
    ConfigurationError
        When nobody sends there.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        name: str | None = None,
        contract: Union[str, Contract] = LOSSLESS,
        queue_messages: int = 64,
        wants_backlog: bool = True,
    ) -> None:
        self.endpoint = endpoint
        self.contract = Contract.parse(contract)
        self.name = name or threading.current_thread().name[:64]
        credit = 1 if self.contract.delivery is Delivery.LATEST else queue_messages
        self._publisher = LocalPublisher.find(endpoint)
        self._seat = self._publisher.join(Hello(self.name, self.contract, credit, wants_backlog))
        self._waiting: Message | None = None
        self._session: Envelope | None = None

    def wait_joined(self, timeout: float) -> None:
        """Wait for the answer of the sender, which is there at once; kept for `receive`."""
        if self._waiting is None:
            self._waiting = self.receive(timeout)
        if self._waiting is None:
            raise StreamTimeoutError(f"nobody answers at {self.endpoint} within {timeout} s")

    def keep(self, message: Message) -> None:
        """Let `receive` give `message` next."""
        self._waiting = message

    def receive(self, timeout: float) -> Message | None:
        """The next message, or `None` when none came within `timeout` s; errors as of `take`."""
        taken = self.take(timeout)
        return self._as_block(taken) if isinstance(taken, tuple) else taken

    def _as_block(self, samples: Samples) -> Block:
        """A chunk the long way, of the session whose start was taken: the sender may be further."""
        end, array, sequence, time_ns = samples
        if self._session is None:
            raise ProtocolError("samples of a session whose start did not come")
        envelope = replace(self._session, sequence=sequence, time_ns=time_ns)
        return samples_block(envelope, end - len(array), array)

    def take(self, timeout: float) -> Taken | None:
        """As `receive`, and chunks that came the short way as they came.

        Raises
        ------
        StreamEndedError
            When all was taken and the sender is closed.
        """
        if self._waiting is not None:
            message, self._waiting = self._waiting, None
            return message
        seat = self._seat
        if seat.n_granted < seat.n_taken and not seat.is_lossless:
            self._publisher.grant(seat)
        try:
            item = seat.inbox.get(timeout=timeout) if timeout > 0 else seat.inbox.get_nowait()
        except queue.Empty:
            return None
        if item is None:
            seat.inbox.put(None)  # for the next look
            raise StreamEndedError(f"{self.endpoint}: the sender is closed")
        seat.took_one()
        if not isinstance(item, Outgoing):
            return item
        if isinstance(item.message, SessionStart):
            self._session = item.message.envelope
        return item.message

    @property
    def is_connected(self) -> bool:
        """Whether the sender is there."""
        return not self._publisher.is_closed

    @property
    def silent_for(self) -> float:
        """0: within a process nobody is silent unless there is nothing to say."""
        return 0.0

    def close(self) -> None:
        """Leave; a second call does nothing."""
        self._publisher.leave(self._seat)

    def __enter__(self) -> LocalSubscriber:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def samples_block(envelope: Envelope, first: int, array: npt.NDArray[Any]) -> Block:
    """An array of samples as a block with one array, `data`, not copied where that can be."""
    plain = np.ascontiguousarray(array)
    payload = plain.reshape(-1).view(np.uint8).data
    return Block(
        envelope, first, len(array), (EncodedArray("data", plain.dtype, plain.shape, "none", payload),)
    )
