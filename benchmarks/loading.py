"""How long it takes until a long session is open, and until a part of it is there."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.frames import make_frames
from benchmarks.rows import Row, Wanted
from receivers.geometry import Geometry
from receivers.hdf5.series import FileSeries
from receivers.recorder.names import file_name, session_directory
from receivers.report import Outcome, SessionReport
from receivers.sessions.loader import load_session
from receivers.sessions.session import read_session
from receivers.sessions.status import load_session_status
from receivers.sessions.verify import verify_session
from xspress3.model import SCALER_NAMES
from xspress3.stream import ArrayInfo, Block, EncodedArray, Envelope, SessionStart
from xspress3.stream.compression import compress_bslz4

STREAM, SESSION = "bench", 1763683200
N_FRAMES, N_FILES, FRAMES_PER_BLOCK = 10_000, 20, 20
ROUNDS = 5


def loading_rows(directory: Path) -> list[Row]:
    """Times of opening and reading a session that is written first."""
    histogram = _record(directory)
    opened = _median(lambda: load_session(STREAM, SESSION, directory))
    status = _median(lambda: load_session_status(STREAM, SESSION, directory))
    dataset = load_session(STREAM, SESSION, directory)
    wrong = int((dataset.histogram[-FRAMES_PER_BLOCK:] != histogram).any(("channel", "bin")).sum())
    spectrum = _timed(lambda: dataset.histogram.isel(frame=5000).load())
    scalers = _timed(dataset.all_good.load)
    session = read_session(STREAM, SESSION, directory)
    verified = _timed(lambda: verify_session(session))
    return [
        Row("open", opened * 1e3, "ms", wanted=Wanted(most=1000)),
        Row("settings and state", status * 1e3, "ms"),
        Row("one frame read", spectrum * 1e3, "ms"),
        Row("one scaler of all frames read", scalers * 1e3, "ms"),
        Row("all verified", N_FRAMES / verified, "frames/s"),
        Row("frames wrong in the last block", wrong, "frames", wanted=Wanted(most=0)),
    ]


def _median(action: Callable[[], object]) -> float:
    return statistics.median(_timed(action) for _ in range(ROUNDS))


def _timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def _record(directory: Path) -> np.ndarray:
    frames = make_frames(FRAMES_PER_BLOCK)
    histogram = frames["histogram"]
    nothing = np.zeros_like(frames["all_good"])
    scalers = np.stack([frames.get(name, nothing) for name in SCALER_NAMES], axis=-1)
    n_channels, n_bins = histogram.shape[1:]
    payload = compress_bslz4(histogram)
    start = SessionStart(
        envelope=Envelope(STREAM, SESSION, 0, time.time_ns()),
        n_frames=N_FRAMES,
        frames_per_block=FRAMES_PER_BLOCK,
        arrays=(
            ArrayInfo("histogram", "<u4", (n_channels, n_bins), "counts", "bslz4"),
            ArrayInfo("scalers", "<u4", (n_channels, 9)),
        ),
        acquisition={"exposure_time": 0.001},
        detector={"clock_period": 12.5e-9, "event_widths": [6] * n_channels},
        metadata={},
    )
    folder = session_directory(directory, SESSION, STREAM)
    folder.mkdir(parents=True)
    series = FileSeries(start, Geometry.from_start(start), [folder], lambda part: file_name(SESSION, part))
    for first in range(0, N_FRAMES, FRAMES_PER_BLOCK):
        arrays = (
            EncodedArray("histogram", histogram.dtype, histogram.shape, "bslz4", payload),
            EncodedArray("scalers", scalers.dtype, scalers.shape, "none", scalers.tobytes()),
        )
        series.write(Block(Envelope(STREAM, SESSION, 0, time.time_ns()), first, FRAMES_PER_BLOCK, arrays))
        if (first + FRAMES_PER_BLOCK) % (N_FRAMES // N_FILES) == 0 and first + FRAMES_PER_BLOCK < N_FRAMES:
            series.roll()
    series.finish(_report())
    return histogram


def _report() -> SessionReport:
    return SessionReport(
        stream_id=STREAM,
        session_id=SESSION,
        outcome=Outcome.COMPLETE,
        frames_expected=N_FRAMES,
        frames_received=N_FRAMES,
        duration=1.0,
        end_time=time.time(),
        is_complete=True,
    )
