"""A counter/timer controller of Sardana over the Tango device; this folder goes into the pool's `PoolPath`.

Axis 1 is the timer. Each other axis is a number that each frame has: `Quantity` of `Channel`. Spectra go into
the files that the device writes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tango
from sardana import State
from sardana.pool import AcqSynch
from sardana.pool.controller import (
    CounterTimerController,
    DefaultValue,
    Description,
    FGet,
    FSet,
    Type,
)

from tango_device.clients.pauses import SHORTEST_PAUSE, check_pause

__all__ = ["Xspress3CounterController"]

TIMER = 1
COMMANDS = {
    "Window1": "ReadRawCounts_Window1",
    "Window2": "ReadRawCounts_Window2",
    "Window1Corrected": "ReadDtcCounts_Window1",
    "Window2Corrected": "ReadDtcCounts_Window2",
}
"""What an axis can count, and the command of the device that reads it for a range of frames."""
_BY_SOFTWARE = (AcqSynch.SoftwareTrigger, AcqSynch.SoftwareStart)
_STATES = {
    tango.DevState.STANDBY: State.On,
    tango.DevState.RUNNING: State.Moving,
    tango.DevState.INIT: State.Moving,
}
_NOT_THERE = -1


class Xspress3CounterController(CounterTimerController):
    """Counts in windows, for step scans and for continuous scans triggered by hardware."""

    gender = "Counter/Timer controller"
    model = "Xspress3"
    organization = "xspress3-streamer"
    MaxDevice = 1025
    default_timer = TIMER

    ctrl_properties = {  # noqa: RUF012  # Sardana reads it from the class
        "TangoDevice": {Type: str, Description: "Name of the Tango device."},
    }
    ctrl_attributes = {  # noqa: RUF012
        "FileName": {
            Type: str,
            DefaultValue: "",
            FGet: "get_file_name",
            FSet: "set_file_name",
            Description: "File of the next measurement, as the device knows it; empty for none.",
        },
    }
    axis_attributes = {  # noqa: RUF012
        "Channel": {Type: int, DefaultValue: 0, Description: "Detector channel, from 0 on."},
        "Quantity": {
            Type: str,
            DefaultValue: "Window1Corrected",
            Description: f"One of {', '.join(COMMANDS)}. The timer has none.",
        },
    }

    def __init__(self, inst: str, props: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        super().__init__(inst, props, *args, **kwargs)
        self._device = tango.DeviceProxy(self.TangoDevice)
        self._file_name = ""
        self._axes: dict[int, dict[str, Any]] = {}
        self._state = State.Unknown, ""
        self._n_read = 0
        self._asked: list[int] = []
        self._values: dict[int, list[float]] = {}

    def AddDevice(self, axis: int) -> None:
        """Have an axis; what it counts is chosen later."""
        self._axes[axis] = {"Channel": 0, "Quantity": "Window1Corrected"}

    def DeleteDevice(self, axis: int) -> None:
        """Forget an axis."""
        del self._axes[axis]

    # Settings

    def get_file_name(self) -> str:
        """What `FileName` was set to."""
        return self._file_name

    def set_file_name(self, name: str) -> None:
        """Keep the name until a measurement is prepared."""
        self._file_name = name

    def GetAxisExtraPar(self, axis: int, name: str) -> Any:
        """`Channel` or `Quantity` of an axis."""
        return self._axes[axis][name]

    def SetAxisExtraPar(self, axis: int, name: str, value: Any) -> None:
        """Choose `Channel` or `Quantity`; raises `ValueError` for one that there is not."""
        if name == "Quantity" and value not in COMMANDS:
            raise ValueError(f"Quantity: {value!r}, allowed is {', '.join(COMMANDS)}")
        if name == "Channel" and not 0 <= value < self._device.nChannels:
            raise ValueError(f"Channel: {value}, allowed is 0..{self._device.nChannels - 1}")
        self._axes[axis][name] = value

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
        """Name the file; each start of the measurement is appended to it."""
        self._device.DestinationFileOverwritable = False
        self._device.DestinationFileName = self._file_name

    def LoadOne(self, axis: int, value: float, repetitions: int, latency: float) -> None:
        """Write the set points of the next start; `value` is the counting time in s."""
        if value <= 0:
            raise ValueError(f"integration time: {value} s, allowed is above 0 s; monitors cannot be counted")
        mode, n_triggers, n_frames = self._triggers(repetitions)
        follow_each_other = n_triggers == 1 and n_frames > 1
        if follow_each_other:
            check_pause("latency time", latency)
        pause = max(latency, SHORTEST_PAUSE) if follow_each_other else SHORTEST_PAUSE
        self._device.ExposureTime = value + pause
        self._device.LatencyTime = pause
        self._device.TriggerMode = mode
        self._device.nTriggers = n_triggers
        self._device.nFramesPerTrigger = n_frames

    def _triggers(self, repetitions: int) -> tuple[str, int, int]:
        """Mode, triggers and frames for each of them, in the words of the device."""
        ways = {
            AcqSynch.SoftwareTrigger: ("SOFTWARE", 1, repetitions),
            AcqSynch.SoftwareStart: ("SOFTWARE", 1, repetitions),
            AcqSynch.HardwareTrigger: ("EXTERNAL_MULTI", repetitions, 1),
            AcqSynch.HardwareStart: ("EXTERNAL_MULTI", 1, repetitions),
            AcqSynch.HardwareGate: ("EXTERNAL_MULTI_GATE", repetitions, 1),
        }
        if self._synchronization not in ways:
            raise ValueError(f"synchronization: {self._synchronization}, allowed is any but a software gate")
        return ways[self._synchronization]

    def StartAll(self) -> None:
        """Arm and, where software starts the frames, start them."""
        self._n_read = 0
        self._device.Arm()
        if self._synchronization in _BY_SOFTWARE:
            self._device.SoftwareTrigger()

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
        """Read for all axes the frames that came since the last time."""
        acquired, lost = self._device.read_attributes(["nFramesAcquired", "nFramesLost"])
        first, last = self._n_read + 1, acquired.value + lost.value  # the commands count from 1
        for axis in self._asked:
            self._values[axis] = self._read(axis, first, last) if last >= first else []
        if self._synchronization != AcqSynch.SoftwareTrigger:
            self._n_read = last

    def _read(self, axis: int, first: int, last: int) -> list[float]:
        """Values of frames `first` to `last`; NaN for a frame that was lost, or in which nothing was live."""
        if axis == TIMER:
            counted = self._synchronization != AcqSynch.HardwareGate
            return [self._device.CountingTime if counted else float("nan")] * (last - first + 1)
        chosen = self._axes[axis]
        asked = [chosen["Channel"], first, last]
        values = np.asarray(self._device.command_inout(COMMANDS[chosen["Quantity"]], asked), dtype=float)
        return [float(value) for value in np.where(values == _NOT_THERE, np.nan, values)]

    def ReadOne(self, axis: int) -> Any:
        """Value of the frame of a step scan; a list of those that came since the last time for all others."""
        values = self._values[axis]
        if self._synchronization != AcqSynch.SoftwareTrigger:
            return values
        if not values:
            raise RuntimeError(f"axis {axis} has no frame: {self._state[1]}")
        return values[-1]
