r"""All decisions of the device, in plain Python.

Commands come from the threads of clients, one at a time; they check, do what takes no time, and return.
One thread of our own opens and closes the hardware and watches what runs: it alone says when a session is
over. Reading anything here asks no hardware and waits for nothing.

    INIT ---- opened ----> STANDBY -- arm --> RUNNING -- acquired, streamed, written, closed --> STANDBY
      ^                        \                 |
      |                         +---- an error --+--> FAULT
      +------- open (the commands Init and Reset) -------+
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from receivers.hdf5.directed import APPEND, FILE_KEY
from receivers.hdf5.naming import ExistingFile
from tango_device.destination import check_destination, free_bytes
from tango_device.errors import WriterError
from tango_device.hardware import Hardware, WindowTable
from tango_device.properties import Properties
from tango_device.readings import Readings, WindowSums, window_counts
from tango_device.settings import Settings, trigger_mode
from tango_device.writer import WriterState, WriterStatus
from xspress3.detector.timing import Inputs
from xspress3.errors import AcquisitionTimeoutError, ConfigurationError, StateError, Xspress3Error
from xspress3.model import Acquisition, DetectorInfo, TriggerMode, Window
from xspress3.sdk import Roi
from xspress3.streamer import Session
from xspress3.streamer import State as StreamerState

__all__ = ["Controller", "DeviceState", "Listener"]

logger = logging.getLogger(__name__)

COMMAND_TIME = 2.2
"""Seconds that a command may wait; clients give up after 3."""
TRIGGER_PATIENCE = 0.25
"""Seconds that a software trigger waits for the frame of the one before."""
CLOSE_FILE_TIME = 60.0
"""Seconds after the last frame within which the file must be closed."""
JOIN_TIME = 10.0
"""Seconds after the last frame within which a writer that was started again must have joined."""
PROGRESS_INTERVAL = 0.1
HEALTH_INTERVAL = 5.0
_TURN_RUNNING = 0.004
_TURN_IDLE = 0.5
MAX_READ_WORDS = 4 << 20
"""Words that one command gives back at most: 16 MiB."""


class DeviceState(str, Enum):
    """What clients see."""

    INIT = "INIT"
    STANDBY = "STANDBY"
    RUNNING = "RUNNING"
    FAULT = "FAULT"


class Listener(Protocol):
    """Who wants to know; called from any thread, and must not wait for anything."""

    def state_changed(self, state: DeviceState, reason: str) -> None:
        """Another state, or another reason for it."""

    def progressed(self) -> None:
        """Counters and readings may have changed; at most ten times a second, and at the end of a session."""


@dataclass
class _Run:
    """One arming."""

    session: Session
    is_written: bool
    sums: WindowSums
    triggers: int = 0
    writer_error: str = ""
    is_over: bool = False
    done_at: float | None = None


@dataclass(frozen=True)
class Health:
    """What is looked at now and then."""

    free_bytes: int = -1
    temperatures: tuple[tuple[str, float], ...] = ()


class Controller:
    """Steers one detector::

        controller = Controller(listener)
        controller.open(Properties(library="sim"))
        controller.wait_open(10)
        controller.settings.frames_per_trigger = 10
        controller.arm()

    Parameters
    ----------
    before
        The controller whose place this one takes: its settings go on, and nothing is opened before it has
        closed what it had.

    Attributes
    ----------
    settings
        What the next arming uses. The file name is set by `set_file_name`.
    last_error
        Text of the last thing that went wrong, also when it was no fault.
    """

    def __init__(self, listener: Listener, before: Controller | None = None) -> None:
        self._before = before
        self.settings: Settings = Settings() if before is None else before.settings
        self.inputs: Inputs = Inputs() if before is None else before.inputs
        self.last_error = ""
        self.health = Health()
        self._listener = listener
        self._command = threading.RLock()  # one command at a time
        self._state_lock = (
            threading.Lock()
        )  # guards _state, _reason, _run, and the order in which they are told
        self._state, self._reason = DeviceState.INIT, "not opened yet"
        self._run: _Run | None = None
        self._hardware: Hardware | None = None
        self._properties = Properties()
        self._windows: WindowTable = {} if before is None else before._windows
        self._rois: tuple[Roi, ...] = () if before is None else before._rois
        self._last_path: str = "" if before is None else before._last_path
        self._is_name_new = True
        self._readings: Readings | None = None
        self._progress_at = self._health_at = 0.0
        self._wanted: tuple[int, Properties | None] = (0, None)
        self._opened = 0
        self._jobs: list[_Job] = []
        self._wake = threading.Event()
        self._idle = threading.Event()
        self._settled = threading.Event()
        self._thread = threading.Thread(target=self._supervise, name="xsp3-supervise")
        self._thread.start()

    # State

    @property
    def state(self) -> DeviceState:
        """What clients see."""
        return self._state

    @property
    def reason(self) -> str:
        """One line about the state."""
        return self._reason

    def status_text(self) -> str:
        """Several lines for people."""
        lines = [f"{self._state.value}: {self._reason}"]
        session = self.session
        if session is not None:
            wanted = session.acquisition.n_frames
            counts = session.counts
            lines.append(
                f"Session {session.session_id}: {counts.acquired} of {wanted or 'endless'} frames acquired, "
                f"{counts.streamed} streamed, {self.frames_written} written, {counts.lost} lost"
            )
        if self.last_file:
            lines.append(f"File: {self.last_file}")
        if self.last_error and self.last_error not in self._reason:
            lines.append(f"Last error: {self.last_error}")
        return "\n".join(lines)

    def _set_state(self, state: DeviceState, reason: str) -> None:
        with self._state_lock:
            self._tell_state(state, reason)

    def _tell_state(self, state: DeviceState, reason: str) -> None:
        self._state, self._reason = state, reason
        if state is DeviceState.RUNNING:
            self._idle.clear()
        else:
            self._idle.set()
        self._listener.state_changed(state, reason)

    # Opening and closing

    def open(self, properties: Properties) -> None:
        """Open the hardware, or close and open it again; goes on in a thread, see `wait_open`."""
        with self._state_lock:
            self._wanted = self._wanted[0] + 1, properties
            self._settled.clear()
            self._tell_state(DeviceState.INIT, "opening the detector")
        self._wake.set()

    def reset(self) -> None:
        """From a fault, or anything else, to a new beginning with the same settings."""
        self.open(self._properties)

    def wait_open(self, timeout: float) -> bool:
        """Wait until opening has succeeded or failed, which the state tells."""
        return self._settled.wait(timeout)

    def wait_idle(self, timeout: float) -> bool:
        """Wait until nothing runs any more, and the file is closed."""
        return self._idle.wait(timeout)

    def close(self, timeout: float) -> bool:
        """End a running session and let all go; whether that was done within `timeout` s."""
        with self._state_lock:
            self._wanted = self._wanted[0] + 1, None
        self._wake.set()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _supervise(self) -> None:
        """The thread of our own."""
        before, self._before = self._before, None
        if before is not None:
            before._thread.join()
        while True:
            wanted, properties = self._wanted
            if wanted != self._opened:
                self._close_hardware()
                if properties is None:
                    return
                self._open_hardware(wanted, properties)
            else:
                self._watch_safely()
            is_running = self._state is DeviceState.RUNNING
            self._wake.wait(_TURN_RUNNING if is_running else _TURN_IDLE)
            self._wake.clear()

    def _open_hardware(self, wanted: int, properties: Properties) -> None:
        self._opened, self._properties = wanted, properties
        try:
            hardware = Hardware(properties, self._windows, self._wake.set, self._rois, self.inputs)
        except Exception as error:  # whatever it was: the state says so, and Init tries again
            logger.error("opening: %s", error)
            self._settle(wanted, DeviceState.FAULT, _one_line(error))
            return
        self._hardware, self._readings = hardware, Readings.none(hardware.detector.info)
        self._settle(wanted, DeviceState.STANDBY, "ready")

    def _settle(self, wanted: int, state: DeviceState, reason: str) -> None:
        with self._state_lock:
            if self._wanted[0] != wanted:
                return  # somebody wants it again
            if state is DeviceState.FAULT:
                self.last_error = reason
            self._tell_state(state, reason)
            self._settled.set()

    def _close_hardware(self) -> None:
        hardware, self._hardware = self._hardware, None
        with self._state_lock:
            self._run = None
        if hardware is not None:
            hardware.close()
        self._fail_jobs()

    # Watching

    def _watch_safely(self) -> None:
        try:
            self._do_jobs()
            self._watch()
        except Exception as error:  # the thread must go on: it alone can close and open again
            logger.exception("watching failed")
            self._fault(_one_line(error))

    def _watch(self) -> None:
        hardware, run = self._hardware, self._run
        if hardware is None:
            return
        self._watch_writer(hardware, run)
        if run is not None and not run.is_over:
            self._follow(hardware, run)
        elif hardware.streamer.state is StreamerState.FAULT and self._state is not DeviceState.FAULT:
            self._fault(hardware.streamer.status().error)
        self._tell_progress(hardware, run)
        self._look_after(hardware)

    def _watch_writer(self, hardware: Hardware, run: _Run | None) -> None:
        status = hardware.writer.status
        if status.state is not WriterState.DEAD:
            return
        if run is not None and not run.is_over and run.is_written and not run.writer_error:
            run.writer_error = f"{status.error}; {status.written} frames are in {status.path or 'no file'}"
            self.last_error = run.writer_error
        if hardware.revive_writer() is not None:
            self.last_error = self.last_error or status.error
            logger.warning("another writer was started")

    def _follow(self, hardware: Hardware, run: _Run) -> None:
        """Say that a session is over, once its file is closed, or that it went wrong."""
        session = run.session
        if not session.done.is_set():
            return
        if run.done_at is None:
            run.done_at = time.monotonic()
        if session.error is not None:
            self._fault(_one_line(session.error))
            return
        if run.is_written and not self._is_written(hardware, run):
            return
        run.sums.update(hardware.streamer.history)
        with self._state_lock:
            if self._run is run and not run.is_over and self._state is DeviceState.RUNNING:
                run.is_over = True
                self._tell_state(DeviceState.STANDBY, "ready")
        self._progress_at = 0.0

    def _is_written(self, hardware: Hardware, run: _Run) -> bool:
        """Whether the file of a session that is over is closed and whole; a fault when it never will be."""
        session, status = run.session, hardware.writer.status
        has_ended = status.session_id == session.session_id and status.ended
        late = time.monotonic() - (run.done_at or 0.0)
        if run.writer_error:
            has_missed = status.session_id != session.session_id and status.state is WriterState.IDLE
            if has_ended or has_missed or late > JOIN_TIME:
                rest = f"; later ones are in {status.path}" if has_ended and status.path else ""
                self._fault(run.writer_error + rest)
            return False
        if not has_ended:
            if late > CLOSE_FILE_TIME:
                self._fault(f"the writer has not closed {status.path} within {CLOSE_FILE_TIME} s")
            return False
        self._last_path = status.path or self._last_path
        if status.error:
            self._fault(status.error)
            return False
        if status.written != session.acquired:
            self._fault(f"{status.path} holds {status.written} of {session.acquired} frames")
            return False
        return True

    def _fault(self, reason: str) -> None:
        with self._state_lock:
            if self._run is not None:
                self._run.is_over = True
            self.last_error = reason
            if self._state is not DeviceState.INIT:
                self._tell_state(DeviceState.FAULT, reason)
        logger.error("%s", reason)
        self._progress_at = 0.0

    def _tell_progress(self, hardware: Hardware, run: _Run | None) -> None:
        now = time.monotonic()
        if now - self._progress_at < (
            PROGRESS_INTERVAL if self._state is DeviceState.RUNNING else _TURN_IDLE
        ):
            return
        self._progress_at = now
        if run is not None:
            run.sums.update(hardware.streamer.history)
        self._listener.progressed()

    def _look_after(self, hardware: Hardware) -> None:
        """Look at disk and temperatures; not while frames are taken: the latter are slow to ask."""
        now = time.monotonic()
        if self._state is not DeviceState.STANDBY or now - self._health_at < HEALTH_INTERVAL:
            return
        self._health_at = now
        try:
            temperatures = tuple(hardware.detector.temperatures().items())
        except Xspress3Error as error:
            logger.debug("temperatures: %s", error)
            temperatures = ()
        self.health = Health(self._free_bytes(), temperatures)

    def _free_bytes(self) -> int:
        name = self.settings.file_name or self._last_path
        try:
            return free_bytes(Path(name).parent) if name else -1
        except Xspress3Error:
            return -1

    # Jobs: what may take longer than a client waits, done by the thread of our own

    def _do_jobs(self) -> None:
        while self._jobs:
            job = self._jobs.pop(0)
            job.do()
            if self._state is DeviceState.INIT:
                self._set_state(DeviceState.STANDBY, "ready")
            if job.error is not None:
                self.last_error = _one_line(job.error)

    def _fail_jobs(self) -> None:
        while self._jobs:
            self._jobs.pop(0).refuse(StateError("the detector was closed before"))

    def _in_background(self, what: str, action: Callable[[], None]) -> None:
        """Do what may take long; when it takes longer than a client waits, the state INIT tells."""
        job = _Job(action)
        with self._state_lock:
            self._tell_state(DeviceState.INIT, what)
            self._jobs.append(job)
        self._wake.set()
        if job.done.wait(COMMAND_TIME) and job.error is not None:
            raise job.error

    # What runs

    @property
    def hardware(self) -> Hardware | None:
        """What is open, `None` for nothing."""
        return self._hardware

    @property
    def properties(self) -> Properties:
        """Those that the hardware was opened with."""
        return self._properties

    @property
    def session(self) -> Session | None:
        """The last session since opening."""
        run = self._run
        return None if run is None else run.session

    @property
    def frames_acquired(self) -> int:
        """Frames of the last session; 0 from arming on, never more than were asked for."""
        session = self.session
        return 0 if session is None else session.acquired

    @property
    def writer_status(self) -> WriterStatus:
        """What the built-in writer does."""
        hardware = self._hardware
        return WriterStatus(state=WriterState.CLOSED) if hardware is None else hardware.writer.status

    @property
    def frames_written(self) -> int:
        """Frames of the last session that are in its file."""
        run, status = self._run, self.writer_status
        is_its = run is not None and run.is_written and status.session_id == run.session.session_id
        return status.written if is_its else 0

    @property
    def last_file(self) -> str:
        """Path of the file that was written last, or is."""
        run, status = self._run, self.writer_status
        if run is not None and run.is_written and status.session_id == run.session.session_id:
            return status.path or self._last_path
        return self._last_path

    @property
    def is_ready_for_trigger(self) -> bool:
        """Whether a software trigger would start frames now."""
        run = self._run
        if run is None or run.is_over or self._state is not DeviceState.RUNNING:
            return False
        acquisition, session = run.session.acquisition, run.session
        is_due = run.triggers < acquisition.n_triggers and not session.stop_requested.is_set()
        is_here = session.acquired + session.lost >= run.triggers * acquisition.frames_per_trigger
        return acquisition.trigger_mode is TriggerMode.SOFTWARE and is_due and is_here

    @property
    def ring_fill(self) -> float:
        """Part of the detector's ring that waits to be read, in percent."""
        session = self.session
        if session is None or session.done.is_set():
            return 0.0
        waiting = session.complete - session.acquired - session.lost
        return max(100.0 * waiting / session.info.ring_frames, 0.0)

    def readings(self) -> Readings:
        """The newest frame.

        Raises
        ------
        StateError
            Before anything was opened.
        """
        hardware = self._require_open("reading a frame")
        snapshot, known = hardware.streamer.latest(), self._readings
        if snapshot is not None and (
            known is None or (known.session_id, known.frame) != (snapshot.session.session_id, snapshot.frame)
        ):
            known = self._readings = Readings.of(snapshot)
        return known or Readings.none(hardware.detector.info)

    def sums(self) -> WindowSums:
        """Counts in the windows over the last session."""
        run = self._run
        return WindowSums(self.info) if run is None else run.sums

    @property
    def info(self) -> DetectorInfo:
        """What the detector is; raises `StateError` while it is not open."""
        return self._require_open("asking what the detector is").detector.info

    # Commands

    def arm(self) -> Session:
        """Begin the session that the settings ask for.

        Raises
        ------
        Xspress3Error
            Saying why not; nothing has changed then.
        """
        return self._arm(self.settings.acquisition)

    def take_data(self, seconds: float) -> Session:
        """Take frames for so long, without triggers; as many as fit in, but one at least."""
        exposure = self.settings.exposure_time
        if not 0 < seconds < float("inf"):
            raise ConfigurationError(f"TakeData: {seconds} s, allowed is above 0 s")
        n_frames = max(round(seconds / exposure), 1)
        return self._arm(lambda: self._internal(frames_per_trigger=n_frames))

    def start_stream(self) -> Session:
        """Take frames without triggers until `stop`."""
        return self._arm(lambda: self._internal(is_endless=True))

    def _internal(self, **fields: Any) -> Acquisition:
        return Acquisition(
            exposure_time=self.settings.exposure_time,
            latency_time=self.settings.latency_time,
            trigger_mode=TriggerMode.INTERNAL,
            **fields,
        )

    def _arm(self, make: Callable[[], Acquisition]) -> Session:
        with self._command, self._remembering():
            self._settled.wait(COMMAND_TIME)  # scripts arm at once after Init
            hardware = self._require_open("Arm")
            self._refuse_unfinished()
            acquisition = make()
            hardware.detector.timing(acquisition)
            path = self._destination(hardware)
            self._wait_previous()
            is_written = path is not None
            session = hardware.arm(acquisition, self._metadata(path), is_written=is_written)
            if is_written:
                hardware.writer.expect(session.session_id)
                self._is_name_new = False
            with self._state_lock:
                self._run = _Run(session, is_written, WindowSums(session.info))
                self._tell_state(DeviceState.RUNNING, f"session {session.session_id}")
            self._wake.set()
            return session

    def _refuse_unfinished(self) -> None:
        """Refuse at once when frames of the session before are still to come."""
        run = self._run
        if run is None or run.is_over:
            return
        session, wanted = run.session, run.session.acquisition.n_frames
        if session.stop_requested.is_set() or session.read_out.is_set():
            return
        if wanted is None or session.acquired + session.lost < wanted:
            raise StateError(
                f"Arm after {session.acquired} of {wanted or 'endless'} frames of session "
                f"{session.session_id}, allowed in STANDBY; Stop ends it"
            )

    def _wait_previous(self) -> None:
        """Wait for the file before, which is being closed."""
        if not self._idle.wait(COMMAND_TIME):
            raise AcquisitionTimeoutError(
                f"Arm while the file of the session before is still being written: {self.frames_written} of "
                f"{self.frames_acquired} frames; allowed in STANDBY"
            )
        if self._state is not DeviceState.STANDBY:
            raise StateError(f"Arm while {self._state.value} ({self._reason}), allowed in STANDBY")

    def _destination(self, hardware: Hardware) -> Path | None:
        """Where the file goes, checked; `None` when there is to be none."""
        name = self.settings.file_name
        if not (self.settings.is_written and name):
            return None
        path = check_destination(name, hardware.allowed)
        if hardware.writer.status.state is WriterState.DEAD:
            raise WriterError(f"{hardware.writer.status.error}; it is started again, try in some seconds")
        return path

    def _metadata(self, path: Path | None) -> dict[str, Any]:
        """What travels with the start of the session: the writer's orders."""
        if path is None:
            return {}
        if self.settings.is_overwritable:
            return {FILE_KEY: {"path": str(path), "existing": ExistingFile.OVERWRITE.value}}
        if not self._is_name_new and self._last_path:
            return {FILE_KEY: {"path": self._last_path, "existing": APPEND}}
        return {FILE_KEY: {"path": str(path), "existing": ExistingFile.SUFFIX.value}}

    def set_file_name(self, name: str) -> None:
        """Choose where the next sessions go; empty for no file. Writing a name begins another file."""
        self.settings.file_name = name
        self._is_name_new = True

    def set_trigger_mode(self, word: str) -> None:
        """Choose what starts frames, in the words of `TRIGGER_MODES`."""
        self.settings.trigger_mode = trigger_mode(word)

    def software_trigger(self) -> None:
        """Start the next frames.

        Raises
        ------
        StateError
            When none is waited for, or the frame of the last trigger is still being taken.
        """
        with self._command, self._remembering():
            hardware = self._require_open("SoftwareTrigger")
            run = self._run
            if run is None or run.is_over:
                raise StateError(f"SoftwareTrigger while {self._state.value}, allowed in RUNNING; Arm first")
            acquisition = run.session.acquisition
            deadline = time.monotonic() + TRIGGER_PATIENCE
            while not self.is_ready_for_trigger:
                if run.triggers >= acquisition.n_triggers or time.monotonic() > deadline:
                    raise StateError(self._why_not_ready(run))
                run.session.stop_requested.wait(0.001)
            hardware.streamer.trigger()
            run.triggers += 1

    def _why_not_ready(self, run: _Run) -> str:
        acquisition = run.session.acquisition
        if acquisition.trigger_mode is not TriggerMode.SOFTWARE:
            return f"SoftwareTrigger while armed for {acquisition.trigger_mode.name}, allowed with SOFTWARE"
        if run.session.stop_requested.is_set():
            return "SoftwareTrigger after Stop, allowed after the next Arm"
        if run.triggers >= acquisition.n_triggers:
            return (
                f"SoftwareTrigger after all {acquisition.n_triggers} were given, allowed after the next Arm"
            )
        return (
            f"SoftwareTrigger while {run.session.acquired} of "
            f"{run.triggers * acquisition.frames_per_trigger} frames of those before are "
            "there, allowed when ReadyForSwTrigger is true"
        )

    def stop(self, is_waiting: bool = True) -> None:
        """End what runs; frames that are complete still go out, and into the file. Harmless when idle."""
        with self._command:
            hardware = self._hardware
            if hardware is None or self._state is not DeviceState.RUNNING:
                return
            hardware.streamer.stop()
            self._wake.set()
            if is_waiting:
                self._idle.wait(COMMAND_TIME)

    def simulate_triggers(self, n_triggers: int) -> None:
        """Have the simulator give edges or gates for the session that is armed."""
        with self._command:
            hardware, session = self._require_open("SimulateHardwareTriggers"), self.session
            if session is None or self._state is not DeviceState.RUNNING:
                raise StateError(
                    f"SimulateHardwareTriggers while {self._state.value}, allowed in RUNNING; Arm first"
                )
            hardware.simulate_triggers(n_triggers, session.acquisition)

    # Reading back

    def read_frames(
        self, first_frame: int, n_frames: int
    ) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
        """Frames of the last session that are still in the ring: histogram and scalers."""
        hardware = self._require_open("reading frames")
        info = hardware.detector.info
        n_most = max(MAX_READ_WORDS // (info.n_channels * info.n_bins), 1)
        if not 1 <= n_frames <= n_most:
            raise ConfigurationError(f"reading {n_frames} frames, allowed is 1..{n_most} at a time")
        return hardware.streamer.read_frames(first_frame, n_frames, COMMAND_TIME)

    def window_counts(
        self, window: int, channel: int, first: int, last: int, corrected: bool
    ) -> npt.NDArray[np.float64]:
        """Counts of frames `first` to `last`, counted from 1 as the predecessor did, both within."""
        info = self.info
        if not 0 <= channel < info.n_channels:
            raise ConfigurationError(f"channel {channel}, allowed is 0..{info.n_channels - 1}")
        first = max(first, 1)
        if not 0 <= last - first < MAX_READ_WORDS:
            raise ConfigurationError(f"frames {first}..{last}, allowed is a range of 1..{MAX_READ_WORDS}")
        history = self._require_open("reading counts").streamer.history
        return window_counts(history, info, window, channel, first - 1, last - 1, corrected)

    # Hardware settings

    @property
    def windows(self) -> Sequence[Sequence[tuple[int, int]]]:
        """Limits in force, [channel][window]."""
        hardware = self._hardware
        return [] if hardware is None else hardware.windows

    def set_window(self, channel: int, window: int, low: int, high: int) -> None:
        """Choose the bins, both within, that window 0 or 1 of a channel counts; kept for when it is open."""
        if self._hardware is None:
            self._windows[channel, window] = Window(low, high)
            return
        with self._idle_hardware(f"Window{window + 1}_Ch{channel}") as hardware:
            limits = Window(low, high)
            hardware.detector.set_window(channel, window, limits)
            hardware.windows = hardware.detector.windows()
            self._windows[channel, window] = limits

    @property
    def rois(self) -> tuple[Roi, ...]:
        """Parts of the spectrum that are recorded; none for all of it."""
        return self._rois

    def set_rois(self, rois: Sequence[Roi]) -> None:
        """Record these parts of the spectrum only; none records all of it."""
        with self._idle_hardware("Regions") as hardware:
            hardware.detector.set_rois(rois)
            self._rois = tuple(rois)
            self._readings = Readings.none(hardware.detector.info)

    def set_inputs(self, **changes: Any) -> None:
        """Choose how the inputs are read: fields of `Inputs`."""
        if self._hardware is None:
            self.inputs = replace(self.inputs, **changes)
            return
        with self._idle_hardware(", ".join(changes)) as hardware:
            inputs = replace(self.inputs, **changes)
            hardware.detector.set_inputs(inputs)
            self.inputs = inputs

    def save_settings(self, directory: str) -> None:
        """Write the electronics' settings to files."""
        with self._idle_hardware("SaveSettings") as hardware:
            if not Path(directory).is_dir():
                raise ConfigurationError(f"SaveSettings: {directory!r}, allowed is a directory that exists")
            self._in_background("saving settings", lambda: hardware.detector.save_settings(directory))

    def restore_settings(self, directory: str) -> None:
        """Set the electronics up from files, and our windows after them."""
        with self._idle_hardware("RestoreSettings") as hardware:
            if not Path(directory).is_dir():
                raise ConfigurationError(
                    f"RestoreSettings: {directory!r}, allowed is a directory that exists"
                )

            def restore() -> None:
                hardware.detector.restore_settings(directory)
                hardware.windows = hardware.detector.windows()

            self._in_background("restoring settings", restore)

    def reload_calibration(self) -> None:
        """Set the electronics up from the files of the property `ConfigPath`."""
        directory = self._properties.settings_directory
        if directory is None:
            raise ConfigurationError("ReloadCalibration: the property ConfigPath names no directory")
        self.restore_settings(directory)

    @contextmanager
    def _idle_hardware(self, what: str) -> Any:
        """The hardware, when nothing runs."""
        with self._command:
            hardware = self._require_open(what)
            if self._state is not DeviceState.STANDBY:
                raise StateError(f"{what} while {self._state.value}, allowed in STANDBY")
            yield hardware

    def _require_open(self, what: str) -> Hardware:
        hardware = self._hardware
        if hardware is None or self._state is DeviceState.INIT:
            raise StateError(f"{what} while {self._state.value} ({self._reason}), allowed in STANDBY")
        return hardware

    @contextmanager
    def _remembering(self) -> Any:
        """Keep the text of what a command raises, for those who did not call it."""
        try:
            yield
        except Xspress3Error as error:
            self.last_error = _one_line(error)
            raise


class _Job:
    """Something to do, and how it went."""

    def __init__(self, action: Callable[[], None]) -> None:
        self._action = action
        self.done = threading.Event()
        self.error: Exception | None = None

    def do(self) -> None:
        try:
            self._action()
        except Exception as error:  # raised by who waits, or kept as the last error
            self.error = error
        self.done.set()

    def refuse(self, error: Exception) -> None:
        self.error = error
        self.done.set()


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
