"""The streamer: one detector, one stream, one session at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from xspress3.config import StreamerConfig
from xspress3.detector import Detector
from xspress3.errors import AcquisitionTimeoutError, ConfigurationError, StateError
from xspress3.model import Acquisition, Window
from xspress3.stream import Envelope, FrameRing, encode
from xspress3.stream.sockets import warn_of_everybody
from xspress3.streamer.history import ScalerHistory
from xspress3.streamer.latest import LatestFrame, Snapshot
from xspress3.streamer.session import Counts, Session, Written, choose_frames_per_block, plain
from xspress3.streamer.session_ids import SessionIds
from xspress3.streamer.status import State, Status
from xspress3.streamer.threads import StreamerThreads
from xspress3.streamer.windows import WindowWishes

__all__ = ["Streamer"]

N_SLOTS = 8
"""Blocks between the detector and the wire."""


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
        self._threads = self._make_threads()
        self._threads.start()
        # After a reset readers shall find it where it was, also when any port would have done.
        self.config = self._threads.with_ports(self.config)
        warn_of_everybody(self.config.interface, has_keys=self.config.curve_secret_key is not None)

    def _make_threads(self) -> StreamerThreads:
        return StreamerThreads(
            self._detector,
            self.config,
            self._latest,
            self.history,
            status=self.status,
            set_window=self.set_window,
            failed=self._thread_failed,
        )

    def _thread_failed(self, error: Exception) -> None:
        """Called from a thread that died: nothing waits for it in vain."""
        self._fault = error
        session = self._session
        if session is not None:
            session.fail(error)
            session.stop_requested.set()
            session.done.set()

    @property
    def data_endpoint(self) -> str:
        """Where readers of all frames find it."""
        return self._threads.data_endpoint

    @property
    def old_endpoints(self) -> dict[str, str]:
        """Where readers of each old dialect find it."""
        return self._threads.old_endpoints

    @property
    def monitor_endpoint(self) -> str:
        """Where who wants the latest frame finds it."""
        return self._threads.monitor_endpoint

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
            readers=tuple(self._threads.send.readers),
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
        while not self._threads.send.wait_readers(
            n_readers, min(0.1, max(deadline - time.monotonic(), 0)), names
        ):
            if self._is_closed:
                raise StateError("waiting for readers of a closed streamer")
            if give_up():
                return False
            if time.monotonic() >= deadline:
                raise AcquisitionTimeoutError(self._who_is_missing(n_readers, timeout, names))
        return True

    def _who_is_missing(self, n_readers: int, timeout: float, names: tuple[str, ...]) -> str:
        send = self._threads.send
        missing = send.missing(names)
        if missing:
            present = sorted(reader.name for reader in send.readers) or "nobody"
            return (
                f"required readers {missing} have not joined {self.data_endpoint} within {timeout} s; "
                f"there is {present}"
            )
        return f"{send.n_readers} of {n_readers} readers have joined {self.data_endpoint} within {timeout} s"

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
            self._threads.acquire.begin(session)
            if self._fault is not None:  # a thread died meanwhile and did not see this session
                self._thread_failed(self._fault)
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
            metadata=plain(metadata),
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
        return self._threads.acquire.requests.read(first_frame, n_frames, timeout)

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
            self._threads.close()
            self._detector.stop()
            self._drop_session()
            self._ring, self._fault = None, None
            try:
                self._threads = self._make_threads()
                self._threads.start()
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
            self._threads.close()
        if was_closed:
            return
        session = self._session
        if session is not None and session.error is not None and not session.is_error_raised:
            session.raise_error()
        if self._fault is not None and session is None:
            raise self._fault

    def __enter__(self) -> Streamer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
