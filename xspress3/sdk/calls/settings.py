"""Run flags, clock, and settings directories."""

from __future__ import annotations

from xspress3.sdk.calls.base import ALL, Calls, c_string
from xspress3.sdk.check import require_flags, require_member
from xspress3.sdk.constants import ClockFlag, ClockSource, RunFlag

__all__ = ["SettingsCalls"]


class SettingsCalls(Calls):
    """What is set up once."""

    def set_run_flags(self, flags: RunFlag) -> None:
        """Choose what a run records; the ring flag changes how reads are indexed at once."""
        call = "xsp3_set_run_flags"
        self._call(call, int(require_flags(call, "flags", flags, RunFlag)))

    def get_run_flags(self) -> RunFlag:
        """What a run records."""
        return RunFlag(self._call("xsp3_get_run_flags"))

    def clocks_setup(self, source: ClockSource, flags: ClockFlag, card: int = ALL) -> int:
        """Set the clock up; gives its frequency in Hz, or 0 where the library does not tell."""
        call = "xsp3_clocks_setup"
        words = (
            require_member(call, "source", source, ClockSource),
            require_flags(call, "flags", flags, ClockFlag),
        )
        return int(self._call(call, card, *map(int, words), 0))

    def restore_settings(self, directory: str, force_mismatch: bool = False) -> None:
        """Load the calibration of a detector from a settings directory.

        Parameters
        ----------
        force_mismatch
            Also when it was saved with firmware of another major revision.
        """
        self._call("xsp3_restore_settings", c_string(directory), int(force_mismatch))

    def restore_settings_and_clock(self, directory: str, force_mismatch: bool = False) -> None:
        """As `restore_settings`, after the clock that was saved with them."""
        self._call("xsp3_restore_settings_and_clock", c_string(directory), int(force_mismatch))

    def save_settings(self, directory: str) -> None:
        """Save the calibration to a directory that exists; files in it are overwritten."""
        self._call("xsp3_save_settings", c_string(directory))
