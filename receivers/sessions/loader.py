"""A session as one `xarray.Dataset`: nothing of its data is read before it is asked for.

Each access opens the files that it needs and closes them, so that nothing stays open, a copy of the
dataset can be sent to another process, and no writer is kept waiting.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from receivers.hdf5 import layout
from receivers.hdf5.sample_file import BLOCKS, SAMPLES
from receivers.hdf5.summary import open_file
from receivers.sessions.part import read_settings
from receivers.sessions.session import Choice, Piece, RecordedSession, positions, read_session
from xspress3.errors import ConfigurationError

__all__ = ["MissingFramesWarning", "load_session"]

HISTOGRAM = "histogram"
_LEFT_OUT = ("frame_number",)  # the coordinate `frame` says it, and `is_recorded` where there is none
MAX_RANGES_TOLD = 3

Array = npt.NDArray[Any]


class MissingFramesWarning(UserWarning):
    """Frames of a session are not there, or what is known of it is odd."""


def load_session(stream_id: str, session_id: int, base_dir: Path | str, idx: Choice = None) -> xr.Dataset:
    """The session, with dimensions frame, channel, bin; values are read when they are asked for.

    Parameters
    ----------
    base_dir
        Data directory of a recorder, or the directory in which a writer put its files.
    idx
        Some of its files only: a position, or several, from 0 on; by default all.

    Returns
    -------
    :
        `histogram`, the nine scalers and what follows from them. Frames that are not there have
        `is_recorded` false, and hold NaN, or what the attribute `_FillValue` says: 4294967295 in counts,
        -1 in other integers; `xarray.decode_cf` makes NaN of these, too.

    Raises
    ------
    FileNotFoundError
        When there is no file of the session.
    ConfigurationError
        When they cannot be read, or `idx` is outside of what there is.

    Warns
    -----
    MissingFramesWarning
        When frames are missing, or files, or the index says something else.
    """
    session = read_session(stream_id, int(session_id), Path(base_dir))
    if idx is not None:
        session = session.chosen(positions(idx, len(session.parts)))
    _warn(session)
    return _dataset(session)


def _warn(session: RecordedSession) -> None:
    texts = list(session.notes)
    if session.missing:
        ranges = [f"{first}..{end - 1} ({why})" for first, end, why in session.missing[:MAX_RANGES_TOLD]]
        more = ", …" if len(session.missing) > MAX_RANGES_TOLD else ""
        texts.insert(0, f"{session.frames_lost} frames are missing: {', '.join(ranges)}{more}")
    unfinished = [part.path.name for part in session.parts if not part.is_finished]
    if unfinished:
        texts.append(f"not finished, being written or their writer died: {', '.join(unfinished)}")
    if texts:
        text = f"stream {session.stream_id}, session {session.session_id}: {'; '.join(texts)}"
        warnings.warn(MissingFramesWarning(text), stacklevel=3)


def _dataset(session: RecordedSession) -> xr.Dataset:
    if session.parts[0].is_of_samples:
        variables = _samples(session)
        return xr.Dataset(variables, _frame_coordinates(session), _attributes(session))
    pieces = tuple(session.pieces())
    n_channels, n_bins = session.parts[0].frames_shape
    variables = {
        HISTOGRAM if column.name == "data" else column.name: _variable(column, session, pieces)
        for column in _columns(session.parts[0].path, n_channels, n_bins)
    }
    coordinates = {
        **_frame_coordinates(session),
        "channel": ("channel", np.arange(n_channels), {"long_name": "channel"}),
        "bin": ("bin", np.arange(n_bins), {"long_name": "bin"}),
    }
    if "timestamp" in variables:
        coordinates["timestamp"] = variables.pop("timestamp")
    limits = _window_limits(session.parts[0].path)
    if limits is not None:
        variables["window_limits"] = xr.Variable(("channel", "window", "limit"), limits, {"units": "bin"})
    return xr.Dataset(variables, coordinates, _attributes(session))


def _frame_coordinates(session: RecordedSession) -> dict[str, Any]:
    owner = np.where(session.recorded, session.owner, -1)
    numbers = np.array([*(part.part for part in session.parts), -1])
    return {
        "frame": ("frame", np.arange(session.first, session.end), {"long_name": "frame"}),
        "is_recorded": ("frame", session.recorded, {"long_name": "whether the frame is there"}),
        "part": ("frame", numbers[owner], {"long_name": "part that the frame is in, -1 for none"}),
    }


def _samples(session: RecordedSession) -> dict[str, xr.Variable]:
    """The arrays of a stream; and when its blocks came, which is not known of each sample."""
    pieces = tuple(session.pieces())
    with open_file(session.parts[0].path) as file:
        columns = [_column_info(name, dataset) for name, dataset in file[SAMPLES].items()]
    variables = {column.name: _variable(column, session, pieces) for column in columns}
    tables = [_blocks(part.path) for part in session.parts]
    for name, units in (("first_frame", ""), ("n_frames", ""), ("timestamp", "s")):
        values = np.concatenate([table[name] for table in tables])
        variables[f"block_{name}"] = xr.Variable(("block",), values, {"units": units} if units else {})
    return variables


def _blocks(path: Path) -> dict[str, Array]:
    with open_file(path) as file:
        blocks = {name: np.asarray(dataset[()]) for name, dataset in file[BLOCKS].items()}
    n_blocks = min(len(values) for values in blocks.values())
    return {name: values[:n_blocks] for name, values in blocks.items()}


@dataclass(frozen=True)
class _ColumnInfo:
    """A dataset with one row for each frame, as the first file has it."""

    name: str
    shape: tuple[int, ...]
    stored: np.dtype[Any]
    dtype: np.dtype[Any]
    fill: Any
    chunk_rows: int
    attributes: dict[str, Any]


def _columns(path: Path, n_channels: int, n_bins: int) -> list[_ColumnInfo]:
    with open_file(path) as file:
        datasets = {name: item for name, item in file[layout.DETECTOR].items() if _has_rows(item)}
        tails: tuple[tuple[int, ...], ...] = ((), (n_channels,), (n_channels, n_bins))
        return [
            _column_info(name, dataset)
            for name, dataset in datasets.items()
            if dataset.shape[1:] in tails and name not in _LEFT_OUT
        ]


def _has_rows(item: object) -> bool:
    return isinstance(item, h5py.Dataset) and not item.is_virtual and item.maxshape[:1] == (None,)


def _column_info(name: str, dataset: h5py.Dataset) -> _ColumnInfo:
    said = {key: dataset.attrs[key] for key in ("units", "long_name") if key in dataset.attrs}
    shape = tuple(int(length) for length in dataset.shape[1:])
    return _ColumnInfo(
        name, shape, dataset.dtype, _dtype(dataset), dataset.fillvalue, int(dataset.chunks[0]), said
    )


def _dtype(dataset: h5py.Dataset) -> np.dtype[Any]:
    """The type as the sender had it, which HDF5 cannot always say; of the same size as what is stored."""
    text = dataset.attrs.get("numpy_dtype")
    if text is None:
        plain: np.dtype[Any] = dataset.dtype
        return plain
    said = json.loads(text)
    dtype: np.dtype[Any] = np.dtype([_field(one) for one in said] if isinstance(said, list) else str(said))
    if dtype.hasobject or dtype.itemsize != dataset.dtype.itemsize:
        raise ConfigurationError(f"{dataset.name}: type {text[:64]!r} is not that of the data")
    return dtype


def _field(said: Any) -> tuple[Any, ...]:
    """A field of a record as numpy takes it: JSON has lists where numpy has tuples."""
    name, dtype, *shape = said
    base = [_field(one) for one in dtype] if isinstance(dtype, list) else str(dtype)
    return (str(name), base, *(tuple(one) for one in shape))


def _window_limits(path: Path) -> Array | None:
    with open_file(path) as file:
        found = file[layout.DETECTOR].get("window_limits")
        return None if found is None else np.asarray(found[()])


def _variable(column: _ColumnInfo, session: RecordedSession, pieces: tuple[Piece, ...]) -> xr.Variable:
    array = _LazyColumn(column, session.first, session.n_frames, pieces)
    is_of_samples = session.parts[0].is_of_samples
    axes = [f"{column.name}_{i}" for i in range(1, 1 + len(column.shape))]
    dimensions = ("frame", *(axes if is_of_samples else ("channel", "bin")[: len(column.shape)]))
    attributes = dict(column.attributes)
    if column.dtype.kind in "iu" and not is_of_samples:  # samples can have any value
        attributes["_FillValue"] = column.fill
    chunks = {"preferred_chunks": {"frame": column.chunk_rows}}
    return xr.Variable(dimensions, indexing.LazilyIndexedArray(array), attributes, chunks)


class _LazyColumn(BackendArray):
    """One column over all files, read as it is indexed."""

    def __init__(self, column: _ColumnInfo, first: int, n_frames: int, pieces: tuple[Piece, ...]) -> None:
        self._column = column
        self._first = first
        self._pieces = pieces
        self.shape = (n_frames, *column.shape)
        self.dtype = column.dtype

    def __getitem__(self, key: Any) -> Array:
        read: Array = indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.BASIC, self._read
        )
        return read

    def _read(self, key: tuple[int | slice, ...]) -> Array:
        wanted, turns = zip(*(_forward(one, n) for one, n in zip(key, self.shape, strict=True)), strict=True)
        rows = range(self.shape[0])[wanted[0]] if isinstance(wanted[0], slice) else None
        if rows is None:
            frames: Array = self._rows(range(wanted[0], wanted[0] + 1), wanted[1:])[0]
        else:
            frames = self._rows(rows, wanted[1:])
        # A number takes its axis away; only slices have a direction.
        turned: Array = frames[
            tuple(turn for one, turn in zip(key, turns, strict=True) if isinstance(one, slice))
        ]
        return turned

    def _rows(self, rows: range, tail: tuple[int | slice, ...]) -> Array:
        shape = np.broadcast_to(0, self._column.shape)[tail].shape
        values = np.full((len(rows), *shape), self._column.fill, dtype=self._column.stored)
        for piece in self._pieces:
            begin = _first_at(rows, piece.first - self._first)
            end = _first_at(rows, piece.end - self._first)
            if begin < end and piece.part is not None:
                values[begin:end] = self._from_file(piece, rows[begin:end], tail)
        return values.view(self.dtype)

    def _from_file(self, piece: Piece, rows: range, tail: tuple[int | slice, ...]) -> Array:
        assert piece.part is not None
        part = piece.part
        offset = self._first - part.first_frame + part.first_row
        with open_file(part.path) as file:
            dataset = file[part.group].get(self._column.name)
            if (
                dataset is None
                or dataset.dtype != self._column.stored
                or dataset.shape[1:] != self._column.shape
            ):
                raise ConfigurationError(
                    f"{part.path}: {self._column.name} is not what it is in the first file, "
                    f"{self._column.shape} {self._column.stored}"
                )
            if dataset.shape[0] < rows[-1] + offset + 1:
                raise ConfigurationError(
                    f"{part.path}: {self._column.name} has {dataset.shape[0]} rows, fewer than other columns"
                )
            where = (slice(rows[0] + offset, rows[-1] + offset + 1, rows.step), *tail)
            read: Array = dataset[where]
        return read


def _forward(key: int | slice, length: int) -> tuple[int | slice, slice]:
    """`key` as HDF5 takes it, without a way back, and how to turn round what it gives."""
    if not isinstance(key, slice):
        return int(key), slice(None)
    found = range(length)[key]
    if found.step > 0:
        return slice(found.start, max(found.stop, found.start), found.step), slice(None)
    if not found:
        return slice(0, 0, 1), slice(None)
    return slice(found[-1], found[0] + 1, -found.step), slice(None, None, -1)


def _first_at(rows: range, row: int) -> int:
    """Position in `rows` of the first one that is not before `row`."""
    return min(max(-((rows.start - row) // rows.step), 0), len(rows))


def _attributes(session: RecordedSession) -> dict[str, Any]:
    settings = read_settings(session.parts[0].path)
    index = session.as_index()
    return {
        "stream_id": settings.stream_id,
        "session_id": session.session_id,
        "title": settings.title,
        "state": index.state.value,
        "complete": int(index.complete),
        "end_reason": index.end_reason,
        "start_time": layout.iso_time(index.start_time),
        "end_time": "" if index.end_time is None else layout.iso_time(index.end_time),
        "frames_expected": -1 if index.frames_expected is None else index.frames_expected,
        "frames_written": index.frames_written,
        "frames_lost": index.frames_lost,
        "duplicates": index.duplicates,
        "missing": np.array([hole[:2] for hole in session.missing], dtype=np.int64).reshape(-1, 2),
        "missing_reason": [reason for _, _, reason in session.missing],
        "notes": list(session.notes),
        "files": [str(part.path) for part in session.parts],
        "acquisition": json.dumps(settings.acquisition),
        "detector": json.dumps(settings.detector),
        "metadata": json.dumps(settings.metadata),
        "versions": json.dumps(settings.versions),
    }
