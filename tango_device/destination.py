"""Where the next file goes: checked before anything is armed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from xspress3.errors import ConfigurationError, SinkError

__all__ = ["MIN_FREE_BYTES", "check_destination", "free_bytes"]

MIN_FREE_BYTES = 128 << 20
"""Twice the space at which the writer stops."""


def check_destination(name: str, allowed: Sequence[Path]) -> Path:
    """The path that `name` says, when a file could be made there.

    Raises
    ------
    ConfigurationError
        When it is no absolute path of a file, or not below an allowed directory.
    SinkError
        When the directory is not there, is full, or cannot be written to.
    """
    path = Path(name)
    if not path.is_absolute() or name.endswith("/") or "\0" in name or path.name in ("", ".", ".."):
        raise ConfigurationError(f"DestinationFileName: {name!r}, allowed is an absolute path of a file")
    directory = path.parent
    real = directory.resolve()
    if allowed and not any(real.is_relative_to(root.resolve()) for root in allowed):
        roots = ", ".join(map(str, allowed))
        raise ConfigurationError(f"DestinationFileName: {name!r}, allowed is below {roots}")
    if path.is_dir():
        raise ConfigurationError(f"DestinationFileName: {name!r} is a directory, allowed is a file")
    _check_directory(directory)
    return path


def _check_directory(directory: Path) -> None:
    if not directory.is_dir():
        raise SinkError(f"directory {directory} does not exist, so no file can be made in it")
    if not os.access(directory, os.W_OK | os.X_OK):
        raise SinkError(f"directory {directory} cannot be written to by user {os.geteuid()}")
    free = free_bytes(directory)
    if free < MIN_FREE_BYTES:
        raise SinkError(f"disk of {directory}: {free >> 20} MiB are free, needed are {MIN_FREE_BYTES >> 20}")


def free_bytes(directory: Path) -> int:
    """Bytes that files in `directory` may still have.

    Raises
    ------
    SinkError
        When it cannot be looked at.
    """
    try:
        return shutil.disk_usage(directory).free
    except OSError as error:
        raise SinkError(f"cannot look at {directory}: {error.strerror}") from error
