"""What all controllers of Sardana's pool have in common: one detector, armed once for all of them.

Sardana calls each controller of a measurement by itself, one after the other::

    counters   prepare           load          pre-start           start
    spectra            prepare         load             pre-start         start
    device     name     name     set    set                        Arm    -

So what is set may be set twice, but the detector is armed by the first that starts.
"""

from __future__ import annotations

import weakref
from typing import Any, ClassVar

import tango
from sardana import State
from sardana.pool import AcqSynch
from sardana.pool.controller import (
    Description,
    FGet,
    FSet,
    Memorize,
    NotMemorized,
    Type,
)

from tango_device.clients.pauses import SHORTEST_PAUSE, check_pause

__all__ = ["Measuring", "SharedDetector"]

_BY_SOFTWARE = (AcqSynch.SoftwareTrigger, AcqSynch.SoftwareStart)
_STATES = {
    tango.DevState.STANDBY: State.On,
    tango.DevState.RUNNING: State.Moving,
    tango.DevState.INIT: State.Moving,
}


class SharedDetector:
    """The device, as all controllers of the process that use it share it.

    Attributes
    ----------
    device
        Its proxy.
    file_name
        File of the next measurement, as the device knows it; empty for none.
    """

    _known: ClassVar[weakref.WeakValueDictionary[str, SharedDetector]] = weakref.WeakValueDictionary()

    def __init__(self, name: str) -> None:
        self.device = tango.DeviceProxy(name)
        self.file_name = ""
        self._is_started = False

    @classmethod
    def of(cls, name: str) -> SharedDetector:
        """That of the device of this name; made when no controller uses it yet."""
        found = cls._known.get(name)
        if found is None:
            found = cls._known[name] = cls(name)
        return found

    def prepare(self) -> None:
        """Name the file; each start of the measurement is appended to it."""
        self.device.DestinationFileOverwritable = False
        self.device.DestinationFileName = self.file_name

    def load(self, seconds: float, repetitions: int, latency: float, synchronization: AcqSynch) -> None:
        """Write the set points of the next start; `seconds` is the counting time."""
        if seconds <= 0:
            raise ValueError(
                f"integration time: {seconds} s, allowed is above 0 s; monitors cannot be counted"
            )
        mode, n_triggers, n_frames = _triggers(synchronization, repetitions)
        follow_each_other = n_triggers == 1 and n_frames > 1
        if follow_each_other:
            check_pause("latency time", latency)
        pause = max(latency, SHORTEST_PAUSE) if follow_each_other else SHORTEST_PAUSE
        self.device.ExposureTime = seconds + pause
        self.device.LatencyTime = pause
        self.device.TriggerMode = mode
        self.device.nTriggers = n_triggers
        self.device.nFramesPerTrigger = n_frames

    def expect_start(self) -> None:
        """Let the next start be one; Sardana announces a start to all controllers before it starts any."""
        self._is_started = False

    def start(self, synchronization: AcqSynch) -> None:
        """Arm and, where software starts the frames, start them; once for all that were announced."""
        if self._is_started:
            return
        self._is_started = True
        self.device.Arm()
        if synchronization in _BY_SOFTWARE:
            self.device.SoftwareTrigger()

    def n_frames(self) -> int:
        """Frames of the session that were taken or lost."""
        acquired, lost = self.device.read_attributes(["nFramesAcquired", "nFramesLost"])
        return int(acquired.value + lost.value)


def _triggers(synchronization: AcqSynch, repetitions: int) -> tuple[str, int, int]:
    """Mode, triggers and frames for each of them, in the words of the device."""
    ways = {
        AcqSynch.SoftwareTrigger: ("SOFTWARE", 1, repetitions),
        AcqSynch.SoftwareStart: ("SOFTWARE", 1, repetitions),
        AcqSynch.HardwareTrigger: ("EXTERNAL_MULTI", repetitions, 1),
        AcqSynch.HardwareStart: ("EXTERNAL_MULTI", 1, repetitions),
        AcqSynch.HardwareGate: ("EXTERNAL_MULTI_GATE", repetitions, 1),
    }
    if synchronization not in ways:
        raise ValueError(f"synchronization: {synchronization}, allowed is any but a software gate")
    return ways[synchronization]


