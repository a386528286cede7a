"""Files in which a write has failed, closed so that HDF5 neither writes to them again nor crashes.

What HDF5 cannot write when it closes an object it tries again when the object is closed again, by a
destructor or at the end of the process; but it has given back the memory of the object the first time, and
the second one reads what is there by then: a crash, now and then. So nothing is closed twice here, and what
is still to be written when a broken file is closed goes to memory that nobody reads, where it cannot fail.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

import h5py

__all__ = ["abandon", "close_once"]

REFERENCES = 1 << 10
"""Given to what could not be closed: more than there are destructors that might try again."""


def close_once(file: h5py.File) -> None:
    """Close `file` with all its objects; what cannot be closed stays open until the process ends.

    Raises
    ------
    Exception
        Whatever HDF5 raises; `file` must not be closed again.
    """
    ids = h5py.h5f.get_obj_ids(file.id, h5py.h5f.OBJ_ALL | h5py.h5f.OBJ_LOCAL)
    try:
        file.close()
    except BaseException:
        for one in ids:
            _hold(one)
        raise


def abandon(file: h5py.File) -> None:
    """Close `file` as it is on the disk, without another byte written to it."""
    with _quiet_destructors(), contextlib.suppress(Exception):
        kept = _divert(file.id.get_vfd_handle())
        # A file that HDF5 takes for open would be mistaken for the next one of the same inode: that
        # of one which could not be closed stays in use.
        with contextlib.suppress(Exception):
            close_once(file)
            os.close(kept)


def _divert(descriptor: int) -> int:
    """Have writes to `descriptor` go nowhere; gives another one of the same file."""
    kept = os.dup(descriptor)
    has_memory = hasattr(os, "memfd_create")  # else closing may fail, once
    nowhere = os.memfd_create("xspress3-broken") if has_memory else os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, descriptor, inheritable=False)
    os.close(nowhere)
    return kept


def _hold(one: h5py.h5i.ObjectID) -> None:
    """Keep `one` open whoever closes it."""
    if one.valid:
        for _ in range(REFERENCES):
            h5py.h5i.inc_ref(one)


@contextlib.contextmanager
def _quiet_destructors() -> Iterator[None]:
    """Spare the user tracebacks of h5py's objects that cannot be closed properly any more."""
    before = sys.unraisablehook
    sys.unraisablehook = lambda _: None
    try:
        yield
    finally:
        sys.unraisablehook = before
