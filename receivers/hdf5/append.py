"""Another session behind those that a file holds already, as bursts of one scan want it.

Rows go on where the last session ended: row is `first_row` of the session plus the number of its frame. Which
session began where stands in `/entry/sessions`; what the file says of acquisition, detector and metadata is
that of the first one.

The file is opened in SWMR mode at once, and nothing but rows is added: between a plain opening and the change
to SWMR mode a kill would leave a file that nobody can open, with all sessions that it holds.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from receivers.geometry import Geometry
from receivers.hdf5 import layout
from receivers.hdf5.broken import abandon
from receivers.hdf5.swmr import open_swmr
from xspress3.errors import SinkError
from xspress3.stream import SessionStart

__all__ = ["NOTHING", "Before", "reopen_file"]


@dataclass(frozen=True)
class Before:
    """What a file holds of sessions before."""

    n_rows: int = 0
    frames_written: int = 0
    frames_lost: int = 0
    frames_expected: int = 0
    duplicates: int = 0
    is_complete: bool = True


NOTHING = Before()


def reopen_file(path: Path, start: SessionStart, geometry: Geometry) -> tuple[h5py.File, Before]:
    """The file at `path`, ready for the rows of one more session, and what it holds.

    Raises
    ------
    SinkError
        When it is not one of ours, is not closed, or tells of other shapes or windows; nothing was changed.
    """
    try:
        file = open_swmr(path)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno is not None else str(error)
        raise SinkError(f"cannot append to {path}: {reason}") from error
    try:
        _check_shape(path, file, geometry)
        _check_windows(path, file, geometry)
        before = _look(file)
        _note_session(file, before, start)
        return file, before
    except (KeyError, AttributeError) as error:
        file.close()
        raise SinkError(f"cannot append to {path}: it is not a file of this program, {error}") from error
    except SinkError:
        file.close()
        raise
    except BaseException:
        abandon(file)
        raise


def _check_shape(path: Path, file: h5py.File, geometry: Geometry) -> None:
    found, wanted = file[layout.DETECTOR]["data"].shape[1:], (geometry.n_channels, geometry.n_bins)
    if found != wanted:
        raise SinkError(
            f"cannot append to {path}: its frames have shape {found}, those of the session {wanted}"
        )


def _check_windows(path: Path, file: h5py.File, geometry: Geometry) -> None:
    """Refuse other limits than those that the file tells of: counts in windows would not be what it says."""
    if geometry.windows is None or "window_limits" not in file[layout.DETECTOR]:
        return
    if not np.array_equal(file[layout.DETECTOR]["window_limits"][()], np.array(geometry.windows)):
        raise SinkError(f"cannot append to {path}: the windows have other limits now")


def _look(file: h5py.File) -> Before:
    counts = file[layout.COUNTS]
    return Before(
        n_rows=int(file[layout.DETECTOR]["data"].shape[0]),
        frames_written=int(counts["frames_written"][()]),
        frames_lost=int(counts["frames_lost"][()]),
        frames_expected=max(int(counts["frames_expected"][()]), 0),
        duplicates=int(counts["duplicates"][()]),
        is_complete=bool(file[layout.ENTRY]["complete"][()]),
    )


def _note_session(file: h5py.File, before: Before, start: SessionStart) -> None:
    """Say that the file is being written again, and where the session begins."""
    entry = file[layout.ENTRY]
    began = (start.start_time_ns or start.envelope.time_ns) / 1e9
    layout.add_session(file, start.envelope.session_id or 0, before.n_rows, layout.iso_time(began))
    entry["complete"][()] = 0
    entry["end_reason"][()] = layout.fixed_text(layout.NOT_FINISHED, layout.TEXT_BYTES)
