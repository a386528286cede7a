"""Sessions of G3 frames as the others here see them: only their index counts their frames."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from receivers.sessions.find import G3_EXTENSION, Found
from receivers.sessions.index import SessionIndex
from xspress3.errors import ConfigurationError

__all__ = ["g3_index", "is_g3", "needs_g3"]


def is_g3(found: Found) -> bool:
    """Whether all files of the session hold G3 frames."""
    return all(path.suffix == G3_EXTENSION for path in found.paths)


def g3_index(found: Found) -> SessionIndex:
    """The index of such a session; raises `ConfigurationError` where there is none."""
    if found.index is None:
        raise ConfigurationError(f"{found.paths[0]} has no index beside it: make it again with RECOVER")
    return found.index


@contextlib.contextmanager
def needs_g3() -> Iterator[None]:
    """Say which extra is missing where reading frames is not installed."""
    try:
        yield
    except ImportError as error:
        raise ConfigurationError(f"{error.name} is missing, which the extra `g3` brings") from error
