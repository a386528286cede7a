"""Spectra and scalers out of the ring, as they are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from xspress3.errors import ConfigurationError
from xspress3.model import N_SCALERS
from xspress3.sdk.calls.base import WORD, Calls, c_array, cells, shape3

__all__ = ["ReadCalls"]

Words = npt.NDArray[np.uint32]


class ReadCalls(Calls):
    """Reads into the caller's memory; none of them tells that frames were overwritten."""

    def histogram_read4d(
        self, out: Words, first_frame: int, first_channel: int = 0, first_bin: int = 0
    ) -> None:
        """Fill `out`, shape (n_frames, n_channels, n_bins)."""
        call = "xsp3_histogram_read4d"
        n_frames, n_channels, n_bins = shape3(call, out)
        begin = (first_bin, 0, first_channel, first_frame & WORD)
        self._read(call, c_array(call, out), *begin, n_bins, 1, n_channels, n_frames)

    def histogram_read3d(
        self, out: Words, first_frame: int, first_channel: int = 0, first_bin: int = 0
    ) -> None:
        """As `histogram_read4d`, by the older function."""
        call = "xsp3_histogram_read3d"
        n_frames, n_channels, n_bins = shape3(call, out)
        begin = (first_bin, first_channel, first_frame & WORD)
        self._read(call, c_array(call, out), *begin, n_bins, n_channels, n_frames)

    def histogram_read_chan(self, out: Words, first_frame: int, channel: int, first_bin: int = 0) -> None:
        """Fill `out`, shape (n_frames, 1, n_bins), with one channel."""
        call = "xsp3_histogram_read_chan"
        n_frames, n_channels, n_bins = shape3(call, out)
        if n_channels != 1:
            raise ConfigurationError(f"{call}: {n_channels} channels, allowed is 1")
        begin = (channel, first_bin, 0, first_frame & WORD)
        self._read(call, c_array(call, out), *begin, n_bins, 1, n_frames)

    def scaler_read(self, out: Words, first_frame: int, first_channel: int = 0) -> None:
        """Fill `out`, shape (n_frames, n_channels, 9)."""
        call = "xsp3_scaler_read"
        n_frames, n_channels = cells(call, out)
        begin = (0, first_channel, first_frame & WORD)
        self._read(call, c_array(call, out), *begin, N_SCALERS, n_channels, n_frames)

    def scaler_read_sf(
        self, out: Words, first_frame: int, first_sub_frame: int = 0, first_channel: int = 0
    ) -> None:
        """Fill `out`, shape (n_frames, n_channels, n_sub_frames, 9)."""
        call = "xsp3_scaler_read_sf"
        if out.ndim != 4 or out.size == 0 or out.shape[3] != N_SCALERS:
            raise ConfigurationError(
                f"{call}: shape {out.shape}, allowed is (frame, channel, sub-frame, {N_SCALERS})"
            )
        n_frames, n_channels, n_sub_frames, _ = out.shape
        begin = (0, first_sub_frame, first_channel, first_frame & WORD)
        self._read(call, c_array(call, out), *begin, N_SCALERS, n_sub_frames, n_channels, n_frames)
