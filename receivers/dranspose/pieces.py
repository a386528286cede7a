"""Frames cut out of a block without unpacking it.

Bitshuffle-LZ4 packs an array in pieces of the same size, one after the other. Where a frame is a whole
number of pieces, as histograms of 4096 bins are, a run of frames is a run of pieces, and what it needs
is a header of its own. Any other array is unpacked once, and cut then.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from xspress3.stream import Block, EncodedArray
from xspress3.stream.bslz4 import HEADER_BYTES, check_bslz4

__all__ = ["cut_block"]

_HEADER = struct.Struct(">QI")
_LENGTH = struct.Struct(">I")


def cut_block(block: Block, sizes: Sequence[int]) -> list[Block]:
    """Blocks of `sizes` frames, one after the other, which together are `block`.

    Payloads are bytes of their own; what is not cut is copied as it is.

    Raises
    ------
    ProtocolError
        When an array that has to be unpacked cannot be.
    """
    assert sum(sizes) == block.n_frames
    assert block.step == 1
    arrays = [_cut_array(array, sizes) for array in block.arrays]
    cut, first_frame = [], block.first_frame
    for row, size in enumerate(sizes):
        own = tuple(parts[row] for parts in arrays)
        cut.append(replace(block, first_frame=first_frame, n_frames=size, arrays=own, piece=0))
        first_frame += size
    return cut


def _cut_array(array: EncodedArray, sizes: Sequence[int]) -> list[EncodedArray]:
    if len(sizes) == 1:
        return [replace(array, payload=bytes(array.payload))]
    if array.compression == "bslz4":
        payloads = _cut_bslz4(array, sizes)
        if payloads is not None:
            return [
                _part(array, size, "bslz4", payload) for size, payload in zip(sizes, payloads, strict=True)
            ]
    rows = array.decode()
    ends = np.cumsum(sizes)
    return [
        _part(array, size, "none", rows[end - size : end].tobytes())
        for size, end in zip(sizes, ends, strict=True)
    ]


def _part(array: EncodedArray, n_frames: int, compression: str, payload: bytes) -> EncodedArray:
    return EncodedArray(array.name, array.dtype, (n_frames, *array.shape[1:]), compression, payload)


def _cut_bslz4(array: EncodedArray, sizes: Sequence[int]) -> list[bytes] | None:
    """Payloads of runs of `sizes` frames; `None` where frames and pieces do not begin together."""
    check_bslz4(array.payload, array.nbytes, array.dtype.itemsize)
    _, piece_bytes = _HEADER.unpack_from(array.payload)
    frame_bytes = array.nbytes // array.shape[0]
    if not frame_bytes or frame_bytes % piece_bytes:
        return None
    payload, begin, cut = bytes(array.payload), HEADER_BYTES, []
    for size in sizes:
        end = _skip(payload, begin, size * frame_bytes // piece_bytes)
        cut.append(_HEADER.pack(size * frame_bytes, piece_bytes) + payload[begin:end])
        begin = end
    return cut


def _skip(payload: bytes, at: int, n_pieces: int) -> int:
    """Where the piece begins that stands `n_pieces` behind the one at `at`."""
    for _ in range(n_pieces):
        at += _LENGTH.size + _LENGTH.unpack_from(payload, at)[0]
    return at
