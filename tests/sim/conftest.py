"""The simulator library through the raw SDK binding, one call in Python for one in C."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from xspress3.sdk._sdk import ffi
from xspress3.sim import environment, library_path
from xspress3.sim.control import SimControl

TICK = 12.5e-9
CIRCULAR = 0x10C
PLAIN = 0x00C
FOLLOW = 4
"""Timing source of cards after the first one: its veto on their input."""
BURST, SOFTWARE, HARDWARE, SOFTWARE_ONLY_FIRST, HARDWARE_ONLY_FIRST = 0, 1, 2, 5, 6


class Library:
    """Functions of the library without their prefix, and its last error text."""

    def __init__(self) -> None:
        self.raw = ffi.dlopen(str(library_path()))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, f"xsp3_{name}")

    def text(self) -> str:
        return ffi.string(self.raw.xsp3_get_error_message()).decode(errors="replace")


class Simulated:
    """One open system; functions are called with its handle in front."""

    def __init__(self, library: Library, handle: int) -> None:
        self.library = library
        self.handle = handle

    def __getattr__(self, name: str) -> Callable[..., Any]:
        function = getattr(self.library, name)
        return lambda *arguments: function(self.handle, *arguments)

    def setup(
        self, n_frames: int, ticks: int, trigger: int = BURST, flags: int = PLAIN, gap: int = 0
    ) -> None:
        """Internal timing, ready to start; cards after the first one follow it."""
        assert self.set_run_flags(flags) == 0
        assert self.format_run(-1, 0, 0, 0, 0, 0, 12) > 0
        assert self.set_glob_timeA(-1, FOLLOW) == 0
        assert self.set_glob_timeA(0, 1) == 0
        assert self.itfg_setup(0, n_frames, ticks, trigger, gap) == 0

    def trigger(self) -> None:
        assert self.histogram_continue(0) == 0
        assert self.histogram_pause(0) == 0

    def progress(self) -> int:
        return self.scaler_check_progress_details(ffi.NULL, 1, ffi.NULL)

    def overrun(self, channel: int = -1) -> tuple[int, int]:
        first = ffi.new("int64_t *")
        return self.histogram_get_circ_overrun(channel, first), first[0]

    def spectra(self, first: int = 0, n: int = 1, bins: int = 4096) -> np.ndarray:
        data = np.full((n, self.get_num_chan(), bins), 0xDEADBEEF, dtype="<u4")
        rc = self.histogram_read4d(words(data), 0, 0, 0, first, bins, 1, data.shape[1], n)
        assert rc == 0, self.library.text()
        return data

    def scalers(self, first: int = 0, n: int = 1) -> np.ndarray:
        data = np.full((n, self.get_num_chan(), 9), 0xDEADBEEF, dtype="<u4")
        rc = self.scaler_read(words(data), 0, 0, first, 9, data.shape[1], n)
        assert rc == 0, self.library.text()
        return data


def words(array: np.ndarray) -> Any:
    return ffi.from_buffer("uint32_t[]", array)


def config_arguments(**changed: Any) -> list[Any]:
    """Arguments of `xsp3_config` in order."""
    arguments = {
        "ncards": 1,
        "num_tf": 64,
        "ip": ffi.NULL,
        "port": -1,
        "mac": ffi.NULL,
        "nchan": -1,
        "createmodule": 1,
        "modname": ffi.NULL,
        "debug": 0,
        "card_index": 0,
    }
    assert arguments.keys() >= changed.keys()
    return list((arguments | changed).values())


@pytest.fixture
def library() -> Library:
    return Library()


@pytest.fixture
def control() -> SimControl:
    return SimControl()


@pytest.fixture
def describe(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def put(**description: Any) -> None:
        for name, value in environment(**description).items():
            monkeypatch.setenv(name, value)

    return put


@pytest.fixture
def simulate(library: Library, describe: Callable[..., None]) -> Iterator[Callable[..., Simulated]]:
    """Open a system: lower-case keywords describe it, those of `config_arguments` go to the call."""
    opened: list[int] = []

    def make(**keywords: Any) -> Simulated:
        ours = {
            key: keywords.pop(key) for key in ("ncards", "num_tf", "nchan", "card_index") if key in keywords
        }
        describe(**{"source": "pattern", "clock": "manual", **keywords})
        handle = library.config(*config_arguments(**ours))
        assert handle >= 0, library.text()
        opened.append(handle)
        return Simulated(library, handle)

    yield make
    SimControl().fault("clear")
    for handle in opened:
        library.close(handle, 0)
