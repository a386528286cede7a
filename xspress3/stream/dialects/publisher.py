"""The sending end of an old dialect: one XPUB socket, which old readers take for a PUB."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt
import zmq

from xspress3.errors import ConfigurationError, StateError
from xspress3.stream.dialects.old_form import OldForm, Parts
from xspress3.stream.messages import SessionEnd, SessionStart
from xspress3.stream.sockets import bind, keep_alive

__all__ = ["SLOW_READER", "DialectPublisher"]

logger = logging.getLogger(__name__)

SLOW_READER = ("wait", "drop")
"""What may be done about a reader whose queue is full."""
SUBSCRIBE_ALL = b"\x01"
UNSUBSCRIBE_ALL = b"\x00"
MAX_REQUEST_BYTES = 4096
_RETRY_MS = 100
"""How often a blocked send looks whether it shall give up."""


class DialectPublisher:
    """Sends series in an old dialect, each reader getting whole ones: used in one thread only::

        publisher = DialectPublisher(context, "tcp://127.0.0.1:9997", MultipartDialect())
        publisher.wait_readers(1, timeout=5)
        publisher.begin(start)
        publisher.send(first_frame, histogram, scalers)
        publisher.end(end)

    Who joins in the middle of a series gets the next one: a header cannot be told to one reader alone,
    those who read already would take a second one for a new series, and frames without a header
    are of no use to any known reader. Who must not miss the first series is to be waited for.

    Parameters
    ----------
    endpoint
        `tcp://ADDRESS:PORT`; port 0 takes any, see the attribute `endpoint`.
    queue_messages
        Frames that may wait for one reader, in front of the network.
    slow_reader
        When that is not enough: `"wait"`, so that all wait for one reader; or `"drop"`, and then a
        frame goes to nobody, whole, and is counted.
    linger
        Seconds that `close` waits for readers to take what is queued.
    secure
        Is given the socket before it is bound, to put keys on it.

    Attributes
    ----------
    n_readers
        Readers of the running series; between two, those that will get the next.
    n_dropped
        Frames that were dropped since it was made.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        endpoint: str,
        dialect: OldForm,
        *,
        queue_messages: int = 1024,
        slow_reader: str = "wait",
        linger: float = 2.0,
        secure: Callable[[zmq.Socket[bytes]], None] = lambda _socket: None,
    ) -> None:
        if slow_reader not in SLOW_READER:
            allowed = " and ".join(map(repr, SLOW_READER))
            raise ConfigurationError(f"slow_reader: {slow_reader!r}, allowed are {allowed}")
        self._dialect = dialect
        self._is_dropping = slow_reader == "drop"
        self._queue = max(queue_messages, 1) * dialect.messages_per_frame
        # Room behind the limit, so that of what was begun the rest of the frame and the end can follow.
        self._reserve = dialect.messages_per_frame
        self._start: SessionStart | None = None
        self._is_skipping = False
        self._n_joined = 0
        self.n_readers = 0
        self.n_dropped = 0
        self._socket = context.socket(zmq.XPUB)
        self._configure(linger)
        try:
            secure(self._socket)
            self.endpoint = bind(self._socket, endpoint)
        except ConfigurationError:
            self._socket.close(linger=0)
            raise

    def _configure(self, linger: float) -> None:
        for option, value in (
            (zmq.XPUB_NODROP, 1),
            (zmq.XPUB_VERBOSER, 1),  # tell of each reader, not of the first only
            (zmq.XPUB_MANUAL, 1),  # and let it in when we say so
            (zmq.SNDHWM, self._queue),
            (zmq.SNDTIMEO, _RETRY_MS),
            (zmq.LINGER, int(linger * 1000)),
            (zmq.MAXMSGSIZE, MAX_REQUEST_BYTES),
        ):
            self._socket.setsockopt(option, value)
        keep_alive(self._socket)

    @property
    def is_in_series(self) -> bool:
        """Whether a series has begun and not ended."""
        return self._start is not None

    def poll_joins(self) -> int:
        """Let in who has come; gives the number of readers that joined since the last call.

        In the middle of a series nobody is let in, and who left is noticed at its end.
        """
        if not self.is_in_series:
            self._let_in()
        n_joined, self._n_joined = self._n_joined, 0
        return n_joined

    def _let_in(self) -> None:
        while True:
            try:
                said = self._socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            if said == SUBSCRIBE_ALL:
                self._socket.setsockopt(zmq.SUBSCRIBE, b"")  # of the reader that has just been heard
                self.n_readers += 1
                self._n_joined += 1
            elif said == UNSUBSCRIBE_ALL:
                self._socket.setsockopt(zmq.UNSUBSCRIBE, b"")
                self.n_readers = max(self.n_readers - 1, 0)

    def wait_readers(
        self, n_readers: int, timeout: float, give_up: Callable[[], bool] = lambda: False
    ) -> bool:
        """Whether that many readers are there within `timeout` s; `give_up` is asked ten times a second.

        Raises
        ------
        StateError
            While a series is on, for nobody is let in then.
        """
        if self.is_in_series:
            raise StateError("waiting for readers while a series is on, allowed is before or after")
        deadline = time.monotonic() + timeout
        while True:
            self._let_in()
            left = deadline - time.monotonic()
            if self.n_readers >= n_readers:
                return True
            if left <= 0 or give_up():
                return False
            self._socket.poll(min(int(left * 1000) + 1, _RETRY_MS))

    def begin(self, start: SessionStart, give_up: Callable[[], bool] = lambda: False) -> None:
        """Begin a series; where the header has to be dropped, so is all of the series.

        Raises
        ------
        ProtocolError
            When the dialect cannot say what `start` does.
        StateError
            While a series is on.
        zmq.Again
            When it was given up.
        """
        if self._start is not None:
            raise StateError(f"series {start.envelope.session_id} before the end of the one before")
        messages = self._dialect.header(start)
        self._let_in()
        self._is_skipping = not self._send(messages, give_up)
        self._start = start
        if self._is_skipping:
            logger.warning("a slow reader: series %s is dropped", start.envelope.session_id)

    def send(
        self,
        first_frame: int,
        histogram: npt.NDArray[np.uint32],
        scalers: npt.NDArray[np.uint32],
        *,
        step: int = 1,
        time_ns: int = 0,
        give_up: Callable[[], bool] = lambda: False,
    ) -> int:
        """Send the frames of a block, see `OldForm.frames`; the arrays are copied.

        Returns
        -------
        :
            Frames that were sent; the others were dropped.

        Raises
        ------
        StateError
            Outside a series.
        zmq.Again
            When it was given up while a reader was waited for.
        """
        start = self._running()
        n_sent = 0
        if not self._is_skipping:
            frames = self._dialect.frames(start, first_frame, histogram, scalers, step=step, time_ns=time_ns)
            n_sent = sum(self._send(messages, give_up) for messages in frames)
        self.n_dropped += len(histogram) - n_sent
        return n_sent

    def end(self, end: SessionEnd | None = None, give_up: Callable[[], bool] = lambda: False) -> None:
        """End the series, and let in who has come meanwhile.

        Raises
        ------
        StateError
            Outside a series.
        zmq.Again
            When it was given up; the series is over nonetheless.
        """
        start, self._start = self._running(), None
        if not self._is_skipping:
            self._send_all(self._dialect.end(start, end), give_up)
        self._let_in()

    def _running(self) -> SessionStart:
        if self._start is None:
            raise StateError("frames or an end outside a series")
        return self._start

    def _send(self, messages: Sequence[Parts], give_up: Callable[[], bool]) -> bool:
        """Send what belongs together, or where there is no room and it may be dropped, nothing of it."""
        if not self._is_dropping:
            self._send_all(messages, give_up)
            return True
        try:
            self._socket.send_multipart(messages[0], zmq.NOBLOCK)
        except zmq.Again:
            return False
        self._send_all(messages[1:], give_up)
        return True

    def _send_all(self, messages: Iterable[Parts], give_up: Callable[[], bool]) -> None:
        for message in messages:
            if self._is_dropping:
                self._send_beyond(message)
            else:
                self._send_waiting(message, give_up)

    def _send_beyond(self, message: Parts) -> None:
        """Send the rest of what was begun, if need be beyond the limit; it is there for what comes first."""
        try:
            self._socket.send_multipart(message, zmq.NOBLOCK)
        except zmq.Again:
            self._socket.setsockopt(zmq.SNDHWM, self._queue + self._reserve)
            try:
                self._socket.send_multipart(message, zmq.NOBLOCK)
            finally:
                self._socket.setsockopt(zmq.SNDHWM, self._queue)

    def _send_waiting(self, message: Parts, give_up: Callable[[], bool]) -> None:
        while True:
            try:
                self._socket.send_multipart(message)
            except zmq.Again:
                if give_up():
                    raise
            else:
                return

    def close(self, linger: float | None = None) -> None:
        """Close the socket, with another `linger` where one is given; a second call does nothing."""
        self._socket.close(None if linger is None else int(linger * 1000))
