"""Windows that clients wish for: in force at once while nothing runs, else from the next session on."""

from __future__ import annotations

import threading

from xspress3.detector import Detector
from xspress3.errors import ConfigurationError
from xspress3.model import Window

__all__ = ["WindowWishes"]

N_WINDOWS = 2


class WindowWishes:
    """Keeps limits until they may be set, which is never within a session: its start has told others."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._lock = threading.Lock()  # guards _wished
        self._wished: dict[tuple[int, int], Window] = {}

    def note(self, channel: int, window: int, limits: Window) -> None:
        """Keep `limits` for window 0 or 1 of `channel`; what was kept for it before is forgotten.

        Raises
        ------
        ConfigurationError
            When the detector has no such channel, window or bins.
        """
        info = self._detector.info
        for name, value, n in (
            ("channel", channel, info.n_channels),
            ("window", window, N_WINDOWS),
            (f"window {window}: high", limits.high, info.n_bins),
        ):
            if not 0 <= value < n:
                raise ConfigurationError(f"{name}: {value}, allowed is 0..{n - 1}")
        with self._lock:
            self._wished[channel, window] = limits

    def apply(self) -> None:
        """Set all that was kept, by whoever commands the detector; raises what it refuses, once."""
        with self._lock:
            wished, self._wished = self._wished, {}
        for (channel, window), limits in wished.items():
            self._detector.set_window(channel, window, limits)
