"""What a page may say, checked: nothing else gets beyond this module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Union

from receivers.calibration import Calibration
from receivers.liveview.sums import LATEST, Mode
from xspress3.errors import ConfigurationError, ProtocolError
from xspress3.model import Window
from xspress3.stream.fields import integer, object_of_bytes, text

__all__ = [
    "MAX_COMMAND_BYTES",
    "Command",
    "Drawn",
    "ResetSum",
    "SetCalibration",
    "SetView",
    "SetWindow",
    "View",
    "kind_of",
    "parse_command",
]

MAX_COMMAND_BYTES = 4096
MAX_SEQUENCE = 1 << 53
MAX_CHANNELS = 1024
N_WINDOWS = 2


@dataclass(frozen=True)
class View:
    """What a page wants to see.

    Parameters
    ----------
    channels
        `None` for all; may name some that the stream does not have.
    is_sum
        Whether the channels are added up.
    map_window
        Window of the map, and whether it is freed of dead time; `None` for no map.
    """

    mode: Mode = LATEST
    channels: tuple[int, ...] | None = None
    is_sum: bool = False
    has_history: bool = True
    has_waterfall: bool = False
    map_window: tuple[int, bool] | None = None


@dataclass(frozen=True)
class Drawn:
    """Update `sequence` is on the screen."""

    sequence: int


@dataclass(frozen=True)
class SetView:
    """Something else is wanted: `changes` are fields of `View`."""

    changes: Mapping[str, Any]

    def apply(self, view: View) -> View:
        """`view` with the changes."""
        return replace(view, **self.changes)


@dataclass(frozen=True)
class ResetSum:
    """The sum of the session begins now."""


@dataclass(frozen=True)
class SetCalibration:
    """Energies of `channel`, `None` for all; no calibration ends it for all."""

    channel: int | None
    calibration: Calibration | None


@dataclass(frozen=True)
class SetWindow:
    """Limits for window 0 or 1 of `channel`, `None` for all."""

    channel: int | None
    window: int
    limits: Window


Command = Union[Drawn, SetView, ResetSum, SetCalibration, SetWindow]


def kind_of(message: Union[str, bytes]) -> str | None:
    """The type that a message says to be of, where it can be read."""
    try:
        said = _object(message).get("type")
    except ProtocolError:
        return None
    return said[:40] if isinstance(said, str) else None


def parse_command(message: Union[str, bytes]) -> Command | None:
    """The command in `message`, `None` for one of a type that is not known.

    Raises
    ------
    ProtocolError
        When it is no command.
    ConfigurationError
        When it says something that cannot be.
    """
    said = _object(message)
    kind = text(said, "type", limit=40)
    if kind == "drawn":
        return Drawn(integer(said, "sequence", 0, MAX_SEQUENCE))
    if kind == "reset_sum":
        return ResetSum()
    if kind == "view":
        return SetView(_changes(said))
    if kind == "calibration":
        return SetCalibration(_channel(said), _calibration(said))
    if kind == "window":
        limits = Window(integer(said, "low"), integer(said, "high"))
        return SetWindow(_channel(said), integer(said, "window", 0, N_WINDOWS - 1), limits)
    return None


def _object(message: Union[str, bytes]) -> dict[str, Any]:
    try:
        part = message.encode() if isinstance(message, str) else message
    except UnicodeEncodeError:
        raise ProtocolError("command with half of a character") from None
    return object_of_bytes(part, MAX_COMMAND_BYTES, "command")


def _channel(said: Mapping[str, Any]) -> int | None:
    return None if said.get("channel") is None else integer(said, "channel", 0, MAX_CHANNELS - 1)


def _changes(said: Mapping[str, Any]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if "mode" in said:
        changes["mode"] = Mode.parse(text(said, "mode", limit=40))
    if "channels" in said:
        changes["channels"] = _channels(said["channels"])
    for key, name in (("sum", "is_sum"), ("history", "has_history"), ("waterfall", "has_waterfall")):
        if key in said:
            changes[name] = _truth(said, key)
    if "map" in said:
        changes["map_window"] = _map(said["map"])
    return changes


def _channels(said: object) -> tuple[int, ...] | None:
    if said is None:
        return None
    is_list = isinstance(said, list) and len(said) <= MAX_CHANNELS
    if not is_list or not all(type(n) is int and 0 <= n < MAX_CHANNELS for n in said):  # type: ignore[attr-defined]
        raise ConfigurationError(
            f"channels: {str(said)[:64]}, allowed are null and a list of channels in 0..{MAX_CHANNELS - 1}"
        )
    channels: tuple[int, ...] = tuple(said)  # type: ignore[arg-type]
    if len(set(channels)) != len(channels):
        raise ConfigurationError(f"channels: {str(said)[:64]}, allowed is each channel once")
    return channels


def _truth(said: Mapping[str, Any], key: str) -> bool:
    value = said[key]
    if not isinstance(value, bool):
        raise ConfigurationError(f"{key}: {str(value)[:64]}, allowed are true and false")
    return value


def _map(said: object) -> tuple[int, bool] | None:
    if said is False or said is None:
        return None
    if not isinstance(said, dict):
        raise ConfigurationError(f"map: {str(said)[:64]}, allowed are false and an object with window")
    return integer(said, "window", 0, N_WINDOWS - 1), said.get("corrected") is True


def _calibration(said: Mapping[str, Any]) -> Calibration | None:
    terms = {name: said.get(name) for name in ("offset", "gain", "quadratic")}
    if all(value is None for value in terms.values()):
        return None
    numbers = {name: 0.0 if value is None else value for name, value in terms.items()}
    for name, value in numbers.items():
        if type(value) not in (int, float) or abs(value) > 1e9:
            raise ConfigurationError(f"calibration: {name}={str(value)[:64]}, allowed is a number")
    return Calibration(**{name: float(value) for name, value in numbers.items()})
