"""The thread that opens, watches and closes, and the states it tells of."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tango_device.destination import free_bytes
from tango_device.hardware import Hardware
from tango_device.properties import Properties
from tango_device.readings import Readings
from tango_device.record import Record
from tango_device.state import DeviceState, Health, Job, Listener, Run, one_line
from tango_device.writer import WriterState
from xspress3.errors import StateError, Xspress3Error
from xspress3.streamer import State as StreamerState

__all__ = ["COMMAND_TIME", "Supervisor"]

logger = logging.getLogger(__name__)

COMMAND_TIME = 2.2
"""Seconds that a command may wait; clients give up after 3."""
CLOSE_FILE_TIME = 60.0
"""Seconds after the last frame within which the file must be closed."""
JOIN_TIME = 10.0
"""Seconds that a writer has to join, after it was started or after the last frame."""
PROGRESS_INTERVAL = 0.1
HEALTH_INTERVAL = 5.0
_TURN_RUNNING = 0.004
_TURN_IDLE = 0.5


class Supervisor(Record):
    """Opens, closes and watches the hardware, and says in which state it is; see `Controller`."""

    def __init__(self, listener: Listener, before: Supervisor | None = None) -> None:
        super().__init__(before)
        self._before = before
        self._listener = listener
        self._progress_at = self._health_at = 0.0
        self._wanted: tuple[int, Properties | None] = (0, None)
        self._opened = 0
        self._jobs: list[Job] = []
        self._wake = threading.Event()
        self._idle = threading.Event()
        self._settled = threading.Event()
        self._thread = threading.Thread(target=self._supervise, name="xsp3-supervise")
        self._thread.start()

    # State

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
            self._recall(properties)
            hardware = Hardware(properties, self._windows, self._wake.set, self._rois, self.inputs)
        except Exception as error:  # whatever it was: the state says so, and Init tries again
            logger.error("opening: %s", error)
            self._settle(wanted, DeviceState.FAULT, one_line(error))
            return
        self._hardware, self._readings = hardware, Readings.none(hardware.detector.info)
        self._wait_writer(wanted, hardware)
        self._settle(wanted, DeviceState.STANDBY, "ready")

    def _wait_writer(self, wanted: int, hardware: Hardware) -> None:
        """Let the writer start, so that who sees STANDBY can arm; one that does not is told of by `Arm`."""
        deadline = time.monotonic() + JOIN_TIME
        while self._wanted[0] == wanted and time.monotonic() < deadline:
            if hardware.writer.status.state is not WriterState.STARTING:
                return
            self._wake.wait(_TURN_IDLE)
            self._wake.clear()

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
            self._fault(one_line(error))

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

    def _watch_writer(self, hardware: Hardware, run: Run | None) -> None:
        hardware.note_written()
        status = hardware.writer.status
        if status.state is not WriterState.DEAD:
            return
        if run is not None and not run.is_over and run.is_written and not run.writer_error:
            run.writer_error = f"{status.error}; {status.written} frames are in {status.path or 'no file'}"
            self.last_error = run.writer_error
        if hardware.revive_writer() is not None:
            self.last_error = self.last_error or status.error
            logger.warning("another writer was started")

    def _follow(self, hardware: Hardware, run: Run) -> None:
        """Say that a session is over, once its file is closed, or that it went wrong."""
        session = run.session
        if not session.done.is_set():
            return
        if run.done_at is None:
            run.done_at = time.monotonic()
        if session.error is not None:
            self._fault(one_line(session.error))
            return
        if run.is_written and not self._is_written(hardware, run):
            return
        run.sums.update(hardware.streamer.history)
        with self._state_lock:
            if self._run is run and not run.is_over and self._state is DeviceState.RUNNING:
                run.is_over = True
                self._tell_state(DeviceState.STANDBY, "ready")
        self._progress_at = 0.0

    def _is_written(self, hardware: Hardware, run: Run) -> bool:
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

    def _tell_progress(self, hardware: Hardware, run: Run | None) -> None:
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
            if job.error is not None:
                self.last_error = one_line(job.error)
            if self._state is DeviceState.INIT and self._wanted[0] == self._opened:
                self._set_state(DeviceState.STANDBY, "ready")
            job.done.set()  # not before: who waits for it may arm next

    def _fail_jobs(self) -> None:
        while self._jobs:
            self._jobs.pop(0).refuse(StateError("the detector was closed before"))

    def _in_background(self, what: str, action: Callable[[], None]) -> None:
        """Do what may take long; when it takes longer than a client waits, the state INIT tells."""
        job = Job(action)
        with self._state_lock:
            self._tell_state(DeviceState.INIT, what)
            self._jobs.append(job)
        self._wake.set()
        if job.done.wait(COMMAND_TIME) and job.error is not None:
            raise job.error
