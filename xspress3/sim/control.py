"""Hands on a simulator that runs in this process: what it simulates, its clock, and the truth."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from xspress3.errors import SdkError
from xspress3.sim._sim import ffi
from xspress3.sim.description import Value, key_of, text_of
from xspress3.sim.library import library_path

__all__ = ["SimControl"]

N_BINS = 4096
N_SCALERS = 9
_NAMES = {-1: "XSP3_ERROR", -2: "XSP3_INVALID_PATH", -6: "XSP3_RANGE_CHECK", -8: "XSP3_OUT_OF_MEMORY"}


class SimControl:
    """Controls of the simulator library::

        control = SimControl()
        control.set(channels=2, clock="manual")
        ...  # open the detector with the same library, arm it
        control.advance(0.01)
        spectrum, scalers = control.truth(handle, channel=0, frame=7)

    Parameters
    ----------
    library
        Path of the library, `None` for the installed one. The same path is the same library, and the
        same simulated systems, throughout the process.
    """

    def __init__(self, library: str | os.PathLike[str] | None = None) -> None:
        self._raw: Any = ffi.dlopen(os.fspath(library_path() if library is None else library))

    def set(self, **description: Value | None) -> None:
        """Change what is simulated by systems configured from now on; names as for `environment`.

        `None` takes a change back. Raises `ConfigurationError` for a name and `SdkError` for a value
        that is not allowed.
        """
        for name, value in description.items():
            text = ffi.NULL if value is None else ffi.new("char[]", text_of(value).encode())
            key = ffi.new("char[]", key_of(name).encode())
            self._check("xsp3sim_set", self._raw.xsp3sim_set(key, text))

    def advance(self, seconds: float) -> None:
        """Let time pass for all systems with a manual clock, in steps of 0.5 ns."""
        self._check("xsp3sim_advance", self._raw.xsp3sim_advance(seconds))

    def fault(self, what: str) -> None:
        """Ask for a fault, such as `"stick 2 100"`, or take all back with `"clear"`; see csrc/xsp3_api.h.

        Raises `SdkError` that says what is allowed. Faults are for the whole process.
        """
        self._check("xsp3sim_fault", self._raw.xsp3sim_fault(ffi.new("char[]", what.encode())))

    def ttl(self, input_number: int, level: bool) -> None:
        """Put an input of all open systems high or low: TTL 0..3, LVDS 8 and 9."""
        self._check("xsp3sim_ttl", self._raw.xsp3sim_ttl(input_number, int(level)))

    def edges(self, n_edges: int, period: float) -> None:
        """Give pulses from now on, half of the period long; they replace those still to come.

        They come on TTL 1, or on LVDS 9 where the run that is, or was last, looks at that; so do gates.
        """
        self._check("xsp3sim_edges", self._raw.xsp3sim_edges(n_edges, period))

    def gates(self, high: float, low: float, n_gates: int) -> None:
        """Give gates from now on, `high` s long with `low` s after each; they replace the others."""
        self._check("xsp3sim_gates", self._raw.xsp3sim_gates(high, low, n_gates))

    def truth(
        self, handle: int, channel: int, frame: int
    ) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
        """Spectrum (4096 bins) and scalers (9) that a frame has, whether it came already or not.

        A frame that is not there is taken to last the collection time.
        """
        spectrum = np.empty(N_BINS, dtype="<u4")
        scalers = np.empty(N_SCALERS, dtype="<u4")
        words = [ffi.from_buffer("uint32_t[]", array) for array in (spectrum, scalers)]
        self._check("xsp3sim_truth", self._raw.xsp3sim_truth(handle, channel, frame, *words))
        return spectrum, scalers

    def _check(self, call: str, result: int) -> None:
        if result < 0:
            text = ffi.string(self._raw.xsp3_get_error_message()).decode(errors="replace")
            raise SdkError(call, result, _NAMES.get(result, "XSP3_UNKNOWN"), text)
