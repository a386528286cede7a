"""What is open between two `Init`: detector, streamer, writer; opened and closed as one."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from typing import Any
from urllib.parse import urlsplit

from receivers.cli import WRITER
from tango_device.memorized import WindowTable
from tango_device.properties import Properties
from tango_device.writer import WriterProcess, WriterState, WriterStatus
from xspress3.detector import Xspress3Detector
from xspress3.detector.timing import Inputs
from xspress3.errors import ConfigurationError, Xspress3Error
from xspress3.model import Acquisition, TriggerMode
from xspress3.sdk import Roi
from xspress3.sim.control import SimControl
from xspress3.streamer import Session, Streamer, Written

__all__ = ["Hardware"]

logger = logging.getLogger(__name__)

_RESTART_AFTER = 2.0
"""Seconds between two starts of a writer: one that dies at once shall not keep the machine busy."""
_GATE_PAUSE = 100e-6


class Hardware:
    """All that needs closing; made, and closed, by one thread.

    Parameters
    ----------
    windows
        Limits that clients chose before, by channel and window.
    on_change
        Called from a thread when the writer tells something.
    rois, inputs
        Other choices of clients from before.

    Raises
    ------
    Xspress3Error
        When something cannot be opened; nothing stays open then.
    """

    def __init__(
        self,
        properties: Properties,
        windows: WindowTable,
        on_change: Callable[[], None],
        rois: Sequence[Roi] = (),
        inputs: Inputs | None = None,
    ) -> None:
        self.properties = properties
        self._on_change = on_change
        self.allowed = properties.directories()
        if properties.is_simulated:
            os.environ.update(properties.sim_environment())
        with ExitStack() as stack:
            self.detector = stack.enter_context(Xspress3Detector.open(properties.detector_config()))
            self._set_up(windows)
            self.detector.set_rois(rois)
            self.detector.set_inputs(inputs or Inputs())
            self.streamer = stack.enter_context(Streamer(self.detector, properties.streamer_config()))
            self._started_at = time.monotonic()
            self.writer = self._new_writer()
            stack.callback(self._close_writer)
            self._stack = stack.pop_all()

    def _set_up(self, windows: WindowTable) -> None:
        if self.properties.event_widths:
            self.detector.set_event_widths(self.properties.event_widths)
        for (channel, window), limits in windows.items():
            if channel < self.detector.info.n_channels:
                self.detector.set_window(channel, window, limits)
        self.windows = self.detector.windows()

    def _new_writer(self) -> WriterProcess:
        where = urlsplit(self.streamer.data_endpoint)
        host = where.hostname or "127.0.0.1"
        host = "127.0.0.1" if host in ("0.0.0.0", "*") else host  # noqa: S104  # not bound, only understood
        return WriterProcess(
            where.port or 0, self._on_change, self.allowed, host, self.properties.writer_keys()
        )

    def _close_writer(self) -> None:
        """Close the writer that is there now, which may be another than at first."""
        self.writer.close()

    def note_written(self) -> None:
        """Let the streamer's status say what the writer says, for who asks it rather than the device."""
        status = self.writer.status
        if status.session_id is not None and status.path:
            self.streamer.note_written(status.session_id, Written(status.written, status.path))

    def revive_writer(self) -> WriterStatus | None:
        """Start another writer when the last one died; what that one said last, once, else `None`."""
        status = self.writer.status
        if status.state is not WriterState.DEAD or time.monotonic() - self._started_at < _RESTART_AFTER:
            return None
        self.writer.close()
        self._started_at = time.monotonic()
        self.writer = self._new_writer()
        return status

    def arm(
        self, acquisition: Acquisition, metadata: dict[str, Any], *, is_written: bool, deadline: float
    ) -> Session:
        """Begin a session, once everybody who must be there has joined, at the latest at `deadline`.

        Raises
        ------
        Xspress3Error
            When somebody has not, or the detector cannot do it; nothing has begun then.
        """
        if is_written:
            self.writer.wait_joined(_until(deadline))
            self.streamer.wait_readers(0, _until(deadline), names=(WRITER,))
        return self.streamer.arm(acquisition, metadata=metadata, join_timeout=_until(deadline))

    def simulate_triggers(self, n_triggers: int, acquisition: Acquisition) -> None:
        """Have the simulator give edges, or gates, as fast as `acquisition` can take them.

        Raises
        ------
        ConfigurationError
            When the detector is no simulator, or not armed for inputs.
        """
        mode = acquisition.trigger_mode
        if not self.properties.is_simulated:
            raise ConfigurationError("SimulateHardwareTriggers: this is no simulator, see property Library")
        if mode in (TriggerMode.INTERNAL, TriggerMode.SOFTWARE):
            raise ConfigurationError(f"SimulateHardwareTriggers: armed for {mode.name}, allowed are inputs")
        if n_triggers < 1:
            raise ConfigurationError(f"SimulateHardwareTriggers: {n_triggers}, allowed is 1 and more")
        control = SimControl()
        if mode.is_gated:
            control.gates(acquisition.exposure_time, _GATE_PAUSE, n_triggers)
        else:
            period = self.detector.timing(acquisition).period * acquisition.frames_per_trigger
            control.edges(n_triggers, period + _GATE_PAUSE)

    def close(self) -> None:
        """Send what was acquired, let the writer finish its file, and let the hardware go."""
        with suppress(Xspress3Error):
            # In the order of the data: the writer shall have the end of the stream before its own.
            self.streamer.close()
        try:
            self._stack.close()
        except Xspress3Error as error:
            logger.warning("closing: %s", error)


def _until(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0.0)
