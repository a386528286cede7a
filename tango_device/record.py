"""What is known of the device at any moment, and what its next controller takes over."""

from __future__ import annotations

import threading

from tango_device.hardware import Hardware
from tango_device.memorized import Memorized, WindowTable
from tango_device.properties import Properties
from tango_device.readings import Readings
from tango_device.settings import Settings
from tango_device.state import DeviceState, Health, Run
from tango_device.writer import WriterState, WriterStatus
from xspress3.detector.timing import Inputs
from xspress3.errors import StateError
from xspress3.sdk import Roi
from xspress3.streamer import Session

__all__ = ["Record"]


class Record:
    """State, settings, session and file; see `Controller`."""

    def __init__(self, before: Record | None) -> None:
        self.settings: Settings = Settings() if before is None else before.settings
        self.inputs: Inputs = Inputs() if before is None else before.inputs
        self.last_error = ""
        self.health = Health()
        self._command = threading.RLock()  # one command at a time
        # Guards _state, _reason, _run, what is wanted, and the order in which they are told.
        self._state_lock = threading.Lock()
        self._state, self._reason = DeviceState.INIT, "not opened yet"
        self._run: Run | None = None
        self._hardware: Hardware | None = None
        self._properties = Properties()
        self._windows: WindowTable = {} if before is None else before._windows
        self._rois: tuple[Roi, ...] = () if before is None else before._rois
        self._is_recalled: bool = before is not None and before._is_recalled
        self._last_path: str = "" if before is None else before._last_path
        self._is_name_new = True
        self._readings: Readings | None = None

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

    def _require_open(self, what: str) -> Hardware:
        hardware = self._hardware
        if hardware is None or self._state is DeviceState.INIT:
            raise StateError(f"{what} while {self._state.value} ({self._reason}), allowed in STANDBY")
        return hardware

    def _recall(self, properties: Properties) -> None:
        """Take over what an earlier server kept; once, because later choices are newer."""
        if self._is_recalled:
            return
        kept = Memorized.of(properties.memorized)
        self._windows.update(kept.windows)
        self._rois = kept.rois
        if properties.keeps_file_name and kept.file_name is not None:
            self.settings.file_name = kept.file_name
        self._is_recalled = True

    @property
    def memorized(self) -> Memorized | None:
        """What a later server shall begin with; `None` before it is known what an earlier one kept."""
        if not self._is_recalled:
            return None
        file_name = self.settings.file_name if self._properties.keeps_file_name else None
        return Memorized(dict(self._windows), self._rois, file_name)
