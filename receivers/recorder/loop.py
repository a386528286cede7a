"""The thread that records one stream, for ever."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from receivers.receiver import Receiver
from receivers.recorder.options import Options, Source
from receivers.recorder.sink import Facts, RecorderSink
from receivers.recorder.status import Counts, State, StreamStatus, free_bytes, seconds_to_full
from receivers.text import printable
from xspress3.stream import Subscriber
from xspress3.stream.contract import LOSSLESS
from xspress3.worker import Worker

__all__ = ["StreamRecorder"]

logger = logging.getLogger(__name__)

TURN = 0.2
"""Seconds after which the loop looks at its clocks when no session runs."""
STATUS_INTERVAL = 0.2
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
"""Seconds between the death of a loop and the next one: doubled each time, short again after a good while."""
GOOD_WHILE = 30.0


class StreamRecorder:
    """Records what one sender sends, in a thread of its own::

        with StreamRecorder(Source("tcp://127.0.0.1:9999"), Options((Path("/data"),))) as recorder:
            recorder.start()
            print(recorder.status().as_dict())
            recorder.stop()

    An error ends the session that was running, is told and counted, and the loop begins anew.

    Parameters
    ----------
    notify
        Takes one line about what a person should know, from the thread.
    """

    def __init__(
        self, source: Source, options: Options, notify: Callable[[str], None] = logger.warning
    ) -> None:
        self.source = source
        self.is_broken = False
        self._options = options
        self._tell = notify
        self._facts = Facts()
        self._counts = Counts()
        self._degraded: list[str] = []
        self._queue_bytes = 0
        self._restarts = 0
        self._died_of = ""
        self._died_in = 0
        """Sessions that had begun when it died last."""
        self._stream_id = source.stream_id
        self._link: tuple[bool, float | None] = (False, None)
        self._status_due = 0.0
        self._worker: Worker | None = None
        self._error: Exception | None = None
        self._status = self._make_status(State.STOPPED)

    @property
    def is_recording(self) -> bool:
        """Whether it was started, and not stopped."""
        return self._worker is not None

    def start(self) -> None:
        """Begin to record; does nothing when it does already."""
        if self._worker is None:
            self._worker = Worker(f"xsp3-record-{self.source.endpoint}", self._record_for_ever, self._failed)
            self._worker.start()

    def stop(self, timeout: float = 30.0) -> None:
        """Leave the sender, close the files, and raise what the thread died of; may be started again.

        Raises
        ------
        ShutdownTimeoutError
            When that takes longer than `timeout` s, as with a disk that hangs.
        """
        if self._worker is not None:
            self._worker.close(timeout)
            self._worker = None
        error, self._error = self._error, None
        if error is not None:
            raise error

    def close(self) -> None:
        """As `stop`; a second call does nothing."""
        self.stop()

    def __enter__(self) -> StreamRecorder:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def status(self) -> StreamStatus:
        """What it is doing; not older than a quarter of a second unless a disk holds it up."""
        return self._status

    # The thread

    def _failed(self, error: Exception) -> None:
        self._error = error  # raised by stop()
        self._publish(State.FAILED)

    def _record_for_ever(self, stop: threading.Event) -> None:
        pause = FIRST_PAUSE
        while not stop.is_set():
            began = time.monotonic()
            try:
                self._record(stop)
            except Exception as error:  # whatever it is, the next session is to be recorded
                self._note_death(error)
            else:
                continue
            if time.monotonic() - began > GOOD_WHILE:
                pause = FIRST_PAUSE
            self._publish(State.FAILED)
            stop.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        self._publish(State.STOPPED)

    def _record(self, stop: threading.Event) -> None:
        """Receive until told to stop, or something breaks."""
        with Subscriber(
            self.source.endpoint, name=self.source.reader, contract=LOSSLESS, secure=self.source.secure
        ) as subscriber:
            sink = RecorderSink(
                self._options,
                self.source.stream_id,
                self._notify,
                lambda: self._look(subscriber, sink),
                self._facts,
            )
            try:
                self._receive(subscriber, sink, stop)
            finally:
                sink.close()
                self.is_broken = self.is_broken or sink.is_broken
                self._look_at_sink(sink)
                self._link = (False, None)

    def _receive(self, subscriber: Subscriber, sink: RecorderSink, stop: threading.Event) -> None:
        receiver = Receiver(subscriber, [sink], notify=self._notify, announce=self._notify)
        while not stop.is_set():
            receiver.run(sessions=1, idle_timeout=TURN, stop=stop)
            for report in receiver.reports:
                self._notify(report.describe())
            receiver.reports.clear()
            sink.tick()

    def _note_death(self, error: Exception) -> None:
        text = f"{type(error).__name__}: {error}"
        self._restarts += 1
        self._facts.last_error = text
        if text != self._died_of:  # the same one again is counted only
            self._notify(f"recording broke off and begins anew: {printable(text, 1000)}")
            logger.debug("loop of %s", self.source.name, exc_info=error)
        self._died_of, self._died_in = text, self._facts.sessions

    def _notify(self, line: str) -> None:
        try:
            self._tell(f"{self.source.name}: {line}")
        except Exception:  # that somebody cannot be told is no reason not to record
            logger.exception("telling %r", line)

    # The status

    def _look(self, subscriber: Subscriber, sink: RecorderSink) -> None:
        """Publish what is known now, a few times a second."""
        if time.monotonic() < self._status_due:
            return
        self._link = subscriber.is_connected, subscriber.silent_for
        self._look_at_sink(sink)
        self._publish(self._state())

    def _look_at_sink(self, sink: RecorderSink) -> None:
        self._counts = sink.counts
        self._degraded = sink.degraded
        self._queue_bytes = sink.queue.size_bytes
        self._stream_id = sink.stream_id or self._stream_id

    def _state(self) -> State:
        is_connected, _ = self._link
        if not is_connected:
            return State.WAITING
        frame_at = self._facts.frame_at
        is_recent = frame_at is not None and time.monotonic() - frame_at <= self._options.preset.gap
        return State.RECORDING if is_recent else State.IDLE

    def _publish(self, state: State) -> None:
        self._status_due = time.monotonic() + STATUS_INTERVAL
        self._status = self._make_status(state)

    def _make_status(self, state: State) -> StreamStatus:
        facts, now = self._facts, time.monotonic()
        bytes_rate = facts.payload.rate(now)
        free = free_bytes(self._options.data_dirs, self._options.min_free_bytes)
        is_connected, silent_for = self._link
        is_well = facts.sessions > self._died_in
        died = [f"it broke off: {self._died_of}"] if self._died_of and not is_well else []
        return StreamStatus(
            time=time.time(),
            name=self.source.name,
            endpoint=self.source.endpoint,
            stream_id=self._stream_id,
            preset=self._options.preset.name,
            state=state,
            is_connected=is_connected,
            counts=self._counts,
            session_id=facts.session_id,
            part=facts.part,
            last_frame=facts.last_frame,
            last_file=facts.last_file,
            last_loss=facts.last_loss,
            last_error=facts.last_error,
            rate=facts.frames.rate(now),
            bytes_rate=bytes_rate,
            lag=facts.lag,
            silent_for=silent_for,
            queue_bytes=self._queue_bytes,
            queue_limit_bytes=self._options.queue_bytes,
            free_bytes=free,
            time_to_full=seconds_to_full(free, bytes_rate),
            restarts=self._restarts,
            degraded=(*self._degraded, *died),
        )
