"""Recordings in the form that the simulator plays: an uncompressed `.npz`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from xspress3.errors import ConfigurationError

__all__ = ["DATASET", "MAX_BYTES", "SCALERS", "write_playback"]

DATASET = "/entry/instrument/xspress3/data"
"""Where our files keep the histogram."""

SCALERS = (
    "clock_ticks",
    "reset_ticks",
    "reset_count",
    "all_events",
    "all_good",
    "pileup",
    "total_ticks",
)
"""Scalers that are played when the recording has them; in-window counts are counted anew."""

MAX_BYTES = 4 << 30
"""Largest histogram that is converted: it is held in memory once."""

MAX_CHANNELS = 16
MAX_BINS = 4096
_NPZ = b"PK"


class _Array(Protocol):
    """What `np.ndarray` and `h5py.Dataset` have in common here."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    def __getitem__(self, key: Any, /) -> Any: ...


def write_playback(
    source: str | os.PathLike[str], destination: str | os.PathLike[str], dataset: str = DATASET
) -> Path:
    """Convert a recording for `PLAYBACK` of the simulator.

    Parameters
    ----------
    source
        An `.npz`, compressed or not, with an array `histogram` (frame, channel, bin) of non-negative
        integers, and optionally `SCALERS` and `event_width` (frame, channel); or an HDF5 file with
        `dataset`, and the others beside it under these names.
    destination
        The `.npz` to write; replaced when it is there.
    dataset
        Path of the histogram in an HDF5 file; an array (frame, bin) counts as one channel.

    Returns
    -------
    :
        The destination.

    Raises
    ------
    ConfigurationError
        When there is no such array, or its type, shape, values or size (`MAX_BYTES`) are not allowed.
    OSError
        When a file cannot be read or written.
    """
    path = Path(source)
    with path.open("rb") as file:
        is_npz = file.read(len(_NPZ)) == _NPZ
    arrays = _read_npz(path) if is_npz else _read_hdf5(path, dataset)
    target = Path(destination)
    with target.open("wb") as out:
        np.savez(out, **arrays)  # type: ignore[arg-type]  # numpy's stub takes the names for allow_pickle
    return target


def _read_npz(path: Path) -> dict[str, npt.NDArray[Any]]:
    try:
        # Opened here: numpy forgets to close a file that it finds broken.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as members:
            return _convert(path, "histogram", members, members.__contains__)
    except (BadZipFile, ValueError, EOFError) as error:
        raise ConfigurationError(f"{path}: {error}") from error


def _read_hdf5(path: Path, dataset: str) -> dict[str, npt.NDArray[Any]]:
    import h5py  # noqa: PLC0415  # optional, and slow to import

    with contextlib.suppress(ImportError):
        import hdf5plugin  # noqa: F401, PLC0415  # knows how our chunks are compressed
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise ConfigurationError(f"{path} is neither .npz nor HDF5: {error}") from error
    with file:
        group_path, _, name = dataset.rpartition("/")
        group = file.get(group_path or "/")
        if not isinstance(group, h5py.Group):
            raise ConfigurationError(f"{path} has no {dataset}")

        def is_array(key: str) -> bool:
            return isinstance(group.get(key), h5py.Dataset)

        return _convert(path, name, group, is_array)


def _convert(
    path: Path, histogram: str, members: Mapping[str, Any], has: Callable[[str], bool]
) -> dict[str, npt.NDArray[Any]]:
    """The arrays of the simulator, checked, out of any holder of arrays."""
    if not has(histogram):
        raise ConfigurationError(f"{path} has no array {histogram}")
    spectra = _histogram(f"{path}: {histogram}", members[histogram])
    arrays = {"histogram": spectra}
    for name in SCALERS:
        if has(name):
            arrays[name] = _beside(f"{path}: {name}", members[name], spectra.shape[:2], "<u4")
    if has("event_width"):
        arrays["event_width"] = _beside(
            f"{path}: event_width", members["event_width"], spectra.shape[:2], "<i4"
        )
    return arrays


def _histogram(what: str, array: _Array) -> npt.NDArray[Any]:
    shape = array.shape if len(array.shape) == 3 else (*array.shape[:1], 1, *array.shape[1:])
    if len(shape) != 3 or not (shape[0] >= 1 and 1 <= shape[1] <= MAX_CHANNELS and 1 <= shape[2] <= MAX_BINS):
        raise ConfigurationError(
            f"{what} has shape {array.shape}, "
            f"allowed is (frame, channel, bin) up to (any, {MAX_CHANNELS}, {MAX_BINS})"
        )
    n_bytes = shape[0] * shape[1] * shape[2] * 4
    if n_bytes > MAX_BYTES:
        raise ConfigurationError(f"{what} has {n_bytes} bytes as uint32, allowed is {MAX_BYTES}")
    return _as_words(what, array, "<u4").reshape(shape)


def _beside(what: str, array: _Array, shape: tuple[int, ...], dtype: str) -> npt.NDArray[Any]:
    words = _as_words(what, array, dtype)
    if words.shape == shape[1:]:
        words = np.broadcast_to(words, shape)
    elif shape[1] == 1 and words.shape == shape[:1]:
        words = words.reshape(shape)
    if words.shape != shape:
        raise ConfigurationError(f"{what} has shape {words.shape}, allowed is (frame, channel) = {shape}")
    return np.ascontiguousarray(words)


def _as_words(what: str, array: _Array, dtype: str) -> npt.NDArray[Any]:
    """The array in memory, in C order, when its values fit into the type exactly."""
    if array.dtype.kind not in "uif":
        raise ConfigurationError(f"{what} has type {array.dtype}, allowed are numbers")
    values = np.asarray(array[...])
    limits = np.iinfo(dtype)
    if values.size and not (values.min() >= limits.min and values.max() <= limits.max):
        raise ConfigurationError(f"{what} has values outside {limits.min}..{limits.max}")
    words = np.ascontiguousarray(values, dtype=dtype)
    if values.dtype.kind == "f" and not np.array_equal(words, values):
        raise ConfigurationError(f"{what} has values that are not whole numbers")
    return words
