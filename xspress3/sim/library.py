"""Where the simulator library is."""

from __future__ import annotations

from pathlib import Path

from xspress3.errors import LibraryError

__all__ = ["library_path"]

_FILE = "libxspress3_sim.so"


def library_path() -> Path:
    """Path of the simulator library, which the installation put beside this package.

    Raises
    ------
    LibraryError
        When it was not built.
    """
    path = Path(__file__).resolve().with_name(_FILE)
    if not path.is_file():
        raise LibraryError(
            f"no simulator library at {path}; it is built at installation: "
            "have a C compiler, and run `pip install .`"
        )
    return path
