"""One recorder for each stream of a data directory: the second is refused."""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path

from receivers.hdf5.naming import safe_name
from xspress3.errors import SinkError

__all__ = ["StreamInUseError", "StreamLock"]

MAX_HOLDER = 200


class StreamInUseError(SinkError):
    """Another program records this stream into this directory."""


class StreamLock:
    """Holds `<data_dir>/.<stream_id>.lock` until it is closed, or the process ends, however it does.

    The file stays: to remove it would let two hold it at a time. On network disks the lock is as good
    as their `flock`.

    Raises
    ------
    StreamInUseError
        Naming who holds it.
    SinkError
        When the file cannot be made.
    """

    def __init__(self, data_dir: Path, stream_id: str) -> None:
        path = data_dir / f".{safe_name(stream_id)}.lock"
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise SinkError(f"cannot open {path}: {error.strerror}") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._descriptor, MAX_HOLDER, 0).decode("utf-8", "replace").strip()
            self.close()
            raise StreamInUseError(
                f"stream {safe_name(stream_id)} is recorded into {data_dir} by another recorder "
                f"({holder or error.strerror}); two would write the same frames twice"
            ) from error
        self._say_who()

    def _say_who(self) -> None:
        try:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        except OSError:
            return  # a full disk: the lock holds without the name

    def close(self) -> None:
        """Let others have it; a second call does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
