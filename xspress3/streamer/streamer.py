"""The streamer: one detector, one stream, one session at a time."""

from __future__ import annotations

import json
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import zmq

from xspress3.config import StreamerConfig
from xspress3.detector import Detector
from xspress3.errors import AcquisitionTimeoutError, ConfigurationError, ShutdownTimeoutError, StateError
from xspress3.model import Acquisition, Window
from xspress3.stream import Envelope, FrameRing, ReaderStatus, encode
from xspress3.stream.security import ClientGate, no_keys, server_keys
from xspress3.stream.sockets import warn_of_everybody
from xspress3.streamer.acquire import AcquireLoop, Item
from xspress3.streamer.history import ScalerHistory
from xspress3.streamer.latest import LatestFrame, Snapshot
from xspress3.streamer.monitor import MonitorServer
from xspress3.streamer.send import SendLoop
from xspress3.streamer.session import Counts, Session, Written, choose_frames_per_block
from xspress3.streamer.session_ids import SessionIds
from xspress3.streamer.windows import WindowWishes
from xspress3.worker import Worker

__all__ = ["State", "Status", "Streamer"]

logger = logging.getLogger(__name__)

N_SLOTS = 8
"""Blocks between the detector and the wire."""


class State(str, Enum):
    """What a streamer does."""

    IDLE = "idle"
    ARMED = "armed"
    STREAMING = "streaming"
    DRAINING = "draining"
    FAULT = "fault"
    CLOSED = "closed"


@dataclass(frozen=True)
class Status:
    """What a streamer does, how far it is, and who listens.

    `in_ring` are frames of the session that wait in the detector's ring, which holds `ring_frames`.
    `written` is what a writer told the streamer, `None` where none does.
    """

    state: State
    session_id: int | None
    n_frames: int | None
    counts: Counts
    readers: tuple[ReaderStatus, ...]
    error: str
    in_ring: int = 0
    ring_frames: int = 0
    written: Written | None = None

    @property
    def n_readers(self) -> int:
        """Readers that have joined."""
        return len(self.readers)

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        counts, written = self.counts, self.written
        return {
            "state": self.state.value,
            "session_id": self.session_id,
            "n_frames": self.n_frames,
            "acquired": counts.acquired,
            "streamed": counts.streamed,
            "lost": counts.lost,
            "written": None if written is None else written.n_frames,
            "file": None if written is None else written.file,
            "in_ring": self.in_ring,
            "ring_frames": self.ring_frames,
            "n_readers": self.n_readers,
            "readers": [reader.as_dict() for reader in self.readers],
            "error": self.error,
        }


