"""Controllers of Sardana over the Tango device, for counts and for spectra; this folder goes into `PoolPath`.

Both may be in one measurement: they share the detector, which is armed once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import tango
from sardana.pool import AcqSynch
from sardana.pool.controller import (
    CounterTimerController,
    DefaultValue,
    Description,
    OneDController,
    Type,
)

from tango_device.clients.sardana_measuring import Measuring

__all__ = ["Xspress3CounterController", "Xspress3SpectrumController"]

TIMER = 1
COMMANDS = {
    "Window1": "ReadRawCounts_Window1",
    "Window2": "ReadRawCounts_Window2",
    "Window1Corrected": "ReadDtcCounts_Window1",
    "Window2Corrected": "ReadDtcCounts_Window2",
}
"""What an axis can count, and the command of the device that reads it for a range of frames."""
_NOT_THERE = -1
_NOT_ALL_THERE = ("CircularBufferOverrunError", "SdkRangeError")
"""What the device answers when frames were overwritten, or are more than its ring has."""
BINS_AT_A_TIME = 4 << 20
"""That one command of the device gives at most, of all frames and channels."""


class Xspress3CounterController(Measuring, CounterTimerController):
    """Counts in windows, for step scans and for continuous scans triggered by hardware.

    Axis 1 is the timer. Each other axis is a number that each frame has: `Quantity` of `Channel`.
    """

    gender = "Counter/Timer controller"
    MaxDevice = 1025
    default_timer = TIMER

    axis_attributes = {  # noqa: RUF012  # Sardana reads it from the class
        "Channel": {Type: int, DefaultValue: 0, Description: "Detector channel, from 0 on."},
        "Quantity": {
            Type: str,
            DefaultValue: "Window1Corrected",
            Description: f"One of {', '.join(COMMANDS)}. The timer has none.",
        },
    }

    def __init__(self, inst: str, props: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        super().__init__(inst, props, *args, **kwargs)
        self._axes: dict[int, dict[str, Any]] = {}

    def AddDevice(self, axis: int) -> None:
        """Have an axis; what it counts is chosen later."""
        self._axes[axis] = {"Channel": 0, "Quantity": "Window1Corrected"}

    def DeleteDevice(self, axis: int) -> None:
        """Forget an axis."""
        del self._axes[axis]

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

    def _read_frames(self, first: int, end: int) -> dict[int, list[Any]]:
        """Numbers; NaN for a frame that was lost, or in which nothing was live."""
        return {axis: self._read(axis, first, end) for axis in self._asked}

    def _read(self, axis: int, first: int, end: int) -> list[float]:
        if axis == TIMER:
            counted = self._synchronization != AcqSynch.HardwareGate
            return [self._device.CountingTime if counted else float("nan")] * (end - first)
        chosen = self._axes[axis]
        asked = [chosen["Channel"], first + 1, end]  # the commands count from 1, both ends within
        values = np.asarray(self._device.command_inout(COMMANDS[chosen["Quantity"]], asked), dtype=float)
        return [float(value) for value in np.where(values == _NOT_THERE, np.nan, values)]


class Xspress3SpectrumController(Measuring, OneDController):
    """Spectra, frame by frame: axis 1 is channel 0, axis 2 is channel 1, and so on.

    They are read from the detector's ring, so this is for scans that are slow enough for that: the spectrum
    of a frame that was overwritten there, or lost, is NaN in each bin. The file has all that were not lost.
    """

    gender = "1D controller"
    MaxDevice = 1024

    def AddDevice(self, axis: int) -> None:
        """Have an axis; raises `ValueError` for one of a channel that there is not."""
        if not 1 <= axis <= self._device.nChannels:
            raise ValueError(f"axis: {axis}, allowed is 1..{self._device.nChannels}")

    def DeleteDevice(self, axis: int) -> None:
        """Do nothing: there is nothing to forget."""

    def GetAxisPar(self, axis: int, name: str) -> Any:
        """The shape of a spectrum."""
        return [self._shape()[1]] if name == "shape" else None

    def _shape(self) -> tuple[int, int]:
        """Channels and bins of the detector."""
        frame = self._device.read_attribute("LastFrame")
        return frame.dim_y, frame.dim_x

    def _read_frames(self, first: int, end: int) -> dict[int, list[Any]]:
        """Counts in each bin, as float64."""
        n_channels, n_bins = shape = self._shape()
        step = max(BINS_AT_A_TIME // (n_channels * n_bins), 1)
        parts = [self._read(at, min(at + step, end), shape) for at in range(first, end, step)]
        spectra = np.concatenate(parts)
        return {axis: list(spectra[:, axis - 1]) for axis in self._asked}

    def _read(self, first: int, end: int, shape: tuple[int, int]) -> npt.NDArray[np.float64]:
        """Spectra (frame, channel, bin) of a few frames, as many of them as are there."""
        try:
            flat = self._device.ReadHistogram([first, end - first])
        except tango.DevFailed as error:
            if error.args[0].reason not in _NOT_ALL_THERE:
                raise
            if end - first == 1:
                return np.full((1, *shape), np.nan)
            middle = (first + end) // 2
            return np.concatenate([self._read(first, middle, shape), self._read(middle, end, shape)])
        return np.asarray(flat, dtype=np.float64).reshape(-1, *shape)
