"""`Xspress3DS`: Tango's words for what the controller does, and nothing more."""

from __future__ import annotations

import importlib.metadata
import logging
import sys
import threading
from collections.abc import Sequence
from typing import Any, ClassVar

import tango
from tango import DevState
from tango.server import Device, device_property

from tango_device.attributes import (
    CONSTANT,
    FRAME,
    ChannelAttribute,
    attributes_of,
    channel_attributes,
    is_same,
)
from tango_device.commands import INIT_TIME, Commands
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

_SPECTRA = ("LastFrame", "SumSpectrum")
_STATES = {
    DeviceState.INIT: DevState.INIT,
    DeviceState.STANDBY: DevState.STANDBY,
    DeviceState.RUNNING: DevState.RUNNING,
    DeviceState.FAULT: DevState.FAULT,
}
START_TIME = 30.0
"""Seconds that the server waits, when it starts, for the detector to open."""
CLOSE_TIME = 30.0
_STATE, _PROGRESS = "State", "progress"

_Monitors: Any = type("_Monitors", (), attributes_of(MONITORS))
_BY_NAME = {monitor.name: monitor for monitor in MONITORS}


class Xspress3DS(Device, SetPoints, Commands, _Monitors):
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
    MemorizeFileName = device_property(
        dtype=bool, default_value=False, doc="Whether DestinationFileName survives a restart."
    )
    Memorized = device_property(
        dtype=(str,),
        default_value=[],
        doc="Written by the device: windows, Regions, file name.",
    )

    _last: ClassVar[dict[str, Controller]] = {}
    """The controller of each device name, so that the next one waits until it has closed all."""

    # Life

    def init_device(self) -> None:
        """Open the detector; when a client calls, this goes on after the call where it takes long."""
        super().init_device()
        self._handler = TangoHandler(self)
        self._handler.attach()
        self._memory_lock = threading.Lock()  # guards _memorized and the property that is a copy of it
        self._memorized: tuple[str, ...] = _texts(self.Memorized)
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
            memorized=_texts(self.Memorized),
            keeps_file_name=self.MemorizeFileName,
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
        self._enable_event(one.name, is_spectrum=one.kind == "spectrum")

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
        self.memorize()
        self.notifier.put(one.name, None)

    # What survives a restart

    def memorize(self) -> None:
        """Write to the property `Memorized` what has changed of it; Tango keeps single values only."""
        with self._memory_lock:
            kept, database = self.controller.memorized, tango.Util.instance().get_database()
            if kept is None or database is None or kept.texts() == self._memorized:
                return
            try:
                database.put_device_property(self.get_name(), {"Memorized": list(kept.texts())})
                self._memorized = kept.texts()
            except tango.DevFailed as error:  # a database that is away must not stop a measurement
                logger.warning("property Memorized was not written: %s", error.args[0].desc)

    # Events

    def _enable_events(self) -> None:
        for name in ("State", "Status", *SET_POINTS, *_BY_NAME):
            self._enable_event(name, is_spectrum=name in _SPECTRA)

    def _enable_event(self, name: str, *, is_spectrum: bool) -> None:
        """Spectra only say that they are new.

        Tango sends large values without a copy, and waits until each client has taken them, with the
        monitor of the device held: one client that stands still would stop every command for ever.
        """
        if is_spectrum:
            self.set_data_ready_event(name, True)
        else:
            self.set_change_event(name, True, False)
            self.set_archive_event(name, True, False)

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
            self.memorize()  # windows are others after RestoreSettings
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
            if monitor.name in _SPECTRA:
                continue
            if group in (None, monitor.group) and (monitor.group != FRAME or is_new):
                self._push_changed(monitor.name, monitor.read(self.controller))
        if is_new and group is None:
            self._pushed_frame = frame
            self._push_spectra(readings.frame)

    def _push_spectra(self, frame: int) -> None:
        if frame < 0:
            return
        channels = [one.name for one in list(self._channels.values()) if one.kind == "spectrum"]
        for name in (*_SPECTRA, *channels):
            self.push_data_ready_event(name, frame & 0x7FFFFFFF)

    def _push_changed(self, name: str, value: Any) -> None:
        if name not in self._pushed or not is_same(self._pushed[name], value):
            self._pushed[name] = value
            self._push_value(name, value)

    def _push_value(self, name: str, value: Any) -> None:
        self.push_change_event(name, value)
        self.push_archive_event(name, value)


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(str(value) for value in values if str(value))


def main(argv: Sequence[str] | None = None) -> int:
    """Run a server; `argv` is the name of the instance, and options of Tango."""
    Xspress3DS.run_server(list(sys.argv[1:] if argv is None else argv))
    return 0


if __name__ == "__main__":
    sys.exit(main())
