"""What the methods of all sections stand on: a handle, and the ways to call."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from xspress3.errors import ConfigurationError, StateError
from xspress3.model import N_BINS, N_SCALERS
from xspress3.sdk._sdk import ffi
from xspress3.sdk.library import SdkLibrary

__all__ = ["ALL", "WORD", "Calls", "c_array", "c_string", "cells", "shape3"]

ALL = -1
"""For a card or a channel: each of them."""
WORD = 0xFFFFFFFF


class Calls:
    """A system that the library knows by `handle`."""

    library: SdkLibrary
    handle: int
    is_open: bool

    def _check_open(self, name: str) -> None:
        """Raise `StateError` when closed: the library may have given the handle to another system."""
        if not self.is_open:
            raise StateError(f"{name} of a system that was closed")

    def _call(self, name: str, *arguments: Any) -> Any:
        """Result of a control call, serialised with all others."""
        self._check_open(name)
        return self.library.call(name, self.handle, *arguments)

    def _read(self, name: str, *arguments: Any) -> Any:
        """Result of a call that touches no register, from any thread."""
        self._check_open(name)
        return self.library.call_unlocked(name, self.handle, *arguments)

    def _values(self, name: str, types: str, *arguments: Any) -> list[Any]:
        """What a call writes through its last pointers, one for each C type in `types`."""
        pointers = [ffi.new(f"{c_type} *") for c_type in types.split()]
        self._call(name, *arguments, *pointers)
        return [pointer[0] for pointer in pointers]


def c_string(text: str) -> Any:
    """`text` as a C string."""
    return ffi.new("char[]", text.encode())


def shape3(call: str, out: npt.NDArray[Any]) -> tuple[int, int, int]:
    """Shape of a histogram to be filled: frames, channels, bins."""
    if out.ndim != 3 or out.size == 0 or out.shape[2] > N_BINS:
        raise ConfigurationError(f"{call}: shape {out.shape}, allowed is (frame, channel, up to {N_BINS})")
    return out.shape[0], out.shape[1], out.shape[2]


def cells(call: str, out: npt.NDArray[Any]) -> tuple[int, int]:
    """Frames and channels of scalers to be filled, all nine of each."""
    n_frames, n_channels, n_scalers = shape3(call, out)
    if n_scalers != N_SCALERS:
        raise ConfigurationError(f"{call}: last axis has {n_scalers} places, allowed is {N_SCALERS}")
    return n_frames, n_channels


_C_TYPES = {"<u4": "uint32_t[]", "<f8": "double[]"}


def c_array(call: str, out: npt.NDArray[Any], dtype: str = "<u4", *, is_output: bool = True) -> Any:
    """Pointer to the memory of `out`, which the library takes without asking for its size.

    Raises
    ------
    ConfigurationError
        Unless it is C-ordered, of `dtype` and, where it is filled, writeable.
    """
    flags = out.flags
    if out.dtype != np.dtype(dtype) or not flags.c_contiguous or (is_output and not flags.writeable):
        order = "C-ordered" if flags.c_contiguous else "not C-ordered"
        access = "writeable" if flags.writeable else "read-only"
        raise ConfigurationError(
            f"{call}: memory is {out.dtype}, {order}, {access}; allowed is writeable, C-ordered {dtype}"
        )
    return ffi.from_buffer(_C_TYPES[dtype], out, require_writable=is_output)
