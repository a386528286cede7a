"""Arrays are packed as HDF5 packs a chunk, and hostile bytes are refused before the library sees them."""

from __future__ import annotations

import struct

import h5py
import hdf5plugin
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xspress3.errors import ProtocolError
from xspress3.stream.compression import check_bslz4, compress_bslz4, decompress_bslz4


def sparse_counts(shape, seed=1):
    return np.random.default_rng(seed).poisson(0.05, shape).astype("<u4")


@pytest.mark.parametrize("shape", [(1, 4, 4096), (16, 4, 4096), (1, 1, 7), (1, 1, 8), (3, 5, 333)])
def test_an_array_comes_back(shape):
    array = sparse_counts(shape)

    back = decompress_bslz4(compress_bslz4(array), array.dtype, array.size)

    np.testing.assert_array_equal(back.reshape(shape), array)


@pytest.mark.parametrize("shape", [(1, 4, 4096), (16, 4, 4096), (3, 5, 333)])
def test_the_bytes_are_a_chunk_that_the_hdf5_filter_reads(tmp_path, shape):
    array = sparse_counts(shape)
    with h5py.File(tmp_path / "chunk.h5", "w") as file:
        data = file.create_dataset("data", shape, "<u4", chunks=shape, **hdf5plugin.Bitshuffle(cname="lz4"))
        data.id.write_direct_chunk((0, 0, 0), compress_bslz4(array))

    with h5py.File(tmp_path / "chunk.h5") as file:
        np.testing.assert_array_equal(file["data"][()], array)


def test_the_bytes_are_those_that_the_hdf5_filter_writes(tmp_path):
    array = sparse_counts((16, 4, 4096))
    with h5py.File(tmp_path / "chunk.h5", "w") as file:
        options = hdf5plugin.Bitshuffle(cname="lz4")
        data = file.create_dataset("data", data=array, chunks=array.shape, **options)
        mask, chunk = data.id.read_direct_chunk((0, 0, 0))

    back = decompress_bslz4(chunk, array.dtype, array.size)

    assert mask == 0
    np.testing.assert_array_equal(back.reshape(array.shape), array)


@pytest.mark.parametrize("cut", [0, 5, 11, 12, 15, 16, 100, -1])
def test_a_payload_cut_short_is_refused(cut):
    array = sparse_counts((1, 4, 4096))
    payload = compress_bslz4(array)[:cut]

    with pytest.raises(ProtocolError, match="bslz4"):
        decompress_bslz4(payload, array.dtype, array.size)


def test_a_length_that_points_beyond_the_payload_is_refused():
    array = sparse_counts((1, 4, 4096))
    payload = bytearray(compress_bslz4(array))
    payload[12:16] = struct.pack(">I", 0xFFFFFFFF)

    with pytest.raises(ProtocolError, match="bslz4"):
        check_bslz4(payload, array.nbytes, 4)


@pytest.mark.parametrize("piece_bytes", [0, 4, 31, 33, 1 << 21, 0xFFFFFFFF])
def test_a_piece_size_that_cannot_be_is_refused(piece_bytes):
    array = sparse_counts((1, 4, 4096))
    payload = bytearray(compress_bslz4(array))
    payload[8:12] = struct.pack(">I", piece_bytes)

    with pytest.raises(ProtocolError, match="pieces of"):
        check_bslz4(payload, array.nbytes, 4)


@given(st.data())
def test_changed_bytes_give_an_array_or_a_protocol_error(data):
    array = sparse_counts((1, 2, 512))
    payload = bytearray(compress_bslz4(array))
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(payload) - 1))
        payload[at] = data.draw(st.integers(0, 255))

    try:
        back = decompress_bslz4(bytes(payload), array.dtype, array.size)
    except ProtocolError:
        return
    assert back.size == array.size
