"""The commands of the device: each hands to the controller what a client gave."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from tango import DispLevel
from tango.server import command

from tango_device.controller import Controller
from tango_device.set_points import as_dev_failed
from xspress3.errors import ConfigurationError

__all__ = ["INIT_TIME", "Commands"]

Method = TypeVar("Method", bound=Callable[..., Any])

INIT_TIME = 0.05
"""Seconds that Init and Reset wait for the detector; clients see the state, and `Arm` waits longer."""
_COUNTS_IN = "channel from 0 on; first and last frame, from 1 on"


def described(doc_out: str = "", **options: Any) -> Callable[[Method], Method]:
    """Make a command of a method; what its docstring says is shown to people who look at the device."""

    def decorate(method: Method) -> Method:
        does = (method.__doc__ or "").strip().splitlines()[0]
        text = f"{does} Gives: {doc_out}" if doc_out else does
        made: Method = command(doc_out=text, **options)(as_dev_failed(method))
        return made

    return decorate


class Commands:
    """What clients can ask for; part of `Xspress3DS`."""

    controller: Controller

    @described()
    def Arm(self) -> None:
        """Begin the session that the attributes ask for; refused before anything has changed."""
        self.controller.arm()

    @described()
    def SoftwareTrigger(self) -> None:
        """Start the next frames; allowed in RUNNING when ReadyForSwTrigger is true."""
        self.controller.software_trigger()

    @described()
    def Stop(self) -> None:
        """End the session; frames taken go into the file. Harmless when idle."""
        self.controller.stop()

    @described()
    def Abort(self) -> None:
        """As Stop, without waiting for the file."""
        self.controller.stop(is_waiting=False)

    @described()
    def Reset(self) -> None:
        """From a fault to a new beginning; properties are not read again, as Init does."""
        self.controller.reset()
        self.controller.wait_open(INIT_TIME)

    @described(dtype_in=float, doc_in="seconds", dtype_out="DevLong64", doc_out="session id")
    def TakeData(self, seconds: float) -> int:
        """Take frames of ExposureTime for so long, without triggers."""
        return self.controller.take_data(seconds).session_id

    @described(dtype_out="DevLong64", doc_out="session id")
    def StartStream(self) -> int:
        """Take frames of ExposureTime until StopStream."""
        return self.controller.start_stream().session_id

    @described()
    def StopStream(self) -> None:
        """End what StartStream began."""
        self.controller.stop()

    @described(dtype_in=str, doc_in="directory that exists", display_level=DispLevel.EXPERT)
    def SaveSettings(self, directory: str) -> None:
        """Write the electronics' settings to files of the vendor's format."""
        self.controller.save_settings(directory)

    @described(dtype_in=str, doc_in="directory", display_level=DispLevel.EXPERT)
    def RestoreSettings(self, directory: str) -> None:
        """Set the electronics up from files of the vendor's format."""
        self.controller.restore_settings(directory)

    @described(display_level=DispLevel.EXPERT)
    def ReloadCalibration(self) -> None:
        """Set the electronics up from the directory ConfigPath again."""
        self.controller.reload_calibration()

    @described(dtype_in="DevLong64", doc_in="number of edges, or gates", display_level=DispLevel.EXPERT)
    def SimulateHardwareTriggers(self, n_triggers: int) -> None:
        """Have the simulator give edges, or gates, for the session that is armed."""
        self.controller.simulate_triggers(n_triggers)

    @described(
        dtype_in=("DevLong64",),
        doc_in="first frame from 0 on, number of frames",
        dtype_out=("DevULong",),
        doc_out="counts (frame, channel, bin), flat",
    )
    def ReadHistogram(self, argin: Sequence[int]) -> npt.NDArray[np.uint32]:
        """Read frames that are still in the detector's ring."""
        return self.controller.read_frames(*_numbers(argin, "first frame, number of frames"))[0].ravel()

    @described(
        dtype_in=("DevLong64",),
        doc_in="first frame from 0 on, number of frames",
        dtype_out=("DevULong",),
        doc_out="scalers (frame, channel, scaler), flat",
    )
    def ReadScalers(self, argin: Sequence[int]) -> npt.NDArray[np.uint32]:
        """Read the scalers of frames that are still in the detector's ring."""
        return self.controller.read_frames(*_numbers(argin, "first frame, number of frames"))[1].ravel()

    @described(
        dtype_in=("DevLong64",),
        doc_in=_COUNTS_IN,
        dtype_out=("DevLong64",),
        doc_out="counts, -1 where not there",
    )
    def ReadRawCounts_Window1(self, argin: Sequence[int]) -> npt.NDArray[np.int64]:
        """Counts in window 1 of a channel, as counted, for each frame of a range."""
        return self._counts(0, argin, corrected=False).astype(np.int64)

    @described(
        dtype_in=("DevLong64",),
        doc_in=_COUNTS_IN,
        dtype_out=("DevLong64",),
        doc_out="counts, -1 where not there",
    )
    def ReadRawCounts_Window2(self, argin: Sequence[int]) -> npt.NDArray[np.int64]:
        """Counts in window 2 of a channel, as counted, for each frame of a range."""
        return self._counts(1, argin, corrected=False).astype(np.int64)

    @described(
        dtype_in=("DevLong64",),
        doc_in=_COUNTS_IN,
        dtype_out=("DevDouble",),
        doc_out="counts, -1 where not there",
    )
    def ReadDtcCounts_Window1(self, argin: Sequence[int]) -> npt.NDArray[np.float64]:
        """Counts in window 1 of a channel, corrected for dead time, for each frame of a range."""
        return self._counts(0, argin, corrected=True)

    @described(
        dtype_in=("DevLong64",),
        doc_in=_COUNTS_IN,
        dtype_out=("DevDouble",),
        doc_out="counts, -1 where not there",
    )
    def ReadDtcCounts_Window2(self, argin: Sequence[int]) -> npt.NDArray[np.float64]:
        """Counts in window 2 of a channel, corrected for dead time, for each frame of a range."""
        return self._counts(1, argin, corrected=True)

    def _counts(self, window: int, argin: Sequence[int], corrected: bool) -> npt.NDArray[np.float64]:
        channel, first, last = _numbers(argin, "channel, first frame, last frame")
        return self.controller.window_counts(window, channel, first, last, corrected)


def _numbers(argin: Sequence[int], words: str) -> list[int]:
    n_wanted = len(words.split(","))
    if len(argin) != n_wanted:
        raise ConfigurationError(f"{len(argin)} numbers, allowed are {n_wanted}: {words}")
    return [int(number) for number in argin]
