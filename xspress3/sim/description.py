"""What the simulator simulates, in words of Python."""

from __future__ import annotations

import os
from collections.abc import Iterable

from xspress3.errors import ConfigurationError

__all__ = ["KEYS", "Value", "environment", "key_of", "text_of"]

KEYS = (
    "CHANNELS",
    "CARDS",
    "GENERATION",
    "SEED",
    "SOURCE",
    "CLOCK",
    "PLAYBACK",
    "RATE",
    "EVENT_WIDTH",
    "ABSENT",
    "FAULTS",
    "ITFG",
    "CUT_FRAME",
    "SOCKET",
)
"""What can be said; values and defaults stand in csrc/xsp3_api.h, and the library checks them."""

Value = str | os.PathLike[str] | bool | int | float | Iterable[float]

_PREFIX = "XSPRESS3_SIM_"


def key_of(name: str) -> str:
    """Key of the library for a keyword such as `event_width`.

    Raises
    ------
    ConfigurationError
        Naming the allowed ones.
    """
    key = name.upper()
    if key not in KEYS:
        allowed = ", ".join(known.lower() for known in KEYS)
        raise ConfigurationError(f"the simulator has no {name!r}, allowed is {allowed}")
    return key


def text_of(value: Value) -> str:
    """The value as the library reads it: flags as 0 and 1, several numbers with commas between."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, (str, os.PathLike)):
        return os.fspath(value)
    if isinstance(value, (int, float)):
        return str(value)
    return ",".join(str(float(number)) for number in value)


def environment(**description: Value) -> dict[str, str]:
    """Environment variables that describe the detector to simulate.

    Parameters
    ----------
    **description
        `channels`, `cards`, `generation` ("3", "mini" or "4"), `seed`, `source` ("physics", "pattern" or
        "playback"), `clock` ("real", "demand" or "manual"), `playback` (a path), `rate` (1/s, one
        number or one for each channel), `event_width` (ticks), `absent` (bool),
        `faults` (a text of faults with `;` between, as `SimControl.fault` takes them),
        `itfg` (code that `xsp3_has_itfg` gives), `cut_frame` ("drop" or "report"), `socket` (a path).

    Raises
    ------
    ConfigurationError
        For any other name. Values are checked by the library when it opens.

    Examples
    --------
    >>> environment(channels=2, source="pattern")
    {'XSPRESS3_SIM_CHANNELS': '2', 'XSPRESS3_SIM_SOURCE': 'pattern'}
    """
    return {_PREFIX + key_of(name): text_of(value) for name, value in description.items()}
