"""Room on disks: looked at before every write, because HDF5 must never see a full one."""

from __future__ import annotations

import os
from pathlib import Path

from xspress3.errors import SinkError

__all__ = ["MIN_FREE_BYTES", "NoSpaceError", "check_directory", "check_space", "free_bytes"]

MIN_FREE_BYTES = 64 << 20


class NoSpaceError(SinkError):
    """No directory has room: nothing was taken, and the same may be offered again."""


def free_bytes(directory: Path) -> int:
    """Bytes that this user may still write below `directory`; takes 1 us.

    Raises
    ------
    SinkError
        When that cannot be told, as on a disk that is gone.
    """
    try:
        told = os.statvfs(directory)
    except OSError as error:
        raise SinkError(f"cannot look at {directory}: {error.strerror}") from error
    return told.f_bavail * told.f_frsize


def check_space(directory: Path, size_bytes: int, min_free_bytes: int, where: Path | None = None) -> None:
    """Raise `NoSpaceError` unless `min_free_bytes` stay free when `size_bytes` have been written."""
    free = free_bytes(directory)
    if free - size_bytes < min_free_bytes:
        raise NoSpaceError(
            f"disk nearly full: {free} bytes are free for {where or directory}, "
            f"writing stops below {min_free_bytes}"
        )


def check_directory(directory: Path) -> Path:
    """Give `directory` back when files can be made in it, else raise `SinkError`."""
    if not directory.exists():
        raise SinkError(f"directory {directory} does not exist")
    if not directory.is_dir():
        raise SinkError(f"{directory} is not a directory")
    if not os.access(directory, os.W_OK | os.X_OK):
        raise SinkError(f"directory {directory} cannot be written to")
    return directory
