"""The loop of every receiver: joins a stream, accounts for frames, feeds sinks."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Union

from receivers.report import Outcome, SessionReport
from receivers.session import Session
from receivers.sink import Sink
from receivers.text import printable
from xspress3.errors import ProtocolError, StreamRefusedError
from xspress3.stream import (
    Alive,
    Block,
    Envelope,
    Loss,
    Message,
    SessionEnd,
    SessionStart,
    Subscriber,
    UnknownMessage,
)
from xspress3.stream.publisher import HEARTBEAT

__all__ = ["POLL_TIME", "SILENCE_TIMEOUT", "Receiver"]

logger = logging.getLogger(__name__)

POLL_TIME = 0.1
"""Seconds that the loop waits for a message before it looks at its clocks and at `stop`."""
SILENCE_TIMEOUT = 10.0
MISSED_HEARTBEATS = 3
"""Signs of life that a sender may miss before a person is told."""
WAITING_NOTICE = 1.0
"""Seconds without an answer after which that is said."""


class Receiver:
    """Feeds what comes from a stream to sinks, session by session::

        with Subscriber("tcp://127.0.0.1:9999") as subscriber:
            receiver = Receiver(subscriber, [PrintSink(sys.stdout)])
            for report in receiver.run(sessions=1):
                ...

    Nothing that the network says ends the loop: messages that cannot be read, or that do not fit,
    are counted and the first of them is told; frames without a start are counted.

    Parameters
    ----------
    subscriber, sinks
        Stay the caller's: they are not closed here.
    silence_timeout
        Seconds without a connection after which a session is taken as broken off.
    notify
        Takes one line about what a person should know; goes to the log where not given.
    announce
        Takes one line about each sender that was joined; the same.

    Attributes
    ----------
    reports
        One for each session so far, also after an error ended `run`.
    protocol_errors, orphans, unknown
        Messages that could not be used, that were of a session without a start, and whose type is
        not known here.
    """

    def __init__(
        self,
        subscriber: Subscriber,
        sinks: Sequence[Sink],
        *,
        silence_timeout: float = SILENCE_TIMEOUT,
        notify: Callable[[str], None] | None = None,
        announce: Callable[[str], None] | None = None,
    ) -> None:
        self.reports: list[SessionReport] = []
        self.protocol_errors = 0
        self.orphans = 0
        self.unknown = 0
        self._subscriber = subscriber
        self._sinks = list(sinks)
        self._silence_timeout = silence_timeout
        self._notify = notify or logger.warning
        self._announce = announce or logger.info
        self._sender: tuple[str, str] | None = None
        self._session: Session | None = None
        self._heard: float | None = None
        self._is_silence_told = False
        self._busy = 0.0
        self._orphan_session: int | None = None

    def run(
        self,
        sessions: int | None = None,
        idle_timeout: float | None = None,
        stop: threading.Event | None = None,
    ) -> list[SessionReport]:
        """Receive until told to stop.

        Parameters
        ----------
        sessions
            Return after so many sessions; `None` goes on.
        idle_timeout
            Return when no session has run for so many seconds; `None` waits.
        stop
            Return soon after it is set; a running session is ended as interrupted.

        Returns
        -------
        :
            `reports`.

        Raises
        ------
        SinkError
            When a sink failed; the session is ended in all sinks before.
        StreamRefusedError
            When the sender does not admit this reader; the same.
        """
        stop = stop or threading.Event()
        self._busy = began = time.monotonic()
        has_told = False
        try:
            while not stop.is_set() and not self._is_done(sessions, idle_timeout):
                self._turn()
                if self._heard is None and not has_told and time.monotonic() - began > WAITING_NOTICE:
                    self._notify(f"waiting for {self._subscriber.endpoint}")
                    has_told = True
        except BaseException as error:
            self._abandon(error)
            raise
        self._close_session(Outcome.INTERRUPTED)
        return self.reports

    def _is_done(self, sessions: int | None, idle_timeout: float | None) -> bool:
        if sessions is not None and len(self.reports) >= sessions:
            return True
        if idle_timeout is None or self._session is not None:
            return False
        return time.monotonic() - self._busy > idle_timeout

    def _turn(self) -> None:
        """Take one message, or notice that none came."""
        try:
            message = self._subscriber.receive(POLL_TIME)
            if message is not None:
                self._dispatch(message)
                self._hear()  # afterwards: a slow write of ours is no silence of theirs
        except ProtocolError as error:
            self._count_protocol_error(error)
            self._hear()
        if self._session is not None:
            self._busy = time.monotonic()
            self._session.tick()
            if self._is_silent():
                text = f"the sender has been gone for {self._silence_timeout} s"
                self._close_session(Outcome.SILENT, text)

    def _hear(self) -> None:
        self._heard = time.monotonic()
        self._is_silence_told = False

    def _is_silent(self) -> bool:
        """Whether the sender has gone; one that is connected may be held up, and come back."""
        if self._heard is None:
            return False
        silent_for = self._busy - self._heard
        if silent_for > MISSED_HEARTBEATS * HEARTBEAT and not self._is_silence_told:
            self._is_silence_told = True
            self._notify(f"nothing was heard of the sender for {silent_for:.1f} s")
        return silent_for > self._silence_timeout and not self._subscriber.is_connected

    def _dispatch(self, message: Message) -> None:
        if isinstance(message, (SessionStart, Alive)):
            self._meet(message.envelope)
        if isinstance(message, SessionStart):
            self._start(message)
        elif isinstance(message, Alive):
            self._alive(message)
        elif isinstance(message, UnknownMessage):
            self.unknown += 1
        elif self._session is not None and self._session.owns(message):
            self._feed(self._session, message)
        else:
            self._count_orphan(message)

    def _meet(self, envelope: Envelope) -> None:
        """Say whose stream it is, once for each time that this sender was started."""
        sender = envelope.stream_id, envelope.epoch
        if sender != self._sender:
            self._sender = sender
            here = self._subscriber
            self._announce(
                f"joined {printable(envelope.stream_id)} at {here.endpoint} as {here.name}, {here.contract}"
            )

    def _start(self, start: SessionStart) -> None:
        """Begin a session, unless this is the repeated start of the one that runs."""
        if self._session is not None and self._session.owns(start) and start.is_repeat:
            self._session.rejoin(start)
            return
        self._close_session(Outcome.SUPERSEDED, f"session {start.envelope.session_id} began")
        self._session = Session(start, self._sinks)
        try:
            self._session.begin()
        except ProtocolError as error:
            self._count_protocol_error(error)
            self._close_session(Outcome.REFUSED, str(error))

    def _alive(self, alive: Alive) -> None:
        """End the session when the sender has left it: its end got lost, as by a broken connection."""
        if self._session is None:
            return
        if not self._session.owns(alive):
            self._close_session(Outcome.END_MISSED, "the sender is no longer in this session")

    def _feed(self, session: Session, message: Union[Block, Loss, SessionEnd]) -> None:
        session.feed(message)
        if isinstance(message, SessionEnd):
            self._close_session(Outcome(message.reason.value), message.text)

    def _close_session(self, outcome: Outcome, text: str = "") -> None:
        session, self._session = self._session, None
        if session is None:
            return
        report, error = session.close(outcome, text)
        self.reports.append(report)
        if error is not None:
            raise error

    def _abandon(self, error: BaseException) -> None:
        """End the running session after `error`, which stays the one that is raised."""
        outcome = Outcome.SINK_FAILED if isinstance(error, Exception) else Outcome.INTERRUPTED
        if isinstance(error, StreamRefusedError):
            outcome = Outcome.SILENT
        try:
            self._close_session(outcome, str(error))
        except Exception as second:  # told, because the first one is raised
            self._notify(printable(str(second)))

    def _count_protocol_error(self, error: ProtocolError) -> None:
        self.protocol_errors += 1
        if self.protocol_errors == 1:
            self._notify(f"a message was passed over: {printable(str(error))}; more are only counted")

    def _count_orphan(self, message: Union[Block, Loss, SessionEnd]) -> None:
        self.orphans += 1
        session_id = message.envelope.session_id
        if session_id != self._orphan_session:
            self._orphan_session = session_id
            self._notify(f"session {session_id}: messages without a start of the session are passed over")
