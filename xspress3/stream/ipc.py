"""Files of ipc sockets: where they are, and that none is left by a program that was killed."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

__all__ = ["remove_socket", "socket_path"]


def socket_path() -> Path:
    """A new path for a socket that only this user can reach; those of dead programs are removed.

    In the folder that the system keeps for the user's sockets, `XDG_RUNTIME_DIR`, else in one with
    mode 0700 among the temporary files.
    """
    folder = _folder()
    for path in folder.glob("stream-*"):
        if not _is_alive(path):
            remove_socket(path)
    return folder / f"stream-{os.getpid()}-{secrets.token_hex(4)}"


def remove_socket(path: Path) -> None:
    """Remove the file of a socket, if it is there."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()


def _folder() -> Path:
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    base = Path(runtime) if runtime and Path(runtime).is_dir() else Path(tempfile.gettempdir())
    folder = base / f"xspress3-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid() or folder.stat().st_mode & 0o077:
        raise PermissionError(f"{folder}: of somebody else or open to others, allowed is mode 0700")
    return folder


def _is_alive(path: Path) -> bool:
    """Whether the program that made the socket, whose number is in its name, still runs."""
    pid = path.name.split("-")[1]
    return not pid.isdecimal() or Path(f"/proc/{pid}").exists()
