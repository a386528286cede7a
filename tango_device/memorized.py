"""What the device keeps over a restart by itself, because Tango keeps no attribute with several values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from xspress3.config import key_values
from xspress3.errors import ConfigurationError
from xspress3.model import Window
from xspress3.sdk import Roi

__all__ = ["Memorized", "WindowTable"]

WindowTable = dict[tuple[int, int], Window]
"""Limits by channel and window."""

_PROPERTY = "Memorized"
_FILE_NAME, _REGIONS = "DestinationFileName", "Regions"
_WINDOW = re.compile(r"Window([12])_Ch(\d{1,3})")


@dataclass(frozen=True)
class Memorized:
    """Values as texts `ATTRIBUTE=VALUE`, and back::

        Memorized({(0, 1): Window(10, 20)}).texts()  # ("Window2_Ch0=10 20",)

    Parameters
    ----------
    file_name
        `None` where it is not kept.
    """

    windows: Mapping[tuple[int, int], Window] = field(default_factory=dict)
    rois: tuple[Roi, ...] = ()
    file_name: str | None = None

    def texts(self) -> tuple[str, ...]:
        """A text for each value; blanks, quotes and signs in file names are written `%20` and so on."""
        found = [
            f"Window{window + 1}_Ch{channel}={limits.low} {limits.high}"
            for (channel, window), limits in sorted(self.windows.items())
        ]
        if self.rois:
            found.append(f"{_REGIONS}={' '.join(f'{r.low} {r.high} {r.n_bins}' for r in self.rois)}")
        if self.file_name is not None:
            # Tango's file in the place of a database does not give back every quote and backslash.
            found.append(f"{_FILE_NAME}={quote(self.file_name)}")
        return tuple(found)

    @classmethod
    def of(cls, texts: Sequence[str]) -> Memorized:
        """What the texts say.

        Raises
        ------
        ConfigurationError
            Naming the text that cannot be.
        """
        windows: WindowTable = {}
        rois: tuple[Roi, ...] = ()
        file_name = None
        for name, value in key_values(texts, _PROPERTY).items():
            if name == _FILE_NAME:
                file_name = unquote(value)
            elif name == _REGIONS:
                rois = tuple(Roi(*three) for three in _groups(name, value, 3))
            else:
                ((low, high),) = _groups(name, value, 2, n_groups=1)
                windows[_place(name)] = Window(low, high)
        return cls(windows, rois, file_name)


def _place(name: str) -> tuple[int, int]:
    """Channel and window of an attribute."""
    found = _WINDOW.fullmatch(name)
    if found is None:
        raise ConfigurationError(
            f"{_PROPERTY}: {name!r}, allowed is Window1_ChN, Window2_ChN, {_REGIONS}, {_FILE_NAME}"
        )
    return int(found[2]), int(found[1]) - 1


def _groups(name: str, value: str, size: int, n_groups: int | None = None) -> list[tuple[int, ...]]:
    words = value.split()
    is_whole = len(words) % size == 0 and all(word.isdecimal() for word in words)
    groups = list(zip(*[iter(map(int, words))] * size, strict=False)) if is_whole else []
    if not groups or n_groups not in (None, len(groups)):
        raise ConfigurationError(f"{_PROPERTY}: {name}={value}, allowed are groups of {size} numbers")
    return groups
