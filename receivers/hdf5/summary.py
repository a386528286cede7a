"""Reads a file back and says in short what is in it, also while it grows or when its writer died."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401  # registers the filter
import numpy as np
import numpy.typing as npt
from rich.table import Table

from receivers.hdf5 import layout
from receivers.hdf5.columns import NO_COUNT
from receivers.hdf5.sample_file import BLOCKS, SAMPLES
from receivers.text import printable
from xspress3.errors import ConfigurationError

__all__ = ["FileSummary", "open_file", "read_summary", "summary_table"]

SLAB_ROWS = 1 << 16
"""Rows that are read at once."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FileSummary:
    """Counts and means of one file; frames that did not come are in none of the means.

    Parameters
    ----------
    is_finished
        Whether the writer has closed the file.
    is_complete
        Whether each frame of the session is in it.
    frames_expected
        `None` where nobody said.
    frames_written
        Frames that are readable in the file, counted there.
    frame_rate
        Frames a second at which they came; `None` where all came in one block.
    compression_ratio
        Size of the histograms over what they take in the file; `None` without any.
    first_frame, part
        Frame of the first row, and the number of the file in its session; both 0 where that has one file.
    counts, input_count_rates, output_count_rates, dead_time_fractions
        For each channel: sum of good events, and means over frames, `None` where there is none.
    """

    path: str
    stream_id: str
    session_id: int
    start_time: str
    end_reason: str
    is_finished: bool
    is_complete: bool
    size_bytes: int
    compression_ratio: float | None
    frames_expected: int | None
    frames_written: int
    frames_lost: int
    duplicates: int
    frame_rate: float | None
    first_frame: int
    part: int
    counts: list[int]
    input_count_rates: list[float | None]
    output_count_rates: list[float | None]
    dead_time_fractions: list[float | None]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return dataclasses.asdict(self)


def open_file(path: Path) -> h5py.File:
    """`path` opened for reading; as SWMR reader where its writer still writes, or died.

    Raises
    ------
    ConfigurationError
        When there is no such file, or it is not HDF5.
    """
    if not path.is_file():
        raise ConfigurationError(f"{path} is not a file")
    try:
        return h5py.File(path, "r", locking=False)
    except OSError:
        pass
    try:
        return h5py.File(path, "r", swmr=True, locking=False)
    except (OSError, RuntimeError) as error:
        raise ConfigurationError(f"cannot read {path}: {error}") from None


def read_summary(path: Path) -> FileSummary:
    """Summary of the file at `path`.

    Raises
    ------
    ConfigurationError
        When it is not a file of this program.
    """
    with open_file(path) as file:
        try:
            return _read(file, path)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise ConfigurationError(f"{path} is not a file of {layout.PROGRAM}: {error}") from error
        except (OSError, RuntimeError) as error:
            raise ConfigurationError(f"cannot read {path}: {error}") from error


def _read(file: h5py.File, path: Path) -> FileSummary:
    entry, counts = file[layout.ENTRY], file[layout.COUNTS]
    end_reason = _text(entry["end_reason"])
    expected = int(counts["frames_expected"][()])
    return FileSummary(
        path=str(path),
        stream_id=_text(entry["stream_id"]),
        session_id=int(entry["session_id"][()]),
        start_time=_text(entry["start_time"]),
        end_reason=end_reason,
        is_finished=end_reason != layout.NOT_FINISHED,
        is_complete=bool(entry["complete"][()]),
        size_bytes=path.stat().st_size,
        frames_expected=None if expected < 0 else expected,
        frames_lost=int(counts["frames_lost"][()]),
        duplicates=int(counts["duplicates"][()]),
        first_frame=int(entry["first_frame"][()]) if "first_frame" in entry else 0,
        part=int(entry["part"][()]) if "part" in entry else 0,
        **(_of_samples(file) if SAMPLES in file else _of_frames(file[layout.DETECTOR])),
    )


def _of_frames(detector: h5py.Group) -> dict[str, Any]:
    n_written = sum(int((slab >= 0).sum()) for slab in _slabs(detector["frame_number"]))
    return {
        "frames_written": n_written,
        "compression_ratio": _compression_ratio(detector, n_written),
        "frame_rate": _frame_rate(detector["timestamp"]),
        "counts": _sums(detector["all_good"]),
        "input_count_rates": _means(detector["input_count_rate"]),
        "output_count_rates": _means(detector["output_count_rate"]),
        "dead_time_fractions": _means(detector["dead_time_fraction"]),
    }


