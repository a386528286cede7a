"""A file with frames of an Xspress3: histograms as they come, scalers and what follows at the next flush."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from receivers.geometry import HISTOGRAM, SCALERS, Geometry
from receivers.hdf5 import layout
from receivers.hdf5.append import reopen_file
from receivers.hdf5.columns import COLUMNS, Columns, Rows
from receivers.hdf5.naming import ExistingFile
from receivers.hdf5.part_file import FAILURES, PartFile
from receivers.hdf5.rows import RowWriter
from receivers.hdf5.swmr import open_large
from xspress3.stream import Block, SessionStart

__all__ = ["SessionFile"]

FRAME_NUMBER = "frame_number"
DATA = "data"


class SessionFile(PartFile):
    """Writes blocks of one session of frames.

    Parameters
    ----------
    append
        Whether the file exists and holds other sessions.
    """

    def __init__(
        self,
        path: Path,
        policy: ExistingFile,
        start: SessionStart,
        geometry: Geometry,
        *,
        append: bool = False,
        first_frame: int = 0,
        part: int = 0,
    ) -> None:
        self._start = start
        self._geometry = geometry
        self._columns = Columns(geometry)
        self._compression = geometry.compression
        reopened = reopen_file(path, start, geometry) if append else None
        super().__init__(path, policy, first_frame, part, reopened)

    def _build(self, file: h5py.File) -> None:
        layout.build(file, self._start, self._geometry, self.first_frame, self.part)
        layout.create_histogram(file, self._geometry, self._start, self._compression)

    def _find(self, file: h5py.File) -> dict[str, Any]:
        detector = file[layout.DETECTOR]
        self._histogram: Any = open_large(detector, DATA)
        self._chunk_rows = self._histogram.chunks[0]
        columns = {column.name: detector[column.name] for column in COLUMNS}
        self._rows_out = RowWriter(columns)
        return {DATA: self._histogram, **columns}

    @property
    def n_waiting(self) -> int:
        """Frames whose scalers are not in the file yet."""
        return self._columns.n_frames

    def _store(self, block: Block) -> None:
        scalers = np.array(block[SCALERS].decode())
        self._write_histogram(block)
        self._columns.add(block.first_frame, scalers, block.envelope.time_ns)

    def _store_waiting(self) -> None:
        for rows in self._columns.take():
            self._write_rows(rows)
        self._rows_out.grow(self._rows)  # frames that were lost behind the last one that came

    def _write_histogram(self, block: Block) -> None:
        """Put in the chunk as it came, or the rows of it where block and chunk differ."""
        array = block[HISTOGRAM]
        first_row = block.first_frame + self._offset
        is_chunk = (
            first_row % self._chunk_rows == 0
            and block.n_frames == self._chunk_rows
            and array.compression == self._compression
        )
        rows = None if is_chunk else array.decode()
        end = first_row + block.n_frames
        try:  # not `_guard`, which takes longer for each block than all else here
            self._grow(end)
            if rows is None:
                self._histogram.id.write_direct_chunk((first_row, 0, 0), array.payload)
            else:
                self._histogram[first_row:end] = rows
        except FAILURES as error:
            raise self._failed(f"writing frames {block.first_frame}..{block.end_frame - 1}", error) from error

    def _grow(self, n_rows: int) -> None:
        # h5py's own `resize`, `shape` and `chunks` take longer than the write of a small chunk.
        if n_rows > self._rows:
            self._histogram.id.set_extent((n_rows, self._geometry.n_channels, self._geometry.n_bins))
            self._rows = n_rows

    def _write_rows(self, rows: Rows) -> None:
        values = rows.values
        if self.first_row:
            numbers = values[FRAME_NUMBER]
            values[FRAME_NUMBER] = np.where(numbers < 0, numbers, numbers + self.first_row)
        self._rows_out.write(rows.first + self._offset, values)
