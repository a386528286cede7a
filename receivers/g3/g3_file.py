"""One `.g3` file, to which only whole frames are added; a kill in the middle of one leaves a torn end."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from receivers.g3.frame import Frame
from xspress3.errors import SinkError

__all__ = ["G3File"]

MODE = 0o644


class G3File:
    """A file that did not exist before. What `write` has taken survives the end of this process::

    with G3File(path) as file:
        file.write(frame)

    Raises
    ------
    FileExistsError
        When there is something of that name.
    SinkError
        When it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size_bytes = 0
        self.n_frames = 0
        self._unsynced = False
        try:
            self._fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, MODE)
        except FileExistsError:
            raise
        except OSError as error:
            raise SinkError(error.errno, f"cannot make {path}: {error.strerror}") from error

    def __enter__(self) -> G3File:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def write(self, frame: Frame) -> None:
        """Write `frame`, or nothing.

        Raises
        ------
        SinkError
            When it could not be written; what was written of it is cut off again.
        """
        try:
            _write_all(self._fd, frame.raw)
        except OSError as error:
            # Half a frame would make readers of the file fail; a shorter file needs no space.
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self.size_bytes)
                os.lseek(self._fd, self.size_bytes, os.SEEK_SET)
            raise SinkError(error.errno, f"cannot write to {self.path}: {error.strerror}") from error
        self.size_bytes += len(frame.raw)
        self.n_frames += 1
        self._unsynced = True

    def sync(self) -> None:
        """Have the disk keep what was written; does nothing when it does already.

        Raises
        ------
        SinkError
            When the disk refuses: frames that were taken may not be there after a power failure.
        """
        if not self._unsynced:
            return
        self._unsynced = False
        try:
            os.fsync(self._fd)
        except OSError as error:
            raise SinkError(error.errno, f"cannot sync {self.path}: {error.strerror}") from error

    def close(self) -> None:
        """Sync and close; a second call does nothing.

        Raises
        ------
        SinkError
            As `sync`; the file is closed all the same.
        """
        if self._fd < 0:
            return
        try:
            self.sync()
        finally:
            fd, self._fd = self._fd, -1
            os.close(fd)


def _write_all(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]
