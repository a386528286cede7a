"""`Xspress3DS`: Tango's words for what the controller does, and nothing more."""

from __future__ import annotations

import importlib.metadata
import logging
import sys
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

import numpy as np
import numpy.typing as npt
import tango
from tango import DevState, DispLevel
from tango.server import Device, command, device_property

from tango_device.attributes import (
    CONSTANT,
    FRAME,
    ChannelAttribute,
    attributes_of,
    channel_attributes,
    is_same,
)
from tango_device.controller import Controller, DeviceState
from tango_device.logs import TangoHandler
from tango_device.monitors import MONITORS
from tango_device.notifier import Notifier
from tango_device.properties import DEFAULT_CONFIG_PATH, Properties
from tango_device.set_points import SET_POINTS, SetPoints, as_dev_failed
from xspress3.config import LOOPBACK
from xspress3.errors import ConfigurationError

__all__ = ["Xspress3DS", "main"]

logger = logging.getLogger(__name__)

_STATES = {
    DeviceState.INIT: DevState.INIT,
    DeviceState.STANDBY: DevState.STANDBY,
    DeviceState.RUNNING: DevState.RUNNING,
    DeviceState.FAULT: DevState.FAULT,
}
START_TIME = 30.0
"""Seconds that the server waits, when it starts, for the detector to open."""
INIT_TIME = 0.05
"""The same when a client calls Init: it sees the state, and `Arm` waits for it to change."""
CLOSE_TIME = 30.0
_STATE, _PROGRESS = "State", "progress"
MAX_ROIS = 8
_COUNTS_IN = "channel from 0 on; first and last frame, from 1 on"

Method = TypeVar("Method", bound=Callable[..., Any])


_Monitors: Any = type("_Monitors", (), attributes_of(MONITORS))
_BY_NAME = {monitor.name: monitor for monitor in MONITORS}


