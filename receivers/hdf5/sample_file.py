"""A file with samples of any stream of arrays: analog and digital signals, video, records of events.

::

    /entry/instrument/stream       NXcollection; @sample_rate and the other options of the stream
        <name of the array>        (sample, ...) of the type of the stream, with @units
    /entry/blocks                  first_frame, n_frames, timestamp: one row for each block that came

Samples are counted like frames: row r is sample `first_frame` + r. Rows of samples that did not come hold NaN
in floats, the highest number in unsigned integers, the lowest in signed ones, nothing elsewhere; as these can
be data too, `counts/missing` and `blocks` tell for certain.
"""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import numpy.typing as npt

from receivers.hdf5 import layout
from receivers.hdf5.naming import ExistingFile, safe_name
from receivers.hdf5.part_file import PartFile
from receivers.hdf5.swmr import open_large
from receivers.text import storable
from xspress3.errors import ProtocolError
from xspress3.stream import ArrayInfo, Block, SessionStart
from xspress3.stream.streams.output import STREAM

__all__ = ["BLOCKS", "SAMPLES", "SampleFile", "fill_value", "is_of_samples", "storage_type"]

SAMPLES = "/entry/instrument/stream"
BLOCKS = "/entry/blocks"
CHUNK_BYTES = 256 << 10
MAX_SAMPLE_BYTES = 256 << 20
_BLOCK_COLUMNS = (("first_frame", "<i8"), ("n_frames", "<i8"), ("timestamp", "<f8"))


def is_of_samples(start: SessionStart) -> bool:
    """Whether the session is of a stream of samples, which describes itself."""
    return STREAM in start.metadata


