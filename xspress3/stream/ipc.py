"""Files of ipc sockets: where they are, and that none is left by a program that was killed."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import tempfile
from pathlib import Path

from xspress3.errors import ConfigurationError

__all__ = ["claim", "remove_socket", "socket_path"]


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


def claim(path: Path) -> None:
    """Make sure that `path` may be bound: zmq removes whatever is there, be it a stream that runs or a file.

    Raises
    ------
    ConfigurationError
        When something listens there, or there is something else than a socket. What a program that was
        killed has left is no hindrance.
    """
    if not os.path.lexists(path):
        return
    if not path.is_socket():
        raise ConfigurationError(f"ipc://{path}: there is a file or folder, allowed is a path that is free")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            return
        except OSError as error:
            raise ConfigurationError(f"ipc://{path}: {error}; allowed is a path that is free") from None
    raise ConfigurationError(f"ipc://{path}: in use, allowed is a path that is free")


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