class Streamer:
    """Takes a detector's frames to everybody who listens::

        with Streamer(detector) as streamer:
            streamer.arm(Acquisition(exposure_time=0.1, frames_per_trigger=100), readers=1)
            counts = streamer.wait()

    Parameters
    ----------
    detector
        Open; still the caller's to close, after the streamer.

    Attributes
    ----------
    history
        Scalers of the frames of the last session.

    Raises
    ------
    ConfigurationError
        When a port is taken.
    """

    def __init__(self, detector: Detector, config: StreamerConfig | None = None) -> None:
        self.config = config or StreamerConfig()
        self._detector = detector
        self._command = threading.RLock()  # one command at a time: arm, stop, reset, close
        self._session: Session | None = None
        self._ring: FrameRing | None = None
        self._fault: Exception | None = None
        self._is_closed = False
        self._session_ids = SessionIds(self.config.stream_id)
        self._latest = LatestFrame()
        self._window_wishes = WindowWishes(detector)
        self.history = ScalerHistory()
        self._start_workers()
        warn_of_everybody(self.config.interface, has_keys=self.config.curve_secret_key is not None)

    def _start_workers(self) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        items: queue.SimpleQueue[Item] = queue.SimpleQueue()
        config = self.config
        security = server_keys(config.curve_secret_key, config.curve_allowed_keys)
        self._gate = None if security is None else ClientGate(self._context, security)
        secure = no_keys if security is None else security.apply
        self._acquire = AcquireLoop(self._detector, items, self._latest, config, self.history)
        self._send = SendLoop(self._context, config, items, lambda: self.state.value, secure)
        self._monitor = MonitorServer(
            self._context,
            f"tcp://{config.interface}:{config.monitor_port}",
            config.stream_id,
            self._latest,
            lambda: self.status().as_dict(),
            secure,
            self.set_window if config.allow_control else None,
        )
        self._workers = {
            "acquire": Worker("xsp3-acquire", self._acquire.run, self._worker_failed, self._acquire.wake),
            "send": Worker("xsp3-send", self._send.run, self._worker_failed),
            "monitor": Worker("xsp3-monitor", self._monitor.run, self._worker_failed),
        }
        for worker in self._workers.values():
            worker.start()
        try:
            self.data_endpoint = self._send.endpoint()
            self.old_endpoints = self._send.old_endpoints()
            self.monitor_endpoint = self._monitor.endpoint()
        except BaseException:
            self._stop_workers()
            raise
        # After a reset readers shall find it where it was, also when any port would have done.
        self.config = replace(
            config,
            data_port=_port(self.data_endpoint),
            monitor_port=_port(self.monitor_endpoint),
            old_dialects={name: _port(endpoint) for name, endpoint in self.old_endpoints.items()},
        )

    def _worker_failed(self, error: Exception) -> None:
        """Called from a thread that died: nothing waits for it in vain."""
        self._fault = error
        session = self._session
        if session is not None:
            session.fail(error)
            session.stop_requested.set()
            session.done.set()

    @property
    def state(self) -> State:
        """What it does just now, told from what is known rather than remembered."""
        session = self._session
        if self._is_closed:
            return State.CLOSED
        if self._fault is not None or (session is not None and session.done.is_set() and session.error):
            return State.FAULT
        if session is None or session.done.is_set():
            return State.IDLE
        if session.read_out.is_set():
            return State.DRAINING
        return State.STREAMING if session.acquired + session.lost else State.ARMED

    def status(self) -> Status:
        """A snapshot; takes no lock and asks the detector nothing."""
        session = self._session
        error = self._fault or (session.error if session is not None else None)
        return Status(
            state=self.state,
            session_id=None if session is None else session.session_id,
            n_frames=None if session is None else session.acquisition.n_frames,
            counts=Counts() if session is None else session.counts,
            readers=tuple(self._send.readers),
            error="" if error is None else f"{type(error).__name__}: {error}",
            in_ring=0 if session is None else session.in_ring,
            ring_frames=self._detector.info.ring_frames,
            written=None if session is None else session.written,
        )

    def note_written(self, session_id: int, written: Written) -> None:
        """Take what a writer says of its file into `status`, unless it is about an older session."""
        session = self._session
        if session is not None and session.session_id == session_id:
            session.written = written

    def wait_readers(
        self,
        n_readers: int,
        timeout: float,
        give_up: Callable[[], bool] = lambda: False,
        names: tuple[str, ...] = (),
    ) -> bool:
        """Wait until that many readers have joined, and those of `names`; others may command meanwhile.

        Parameters
        ----------
        give_up
            Asked ten times a second; the answer is `False` once it says yes.

        Raises
        ------
        AcquisitionTimeoutError
            When some are missing after `timeout` s.
        StateError
            When the streamer was closed meanwhile.
        """
        deadline = time.monotonic() + timeout
        while not self._send.wait_readers(n_readers, min(0.1, max(deadline - time.monotonic(), 0)), names):
            if self._is_closed:
                raise StateError("waiting for readers of a closed streamer")
            if give_up():
                return False
            if time.monotonic() >= deadline:
                raise AcquisitionTimeoutError(self._who_is_missing(n_readers, timeout, names))
        return True

    def _who_is_missing(self, n_readers: int, timeout: float, names: tuple[str, ...]) -> str:
        missing = self._send.missing(names)
        if missing:
            present = sorted(reader.name for reader in self._send.readers) or "nobody"
            return (
                f"required readers {missing} have not joined {self.data_endpoint} within {timeout} s; "
                f"there is {present}"
            )
        return (
            f"{self._send.n_readers} of {n_readers} readers have joined {self.data_endpoint} "
            f"within {timeout} s"
        )

    def arm(
        self,
        acquisition: Acquisition,
        *,
        metadata: Mapping[str, Any] | None = None,
        readers: int = 0,
        join_timeout: float = 10.0,
    ) -> Session:
        """Begin a session.

        Parameters
        ----------
        metadata
            Plain values that travel with the start.
        readers
            Readers that must have joined beforehand, at most `join_timeout` s from now, and with them
            all that the configuration requires.

        Raises
        ------
        StateError
            While a session is on, after a fault, or when closed.
        AcquisitionTimeoutError
            When readers are missing; nothing was touched.
        ConfigurationError
            When the hardware cannot do it; nothing was touched.
        """
        self.wait_readers(readers, join_timeout, names=self.config.required_readers)
        with self._command:
            if self.state is not State.IDLE:
                raise StateError(f"arm while {self.state.value}, allowed while idle; {self.status().error}")
            self._window_wishes.apply()
            session = self._new_session(acquisition, metadata or {})
            self._detector.arm(acquisition)
            self._session = session
            self._acquire.begin(session)
            if self._fault is not None:  # a thread died meanwhile and did not see this session
                self._worker_failed(self._fault)
            return session

    def _new_session(self, acquisition: Acquisition, metadata: Mapping[str, Any]) -> Session:
        """A session whose start can be told; nothing was touched yet.

        Raises
        ------
        ConfigurationError
            When the hardware cannot do it, or the metadata are not plain JSON values of a sane size.
        """
        timing = self._detector.timing(acquisition)
        info, config = self._detector.info, self.config
        frames_per_block = choose_frames_per_block(
            acquisition, timing.period, info, config.block_bytes, config.block_time
        )
        session = Session(
            session_id=self._session_ids.next(),
            acquisition=acquisition,
            timing=timing,
            info=info,
            windows=self._detector.windows(),
            metadata=_plain(metadata),
            ring=self._ring_for(frames_per_block),
            compression=config.compression,
        )
        encode(session.start_message(Envelope(config.stream_id, session.session_id, 0, 0)))  # or refuses it
        return session

    def _ring_for(self, frames_per_block: int) -> FrameRing:
        """The ring of the last session when it fits, else a new one."""
        info = self._detector.info
        if self._ring is None or self._ring.shape != (frames_per_block, info.n_channels, info.n_bins):
            self._ring = FrameRing(N_SLOTS, frames_per_block, info.n_channels, info.n_bins)
        return self._ring

    def set_window(self, channel: int, window: int, limits: Window) -> bool:
        """Choose the bins that window scaler 0 or 1 of a channel counts; waits for no other command.

        Returns
        -------
        :
            Whether it holds at once; else from the next session on, because the start of the one that
            is on has told what its frames count.

        Raises
        ------
        ConfigurationError
            When the detector has no such channel, window or bins.
        SdkError
            When the library refuses.
        """
        self._window_wishes.note(channel, window, limits)
        if not self._command.acquire(blocking=False):
            return False
        try:
            if self.state is not State.IDLE:
                return False
            self._window_wishes.apply()
        finally:
            self._command.release()
        return True

    def trigger(self) -> None:
        """Give one software trigger.

        Raises
        ------
        StateError
            When no session waits for one.
        """
        if self.state not in (State.ARMED, State.STREAMING):
            raise StateError(f"trigger while {self.state.value}, allowed while armed or streaming")
        self._detector.trigger()

    def latest(self) -> Snapshot | None:
        """A copy of the newest frame but for some hundredths of a second, `None` before the first."""
        return self._latest.get()

    def read_frames(
        self, first_frame: int, n_frames: int, timeout: float = 2.0
    ) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
        """Frames of the last session that are still in the detector's ring; of a running one, too.

        Returns
        -------
        :
            Histogram (frame, channel, bin) and scalers (frame, channel, 9), copies.

        Raises
        ------
        ConfigurationError
            When the session has no such frames, or not yet.
        CircularBufferOverrunError
            When some of them were overwritten.
        AcquisitionTimeoutError
            When they could not be read within `timeout` s.
        """
        n_there = 0 if self._session is None else self._session.acquired + self._session.lost
        if first_frame < 0 or n_frames < 1 or first_frame + n_frames > n_there:
            raise ConfigurationError(
                f"frames {first_frame}..{first_frame + n_frames - 1}, allowed is 0..{n_there - 1}"
                if n_there
                else "no frames were taken since the start, so none can be read"
            )
        return self._acquire.requests.read(first_frame, n_frames, timeout)

    def wait(self, timeout: float | None = None) -> Counts:
        """Wait until the session is over and sent; gives its counts, raises what it died of."""
        if self._session is None:
            raise StateError("wait before anything was armed")
        return self._session.wait(timeout)

    def stop(self) -> None:
        """End the session early; frames that are complete still go out. Harmless when idle."""
        session = self._session
        if session is not None:
            session.stop_requested.set()

    def reset(self) -> None:
        """From a fault back to idle, with new threads and sockets at the same ports."""
        with self._command:
            if self.state is State.CLOSED:
                raise StateError("reset of a closed streamer")
            if self.state is not State.FAULT:
                return
            self._stop_workers()
            self._detector.stop()
            self._drop_session()
            self._ring, self._fault = None, None
            try:
                self._start_workers()
            except BaseException as error:
                self._fault = error if isinstance(error, Exception) else StateError("reset was interrupted")
                raise

    def _drop_session(self) -> None:
        """Forget the session; whoever waits for it waits no longer."""
        session, self._session = self._session, None
        if session is not None and not session.done.is_set():
            session.fail(StateError(f"session {session.session_id} was dropped"))
            session.done.set()

    def close(self) -> None:
        """Stop, send what was acquired, and end all threads; a second call does nothing.

        Raises
        ------
        Exception
            What a thread or the last session died of, unless `wait` has raised it already.
        """
        with self._command:
            was_closed, self._is_closed = self._is_closed, True
            self.stop()
            self._stop_workers()
        if was_closed:
            return
        session = self._session
        if session is not None and session.error is not None and not session.is_error_raised:
            session.raise_error()
        if self._fault is not None and session is None:
            raise self._fault

    def _stop_workers(self) -> None:
        """End the threads, upstream first, so that what was acquired is sent."""
        late = []
        patience = 10.0 + 2 * self.config.linger
        for name, timeout in (("acquire", patience), ("send", patience), ("monitor", 2.0)):
            try:
                self._workers[name].close(timeout)
            except ShutdownTimeoutError as error:
                late.append(error)
        if self._gate is not None:
            self._gate.close()
        if late:
            # Its socket is in use by a thread: to end the context would wait for ever.
            raise late[0]
        self._context.term()  # a second time does nothing

    def __enter__(self) -> Streamer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _port(endpoint: str) -> int:
    return urlsplit(endpoint).port or 0


def _plain(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of `metadata` in plain JSON values."""
    try:
        copy: dict[str, Any] = json.loads(json.dumps(dict(metadata), allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"metadata: {error}; allowed are texts, finite numbers, true, false, null, lists and objects"
        ) from None
    return copy
