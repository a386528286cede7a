"""What clients set before they arm, with the words of the predecessor; each checked alone.

Whether they go together is checked when they are used: a client writes them one after the other, and
some that come between may be impossible.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from xspress3.errors import ConfigurationError
from xspress3.model import MAX_ITFG_FRAMES, Acquisition, TriggerMode

__all__ = [
    "MAX_TIME",
    "MIN_EXPOSURE",
    "TRIGGER_MODES",
    "Settings",
    "check_count",
    "check_exposure",
    "check_latency",
    "trigger_mode",
]

TRIGGER_MODES = {mode.name: mode for mode in TriggerMode}
"""Words of the attribute `TriggerMode`."""
_ALIASES = {"EXTERNAL": "EXTERNAL_MULTI"}
"""Words of clients from before there were gates."""
MIN_EXPOSURE = 1e-6
MAX_TIME = 3600.0


@dataclass
class Settings:
    """The set points, as a client left them."""

    exposure_time: float = 0.1
    latency_time: float = 0.0
    n_triggers: int = 1
    frames_per_trigger: int = 1
    trigger_mode: str = "SOFTWARE"
    file_name: str = ""
    is_overwritable: bool = False
    is_written: bool = True

    def acquisition(self) -> Acquisition:
        """What they ask for together.

        Raises
        ------
        ConfigurationError
            When they do not go together.
        """
        return Acquisition(
            exposure_time=self.exposure_time,
            latency_time=self.latency_time,
            n_triggers=self.n_triggers,
            frames_per_trigger=self.frames_per_trigger,
            trigger_mode=TRIGGER_MODES[self.trigger_mode],
        )


def trigger_mode(word: str) -> str:
    """The word for a mode, as it is shown; raises `ConfigurationError` when there is no such mode."""
    name = _ALIASES.get(word, word)
    if name not in TRIGGER_MODES:
        raise ConfigurationError(f"TriggerMode: {word!r}, allowed is {', '.join(TRIGGER_MODES)}")
    return name


def check_exposure(value: float) -> float:
    """Give `value` back when a frame could be so long."""
    return _check_time("ExposureTime", value, MIN_EXPOSURE)


def check_latency(value: float) -> float:
    """Give `value` back when a pause could be so long."""
    return _check_time("LatencyTime", value, 0.0)


def _check_time(name: str, value: float, least: float) -> float:
    if not (math.isfinite(value) and least <= value <= MAX_TIME):
        raise ConfigurationError(f"{name}: {value} s, allowed is {least} s to {MAX_TIME} s")
    return float(value)


def check_count(name: str, value: int) -> int:
    """Give `value` back when there could be so many."""
    if not 1 <= value <= MAX_ITFG_FRAMES:
        raise ConfigurationError(f"{name}: {value}, allowed is 1..{MAX_ITFG_FRAMES}")
    return int(value)