def storage_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type, of the same size, under which HDF5 can hold elements of `dtype`.

    Times become integers, texts of numpy's kind U become opaque bytes; the rest stays.
    """
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return np.dtype((storage_type(base), shape))
    if dtype.names is not None:
        return np.dtype([(name, storage_type(dtype[name])) for name in dtype.names])
    if dtype.kind in "mM":
        return np.dtype("<i8")
    return np.dtype(f"V{dtype.itemsize}") if dtype.kind == "U" else dtype


def fill_value(dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """An element that says "nothing came" as well as its type can."""
    value = np.zeros((), dtype)
    if dtype.names is not None:
        for name in dtype.names:
            value[name] = fill_value(dtype[name].base)
    elif dtype.kind in "fc":
        value[()] = math.nan
    elif dtype.kind in "iu":
        limits = np.iinfo(dtype)
        value[()] = limits.max if dtype.kind == "u" else limits.min
    return value


class SampleFile(PartFile):
    """Writes the arrays of a stream, each to a dataset of its own.

    Raises
    ------
    ProtocolError
        For arrays of which a single sample is too large to be written.
    """

    def __init__(
        self, path: Path, policy: ExistingFile, start: SessionStart, *, first_frame: int = 0, part: int = 0
    ) -> None:
        for array in start.arrays:
            _check(array)
        self._start = start
        self._names = [array.name for array in start.arrays]
        self._blocks: list[tuple[int, int, float]] = []
        super().__init__(path, policy, first_frame, part)

    def _build(self, file: h5py.File) -> None:
        layout.build_entry(file, self._start, self.first_frame, self.part)
        layout.make_group(file, "/entry/instrument", "NXinstrument")
        samples = layout.make_group(file, SAMPLES, "NXcollection")
        _describe(samples, self._start)
        for number, array in enumerate(self._start.arrays):
            _create(samples, _dataset_name(number, array), array, self._start.frames_per_block)
        blocks = layout.make_group(file, BLOCKS, "NXcollection")
        for name, dtype in _BLOCK_COLUMNS:
            blocks.create_dataset(name, shape=(0,), maxshape=(None,), chunks=(1024,), dtype=dtype)
        _build_plot(layout.make_group(file, "/entry/data", "NXdata"), samples, self._start)

    def _find(self, file: h5py.File) -> dict[str, Any]:
        samples, blocks = file[SAMPLES], file[BLOCKS]
        names = itertools.starmap(_dataset_name, enumerate(self._start.arrays))
        self._arrays: list[Any] = [open_large(samples, name) for name in names]
        found = {f"array {number}": dataset for number, dataset in enumerate(self._arrays)}
        return {**found, **{f"block {name}": blocks[name] for name, _ in _BLOCK_COLUMNS}}

    @property
    def n_waiting(self) -> int:
        """Blocks that are not in the list of blocks yet."""
        return len(self._blocks)

    def _store(self, block: Block) -> None:
        arrays = [
            np.ascontiguousarray(block[name].decode()).view(dataset.dtype)
            for name, dataset in zip(self._names, self._arrays, strict=True)
        ]
        first = block.first_frame + self._offset
        end = first + block.n_frames
        with self._guard(f"writing samples {block.first_frame}..{block.end_frame - 1}"):
            self._grow(end)
            for dataset, array in zip(self._arrays, arrays, strict=True):
                dataset[first:end] = array
        self._blocks.append((block.first_frame, block.n_frames, block.envelope.time_ns / 1e9))

    def _store_waiting(self) -> None:
        blocks, self._blocks = self._blocks, []
        if not blocks:
            return
        for (name, _), values in zip(_BLOCK_COLUMNS, zip(*blocks, strict=True), strict=True):
            dataset = self._datasets[f"block {name}"]
            n_before = dataset.shape[0]
            dataset.resize(n_before + len(blocks), axis=0)
            dataset[n_before:] = values

    def _grow(self, n_rows: int) -> None:
        if n_rows > self._rows:
            for dataset in self._arrays:
                dataset.resize(n_rows, axis=0)
            self._rows = n_rows


def _check(array: ArrayInfo) -> None:
    size = np.dtype(array.dtype).itemsize * math.prod(array.shape)
    if not 0 < size <= MAX_SAMPLE_BYTES:
        raise ProtocolError(
            f"array {array.name[:64]!r}: {size} bytes for a sample, allowed is 1..{MAX_SAMPLE_BYTES}"
        )


def _dataset_name(number: int, array: ArrayInfo) -> str:
    """Name of an array as it came, where that can be a name; two that would be one keep apart."""
    name = safe_name(array.name)
    return name if name == array.name else f"{name}_{number}"


def _describe(samples: h5py.Group, start: SessionStart) -> None:
    """Options of the stream that are plain, as attributes; all of them stand in `metadata`."""
    said = start.metadata[STREAM]
    for name, value in said.items() if isinstance(said, dict) else ():
        if isinstance(value, str) and name.isidentifier():
            samples.attrs[name] = storable(value)[: layout.TEXT_BYTES]
        elif isinstance(value, (bool, int, float)) and name.isidentifier() and abs(value) < 1 << 62:
            samples.attrs[name] = value


def _create(group: h5py.Group, name: str, array: ArrayInfo, samples_per_block: int) -> None:
    dtype = np.dtype(array.dtype)
    stored = storage_type(dtype)
    row_bytes = stored.itemsize * math.prod(array.shape)
    rows = max(CHUNK_BYTES // row_bytes, min(samples_per_block, MAX_SAMPLE_BYTES // row_bytes), 1)
    filters: Any = {} if array.compression == "none" else hdf5plugin.Bitshuffle(cname="lz4")
    dataset = group.create_dataset(
        name,
        shape=(0, *array.shape),
        maxshape=(None, *array.shape),
        chunks=(rows, *array.shape),
        dtype=stored,
        fillvalue=fill_value(stored)[()] if stored.kind != "b" else None,
        **filters,
    )
    dataset.attrs["numpy_dtype"] = json.dumps(dtype.descr if dtype.names else dtype.str)
    if array.units:
        dataset.attrs["units"] = storable(array.units)[: layout.TEXT_BYTES]


def _build_plot(plot: h5py.Group, samples: h5py.Group, start: SessionStart) -> None:
    """Show the first array of numbers: one of three axes and more as images, else as curves."""
    for number, array in enumerate(start.arrays):
        if np.dtype(array.dtype).kind in "iuf":
            name = _dataset_name(number, array)
            plot.attrs["signal"] = name
            plot.attrs["axes"] = np.array(["."] * (1 + len(array.shape)), dtype=h5py.string_dtype())
            samples[name].attrs["interpretation"] = "image" if len(array.shape) >= 2 else "spectrum"
            plot[name] = h5py.SoftLink(f"{SAMPLES}/{name}")
            return
