"""Writing windows to the detector, by whom may: `xspress3 serve --allow-control`, or a Tango device."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import zmq

from receivers.liveview.monitor_client import MonitorClient
from receivers.text import printable
from xspress3.errors import ConfigurationError, StateError
from xspress3.model import Window
from xspress3.stream.security import no_keys

__all__ = ["Control", "ServeControl", "TangoControl", "Written", "open_control"]

ANSWER_TIME = 3.0
SERVE = "serve"
TANGO = "tango://"


@dataclass(frozen=True)
class Written:
    """Frames of the session that are in a file, and which; `None` where that is not known."""

    n_frames: int | None = None
    file: str | None = None


class Control(Protocol):
    """Called by the web server from a thread of its own, one call at a time."""

    kind: str

    def set_window(self, channels: Sequence[int], window: int, limits: Window) -> str:
        """Write limits for window 0 or 1 of `channels`; gives a sentence that says from when they hold.

        Raises
        ------
        Xspress3Error
            When the detector's side does not take them, with its reason; some channels may have them.
        """

    @property
    def written(self) -> Callable[[], Written] | None:
        """Asks how far the writer is, and raises as `set_window` does; `None` where nobody can tell."""


class ServeControl:
    """Through the monitor socket of `xspress3 serve --allow-control`."""

    kind = SERVE
    written = None
    """The status of `xspress3 serve` has it, where that started a writer."""

    def __init__(self, endpoint: str, secure: Callable[[zmq.Socket[bytes]], None] = no_keys) -> None:
        self._endpoint = endpoint
        self._secure = secure
        self._lock = threading.Lock()  # one at a time: who drags fast asks often

    def set_window(self, channels: Sequence[int], window: int, limits: Window) -> str:
        """Write limits; in a session they hold from the next one on."""
        text = ""
        with self._lock, MonitorClient(self._endpoint, self._secure) as client:
            for channel in channels:
                request = {"type": "set_window", "channel": channel, "window": window, **asdict(limits)}
                text = str(client.ask(json.dumps(request).encode(), ANSWER_TIME, "done").get("text"))
        return printable(text, 400)


class TangoControl:
    """Through the attributes `Window1_ChN` and `Window2_ChN` of a device."""

    kind = "tango"

    def __init__(self, device: str) -> None:
        self._tango = _import_tango()
        self._device = device
        self._proxy: Any = None
        self._lock = threading.Lock()  # guards _proxy

    def set_window(self, channels: Sequence[int], window: int, limits: Window) -> str:
        """Write limits; the device takes them while it is in STANDBY only."""
        with self._device_proxy() as proxy:
            for channel in channels:
                proxy.write_attribute(f"Window{window + 1}_Ch{channel}", [limits.low, limits.high])
        return f"window {window} is {limits.low}..{limits.high} at {self._device}"

    def written(self) -> Written:
        """What the device says of the file that it has written."""
        with self._device_proxy() as proxy:
            n_frames, file = proxy.read_attributes(["nFramesWritten", "LastFile"])
            return Written(int(n_frames.value), printable(str(file.value), 1000) or None)

    @contextmanager
    def _device_proxy(self) -> Iterator[Any]:
        """The device, for one call at a time; what it raises becomes `StateError`."""
        with self._lock:
            try:
                if self._proxy is None:
                    proxy = self._tango.DeviceProxy(self._device)
                    proxy.set_timeout_millis(int(ANSWER_TIME * 1000))
                    self._proxy = proxy
                self._proxy.ping()  # says who is away; writing to nobody raises a TypeError
                yield self._proxy
            except self._tango.DevFailed as error:
                raise StateError(f"{self._device}: {printable(error.args[0].desc.strip(), 400)}") from None


def _import_tango() -> Any:
    try:
        import tango  # noqa: PLC0415  # an extra, and slow to import
    except ImportError:
        raise ConfigurationError(
            "control by Tango needs pytango: pip install '.[tango]' in a clone of xspress3-streamer"
        ) from None
    return tango


def open_control(
    said: str | None, monitor: str, secure: Callable[[zmq.Socket[bytes]], None] = no_keys
) -> Control | None:
    """What `said` names: `serve`, a Tango device as `tango://HOST:PORT/a/b/c`, or `None` for none."""
    if said is None:
        return None
    if said == SERVE:
        return ServeControl(monitor, secure)
    if said.startswith(TANGO):
        return TangoControl(said)
    raise ConfigurationError(f"control: {said[:80]!r}, allowed are 'serve' and tango://HOST:PORT/DEVICE")
