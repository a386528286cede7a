"""Frames cut out of packed blocks are the frames that were packed."""

from __future__ import annotations

import numpy as np
import pytest

from receivers.dranspose.pieces import cut_block
from xspress3.errors import ProtocolError
from xspress3.stream import Block, EncodedArray, Envelope
from xspress3.stream.compression import compress_bslz4


def block_of(histogram: np.ndarray, compression: str = "bslz4", first_frame: int = 8) -> Block:
    payload = compress_bslz4(histogram) if compression == "bslz4" else histogram.tobytes()
    numbers = np.arange(len(histogram), dtype="<u4")
    arrays = (
        EncodedArray("histogram", histogram.dtype, histogram.shape, compression, payload),
        EncodedArray("number", numbers.dtype, numbers.shape, "none", numbers.tobytes()),
    )
    return Block(Envelope("x", 1, 2, 3), first_frame, len(histogram), arrays)


def frames(n_frames: int, n_bins: int) -> np.ndarray:
    random = np.random.default_rng(7)
    return random.poisson(0.1, (n_frames, 2, n_bins)).astype("<u4")


@pytest.mark.parametrize("compression", ["bslz4", "none"])
@pytest.mark.parametrize("n_bins", [4096, 100])
@pytest.mark.parametrize("sizes", [[1] * 6, [2, 3, 1], [6]])
def test_each_part_holds_its_frames(compression, n_bins, sizes):
    histogram = frames(6, n_bins)

    parts = cut_block(block_of(histogram, compression), sizes)

    assert [part.n_frames for part in parts] == sizes
    assert [part.first_frame for part in parts] == list(8 + np.cumsum([0, *sizes[:-1]]))
    for name, whole in (("histogram", histogram), ("number", np.arange(6))):
        found = np.concatenate([part[name].decode() for part in parts])
        np.testing.assert_array_equal(found, whole)


def test_frames_of_whole_pieces_stay_packed():
    parts = cut_block(block_of(frames(3, 4096)), [1, 1, 1])

    assert {part["histogram"].compression for part in parts} == {"bslz4"}
    assert all(len(part["histogram"].payload) < 4096 for part in parts)


def test_frames_that_share_a_piece_are_unpacked():
    parts = cut_block(block_of(frames(3, 100)), [1, 2])

    assert {part["histogram"].compression for part in parts} == {"none"}


def test_a_payload_that_cannot_be_unpacked_is_refused():
    block = block_of(frames(2, 100))
    block = Block(
        block.envelope, 8, 2, (EncodedArray("histogram", np.dtype("<u4"), (2, 2, 100), "bslz4", b"x"),)
    )

    with pytest.raises(ProtocolError, match="bslz4"):
        cut_block(block, [1, 1])
