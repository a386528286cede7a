"""What a file looks like; everything is made before the first frame, as SWMR wants it.

::

    /                                  NXroot @default=entry
    /entry                             NXentry @default=data
        title start_time end_time program_name stream_id session_id end_reason complete
        first_frame part           frame of row 0, and which file of the session this is, from 0
        acquisition detector metadata  JSON text, flat values also as attributes
        data/                          NXdata: links for the default plot
        counts/                        frames_expected frames_written frames_lost duplicates
                                       missing missing_reason
        instrument/xspress3/           NXdetector
            data                       (frame, channel, bin)
            ...                        (frame, channel) and (frame,), see `columns`
            window_limits              (channel, window, 2), where the sender gives them
        sessions/                      session_id first_row start_time, of each session in the file

**Row r is frame first_frame + r**, and in most files `first_frame` is 0. A frame that did not come keeps its
row, so rows stay aligned with the positions of a scan. Such rows hold what cannot be data: 4294967295 in
counts, NaN in floats, -1 in `frame_number` and `event_width`. `counts/missing` lists the ranges as (first
frame, one behind the last), `missing_reason` why. While `complete` is 0 and `end_reason` says "not
finished", the file is being written, or its writer died.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

import h5py
import hdf5plugin
import numpy as np

from receivers.geometry import Geometry
from receivers.hdf5.columns import COLUMNS, NO_COUNT
from receivers.hdf5.nexus import build_axes, build_channels, build_plot
from receivers.text import storable
from xspress3.stream import SessionStart

__all__ = [
    "CACHE_BYTES",
    "COUNTS",
    "DETECTOR",
    "ENTRY",
    "LIBVER",
    "NOT_FINISHED",
    "SESSIONS",
    "add_session",
    "build",
    "build_entry",
    "create_histogram",
    "fixed_text",
    "iso_time",
    "make_group",
]

LIBVER = ("v110", "v110")
"""The oldest format that has SWMR, so that old readers understand it."""
CACHE_BYTES = 256 << 10
"""Cache of each small dataset; by default some twenty of them would grow to 8 MiB each."""
ENTRY = "/entry"
SESSIONS = "/entry/sessions"
DETECTOR = "/entry/instrument/xspress3"
COUNTS = "/entry/counts"
NOT_FINISHED = "not finished"
COLUMN_CHUNK_ROWS = 1024
MAX_CHUNK_BYTES = 256 << 20
MAX_ATTRIBUTES = 64
REASON_BYTES = 128
TEXT_BYTES = 256
PROGRAM = "xspress3-receiver"
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


def iso_time(seconds: float) -> str:
    """Unix time as ISO 8601 with zone; empty where it is beyond what a calendar holds."""
    try:
        return datetime.fromtimestamp(seconds, timezone.utc).astimezone().isoformat()
    except (OverflowError, OSError, ValueError):
        return ""


def fixed_text(text: str, size_bytes: int) -> bytes:
    """UTF-8 of `text` that fits a field of fixed length: texts of variable length cannot change in SWMR."""
    return storable(text).encode()[:size_bytes].decode(errors="ignore").encode()


def _version() -> str:
    try:
        return importlib.metadata.version("xspress3-streamer")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def build_entry(file: h5py.File, start: SessionStart, first_frame: int, part: int) -> None:
    """Make what every file has: who wrote it, of which session, and the counts."""
    file.attrs.update(
        NX_class="NXroot", default="entry", creator=PROGRAM, file_time=iso_time(datetime.now().timestamp())
    )
    file.attrs["HDF5_Version"] = h5py.version.hdf5_version
    entry = make_group(file, ENTRY, "NXentry")
    _build_entry(entry, start)
    entry["first_frame"], entry["part"] = np.int64(first_frame), np.int64(part)
    _build_counts(make_group(file, COUNTS, "NXcollection"), start, first_frame)
    _build_sessions(make_group(file, SESSIONS, "NXcollection"))
    began = (start.start_time_ns or start.envelope.time_ns) / 1e9
    add_session(file, start.envelope.session_id or 0, 0, iso_time(began))


def build(
    file: h5py.File, start: SessionStart, geometry: Geometry, first_frame: int = 0, part: int = 0
) -> None:
    """Make everything but the histogram."""
    build_entry(file, start, first_frame, part)
    make_group(file, "/entry/instrument", "NXinstrument")
    detector = make_group(file, DETECTOR, "NXdetector")
    _build_detector(detector, start, geometry)
    chunk_rows = _column_chunk_rows(start, geometry)
    for column in COLUMNS:
        shape = (geometry.n_channels,) if column.per_channel else ()
        dataset = detector.create_dataset(
            column.name,
            shape=(0, *shape),
            maxshape=(None, *shape),
            chunks=(chunk_rows, *shape),
            dtype=column.dtype,
            fillvalue=column.fill_value,
        )
        dataset.attrs["long_name"] = column.meaning
        if column.units:
            dataset.attrs["units"] = column.units
    build_plot(make_group(file, "/entry/data", "NXdata"), detector)


def _column_chunk_rows(start: SessionStart, geometry: Geometry) -> int:
    """Rows of a chunk of a small dataset: few where the session or the cache of 1 MiB is small."""
    planned = COLUMN_CHUNK_ROWS if start.n_frames is None else start.n_frames
    return max(min(planned, COLUMN_CHUNK_ROWS, (1 << 16) // geometry.n_channels), 1)


def create_histogram(
    file: h5py.File, geometry: Geometry, start: SessionStart, compression: str
) -> h5py.Dataset:
    """The dataset of histograms, and the windows into it.

    A chunk is a full block, so that its bytes can go in as they came.
    """
    row_bytes = geometry.n_channels * geometry.n_bins * 4
    rows = min(start.frames_per_block, max(start.n_frames or start.frames_per_block, 1))
    rows = max(min(rows, MAX_CHUNK_BYTES // row_bytes), 1)
    filters: Any = hdf5plugin.Bitshuffle(cname="lz4") if compression == "bslz4" else {}
    dataset = file[DETECTOR].create_dataset(
        "data",
        shape=(0, geometry.n_channels, geometry.n_bins),
        maxshape=(None, geometry.n_channels, geometry.n_bins),
        chunks=(rows, geometry.n_channels, geometry.n_bins),
        dtype="<u4",
        fillvalue=NO_COUNT,
        **filters,
    )
    dataset.attrs.update(interpretation="spectrum", units="counts", long_name="counts")
    build_channels(file[ENTRY], file[DETECTOR], start, geometry)
    return dataset


def make_group(file: h5py.File, path: str, nx_class: str) -> h5py.Group:
    """A new group of that NeXus class."""
    group = file.create_group(path)
    group.attrs["NX_class"] = nx_class
    return group


def _build_entry(entry: h5py.Group, start: SessionStart) -> None:
    envelope = start.envelope
    began = (start.start_time_ns or envelope.time_ns) / 1e9
    title = start.metadata.get("title")
    entry.attrs["default"] = "data"
    entry["title"] = storable(
        title if isinstance(title, str) else f"{envelope.stream_id} {envelope.session_id}"
    )
    entry["start_time"] = iso_time(began)
    entry["program_name"] = PROGRAM
    entry["program_name"].attrs["version"] = _version()
    entry["stream_id"] = storable(envelope.stream_id)
    entry["session_id"] = envelope.session_id
    entry.create_dataset("complete", data=np.int8(0))
    _fixed_text_dataset(entry, "end_time", "")
    _fixed_text_dataset(entry, "end_reason", NOT_FINISHED)
    for name in ("acquisition", "detector", "metadata"):
        _json_dataset(entry, name, getattr(start, name))


def _fixed_text_dataset(group: h5py.Group, name: str, text: str) -> None:
    dtype = h5py.string_dtype("utf-8", TEXT_BYTES)
    group.create_dataset(name, data=np.array(text.encode(), dtype=dtype), dtype=dtype)


def _json_dataset(group: h5py.Group, name: str, values: Mapping[str, Any]) -> None:
    """Store `values` as JSON text; what is flat is easier to read as attributes, so it is there too."""
    try:
        text = json.dumps(dict(values))
    except (ValueError, RecursionError) as error:
        text = json.dumps({"error": f"cannot be stored: {error}"})
    group[name] = text
    for key, value in list(values.items())[:MAX_ATTRIBUTES]:
        flat = _attribute_value(value)
        if flat is not None and _KEY.fullmatch(key):
            group[name].attrs[key] = flat


def _attribute_value(value: object) -> object | None:
    """`value` as an attribute takes it, or `None` when it is not flat."""
    if isinstance(value, str):
        return storable(value)
    if not isinstance(value, (bool, int, float, list)):
        return None
    try:
        array = np.array(value)
    except (ValueError, OverflowError):
        return None
    is_plain = array.dtype.kind in "biuf" and array.ndim <= 3 and 0 < array.size <= 4096
    return array if is_plain else None


def add_session(file: h5py.File, session_id: int, first_row: int, start_time: str) -> None:
    """Note that the rows from `first_row` on are those of a session."""
    values: dict[str, Any] = {
        "session_id": session_id,
        "first_row": first_row,
        "start_time": fixed_text(start_time, TEXT_BYTES),
    }
    for name, value in values.items():
        dataset = file[SESSIONS][name]
        dataset.resize(dataset.shape[0] + 1, axis=0)
        dataset[-1] = value


def _build_sessions(sessions: h5py.Group) -> None:
    """Room for sessions that are appended later, when nothing can be made any more."""
    text = h5py.string_dtype("utf-8", TEXT_BYTES)
    for name, dtype in (("session_id", "<i8"), ("first_row", "<i8"), ("start_time", text)):
        sessions.create_dataset(name, shape=(0,), maxshape=(None,), chunks=(64,), dtype=dtype)


def _build_counts(counts: h5py.Group, start: SessionStart, first_frame: int) -> None:
    expected = -1 if start.n_frames is None else max(start.n_frames - first_frame, 0)
    for name, value in (
        ("frames_expected", expected),
        ("frames_written", 0),
        ("frames_lost", 0),
        ("duplicates", 0),
    ):
        counts.create_dataset(name, data=np.int64(value))
    counts["frames_expected"].attrs["long_name"] = "frames that should be in this file, -1 where not known"
    missing = counts.create_dataset("missing", shape=(0, 2), maxshape=(None, 2), chunks=(256, 2), dtype="<i8")
    missing.attrs["long_name"] = "ranges of frames without data: first, one behind the last"
    counts.create_dataset(
        "missing_reason",
        shape=(0,),
        maxshape=(None,),
        chunks=(256,),
        dtype=h5py.string_dtype("utf-8", REASON_BYTES),
    )


def _build_detector(detector: h5py.Group, start: SessionStart, geometry: Geometry) -> None:
    told = start.detector
    generation = told.get("generation")
    kind = storable(generation) if isinstance(generation, str) else "xspress3"
    detector["description"] = f"{kind}, {geometry.n_channels} channels"
    detector["type"] = "X-ray fluorescence detector"
    detector["local_name"] = storable(start.envelope.stream_id)
    for said, name in (("library", "library_version"), ("revision", "firmware_version")):
        if isinstance(told.get(said), str):
            detector[name] = storable(told[said])
    detector["countrate_correction_applied"] = False
    build_axes(detector, start, geometry)
    if geometry.windows is not None:
        detector["window_limits"] = np.array(geometry.windows, dtype="<i4")
        detector["window_limits"].attrs["long_name"] = (
            "lowest and highest bin of windows 0 and 1, both within"
        )
