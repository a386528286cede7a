"""What all browsers share: the model that wakes them, what they are told, and the way to the detector."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from receivers.calibration import Calibration, calibrations_of
from receivers.liveview import report
from receivers.liveview.commands import SetCalibration, SetWindow
from receivers.liveview.control import Control
from receivers.liveview.feed import Feed
from receivers.liveview.viewer import Encoder, Viewer
from xspress3.errors import ConfigurationError, StateError

__all__ = ["Hub"]

MAX_BROWSERS = 100


class Hub:
    """All browsers; lives in the event loop, but for `leave` and what wakes it."""

    def __init__(self, feed: Feed, calibration: object, control: Control | None) -> None:
        self.feed = feed
        self._encoder = Encoder(feed.model)
        self._calibration = calibration
        self._control = control
        self._windows: dict[int, Any] = {}
        self._windows_of: int | None = None
        self._wakes: set[asyncio.Event] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_woken = False

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take part in the loop that runs."""
        self._loop = loop
        self.feed.model.on_change = self._wake_from_thread

    def leave(self) -> None:
        """Hear no more of the model."""
        self.feed.model.on_change = lambda: None

    def _wake_from_thread(self) -> None:
        loop = self._loop
        if loop is None or self._is_woken:
            return
        self._is_woken = True
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._is_woken = False
        for wake in self._wakes:
            wake.set()

    def join(self, wake: asyncio.Event) -> Viewer:
        """A viewer for a browser that came; `wake` is set whenever there is something new.

        Raises
        ------
        StateError
            When too many are there.
        """
        if len(self._wakes) >= MAX_BROWSERS:
            raise StateError(f"{MAX_BROWSERS} browsers are looking already")
        self._wakes.add(wake)
        return Viewer(self._encoder)

    def part(self, wake: asyncio.Event) -> None:
        """A browser has gone."""
        self._wakes.discard(wake)

    def hello(self, viewer: Viewer) -> dict[str, Any]:
        """What a page is told of what there is."""
        return report.hello(self.feed, self._calibration_of(viewer), self._control, self._known_windows())

    def _calibration_of(self, viewer: Viewer) -> tuple[Calibration, ...] | None:
        """That of the page, else the one the server began with; `None` where it does not fit."""
        source = self.feed.model.source
        if source is None:
            return None
        geometry = source.geometry
        if viewer.has_calibration:
            fits = viewer.calibration is not None and len(viewer.calibration) == geometry.n_channels
            return viewer.calibration if fits else None
        if self._calibration is None:
            return None
        try:
            return calibrations_of(self._calibration, geometry.n_channels, geometry.n_bins)
        except ConfigurationError:
            return None

    def set_calibration(self, viewer: Viewer, command: SetCalibration) -> None:
        """Let one page have other energies."""
        source = self.feed.model.source
        if source is None:
            raise StateError("calibration before a session was seen: the channels are not known yet")
        if command.calibration is None:
            viewer.calibration, viewer.has_calibration = None, True
            return
        geometry = source.geometry
        command.calibration.check(geometry.n_bins)
        known = self._calibration_of(viewer) or (command.calibration,) * geometry.n_channels
        chosen = _channels(command.channel, geometry.n_channels)
        viewer.calibration = tuple(
            command.calibration if channel in chosen else one for channel, one in enumerate(known)
        )
        viewer.has_calibration = True

    async def set_window(self, command: SetWindow) -> str:
        """Write limits to the detector; what it said to it."""
        source = self.feed.model.source
        if self._control is None:
            raise StateError(
                "windows cannot be written from here: the live view was started without --control"
            )
        if source is None:
            raise StateError("window before a session was seen: the channels are not known yet")
        geometry = source.geometry
        if command.limits.high >= geometry.n_bins:
            raise ConfigurationError(
                f"window {command.window}: high={command.limits.high} outside 0..{geometry.n_bins - 1}"
            )
        channels = _channels(command.channel, geometry.n_channels)
        text = await asyncio.to_thread(self._control.set_window, channels, command.window, command.limits)
        self._remember(source.session_id, channels, command)
        return text

    def _remember(self, session_id: int, channels: Sequence[int], command: SetWindow) -> None:
        """What was written holds until a session says what is in force."""
        source = self.feed.model.source
        n_channels = max(channels) + 1 if source is None else source.geometry.n_channels
        known = self._known_windows() or [[None, None]] * n_channels
        windows = [list(pair) for pair in known]
        for channel in channels:
            windows[channel][command.window] = (command.limits.low, command.limits.high)
        self._windows = dict(enumerate(windows))
        self._windows_of = session_id
        self._wake()

    def _known_windows(self) -> list[Any] | None:
        source = self.feed.model.source
        if source is None:
            return None
        if source.session_id == self._windows_of:
            return list(self._windows.values())
        return None if source.geometry.windows is None else list(source.geometry.windows)


def _channels(chosen: int | None, n_channels: int) -> range:
    if chosen is None:
        return range(n_channels)
    if chosen >= n_channels:
        raise ConfigurationError(f"channel {chosen}, allowed is 0..{n_channels - 1}")
    return range(chosen, chosen + 1)
