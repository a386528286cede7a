"""New files: made so that nothing that exists is touched unless somebody said so.

Their structure is made in memory and written at once: what HDF5 cannot write while it makes a structure
it may try again when it has given back the memory that it needs for that.
"""

from __future__ import annotations

import errno
import itertools
import os
import threading
from collections.abc import Callable
from pathlib import Path

import h5py

from receivers.hdf5 import layout
from receivers.hdf5.naming import ExistingFile, candidates, clear_way
from receivers.hdf5.swmr import open_swmr
from xspress3.errors import SinkError

__all__ = ["UNFINISHED", "RefusedFileError", "create_file", "make_image", "publish", "reason_of"]

UNFINISHED = ".new"
"""End of the name of files without a frame; one that is found later is what a killed writer has left."""
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK)


class RefusedFileError(SinkError):
    """The system did not let a file be made; another directory may."""


def reason_of(error: Exception) -> str:
    """What the system says where it was the system, else what HDF5 says, which is longer."""
    number = error.errno if isinstance(error, OSError) else None
    return str(error) if number is None else os.strerror(number)


def make_image(build: Callable[[h5py.File], None]) -> bytes:
    """The file that `build` makes out of an empty one."""
    name = f".xspress3-{os.getpid()}-{threading.get_ident()}"  # two of one name would be one file
    with h5py.File(name, "w", driver="core", backing_store=False, libver=layout.LIBVER) as file:
        build(file)
        file.flush()
        image: bytes = file.id.get_file_image()
    return image


def create_file(directory: Path, image: bytes) -> tuple[h5py.File, Path]:
    """`image` as a new file in `directory`, open in SWMR mode under a hidden name, to be published.

    Raises
    ------
    RefusedFileError
        When the system does not let it be made.
    """
    for number in itertools.count():
        path = directory / f".xspress3-{os.getpid()}-{number}{UNFINISHED}"
        if _claim(path):
            return _fill(path, image), path
    raise AssertionError("numbers have an end")


def publish(new: Path, path: Path, policy: ExistingFile) -> Path:
    """Give the file `new` the name `path` or, where `policy` says so, one beside it; gives that.

    So nobody ever finds a file of that name which cannot be opened, because its writer was killed early.

    Raises
    ------
    SinkError
        When the policy does not allow any name.
    """
    if policy is ExistingFile.OVERWRITE:
        _refuse_unfinished(path)
        clear_way(path)
    for candidate in candidates(path, policy):
        if _give_name(new, candidate):
            return candidate
    raise SinkError(f"cannot create {path}: the file exists, and the policy is {policy.value!r}")


def _give_name(new: Path, path: Path) -> bool:
    """Name the file; `False` when there is something of that name."""
    try:
        os.link(new, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise RefusedFileError(f"cannot create {path}: {reason_of(error)}") from error
        if not _claim(path):
            return False
        new.replace(path)  # over the empty file that was claimed
        return True
    new.unlink()
    return True


def _claim(path: Path) -> bool:
    """Make an empty file; `False` when there is something of that name.

    HDF5's own exclusive mode leaves a file behind when the disk is full, and calls it there the next time.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except FileExistsError:
        return False
    except OSError as error:
        raise RefusedFileError(f"cannot create {path}: {reason_of(error)}") from error
    return True


def _fill(path: Path, image: bytes) -> h5py.File:
    try:
        path.write_bytes(image)
        return open_swmr(path)
    except (OSError, RuntimeError) as error:
        path.unlink(missing_ok=True)
        raise RefusedFileError(f"cannot create {path}: {reason_of(error)}") from error


def _refuse_unfinished(path: Path) -> None:
    """Raise `SinkError` when `path` is a file that somebody still writes, or whose writer died."""
    try:
        h5py.File(path, "r+").close()
    except BlockingIOError:
        is_in_use = True
    except OSError as error:
        is_in_use = "already open" in str(error)
    else:
        is_in_use = False
    if is_in_use:
        raise SinkError(
            f"cannot overwrite {path}: it is being written, or its writer died; remove it if it is not needed"
        )
