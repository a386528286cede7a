"""A hint for commands that deal with files where the library for these is missing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from xspress3.errors import ConfigurationError

__all__ = ["needs_hdf5"]


@contextlib.contextmanager
def needs_hdf5() -> Iterator[None]:
    """Says what to install where an import within fails; `ConfigurationError`."""
    try:
        yield
    except ImportError as error:
        raise ConfigurationError(
            f"{error.name} is missing: pip install '.[hdf5]' in a clone of xspress3-streamer"
        ) from error
