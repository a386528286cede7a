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

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from receivers.hdf5.directed import APPEND, FILE_KEY
from receivers.hdf5.naming import ExistingFile
from tango_device.destination import check_destination
from tango_device.errors import WriterError
from tango_device.hardware import Hardware
from tango_device.memorized import WindowTable
from tango_device.readings import Readings, WindowSums
from tango_device.settings import trigger_mode
from tango_device.state import DeviceState, Listener, Run, one_line
from tango_device.supervisor import COMMAND_TIME
from tango_device.views import Views
from tango_device.writer import WriterState
from xspress3.errors import AcquisitionTimeoutError, ConfigurationError, StateError, Xspress3Error
from xspress3.model import Acquisition, TriggerMode, Window
from xspress3.sdk import Roi
from xspress3.streamer import Session

__all__ = ["Controller", "DeviceState", "Listener"]

TRIGGER_PATIENCE = 0.25
"""Seconds that a software trigger waits for the frame of the one before."""


class Controller(Views):
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
            deadline = time.monotonic() + COMMAND_TIME
            self._settled.wait(COMMAND_TIME)  # scripts arm at once after Init
            hardware = self._require_open("Arm")
            self._refuse_unfinished()
            acquisition = make()
            hardware.detector.timing(acquisition)
            path = self._destination(hardware)
            self._wait_previous(deadline)
            is_written = path is not None
            session = hardware.arm(
                acquisition, self._metadata(path), is_written=is_written, deadline=deadline
            )
            if is_written:
                hardware.writer.expect(session.session_id)
                self._is_name_new = False
            with self._state_lock:
                self._run = Run(session, is_written, WindowSums(session.info))
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

    def _wait_previous(self, deadline: float) -> None:
        """Wait for the file before, which is being closed."""
        if not self._idle.wait(max(deadline - time.monotonic(), 0)):
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

    def _why_not_ready(self, run: Run) -> str:
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
        """Set the electronics up from files; windows in force after that are the chosen ones."""
        with self._idle_hardware("RestoreSettings") as hardware:
            if not Path(directory).is_dir():
                raise ConfigurationError(
                    f"RestoreSettings: {directory!r}, allowed is a directory that exists"
                )

            def restore() -> None:
                hardware.detector.restore_settings(directory)
                hardware.windows = hardware.detector.windows()
                self._windows.update(_as_table(hardware.windows))

            self._in_background("restoring settings", restore)

    def reload_calibration(self) -> None:
        """Set the electronics up from the files of the property `ConfigPath`."""
        directory = self._properties.settings_directory
        if directory is None:
            raise ConfigurationError("ReloadCalibration: the property ConfigPath names no directory")
        self.restore_settings(directory)

    @contextmanager
    def _idle_hardware(self, what: str) -> Iterator[Hardware]:
        """The hardware, when nothing runs."""
        with self._command:
            hardware = self._require_open(what)
            if self._state is not DeviceState.STANDBY:
                raise StateError(f"{what} while {self._state.value}, allowed in STANDBY")
            yield hardware

    @contextmanager
    def _remembering(self) -> Iterator[None]:
        """Keep the text of what a command raises, for those who did not call it."""
        try:
            yield
        except Xspress3Error as error:
            self.last_error = one_line(error)
            raise


def _as_table(windows: Sequence[Sequence[tuple[int, int]]]) -> WindowTable:
    return {
        (channel, window): Window(*limits)
        for channel, both in enumerate(windows)
        for window, limits in enumerate(both)
        if limits[0] <= limits[1]  # else it counts nothing, and nobody can have chosen it
    }
