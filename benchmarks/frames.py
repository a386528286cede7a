"""Frames to measure with: as sparse as those recorded at a beamline.

Recorded were 4 channels, three of them dark and one with about 10,800 counts a frame in some 900 of
its 4096 bins, the highest of them 205: 94.5 % of all bins are 0. The same is made here from a few
fluorescence lines on a weak background, so that the benchmark needs no recording.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from xspress3.model import SCALER_NAMES
from xspress3.stream import ArrayInfo, EncodedArray
from xspress3.stream.compression import compress_bslz4

__all__ = ["N_CHANNELS", "frame_infos", "make_arrays", "make_frames", "save_playback"]

N_CHANNELS = 4
N_BINS = 4096
LIVE_CHANNEL = 3
COUNTS = 10800
TICKS = 3999990

# Centre in bins, width in bins, share of the counts.
LINES = (
    (369, 6, 0.1),
    (640, 7, 0.25),
    (706, 7, 0.04),
    (805, 7, 0.15),
    (891, 8, 0.02),
    (1150, 60, 0.16),
    (1200, 9, 0.2),
)
BACKGROUND = 0.08


def make_frames(n_frames: int, seed: int = 1) -> dict[str, npt.NDArray[np.uint32]]:
    """Histogram (frame, channel, bin) and scalers by name (frame, channel), uint32."""
    random = np.random.default_rng(seed)
    bins = np.arange(N_BINS)
    shape = sum(share * _peak(bins, centre, width) for centre, width, share in LINES)
    shape = shape + BACKGROUND * np.where(bins < 1300, 1 / 1300, 0)
    histogram = np.zeros((n_frames, N_CHANNELS, N_BINS), dtype="<u4")
    histogram[:, LIVE_CHANNEL] = random.poisson(COUNTS * shape, (n_frames, N_BINS))
    good = histogram.sum(axis=2, dtype="<u4")
    ticks = np.full_like(good, TICKS)
    return {
        "histogram": histogram,
        "all_events": good,
        "all_good": good,
        "clock_ticks": ticks,
        "total_ticks": ticks,
    }


def _peak(bins: npt.NDArray[np.int64], centre: float, width: float) -> npt.NDArray[np.float64]:
    peak = np.exp(-0.5 * ((bins - centre) / width) ** 2)
    return peak / peak.sum()


def make_arrays(n_frames: int) -> tuple[EncodedArray, ...]:
    """The same as a streamer sends them: histograms compressed, all nine scalers as they are."""
    frames = make_frames(n_frames)
    histogram = frames["histogram"]
    nothing = np.zeros_like(frames["all_good"])
    scalers = np.stack([frames.get(name, nothing) for name in SCALER_NAMES], axis=-1)
    packed = bytes(compress_bslz4(histogram))
    return (
        EncodedArray("histogram", histogram.dtype, histogram.shape, "bslz4", packed),
        EncodedArray("scalers", scalers.dtype, scalers.shape, "none", scalers.tobytes()),
    )


def frame_infos(arrays: Sequence[EncodedArray]) -> tuple[ArrayInfo, ...]:
    """What the start of a session says of `arrays`."""
    return tuple(
        ArrayInfo(array.name, array.dtype.str, array.shape[1:], "", array.compression) for array in arrays
    )


def save_playback(path: Path, frames: dict[str, npt.NDArray[np.uint32]]) -> Path:
    """File that the simulator plays back."""
    np.savez(path, **frames)
    return path
