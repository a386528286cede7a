"""Connects to a sender again and again and hands its frames on, until told to stop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from receivers.g3.connection import Connection
from receivers.g3.frame import Frame
from receivers.g3.intake import Intake
from receivers.g3.numbering import NUMBER_KEY
from receivers.g3.source import G3Source
from receivers.recorder.lock import StreamInUseError
from receivers.recorder.options import Options
from receivers.recorder.status import Counts, Meter, State, StreamStatus, free_bytes, seconds_to_full
from receivers.text import printable
from xspress3.errors import StreamError

__all__ = ["G3Loop"]

logger = logging.getLogger(__name__)

TURN = 0.1
"""Seconds after which waiting for bytes is interrupted to see what is due."""
CONNECT_TIMEOUT = 2.0
RECONNECT_INTERVAL = 1.0
"""Least seconds between attempts to connect."""
STATUS_INTERVAL = 0.25
MAX_LINE = 500
TIME_KEY = "time"


class G3Loop:
    """Everything about one sender that lives in one thread::

        loop = G3Loop(source, options, notify=print)
        loop.run(stop)

    `status` may be read from anywhere.
    """

    def __init__(self, source: G3Source, options: Options, notify: Callable[[str], None]) -> None:
        self._source = source
        self._options = options
        # A sender that was closed does not always say so. But one that is only slow would lose what is in its
        # queue when it is left, so nothing shorter than a gap counts.
        self._silence = max(options.preset.silence, options.preset.gap)
        self._notify = notify
        self._intake = Intake(
            options.data_dirs,
            source.stream_id,
            options.preset,
            self._tell,
            time_per_file=options.time_per_file,
            queue_bytes=options.queue_bytes,
            min_free_bytes=options.min_free_bytes,
        )
        self._frames, self._bytes = Meter(), Meter()
        self._is_connected = False
        self._heard = self._framed = 0.0
        self._last_frame: int | None = None
        self._lag: float | None = None
        self._last_error: str | None = None
        self._restarts = 0
        self._in_use = ""
        """Why another recorder has to be waited for; empty when there is none."""
        self._published = 0.0
        self.status = self._make_status(State.STOPPED)

    def run(self, stop: threading.Event) -> None:
        """Record until `stop` is set. What goes wrong is told and tried again."""
        try:
            while not stop.is_set():
                attempt = time.monotonic()
                try:
                    self._attend(stop)
                    self._wait(attempt + RECONNECT_INTERVAL, stop)
                except Exception as error:  # the stream must go on, whatever it is; this is told and counted
                    self._note_failure(error)
                    stop.wait(RECONNECT_INTERVAL)
        finally:
            self._intake.close()
            self.status = self._make_status(State.STOPPED)

    def _attend(self, stop: threading.Event) -> None:
        """Connect and record until the connection ends."""
        try:
            with Connection(self._source.host, self._source.port, timeout=CONNECT_TIMEOUT) as connection:
                self._begin()
                self._record(connection, stop)
        except StreamInUseError as error:
            self._in_use = str(error)
            self._note_end(str(error))
        except StreamError as error:
            self._note_end(str(error))
        finally:
            self._is_connected = False
            self._intake.disconnected()

    def _note_failure(self, error: Exception) -> None:
        self._restarts += 1
        logger.error("recording of %s broke off", self._source.endpoint, exc_info=error)
        self._note_end(f"recording broke off, it is tried again: {type(error).__name__}: {error}")
        self.status = self._make_status(State.FAILED)

    def _begin(self) -> None:
        self._is_connected = True
        self._last_error = None
        self._heard = time.monotonic()
        self._tell(f"connected to {self._source.endpoint}")
        self._intake.connected()

    def _record(self, connection: Connection, stop: threading.Event) -> None:
        while not stop.is_set():
            for frame in connection.receive(TURN):
                self._take(frame)
            self._tick()
            if connection.heard:
                self._heard = time.monotonic()
            elif time.monotonic() - self._heard > self._silence:
                raise StreamError(f"{self._source.endpoint}: silent for {self._silence:g} s")

    def _take(self, frame: Frame) -> None:
        now = time.monotonic()
        self._frames.add(now, 1)
        self._bytes.add(now, len(frame.raw))
        number, seconds = frame.integer(NUMBER_KEY), frame.unix_time(TIME_KEY)
        if number is not None:
            self._last_frame, self._framed = number, now
        self._lag = self._lag if seconds is None else time.time() - seconds
        self._intake.take(frame)
        self._in_use = "" if self._intake.is_recording else self._in_use

    def _note_end(self, why: str) -> None:
        """Tell why there is no connection, once as long as it stays the same."""
        if why != self._last_error:
            self._tell(why)
        self._last_error = printable(why, MAX_LINE)

    def _wait(self, until: float, stop: threading.Event) -> None:
        self._tick()  # also when connecting took all the time
        while not stop.is_set() and time.monotonic() < until:
            stop.wait(TURN)
            self._tick()

    def _tell(self, line: str) -> None:
        try:
            self._notify(printable(line, MAX_LINE))
        except Exception:  # that somebody cannot be told is no reason not to record
            logger.exception("telling %r", line)

    # What it is doing

    def _tick(self) -> None:
        self._intake.tick()
        now = time.monotonic()
        if now - self._published >= STATUS_INTERVAL:
            self._published = now
            self.status = self._make_status(self._state())

    def _state(self) -> State:
        if not self._is_connected:
            return State.WAITING
        return State.RECORDING if self._intake.is_recording else State.IDLE

    def _make_status(self, state: State) -> StreamStatus:
        now, options, intake = time.monotonic(), self._options, self._intake
        session = intake.latest
        files = [] if session is None else session.series.files
        free = free_bytes(options.data_dirs, options.min_free_bytes)
        bytes_rate = self._bytes.rate(now)
        return StreamStatus(
            time=time.time(),
            name=self._source.name,
            endpoint=self._source.endpoint,
            stream_id=self._source.stream_id if session is None else session.stream_id,
            preset=options.preset.name,
            state=state,
            is_connected=self._is_connected,
            counts=self._counts(),
            session_id=None if session is None else session.session_id,
            part=files[-1].part if files else None,
            last_frame=self._last_frame,
            last_file=str(files[-1].path) if files else None,
            last_loss=intake.room.last_loss or None,
            last_error=self._last_error,
            rate=self._frames.rate(now),
            bytes_rate=bytes_rate,
            lag=self._lag,
            silent_for=now - self._heard if self._is_connected else None,
            queue_bytes=intake.room.waiting_bytes,
            queue_limit_bytes=options.queue_bytes,
            free_bytes=free,
            time_to_full=seconds_to_full(free, bytes_rate),
            restarts=self._restarts,
            degraded=self._degraded(free),
        )

    def _counts(self) -> Counts:
        counts, room = self._intake.counts, self._intake.room
        return Counts(
            received=counts.received - counts.passed_over - counts.repeated,
            written=room.written,
            waiting=room.n_waiting,
            lost=counts.missing + room.lost,
            lost_here=room.lost,
            duplicates=counts.repeated,
            sessions=self._intake.sessions.count,
            files=room.files,
        )

    def _degraded(self, free: int | None) -> tuple[str, ...]:
        reasons = []
        room, sessions = self._intake.room, self._intake.sessions
        if room.why:
            reasons.append(f"frames wait for room: {room.why}")
        if sessions.index_error:
            reasons.append(sessions.index_error)
        if self._in_use:
            reasons.append(self._in_use)
        if free is None:
            reasons.append("the data directories cannot be looked at")
        if room.lost:
            reasons.append(f"{room.lost} frames were lost here")
        if self._restarts:
            reasons.append(f"recording broke off {self._restarts} times")
        return tuple(printable(reason, MAX_LINE) for reason in reasons)
