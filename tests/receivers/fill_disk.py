"""Program of the tests: writes to a small disk until it is full, and tells what it takes for written.

Usage: `python -m tests.receivers.fill_disk DIRECTORY SEED COMPRESSION`. One line for each block, with the
number of frames that are written; then one for each file, and one with the number of objects that HDF5
still has open. The process ends like any other, with HDF5 taking itself down.
"""

from __future__ import annotations

import contextlib
import gc
import random
import sys
from pathlib import Path

import h5py

from receivers.geometry import Geometry
from receivers.hdf5.series import FileSeries
from receivers.hdf5.space import NoSpaceError
from tests.receivers.conftest import Sender
from xspress3.errors import SinkError


def main() -> None:
    directory, seed, compression = sys.argv[1:]
    sender = Sender()
    sender.truth.n_bins = 4096
    sender.compression = compression
    start = sender.start_message(None)
    geometry = Geometry.from_start(start)
    # As where the system does not tell how much room there is, with quotas for example.
    blindly = {"min_free_bytes": -(1 << 60)}
    files = FileSeries(start, geometry, [Path(directory)], "s_{:03d}.h5".format, **blindly)
    chance = random.Random(int(seed))  # no secret
    for first in range(0, 400, 4):
        try:
            files.write(sender.block_message(first, 4))
            if chance.random() < 0.2:
                files.flush()
        except NoSpaceError:
            break
        finally:
            sys.stdout.write(f"{files.frames_written}\n")
    with contextlib.suppress(SinkError):
        files.roll()
    gc.collect()
    for facts in files.files:
        sys.stdout.write(f"file {facts.frames_written} {facts.state.value} {facts.path}\n")
    of_files = h5py.h5f.OBJ_FILE | h5py.h5f.OBJ_GROUP | h5py.h5f.OBJ_DATASET | h5py.h5f.OBJ_ATTR
    n_open = h5py.h5f.get_obj_count(h5py.h5f.OBJ_ALL, of_files)
    sys.stdout.write(f"open {n_open}\n")


main()
