"""What the pipeline is held against; frames a second of each."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from xspress3.model import SCALER_NAMES
from xspress3.stream.compression import compress_bslz4

__all__ = ["compression_rate", "copy_rate", "plain_writer_rate"]

Frames = dict[str, npt.NDArray[np.uint32]]


def copy_rate(frames: Frames, seconds: float = 1.0) -> float:
    """`np.copyto` of blocks."""
    histogram = frames["histogram"]
    target = np.empty_like(histogram)
    return _rate(lambda: np.copyto(target, histogram), len(histogram), seconds)


def compression_rate(frames: Frames, frames_per_block: int, seconds: float = 2.0) -> float:
    """Bitshuffle and LZ4 of blocks, in one thread."""
    histogram = frames["histogram"]
    blocks = [histogram[i : i + frames_per_block] for i in range(0, len(histogram), frames_per_block)]

    def compress_all() -> None:
        for block in blocks:
            compress_bslz4(block)

    return _rate(compress_all, len(histogram), seconds)


def plain_writer_rate(frames: Frames, path: Path, seconds: float = 3.0) -> float:
    """What a straightforward receiver does: for each frame one resize and one slice write per dataset.

    Uncompressed, with the spectrum and the nine scalers, to the file at `path`.
    """
    histogram = frames["histogram"]
    n_channels, n_bins = histogram.shape[1:]
    with h5py.File(path, "w") as file:
        data = file.create_dataset(
            "data",
            (0, n_channels, n_bins),
            "<u4",
            maxshape=(None, n_channels, n_bins),
            chunks=(1, n_channels, n_bins),
        )
        scalers = [
            file.create_dataset(
                name, (0, n_channels), "<u4", maxshape=(None, n_channels), chunks=(1, n_channels)
            )
            for name in SCALER_NAMES
        ]
        values = frames["all_good"]

        def write_all() -> None:
            for index in range(len(histogram)):
                for dataset, value in ((data, histogram[index]), *((s, values[index]) for s in scalers)):
                    row = dataset.shape[0]
                    dataset.resize(row + 1, axis=0)
                    dataset[row] = value

        rate = _rate(write_all, len(histogram), seconds)
    path.unlink()
    return rate


def _rate(action: Callable[[], None], n_frames: int, seconds: float) -> float:
    action()
    begin = time.perf_counter()
    rounds = 0
    while (elapsed := time.perf_counter() - begin) < seconds:
        action()
        rounds += 1
    return rounds * n_frames / elapsed
