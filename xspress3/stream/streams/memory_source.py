"""Shared memory as a source that outlives its sender: who lost the ring looks for the next one."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Union

from xspress3.errors import SenderDiedError, StreamEndedError, StreamError
from xspress3.stream.messages import Message, SessionStart
from xspress3.stream.publisher import Samples
from xspress3.stream.shm import ShmSubscriber, ring_of
from xspress3.stream.subscriber import Subscriber

__all__ = ["MemorySource"]

logger = logging.getLogger(__name__)


class MemorySource:
    """Reads a ring; when that has ended, by the socket, until a start names another ring.

    Parameters
    ----------
    ring
        Closed with this one.
    search
        Joins whoever is, or will be, at the address of the stream.
    enter
        Joins the ring that a start names; `StreamError` where that cannot be.
    """

    def __init__(
        self,
        ring: ShmSubscriber,
        search: Callable[[], Subscriber],
        enter: Callable[[SessionStart], ShmSubscriber],
    ) -> None:
        self.endpoint = ring.endpoint
        self._search = search
        self._enter = enter
        self._inner: Union[Subscriber, ShmSubscriber, None] = ring

    def take(self, timeout: float) -> Union[Message, Samples, None]:
        """The next message or chunk, or `None` when none came within `timeout` s.

        Raises
        ------
        StreamEndedError, SenderDiedError
            Once, when the sender has closed the ring without an end of its session, or died; the next call
            waits for another sender.
        """
        inner = self._inner or self._look_for_sender()
        if isinstance(inner, Subscriber):
            return self._look_for_ring(inner, timeout)
        try:
            return inner.take(timeout)
        except StreamEndedError as error:
            self._leave(inner, error)
            return None

    def receive(self, timeout: float) -> Message | None:
        """As `take`, with a chunk as a block."""
        inner = self._inner or self._look_for_sender()
        if isinstance(inner, Subscriber):
            return self._look_for_ring(inner, timeout)
        try:
            return inner.receive(timeout)
        except StreamEndedError as error:
            self._leave(inner, error)
            return None

    def _look_for_sender(self) -> Subscriber:
        self._inner = searching = self._search()
        return searching

    def _leave(self, ring: ShmSubscriber, error: StreamEndedError) -> None:
        """Look for another sender from now on; raise `error` unless the last session has said so itself."""
        ring.close()
        self._inner = None
        if isinstance(error, SenderDiedError) or not ring.has_ended:
            raise error

    def _look_for_ring(self, socket: Subscriber, timeout: float) -> Message | None:
        message = socket.receive(timeout)
        if not isinstance(message, SessionStart) or ring_of(message) is None:
            return message
        try:
            self._inner = self._enter(message)
        except StreamError as error:  # not there, or no seat is free
            logger.warning("%s: by the socket, because %s", self.endpoint, error)
            return message
        socket.close()
        return None

    @property
    def is_connected(self) -> bool:
        """Whether there is a sender; a ring whose writer died says so when it is read."""
        return self._inner is not None and self._inner.is_connected

    @property
    def silent_for(self) -> float:
        """Seconds since a sender was heard of that is looked for; 0 at a ring, which says so itself."""
        return 0.0 if self._inner is None else self._inner.silent_for

    def close(self) -> None:
        """Leave; a second call does nothing."""
        if self._inner is not None:
            self._inner.close()