class Measuring:
    """What a controller does in a measurement, whatever its axes give; comes before Sardana's class.

    Subclasses say what `_read_frames` of an axis is.
    """

    model = "Xspress3"
    organization = "xspress3-streamer"

    ctrl_properties: ClassVar[dict[str, Any]] = {
        "TangoDevice": {Type: str, Description: "Name of the Tango device."},
    }
    ctrl_attributes: ClassVar[dict[str, Any]] = {
        "FileName": {
            Type: str,
            FGet: "get_file_name",
            FSet: "set_file_name",
            Memorize: NotMemorized,
            Description: "File of the next measurement, as the device knows it; empty for none. "
            "All controllers of the device have the same.",
        },
    }
    TangoDevice: str

    def __init__(self, inst: str, props: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        super().__init__(inst, props, *args, **kwargs)  # type: ignore[call-arg]
        self._detector = SharedDetector.of(self.TangoDevice)
        self._device = self._detector.device
        self._synchronization = AcqSynch.SoftwareTrigger
        self._state = State.Unknown, ""
        self._n_read = 0
        self._asked: list[int] = []
        self._values: dict[int, list[Any]] = {}

    # Settings

    def get_file_name(self) -> str:
        """What `FileName` was set to."""
        return self._detector.file_name

    def set_file_name(self, name: str) -> None:
        """Keep the name until a measurement is prepared."""
        self._detector.file_name = name

    def SetCtrlPar(self, parameter: str, value: Any) -> None:
        """Take the way in which the next measurement is started and triggered."""
        if parameter == "synchronization":
            self._synchronization = value

    def GetCtrlPar(self, parameter: str) -> Any:
        """That way, or the shortest pause between two frames in s."""
        if parameter == "synchronization":
            return self._synchronization
        if parameter == "latency_time":
            return self._device.ReadoutTime
        return None

    # A measurement

    def PrepareOne(self, axis: int, value: float, repetitions: int, latency: float, nb_starts: int) -> None:
        """Name the file."""
        self._detector.prepare()

    def LoadOne(self, axis: int, value: float, repetitions: int, latency: float) -> None:
        """Write the set points of the next start; `value` is the counting time in s."""
        self._detector.load(value, repetitions, latency, self._synchronization)

    def PreStartAll(self) -> None:
        """Announce a start."""
        self._detector.expect_start()

    def StartOne(self, axis: int, value: float) -> None:
        """Do nothing: all axes are one detector."""

    def StartAll(self) -> None:
        """Start, unless another controller of the device has done so."""
        self._n_read = 0
        self._detector.start(self._synchronization)

    def StateAll(self) -> None:
        """Ask the device once for all axes."""
        state = self._device.state()
        self._state = _STATES.get(state, State.Fault), self._device.status()

    def StateOne(self, axis: int) -> tuple[Any, str]:
        """What it answered: moving until the file is closed."""
        return self._state

    def AbortOne(self, axis: int) -> None:
        """Do nothing: all axes are one detector."""

    def AbortAll(self) -> None:
        """End the session; frames taken stay in the file."""
        self._device.Stop()

    # Values

    def PreReadAll(self) -> None:
        """Forget what was asked before."""
        self._asked, self._values = [], {}

    def PreReadOne(self, axis: int) -> None:
        """Note an axis to be read."""
        self._asked.append(axis)

    def ReadAll(self) -> None:
        """Read for all axes the frames that came since the last time; after an error they are read again."""
        first, end = self._n_read, self._detector.n_frames()
        self._values = self._read_frames(first, end) if end > first else {axis: [] for axis in self._asked}
        if self._synchronization != AcqSynch.SoftwareTrigger:
            self._n_read = end

    def _read_frames(self, first: int, end: int) -> dict[int, list[Any]]:
        """Values of frames `first` to `end`, without `end`, of each axis that was asked for."""
        raise NotImplementedError

    def ReadOne(self, axis: int) -> Any:
        """Value of the frame of a step scan; a list of those that came since the last time for all others."""
        values = self._values[axis]
        if self._synchronization != AcqSynch.SoftwareTrigger:
            return values
        if not values:
            raise RuntimeError(f"axis {axis} has no frame: {self._state[1]}")
        return values[-1]
