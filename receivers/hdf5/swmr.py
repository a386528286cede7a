"""Files and datasets opened as h5py itself cannot open them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from receivers.hdf5 import layout

__all__ = ["open_large", "open_swmr"]

N_SLOTS = 521
"""Of the table of chunks in memory: a prime number far above the few that are there."""
MIN_LARGE_CACHE = 1 << 20


def open_swmr(path: Path) -> h5py.File:
    """The file at `path`, for writing in SWMR mode; h5py itself can only change to that mode later."""
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_libver_bounds(h5py.h5f.LIBVER_V110, h5py.h5f.LIBVER_V110)
    metadata, n_slots, _, preemption = access.get_cache()
    access.set_cache(metadata, n_slots, layout.CACHE_BYTES, preemption)
    flags = h5py.h5f.ACC_RDWR | h5py.h5f.ACC_SWMR_WRITE
    return h5py.File(h5py.h5f.open(os.fsencode(path), flags, access))


def open_large(group: h5py.Group, name: str) -> h5py.Dataset:
    """A dataset of `group` with memory for two chunks.

    Parts of a chunk must not be read, unpacked and packed one by one.
    """
    found: Any = h5py.h5d.open(group.id, name.encode())
    chunk = found.get_create_plist().get_chunk()
    size_bytes = int(np.prod(chunk, dtype=np.int64)) * found.get_type().get_size()
    del found  # what is open keeps the memory with which it was opened
    access = h5py.h5p.create(h5py.h5p.DATASET_ACCESS)
    access.set_chunk_cache(N_SLOTS, max(2 * size_bytes, MIN_LARGE_CACHE), 0.75)
    return h5py.Dataset(h5py.h5d.open(group.id, name.encode(), access))
