"""The C library of the slot ring: what its codes mean, how it waits, how an end is shut."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from xspress3.errors import (
    LibraryError,
    ProtocolError,
    ReaderDroppedError,
    SenderDiedError,
    StateError,
    StreamEndedError,
    StreamError,
    Xspress3Error,
)
from xspress3.stream.shared._shm import ffi
from xspress3.stream.shared.segment import SharedMem

__all__ = ["CONTRACT_NAMES", "OK", "TIMEOUT", "again", "error_of", "ffi", "library", "shut"]

OK, TIMEOUT = 0, -1
CONTRACT_NAMES = ("lossless", "latest", "every")
"""In the order of their numbers in C."""

_SLICE_NS = 250_000_000  # longest wait in C: signals such as Ctrl-C are handled in between
_FILE = "libxspress3_shm.so"


@lru_cache(maxsize=1)
def library() -> Any:
    """The library, which the installation put beside this module."""
    path = Path(__file__).resolve().with_name(_FILE)
    try:
        return ffi.dlopen(str(path))
    except OSError as error:
        raise LibraryError(
            f"no shared memory library at {path} ({error}); it is built at installation: "
            "have a C compiler, and run `pip install .`"
        ) from error


def error_of(code: int, what: str) -> Xspress3Error:
    """The exception for a code other than `X3R_OK` and `X3R_TIMEOUT`; `what` names ring and reader."""
    lib = library()
    kinds: dict[int, tuple[type[Xspress3Error], str]] = {
        lib.X3R_STOPPED: (StateError, "was closed here"),
        lib.X3R_ENDED: (StreamEndedError, "was closed by its writer, and all was read"),
        lib.X3R_DIED: (SenderDiedError, "has lost its writer, which ended without closing; all was read"),
        lib.X3R_EVICTED: (ReaderDroppedError, "does without this reader: the writer took it off its list"),
        lib.X3R_BROKEN: (ProtocolError, "holds what cannot be"),
        lib.X3R_FULL: (StreamError, f"has no seat left, {lib.X3R_MAX_READERS} readers are there"),
    }
    kind, text = kinds[code]
    return kind(f"{what} {text}")


def again(call: Callable[[int], int], timeout: float | None) -> int:
    """Call until time is over or something else than a timeout came; in slices, for the sake of signals."""
    deadline = float("inf") if timeout is None else time.monotonic() + timeout
    rc = TIMEOUT
    while rc == TIMEOUT and (left := deadline - time.monotonic()) > 0:
        rc = call(int(min(left * 1e9, _SLICE_NS)))
    return rc


def shut(pid: int, stop: Callable[[Any], None], end: Any, memories: tuple[SharedMem, ...], pins: Any) -> None:
    """Stop, then let the memory go; not in a child that was forked off, whose parent goes on with it."""
    if os.getpid() != pid:
        return
    stop(end)
    for pin in pins:
        ffi.release(pin)
    for memory in memories:
        memory.close()
