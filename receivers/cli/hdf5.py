"""What commands need that deal with files: a hint where the library is missing, a way out where it broke."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
from collections.abc import Iterator

from xspress3.errors import ConfigurationError

__all__ = ["leave_without_hdf5", "needs_hdf5"]


@contextlib.contextmanager
def needs_hdf5() -> Iterator[None]:
    """Says what to install where an import within fails; `ConfigurationError`."""
    try:
        yield
    except ImportError as error:
        raise ConfigurationError(
            f"{error.name} is missing: pip install '.[hdf5]' in a clone of xspress3-streamer"
        ) from error


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
