"""One recorder for each stream of a data directory: the second is refused."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Sequence
from pathlib import Path

from receivers.hdf5.naming import safe_name
from xspress3.errors import SinkError

__all__ = ["StreamInUseError", "StreamLock"]

MAX_HOLDER = 200
_OPEN_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


class StreamInUseError(SinkError):
    """Another program records this stream into this directory."""


class StreamLock:
    """Holds `<data_dir>/.<stream_id>.lock` in each directory until it is closed, or the process ends.

    The files stay: to remove one would let two hold it at a time. On network disks a lock is as good
    as their `flock`. A directory in which none can be made, as on a disk that can only be read, is passed
    over: whoever finds it mended finds the others taken.

    Raises
    ------
    StreamInUseError
        Naming who holds it.
    SinkError
        When there is no directory in which it can be made.
    """

    def __init__(self, data_dirs: Sequence[Path], stream_id: str) -> None:
        self._descriptors: list[int] = []
        refusals: list[str] = []
        for data_dir in dict.fromkeys(path.resolve() for path in data_dirs):
            path = data_dir / f".{safe_name(stream_id)}.lock"
            try:
                self._descriptors.append(os.open(path, _OPEN_FLAGS, 0o644))
            except OSError as error:
                refusals.append(f"cannot open {path}: {error.strerror}")
                continue
            self._take(self._descriptors[-1], data_dir, stream_id)
        if not self._descriptors:
            raise SinkError("; ".join(refusals))
        for descriptor in self._descriptors:
            _say_who(descriptor)

    def _take(self, descriptor: int, data_dir: Path, stream_id: str) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(descriptor, MAX_HOLDER, 0).decode("utf-8", "replace").strip()
            self.close()
            raise StreamInUseError(
                f"stream {safe_name(stream_id)} is recorded into {data_dir} by another recorder "
                f"({holder or error.strerror}); two would write the same frames twice"
            ) from error

    def close(self) -> None:
        """Let others have it; a second call does nothing."""
        descriptors, self._descriptors = self._descriptors, []
        for descriptor in descriptors:
            os.close(descriptor)


def _say_who(descriptor: int) -> None:
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
    except OSError:
        return  # a full disk: the lock holds without the name
