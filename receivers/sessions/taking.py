"""Taking data in one call: for so long, or until told to stop; each gives the session id.

A device is a streamer in this process or the proxy of a Tango device; it is told by what it can do, so that
neither needs to be installed here. A session id is the Unix time in seconds at which the session was armed,
or more where sessions follow within a second: it is never given twice for one stream id.
"""

from __future__ import annotations

import math
import time
from typing import Any, Protocol, Union, runtime_checkable

from xspress3.errors import (
    AcquisitionError,
    AcquisitionTimeoutError,
    ConfigurationError,
    StateError,
)
from xspress3.model import Acquisition

__all__ = ["Device", "LocalDevice", "RemoteDevice", "stream_off", "stream_on", "take_data"]

EXPOSURE_TIME = 0.1
"""Seconds of a frame for a device in this process, which has no set point of its own."""
END_TIME = 60.0
"""Seconds that a session may take beyond its frames, until all is sent and its file is closed."""
POLL_INTERVAL = 0.02
"""Seconds between two looks at a device across the network: events would need a server that pushes them."""


@runtime_checkable
class LocalDevice(Protocol):
    """A streamer in this process."""

    def arm(self, acquisition: Acquisition) -> Any:
        """Begin a session; what it gives has a `session_id`."""

    def wait(self, timeout: float | None = None) -> Any:
        """Wait until the session is over and sent; raises what it died of."""

    def stop(self) -> None:
        """End the session early."""

    def status(self) -> Any:
        """Has `state`, whose value is a text, and `session_id`."""


@runtime_checkable
class RemoteDevice(Protocol):
    """The proxy of a Tango device."""

    def command_inout(self, name: str, argument: Any = None) -> Any:
        """Run a command."""

    def read_attribute(self, name: str) -> Any:
        """Has `value`."""

    def write_attribute(self, name: str, value: Any) -> None:
        """Set an attribute."""

    def state(self) -> Any:
        """Its name is the text of it."""

    def status(self) -> Any:
        """What the device says of itself."""


Device = Union[LocalDevice, RemoteDevice]


def take_data(device: Device, seconds: float, *, exposure_time: float | None = None) -> int:
    """Take frames for `seconds`, one at least, and wait until the session is over; gives its id.

    Parameters
    ----------
    exposure_time
        Seconds of a frame; by default that of the device, 0.1 s for a streamer in this process.

    Raises
    ------
    ConfigurationError
        For times that cannot be; nothing was begun.
    StateError
        When a session is on already.
    AcquisitionError
        When the session failed, or has not ended long after it should have. If anything
        else breaks in, such as Ctrl-C, the session is stopped.
    """
    if not (math.isfinite(seconds) and seconds > 0):
        raise ConfigurationError(f"seconds: {seconds}, allowed is above 0 s")
    if isinstance(device, RemoteDevice):
        return _take_remote(device, seconds, exposure_time)
    exposure_time = EXPOSURE_TIME if exposure_time is None else exposure_time
    n_frames = max(round(seconds / _positive(exposure_time)), 1)
    session_id = int(device.arm(Acquisition(exposure_time, frames_per_trigger=n_frames)).session_id)
    try:
        device.wait(seconds + END_TIME)
    except BaseException:
        device.stop()
        raise
    return session_id


def stream_on(device: Device, *, exposure_time: float | None = None) -> int:
    """Begin a session that goes on until `stream_off`; gives its id. All else is as of `take_data`."""
    if isinstance(device, RemoteDevice):
        _set_exposure(device, exposure_time)
        return int(device.command_inout("StartStream"))
    acquisition = Acquisition(EXPOSURE_TIME if exposure_time is None else exposure_time, is_endless=True)
    return int(device.arm(acquisition).session_id)


def stream_off(device: Device, *, timeout: float = END_TIME) -> int:
    """End the session, and wait until all is sent and, on a Tango device, written; gives its id.

    Raises
    ------
    StateError
        When no session is on: there is no id to give.
    AcquisitionError
        When it failed, or did not end within `timeout` s.
    """
    if isinstance(device, RemoteDevice):
        if str(device.state()) != "RUNNING":
            raise StateError(f"stream_off in {device.state()}, allowed in RUNNING")
        session_id = int(device.read_attribute("SessionId").value)
        device.command_inout("StopStream")
        _wait_remote(device, timeout, session_id)
        return session_id
    status = device.status()
    if status.session_id is None or status.state.value == "idle":
        raise StateError(f"stream_off while {status.state.value}, allowed while a session is on")
    device.stop()
    device.wait(timeout)
    return int(status.session_id)


def _positive(exposure_time: float) -> float:
    if not (math.isfinite(exposure_time) and exposure_time > 0):
        raise ConfigurationError(f"exposure_time: {exposure_time} s, allowed is above 0 s")
    return exposure_time


def _take_remote(device: RemoteDevice, seconds: float, exposure_time: float | None) -> int:
    _set_exposure(device, exposure_time)
    session_id = int(device.command_inout("TakeData", float(seconds)))
    try:
        _wait_remote(device, seconds + END_TIME, session_id)
    except BaseException:
        device.command_inout("Stop")
        raise
    return session_id


def _set_exposure(device: RemoteDevice, exposure_time: float | None) -> None:
    if exposure_time is not None:
        device.write_attribute("ExposureTime", _positive(exposure_time))


def _wait_remote(device: RemoteDevice, timeout: float, session_id: int) -> None:
    """Wait until the device is at rest again, its file closed."""
    deadline = time.monotonic() + timeout
    while (state := str(device.state())) != "STANDBY":
        if state != "RUNNING":
            raise AcquisitionError(f"session {session_id} ended in {state}: {device.status()}")
        if time.monotonic() > deadline:
            raise AcquisitionTimeoutError(f"session {session_id} has not ended within {timeout} s")
        time.sleep(POLL_INTERVAL)
