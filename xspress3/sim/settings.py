"""Settings directories of the simulator; their format stands in csrc/settings_files.c."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from xspress3.errors import ConfigurationError

__all__ = ["MAJOR_REVISIONS", "write_settings"]

MAJOR_REVISIONS = {"3": 1, "mini": 32, "4": 48}
"""Major revision of the firmware, by generation."""

MAX_CHANNELS = 16
_DEFAULT_EVENT_WIDTH = 6
_ALL_EVENT_OFFSET = 87.5e-9
_IN_WINDOW_OFFSET = 0.0


def write_settings(
    directory: str | os.PathLike[str],
    n_channels: int = MAX_CHANNELS,
    event_widths: Sequence[int] | None = None,
    generation: str = "3",
) -> Path:
    """Make a settings directory that the simulator's `xsp3_restore_settings` accepts.

    Parameters
    ----------
    directory
        Made if it is not there; files of an earlier call are replaced.
    n_channels
        1..16.
    event_widths
        Ticks lost per event, 2..127, for each channel; `None` for 6.
    generation
        "3", "mini" or "4".

    Returns
    -------
    :
        The directory.

    Raises
    ------
    ConfigurationError
        For values outside these ranges.
    """
    widths = _checked_widths(n_channels, event_widths)
    if generation not in MAJOR_REVISIONS:
        raise ConfigurationError(f"generation={generation!r}, allowed is {', '.join(MAJOR_REVISIONS)}")
    path = Path(directory)
    path.mkdir(parents=True, exist_ok=True)
    _write_lines(path / "revision.dat", [f"major {MAJOR_REVISIONS[generation]}"])
    _write_lines(path / "trigger_b.dat", [f"event_width {n} {width}" for n, width in enumerate(widths)])
    _write_lines(path / "dtc_parameters.dat", [_dtc_line(n) for n in range(n_channels)])
    return path


def _checked_widths(n_channels: int, event_widths: Sequence[int] | None) -> list[int]:
    if not 1 <= n_channels <= MAX_CHANNELS:
        raise ConfigurationError(f"n_channels={n_channels}, allowed is 1..{MAX_CHANNELS}")
    widths = [_DEFAULT_EVENT_WIDTH] * n_channels if event_widths is None else [int(w) for w in event_widths]
    if len(widths) != n_channels:
        raise ConfigurationError(
            f"{len(widths)} event widths for {n_channels} channels, allowed is one for each"
        )
    for channel, width in enumerate(widths):
        if not 2 <= width <= 127:
            raise ConfigurationError(f"event width of channel {channel} is {width}, allowed is 2..127")
    return widths


def _dtc_line(channel: int) -> str:
    """Flags, then offset (s) and gradient (s/keV) of all events and of those in a window."""
    return f"channel {channel} 0 {_ALL_EVENT_OFFSET} 0.0 {_IN_WINDOW_OFFSET} 0.0"


def _write_lines(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(lines) + "\n")
