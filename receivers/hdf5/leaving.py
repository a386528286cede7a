"""A way out of a process in which a write to HDF5 has failed."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys

__all__ = ["leave_without_hdf5"]


def leave_without_hdf5(code: int) -> None:
    """Let the process end with `code` before the HDF5 library takes itself down.

    After a failed write it can crash there (seen with HDF5 1.14.6 and 2.0.0), which would turn a
    clear message into "segmentation fault".
    """

    def leave() -> None:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):
                stream.flush()
        os._exit(code)

    atexit.register(leave)