class Xspress3DS(Device, SetPoints, _Monitors):
    """Xspress3 detector: acquires, streams, and writes HDF5 files."""

    HeaderPath = device_property(dtype=str, default_value="", doc="Not used: no header is parsed any more.")
    Name = device_property(dtype=str, default_value="", doc="Name of the stream, empty for xspress3.")
    ConfigPath = device_property(
        dtype=str, default_value=DEFAULT_CONFIG_PATH, doc="Directory of the calibration, empty for none."
    )
    StreamerPort = device_property(dtype=int, default_value=9999, doc="Port of the stream, 0 for any.")
    MonitorPort = device_property(dtype=int, default_value=9998, doc="Port of the monitor, 0 for any.")
    BaseIP = device_property(dtype=str, default_value="", doc="Address of this host at the detector.")
    BasePort = device_property(dtype=int, default_value=-1, doc="First UDP port, -1 for the library's own.")
    BaseMAC = device_property(dtype=str, default_value="", doc="First address of the cards' network.")
    ReturnCounters = device_property(
        dtype=bool, default_value=False, doc="Not used: counters can always be read."
    )
    EventWidths = device_property(
        dtype=(int,),
        default_value=[],
        doc="Ticks lost per event of each channel, instead of the calibration.",
    )
    Library = device_property(dtype=str, default_value="", doc="Path of the library, or sim.")
    Cards = device_property(dtype=int, default_value=1, doc="Cards, of which the first leads.")
    Channels = device_property(dtype=int, default_value=0, doc="Channels to use, 0 for all.")
    RingFrames = device_property(dtype=int, default_value=16384, doc="Frames in the library's ring.")
    StreamDialect = device_property(
        dtype=str, default_value="native", doc="native; multipart or legacy offer that one, too."
    )
    DialectPort = device_property(
        dtype=int, default_value=0, doc="Port of that dialect; 0 gives it StreamerPort."
    )
    Compression = device_property(dtype=str, default_value="bslz4", doc="bslz4 or none.")
    Interface = device_property(dtype=str, default_value=LOOPBACK, doc="Address that streams listen on.")
    RequiredReceivers = device_property(
        dtype=(str,),
        default_value=[],
        doc="Names of receivers that must have joined before a session begins.",
    )
    SlowReader = device_property(dtype=str, default_value="wait", doc="wait for slow readers, or drop them.")
    AllowedDirectories = device_property(
        dtype=(str,), default_value=[], doc="Files are made below these only; empty for anywhere."
    )
    CurveKeys = device_property(
        dtype=str,
        default_value="",
        doc="Directory with server.key, server.key_secret, writer.key_secret, and clients/ (public keys).",
    )
    SimDescription = device_property(
        dtype=(str,), default_value=[], doc="What the simulator simulates: texts KEY=VALUE."
    )

    _last: ClassVar[dict[str, Controller]] = {}
    """The controller of each device name, so that the next one waits until it has closed all."""

    # Life

    def init_device(self) -> None:
        """Open the detector; when a client calls, this goes on after the call where it takes long."""
        super().init_device()
        self._handler = TangoHandler(self)
        self._handler.attach()
        self._pushed: dict[str, Any] = {}
        self._pushed_frame: tuple[int, int] | None = None
        self._channels: dict[str, ChannelAttribute] = getattr(self, "_channels", {})
        self.notifier = Notifier(self._push, surroundings=tango.EnsureOmniThread)
        self._enable_events()
        self.controller = Controller(self, self._last.get(self.get_name()))
        self._last[self.get_name()] = self.controller
        self._note_unused()
        is_starting = tango.Util.instance().is_svr_starting()
        try:
            self.controller.open(self._properties())
            self.controller.wait_open(START_TIME if is_starting else INIT_TIME)
            self._sync_channels()
            self._tell_versions()
            self._show_set_points()
        except BaseException:
            self._close(CLOSE_TIME)  # a server that ends must not wait for our threads
            raise

    def delete_device(self) -> None:
        """Send and write what was acquired, and let the detector go."""
        # In a command, as Init is one, nothing may wait for a thread that pushes events.
        is_ending = tango.Util.instance().is_svr_shutting_down()
        self._close(CLOSE_TIME if is_ending else 0)
        super().delete_device()

    def _close(self, timeout: float) -> None:
        self.controller.close(timeout)
        self.notifier.close(min(timeout, 1.0))
        self._handler.detach()

    def always_executed_hook(self) -> None:
        """Make the attributes of channels once it is known how many there are."""
        self._sync_channels()

    def _properties(self) -> Properties:
        return Properties(
            stream_id=self.Name or "xspress3",
            library=self.Library,
            config_path=self.ConfigPath,
            base_ip=self.BaseIP,
            base_port=self.BasePort,
            base_mac=self.BaseMAC,
            cards=self.Cards,
            channels=self.Channels,
            ring_frames=self.RingFrames,
            interface=self.Interface,
            streamer_port=self.StreamerPort,
            monitor_port=self.MonitorPort,
            dialect=self.StreamDialect,
            dialect_port=self.DialectPort,
            compression=self.Compression,
            required_receivers=_texts(self.RequiredReceivers),
            slow_reader=self.SlowReader,
            curve_keys=self.CurveKeys,
            allowed_directories=_texts(self.AllowedDirectories),
            event_widths=tuple(int(width) for width in self.EventWidths),
            sim_description=_texts(self.SimDescription),
        )

    def _note_unused(self) -> None:
        for name in ("HeaderPath", "ReturnCounters"):
            if getattr(self, name):
                self.info_stream("%s", f"property {name} is not used any more")

    def _tell_versions(self) -> None:
        if not hasattr(self, "add_version_info"):  # older than PyTango 10
            return
        self.add_version_info("xspress3-streamer", importlib.metadata.version("xspress3-streamer"))
        hardware = self.controller.hardware
        if hardware is not None:
            self.add_version_info("library", hardware.detector.info.library)
            self.add_version_info("firmware", hardware.detector.info.revision)

    def _show_set_points(self) -> None:
        """Show as the value to apply what is in force, not 0."""
        attributes = self.get_device_attr()
        for name in SET_POINTS:
            value = getattr(type(self), name).fget(self)
            attributes.get_w_attr_by_name(name).set_write_value(value)
        for name, one in self._channels.items():
            if one.kind == "window" and self.controller.windows:
                limits = list(self.controller.windows[one.channel][one.window])
                attributes.get_w_attr_by_name(name).set_write_value(limits)

    # Attributes of channels

    def _sync_channels(self) -> None:
        """Have attributes for the channels that there are; they stay while nothing is open."""
        hardware = self.controller.hardware
        if hardware is None:
            return
        wanted = {one.name: one for one in channel_attributes(hardware.detector.info.n_channels)}
        if wanted.keys() == self._channels.keys():
            return
        for name in self._channels.keys() - wanted.keys():
            self.remove_attribute(name)
        for name in wanted.keys() - self._channels.keys():
            self._add_channel_attribute(wanted[name])
        self._channels = wanted

    def _add_channel_attribute(self, one: ChannelAttribute) -> None:
        if one.kind == "window":
            self.add_attribute(one.make(one.name), self._read_channel, self._write_window)
        else:
            self.add_attribute(one.make(one.name), self._read_channel)
        self.set_change_event(one.name, True, False)
        self.set_archive_event(one.name, True, False)

    def _read_channel(self, attr: Any) -> Any:
        value = self._channel_value(self._channels[attr.get_name()])
        attr.set_value(value)
        return value

    def _channel_value(self, one: ChannelAttribute) -> Any:
        if one.kind == "window":
            windows = self.controller.windows
            return list(windows[one.channel][one.window]) if windows else [0, 0]
        if one.kind == "event_width":
            return self.controller.info.event_widths[one.channel]
        return self.controller.readings().histogram[one.channel]

    @as_dev_failed
    def _write_window(self, attr: Any) -> None:
        one, value = self._channels[attr.get_name()], list(attr.get_write_value())
        if len(value) != 2:
            raise ConfigurationError(
                f"{one.name}: {len(value)} values, allowed are 2: lowest and highest bin"
            )
        self.controller.set_window(one.channel, one.window, int(value[0]), int(value[1]))
        self.notifier.put(one.name, None)

    # Events

    def _enable_events(self) -> None:
        for name in ("State", "Status", *SET_POINTS, *_BY_NAME):
            self.set_change_event(name, True, False)
            self.set_archive_event(name, True, False)
        self.set_data_ready_event("LastFrame", True)

    def state_changed(self, state: DeviceState, reason: str) -> None:
        """Called by the controller: another state."""
        self.set_state(_STATES[state])
        self.set_status(reason)
        self.notifier.put(_STATE, None, urgent=True)

    def progressed(self) -> None:
        """Called by the controller: other counters."""
        self.notifier.put(_PROGRESS, None)

    def dev_status(self) -> str:
        """What it does, how far it is, and what went wrong."""
        return self.controller.status_text()

    def _push(self, name: str, _: Any) -> None:
        """Push what changed; called from the notifier's thread, the only one that pushes."""
        if name == _STATE:
            self._push_value("State", _STATES[self.controller.state])
            self._push_value("Status", self.controller.status_text())
            self._push_monitors(CONSTANT)
        elif name == _PROGRESS:
            self._push_monitors()
        elif name in self._channels:
            self._push_value(name, self._channel_value(self._channels[name]))
        else:
            self._push_value(name, getattr(type(self), name).fget(self))

    def _push_monitors(self, group: str | None = None) -> None:
        if self.controller.hardware is None:
            return
        readings = self.controller.readings()
        frame = readings.session_id, readings.frame
        is_new = frame != self._pushed_frame
        for monitor in MONITORS:
            if group in (None, monitor.group) and (monitor.group != FRAME or is_new):
                self._push_changed(monitor.name, monitor.read(self.controller))
        if is_new and group is None:
            self._pushed_frame = frame
            self._push_spectra(readings.frame)

    def _push_spectra(self, frame: int) -> None:
        for one in list(self._channels.values()):
            if one.kind == "spectrum":
                self._push_value(one.name, self._channel_value(one))
        if frame >= 0:
            self.push_data_ready_event("LastFrame", frame & 0x7FFFFFFF)

    def _push_changed(self, name: str, value: Any) -> None:
        if name not in self._pushed or not is_same(self._pushed[name], value):
            self._pushed[name] = value
            self._push_value(name, value)

    def _push_value(self, name: str, value: Any) -> None:
        self.push_change_event(name, value)
        self.push_archive_event(name, value)

    # Commands

    @command(doc_out="Begins the session that the attributes ask for; refuses before anything has changed.")
    @as_dev_failed
    def Arm(self) -> None:
        """Begin the session that the attributes ask for."""
        self.controller.arm()

    @command
    @as_dev_failed
    def SoftwareTrigger(self) -> None:
        """Start the next frames; allowed in RUNNING when ReadyForSwTrigger is true."""
        self.controller.software_trigger()

    @command
    @as_dev_failed
    def Stop(self) -> None:
        """End the session; frames taken go into the file. Harmless when idle."""
        self.controller.stop()

    @command
    @as_dev_failed
    def Abort(self) -> None:
        """As Stop, without waiting for the file."""
        self.controller.stop(is_waiting=False)

    @command
    @as_dev_failed
    def Reset(self) -> None:
        """From a fault to a new beginning; properties are not read again, as Init does."""
        self.controller.reset()
        self.controller.wait_open(INIT_TIME)

    @command(dtype_in=float, doc_in="seconds", dtype_out="DevLong64", doc_out="session id")
    @as_dev_failed
    def TakeData(self, seconds: float) -> int:
        """Take frames of ExposureTime for so long, without triggers."""
        return self.controller.take_data(seconds).session_id

    @command(dtype_out="DevLong64", doc_out="session id")
    @as_dev_failed
    def StartStream(self) -> int:
        """Take frames of ExposureTime until StopStream."""
        return self.controller.start_stream().session_id

    @command
    @as_dev_failed
    def StopStream(self) -> None:
        """End what StartStream began."""
        self.controller.stop()

    @command(dtype_in=str, doc_in="directory that exists", display_level=DispLevel.EXPERT)
    @as_dev_failed
    def SaveSettings(self, directory: str) -> None:
        """Write the electronics' settings to files of the vendor's format."""
        self.controller.save_settings(directory)

    @command(dtype_in=str, doc_in="directory", display_level=DispLevel.EXPERT)
    @as_dev_failed
    def RestoreSettings(self, directory: str) -> None:
        """Set the electronics up from files of the vendor's format."""
        self.controller.restore_settings(directory)

    @command(display_level=DispLevel.EXPERT)
    @as_dev_failed
    def ReloadCalibration(self) -> None:
        """Set the electronics up from the directory ConfigPath again."""
        self.controller.reload_calibration()

    @command(dtype_in="DevLong64", doc_in="number of edges, or gates", display_level=DispLevel.EXPERT)
    @as_dev_failed
    def SimulateHardwareTriggers(self, n_triggers: int) -> None:
        """Have the simulator give edges, or gates, for the session that is armed."""
        self.controller.simulate_triggers(n_triggers)

    @command(
        dtype_in=("DevLong64",),
        doc_in="first frame from 0 on, number of frames",
        dtype_out=("DevULong",),
        doc_out="counts (frame, channel, bin), flat",
    )
    @as_dev_failed
    def ReadHistogram(self, argin: Sequence[int]) -> npt.NDArray[np.uint32]:
        """Read frames that are still in the detector's ring."""
        return self.controller.read_frames(*_numbers(argin, "first frame, number of frames"))[0].ravel()

    @command(
        dtype_in=("DevLong64",),
        doc_in="first frame from 0 on, number of frames",
        dtype_out=("DevULong",),
        doc_out="scalers (frame, channel, scaler), flat",
    )
    @as_dev_failed
    def ReadScalers(self, argin: Sequence[int]) -> npt.NDArray[np.uint32]:
        """Read the scalers of frames that are still in the detector's ring."""
        return self.controller.read_frames(*_numbers(argin, "first frame, number of frames"))[1].ravel()

    @command(
        dtype_in=("DevLong64",),
        doc_in=_COUNTS_IN,
        dtype_out=("DevLong64",),
        doc_out="counts, -1 where not there",
    )
    @as_dev_failed
    def ReadRawCounts_Window1(self, argin: Sequence[int]) -> npt.NDArray[np.int64]:
        """Counts in window 1 of a channel, as counted, for each frame of a range."""
        return self._counts(0, argin, corrected=False).astype(np.int64)

    @command(
        dtype_in=("DevLong64",),
        doc_in=_COUNTS_IN,
        dtype_out=("DevLong64",),
        doc_out="counts, -1 where not there",
    )
    @as_dev_failed
    def ReadRawCounts_Window2(self, argin: Sequence[int]) -> npt.NDArray[np.int64]:
        """Counts in window 2 of a channel, as counted, for each frame of a range."""
        return self._counts(1, argin, corrected=False).astype(np.int64)

    @command(
        dtype_in=("DevLong64",),
        doc_in=_COUNTS_IN,
        dtype_out=("DevDouble",),
        doc_out="counts, -1 where not there",
    )
    @as_dev_failed
    def ReadDtcCounts_Window1(self, argin: Sequence[int]) -> npt.NDArray[np.float64]:
        """Counts in window 1 of a channel, corrected for dead time, for each frame of a range."""
        return self._counts(0, argin, corrected=True)

    @command(
        dtype_in=("DevLong64",),
        doc_in=_COUNTS_IN,
        dtype_out=("DevDouble",),
        doc_out="counts, -1 where not there",
    )
    @as_dev_failed
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


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(str(value) for value in values if str(value))


def main(argv: Sequence[str] | None = None) -> int:
    """Run a server; `argv` is the name of the instance, and options of Tango."""
    Xspress3DS.run_server(list(sys.argv[1:] if argv is None else argv))
    return 0


if __name__ == "__main__":
    sys.exit(main())
