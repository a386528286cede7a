"""A file of ours as the session that it came from: starts, blocks and losses as a streamer sends them.

A file that is a part of a session makes a session of its own, which begins with frame 0.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from receivers.geometry import HISTOGRAM, SCALERS
from receivers.hdf5 import layout
from receivers.hdf5.summary import open_file
from receivers.recorded_blocks import NOT_RECORDED, SessionMessage, make_block, unnumbered
from xspress3.errors import ConfigurationError
from xspress3.model import N_SCALERS, SCALER_NAMES
from xspress3.stream import ArrayInfo, Block, EndReason, Envelope, Loss, SessionEnd, SessionStart

__all__ = ["session"]

SLAB_ROWS = 4096
"""Rows of the small datasets that are read at once."""

Array = npt.NDArray[Any]


def session(path: Path) -> Iterator[SessionMessage]:
    """The messages of the session in the file at `path`, read as they are asked for.

    Raises
    ------
    ConfigurationError
        When it is not a file of ours, or cannot be read.
    """
    with open_file(path) as file:
        try:
            yield from _Session(file).messages()
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise ConfigurationError(f"{path} is not a file of {layout.PROGRAM}: {error}") from error
        except (OSError, RuntimeError) as error:
            raise ConfigurationError(f"cannot read {path}: {error}") from error


@dataclass(frozen=True)
class _Run:
    """Consecutive rows that are one block, or a hole."""

    first: int
    end: int
    is_there: bool
    time_ns: int = 0


class _Session:
    """An open file, read from its first row to its last."""

    def __init__(self, file: h5py.File) -> None:
        self._entry, self._counts = file[layout.ENTRY], file[layout.COUNTS]
        self._detector = file[layout.DETECTOR]
        self._data = self._detector["data"]
        first_frame = int(self._entry["first_frame"][()]) if "first_frame" in self._entry else 0
        self._missing = (self._counts["missing"][()] - first_frame).tolist()  # as rows
        self._reasons = [bytes(text).decode(errors="replace") for text in self._counts["missing_reason"][()]]
        self._n_rows = min(len(self._detector["frame_number"]), len(self._data))
        self._n_frames = self._n_lost = 0

    def messages(self) -> Iterator[SessionMessage]:
        yield self._start()
        hole = 0
        for first in range(0, self._n_rows, self._slab_rows):
            slab = slice(first, min(first + self._slab_rows, self._n_rows))
            scalers = self._scalers(slab)
            for run in self._runs(slab):
                if not run.is_there:
                    continue
                yield from self._losses(hole, run.first)
                hole = run.end
                yield self._block(run, scalers[run.first - first : run.end - first])
        yield from self._losses(hole, max(self._n_planned or 0, self._n_rows))
        yield self._end()

    @property
    def _n_planned(self) -> int | None:
        planned = int(self._counts["frames_expected"][()])
        return None if planned < 0 else planned

    @property
    def _frames_per_block(self) -> int:
        return int(self._data.chunks[0])

    @property
    def _slab_rows(self) -> int:
        """Whole blocks, about `SLAB_ROWS`."""
        return max(SLAB_ROWS // self._frames_per_block, 1) * self._frames_per_block

    def _start(self) -> SessionStart:
        entry, shape = self._entry, self._data.shape[1:]
        start_time_ns = _unix_ns(_text(entry["start_time"]))
        return SessionStart(
            envelope=Envelope(_text(entry["stream_id"]), int(entry["session_id"][()]), 0, start_time_ns),
            n_frames=self._n_planned,
            frames_per_block=self._frames_per_block,
            arrays=(
                ArrayInfo(HISTOGRAM, "<u4", tuple(shape), "counts", "bslz4"),
                ArrayInfo(SCALERS, "<u4", (shape[0], N_SCALERS)),
            ),
            acquisition=_json(entry["acquisition"]),
            detector=_json(entry["detector"]),
            metadata=_json(entry["metadata"]),
            start_time_ns=start_time_ns,
        )

    def _runs(self, slab: slice) -> Iterator[_Run]:
        """Rows of `slab` that belong together: of one block, read at one time."""
        is_there = self._detector["frame_number"][slab] >= 0
        times = np.nan_to_num(self._detector["timestamp"][slab], nan=0.0)
        blocks = np.arange(slab.start, slab.stop) // self._frames_per_block
        changes = (np.diff(is_there) | (np.diff(times) != 0) | (np.diff(blocks) != 0)).nonzero()[0] + 1
        edges = [0, *changes.tolist(), len(is_there)]
        for begin, end in itertools.pairwise(edges):
            time_ns = round(float(times[begin]) * 1e9)
            yield _Run(slab.start + begin, slab.start + end, bool(is_there[begin]), time_ns)

    def _scalers(self, slab: slice) -> npt.NDArray[np.uint32]:
        columns = [self._detector[name][slab] for name in SCALER_NAMES]
        return np.stack(columns, axis=-1).astype("<u4", copy=False)

    def _block(self, run: _Run, scalers: npt.NDArray[np.uint32]) -> Block:
        self._n_frames += run.end - run.first
        histogram = self._data[run.first : run.end].astype("<u4", copy=False)
        return make_block(run.first, histogram, scalers, run.time_ns)

    def _losses(self, first: int, end: int) -> Iterator[Loss]:
        """Rows `first` to `end` as lost, each part for the reason that the file gives."""
        while first < end:
            reason, until = NOT_RECORDED, end
            for (begin, stop), said in zip(self._missing, self._reasons, strict=True):
                if begin <= first < stop:
                    reason, until = said, min(stop, end)
                    break
                if first < begin:
                    until = min(until, begin)
            self._n_lost += until - first
            yield Loss(unnumbered(), first, until - first, reason)
            first = until

    def _end(self) -> SessionEnd:
        said, _, text = _text(self._entry["end_reason"]).partition(": ")
        known = {reason.value: reason for reason in EndReason}
        if said not in known:
            text = f"{said}: {text}" if text else said
        reason = known.get(said, EndReason.FAILED)
        time_ns = _unix_ns(_text(self._entry["end_time"]))
        return SessionEnd(unnumbered(time_ns), reason, self._n_frames, self._n_frames, self._n_lost, text)


def _text(dataset: h5py.Dataset) -> str:
    value = dataset[()]
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _json(dataset: h5py.Dataset) -> dict[str, Any]:
    value = json.loads(_text(dataset))
    if not isinstance(value, dict):
        raise ValueError(f"{dataset.name} is no JSON object")
    return value


def _unix_ns(text: str) -> int:
    """Unix time in ns, 0 where there is none."""
    try:
        return round(datetime.fromisoformat(text).timestamp() * 1e6) * 1000
    except ValueError:
        return 0
