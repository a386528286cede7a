"""Named memory that one process makes and others look at.

::

    /dev/shm/xspress3-<uid>-<random>        header (one page: magic, version, nbytes), then the memory

The file belongs to its creator, who holds a `flock` on it while it lives. The kernel gives that lock back
however the creator ends, so whoever makes the next segment can tell files that were left behind (the lock is
free) from those in use, and removes the former. Attaching never removes anything, and what is attached stays
valid when the creator removes the name. The resource tracker of `multiprocessing` has no part in this: it
would remove memory in use when a process that only looked at it ends.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import mmap
import os
import re
import secrets
import stat
import struct
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from xspress3.errors import ConfigurationError, SharedMemoryError

__all__ = ["DIRECTORY_VARIABLE", "SharedArray", "SharedMem", "sweep"]

logger = logging.getLogger(__name__)

DIRECTORY_VARIABLE = "XSPRESS3_SHARED_MEMORY"
"""Environment variable with a folder to use instead of /dev/shm, the same for all processes of a stream."""

HEADER_BYTES = 4096
"""What comes before the memory: a whole page, so that the memory begins at one."""

_MAGIC = b"XSP3SHM\x00"
_VERSION = 1
_HEADER = struct.Struct("<8sIIQ")  # magic, version, nothing, nbytes
_NAME = re.compile(r"xspress3-([0-9]{1,10})-[0-9a-f]{16}")
_OPEN_FLAGS = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # not blocking: somebody may have put a pipe there

Shape = Union[int, Sequence[int]]


class SharedMem:
    """Memory with a name; the creator writes, those who attach read::

        memory = SharedMem(1 << 20)                          # in one process
        seen = SharedMem(1 << 20, shm_id=memory.shm_id)      # in another
        seen.to_numpy(0, "<u4", (256, 1024))

    Parameters
    ----------
    nbytes
        Size, 1 and more. `None` attaches all there is; there may be more than was asked for, never less.
    shm_id
        Of memory that exists, to attach it; `None` makes new memory, filled with zeros.
    writeable
        Whether attached memory can be written; the creator's always can.
    like
        Memory of that `shm_id` which is attached here, for `again`.

    Raises
    ------
    ConfigurationError
        When `nbytes` or `shm_id` cannot be.
    SharedMemoryError
        When there is not enough room, or `shm_id` is not (or no longer) memory of this user.
    """

    def __init__(
        self,
        nbytes: int | None,
        shm_id: str | None = None,
        *,
        writeable: bool = False,
        like: SharedMem | None = None,
    ) -> None:
        if (nbytes is None and shm_id is None) or (nbytes is not None and nbytes < 1):
            raise ConfigurationError(f"shared memory of nbytes={nbytes}, allowed is 1 and more")
        self.is_creator = shm_id is None
        if shm_id is None:
            sweep()
            self.nbytes = int(nbytes or 0)
            self._path, self._fd = _create(self.nbytes)
        else:
            self._path, self._fd, size = _open(shm_id, int(nbytes or 0), writeable, like)
            self.nbytes = int(nbytes or size)
        self.shm_id = self._path.name
        self._is_writeable = writeable
        self._close = weakref.finalize(
            self, _close, self._fd, self._path if self.is_creator else None, os.getpid()
        )
        try:
            self._map = _map(self._fd, HEADER_BYTES + self.nbytes, self.is_creator or writeable)
        except OSError as error:
            self._close()
            raise SharedMemoryError(f"{self._path}: {self.nbytes} bytes were not mapped: {error}") from error

    @property
    def buffer(self) -> memoryview:
        """All of the memory as bytes, read-only where it was attached."""
        return memoryview(self._map)[HEADER_BYTES : HEADER_BYTES + self.nbytes]

    def again(self) -> SharedMem:
        """The same memory attached once more, also when its name is gone; before `close`."""
        return SharedMem(self.nbytes, self.shm_id, writeable=self._is_writeable, like=self)

    def fileno(self) -> int:
        """Descriptor of the file below; it is closed by `close`."""
        return self._fd

    def to_numpy(
        self, offset: int, dtype: npt.DTypeLike, shape: Shape, strides: Sequence[int] | None = None
    ) -> npt.NDArray[Any]:
        """A view of the memory from byte `offset` on; `ValueError` or `TypeError` where it would not fit."""
        if np.dtype(dtype).hasobject:
            raise ConfigurationError(f"dtype={np.dtype(dtype)}: Python objects cannot be shared")
        # Not from the buffer itself: np.ndarray has no hold on it, and `close` would unmap what is viewed.
        memory = np.frombuffer(self.buffer, np.uint8)
        view: npt.NDArray[Any] = np.ndarray(shape, dtype, memory, offset, strides)
        return view

    def to_dict(self) -> dict[str, Any]:
        """What another process needs to attach this: `SharedMem(**memory.to_dict())`."""
        return {"nbytes": self.nbytes, "shm_id": self.shm_id}

    def close(self) -> None:
        """Let go; the creator also removes the name. Views that are still held stay valid."""
        if self._close.alive:
            self._close()
            with contextlib.suppress(
                BufferError
            ):  # somebody holds a view; the memory goes with the last of them
                self._map.close()

    def __enter__(self) -> SharedMem:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class SharedArray:
    """An array in shared memory::

        array = SharedArray((100, 4), "float32")
        array.to_numpy()[:] = 1
        same = SharedArray(**array.to_dict())       # in another process; read-only

    Parameters
    ----------
    shape
        Of at least one element; `None` is `(1,)`.
    dtype
        Anything but Python objects. The lists that JSON makes of a structured type are understood.
    shm_id
        As for `SharedMem`.
    """

    def __init__(self, shape: Shape | None = None, dtype: Any = "float", shm_id: str | None = None) -> None:
        self.shape = _as_shape(shape)
        self.dtype = np.dtype(_as_description(dtype))
        nbytes = int(np.prod(self.shape, dtype=object)) * self.dtype.itemsize
        self._memory = SharedMem(nbytes, shm_id)
        self.shm_id = self._memory.shm_id

    def to_numpy(self) -> npt.NDArray[Any]:
        """The array, not a copy; read-only where it was attached."""
        return self._memory.to_numpy(0, self.dtype, self.shape)

    def to_dict(self) -> dict[str, Any]:
        """Plain values that another process needs to attach this: `SharedArray(**array.to_dict())`."""
        dtype = self.dtype.str if self.dtype.names is None else self.dtype.descr
        return {"shape": list(self.shape), "dtype": dtype, "shm_id": self.shm_id}

    def close(self) -> None:
        """Let go; the creator also removes the name. Arrays that are still held stay valid."""
        self._memory.close()

    def __enter__(self) -> SharedArray:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def sweep() -> list[str]:
    """Remove the segments of this user whose creator is gone, and say which they were."""
    removed = []
    for directory in _directories():
        for path in _segments(directory):
            if _remove_when_left(path):
                removed.append(path.name)
    if removed:
        logger.info("removed shared memory whose creator is gone: %s", ", ".join(removed))
    return removed


def _directories() -> list[Path]:
    """Where segments may be, the best first."""
    named = os.environ.get(DIRECTORY_VARIABLE)
    if named:
        return [Path(named)]
    shm = Path("/dev/shm")  # noqa: S108  # where the system keeps it
    usable = [shm] if os.access(shm, os.W_OK | os.X_OK) else []
    return [*usable, Path(tempfile.gettempdir())]


def _segments(directory: Path) -> Iterator[Path]:
    for path in directory.glob("xspress3-*"):
        match = _NAME.fullmatch(path.name)
        if match and int(match[1]) == os.geteuid():
            yield path


def _remove_when_left(path: Path) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY | _OPEN_FLAGS)
    except OSError:
        return False  # gone by itself, or not ours
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(fd).st_nlink == 0:
            return False  # another sweep was faster, the name may be somebody else's by now
        path.unlink()
    except OSError:
        return False  # the creator lives
    else:
        return True
    finally:
        os.close(fd)


def _create(nbytes: int) -> tuple[Path, int]:
    """A new file, locked and of full size, with its header."""
    path, fd = _new_file(_directories()[0])
    try:
        _reserve(path, fd, HEADER_BYTES + nbytes)
        os.pwrite(fd, _HEADER.pack(_MAGIC, _VERSION, 0, nbytes), 0)
    except BaseException:
        _close(fd, path, os.getpid())
        raise
    return path, fd


def _new_file(directory: Path) -> tuple[Path, int]:
    while True:
        path = directory / f"xspress3-{os.geteuid()}-{secrets.token_hex(8)}"
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _OPEN_FLAGS, 0o600)
        except FileExistsError:
            continue
        except OSError as error:
            raise SharedMemoryError(f"no shared memory in {directory}: {error}") from error
        fcntl.flock(fd, fcntl.LOCK_EX)
        if os.fstat(fd).st_nlink:
            return path, fd
        os.close(fd)  # a sweep came between the two calls above


def _reserve(path: Path, fd: int, size: int) -> None:
    """Take the memory now: writing to a page that the system cannot give ends the process (SIGBUS)."""
    system = os.fstatvfs(fd)
    free = system.f_bavail * system.f_frsize
    if size > free:
        raise SharedMemoryError(
            f"no room for {size} bytes of shared memory in {path.parent}, {free} are free"
        )
    try:
        os.posix_fallocate(fd, 0, size)
    except OSError as error:
        raise SharedMemoryError(
            f"no room for {size} bytes of shared memory in {path.parent}: {error}"
        ) from error


def _open(shm_id: str, nbytes: int, writeable: bool, like: SharedMem | None) -> tuple[Path, int, int]:
    """The file of a segment that exists, checked, and the size of its memory."""
    match = _NAME.fullmatch(shm_id)
    if match is None:
        raise ConfigurationError(
            f"shm_id={shm_id[:60]!r}, allowed is 'xspress3-<uid>-<16 hexadecimal digits>'"
        )
    flags = (os.O_RDWR if writeable else os.O_RDONLY) | _OPEN_FLAGS
    path, fd = _find(shm_id, flags) if like is None else _open_again(like, flags)
    try:
        return path, fd, _checked_size(path, fd, nbytes)
    except BaseException:
        os.close(fd)
        raise


def _open_again(like: SharedMem, flags: int) -> tuple[Path, int]:
    """Another descriptor of an open file, with locks of its own; what the system names so is a link."""
    try:
        return like._path, os.open(f"/proc/self/fd/{like.fileno()}", flags & ~os.O_NOFOLLOW)
    except OSError as error:
        raise SharedMemoryError(f"{like._path} cannot be attached again: {error.strerror}") from error


def _find(shm_id: str, flags: int) -> tuple[Path, int]:
    directories = _directories()
    for directory in directories:
        try:
            return directory / shm_id, os.open(directory / shm_id, flags)
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise SharedMemoryError(
                    f"{directory / shm_id} cannot be attached: {error.strerror}"
                ) from error
    raise SharedMemoryError(
        f"no shared memory {shm_id} in {', '.join(map(str, directories))}; its creator is gone"
    )


def _checked_size(path: Path, fd: int, nbytes: int) -> int:
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
        raise SharedMemoryError(f"{path} is not a file of user {os.geteuid()}")
    header = os.pread(fd, _HEADER.size, 0)
    magic, version, _, size = _HEADER.unpack(header.ljust(_HEADER.size, b"\0"))
    if magic != _MAGIC or version != _VERSION:
        raise SharedMemoryError(
            f"{path} is not shared memory of version {_VERSION}: begins with {magic!r}, version {version}"
        )
    if status.st_size != HEADER_BYTES + size or size < nbytes:
        raise SharedMemoryError(
            f"{path} has {status.st_size} bytes for {size} of memory, {nbytes} were asked for"
        )
    return int(size)


def _map(fd: int, size: int, writeable: bool) -> mmap.mmap:
    """Map with all pages in place: a page fault costs more than copying the page."""
    prot = mmap.PROT_READ | (mmap.PROT_WRITE if writeable else 0)
    return mmap.mmap(fd, size, flags=mmap.MAP_SHARED | mmap.MAP_POPULATE, prot=prot)


def _close(fd: int, path: Path | None, pid: int) -> None:
    """Close the file; its creator, and not a child that was forked off it, also removes it."""
    if path is not None and os.getpid() == pid:
        path.unlink(missing_ok=True)
        fcntl.flock(fd, fcntl.LOCK_UN)  # the map has a descriptor of its own, which would keep the lock
    os.close(fd)


def _as_shape(shape: Shape | None) -> tuple[int, ...]:
    if shape is None:
        return (1,)
    return (int(shape),) if isinstance(shape, (int, np.integer)) else tuple(int(n) for n in shape)


def _as_description(dtype: Any) -> Any:
    """What numpy takes: the fields of a structured type are tuples, and JSON has lists only."""
    if not isinstance(dtype, list):
        return dtype
    return [(name, _as_description(kind), *(tuple(n) for n in shape)) for name, kind, *shape in dtype]