def _of_samples(file: h5py.File) -> dict[str, Any]:
    """The same of a file without a detector: samples have no channels and no dead time."""
    n_written = sum(int(slab.sum()) for slab in _slabs(file[BLOCKS]["n_frames"]))
    return {
        "frames_written": n_written,
        "compression_ratio": None,
        "frame_rate": None,
        "counts": [],
        "input_count_rates": [],
        "output_count_rates": [],
        "dead_time_fractions": [],
    }


def _text(dataset: h5py.Dataset) -> str:
    value = dataset[()]
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _slabs(dataset: h5py.Dataset) -> Iterator[npt.NDArray[Any]]:
    for first in range(0, dataset.shape[0], SLAB_ROWS):
        yield dataset[first : first + SLAB_ROWS]


def _compression_ratio(detector: h5py.Group, n_frames: int) -> float | None:
    histogram = detector.get("data")
    stored = 0 if histogram is None else histogram.id.get_storage_size()
    if not stored or not n_frames:
        return None
    frame_bytes: int = histogram.dtype.itemsize * histogram.shape[1] * histogram.shape[2]
    return n_frames * frame_bytes / int(stored)


def _frame_rate(timestamp: h5py.Dataset) -> float | None:
    """Frames a second between the first block and the last one; frames of a block share their time."""
    first: tuple[int, float] | None = None
    last = (0, 0.0)
    row = 0
    for slab in _slabs(timestamp):
        times = slab[~np.isnan(slab)]
        rows = row + np.flatnonzero(~np.isnan(slab))
        row += len(slab)
        if not len(times):
            continue
        first = first or (int(rows[0]), float(times[0]))
        if times[-1] > last[1]:
            last = int(rows[times == times[-1]][0]), float(times[-1])
    if first is None or last[1] <= first[1]:
        return None
    return (last[0] - first[0]) / (last[1] - first[1])


def _sums(dataset: h5py.Dataset) -> list[int]:
    """Sum of each channel, without the rows of frames that did not come."""
    total = np.zeros(dataset.shape[1], dtype=np.int64)
    for slab in _slabs(dataset):
        total += np.where(slab == NO_COUNT, 0, slab.astype(np.int64)).sum(axis=0)
    return [int(value) for value in total]


def _means(dataset: h5py.Dataset) -> list[float | None]:
    """Mean of each channel over the rows that are numbers, `None` where there is no such row."""
    total = np.zeros(dataset.shape[1])
    n_rows = np.zeros(dataset.shape[1], dtype=np.int64)
    for slab in _slabs(dataset):
        is_number = ~np.isnan(slab)
        total += np.where(is_number, slab, 0).sum(axis=0)
        n_rows += is_number.sum(axis=0)
    return [float(t / n) if n else None for t, n in zip(total, n_rows, strict=True)]


def summary_table(summary: FileSummary) -> Table:
    """The summary for people: one row for each channel, all else above and below."""
    table = Table(
        title=_title(summary), caption=_verdict(summary), title_justify="left", caption_justify="left"
    )
    table.add_column("channel", justify="right")
    for heading in ("counts", "input rate 1/s", "output rate 1/s", "dead time"):
        table.add_column(heading, justify="right")
    rates_in, rates_out = summary.input_count_rates, summary.output_count_rates
    for channel, counts in enumerate(summary.counts):
        table.add_row(
            str(channel),
            f"{counts:,}",
            _number(rates_in[channel], ",.0f"),
            _number(rates_out[channel], ",.0f"),
            _number(summary.dead_time_fractions[channel], ".2%"),
        )
    return table


def _title(summary: FileSummary) -> str:
    ratio = (
        "" if summary.compression_ratio is None else f", histograms packed 1:{summary.compression_ratio:.1f}"
    )
    return (
        f"{printable(summary.path)}\n"
        f"{printable(summary.stream_id)} session {summary.session_id}, {printable(summary.start_time)}\n"
        f"{summary.size_bytes / 1e6:,.2f} MB{ratio}"
    )


def _verdict(summary: FileSummary) -> str:
    expected = "" if summary.frames_expected is None else f" of {summary.frames_expected:,}"
    line = f"{summary.frames_written:,}{expected} frames written, {summary.frames_lost:,} lost"
    if summary.frame_rate is not None:
        line += f", {summary.frame_rate:,.0f} frames/s"
    if not summary.is_finished:
        return f"{line}: not finished, the file is being written or its writer died"
    verdict = "complete" if summary.is_complete else "NOT complete, see counts/missing in the file"
    return f"{line}\n{verdict}; the sender's end of it: {printable(summary.end_reason)}"


def _number(value: float | None, spec: str) -> str:
    return "-" if value is None else format(value, spec)
