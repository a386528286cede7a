"""Arrays are packed as HDF5 packs a chunk, and hostile bytes are refused before the library sees them."""

from __future__ import annotations

import struct
import subprocess
import sys

import h5py
import hdf5plugin
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xspress3.errors import ConfigurationError, ProtocolError
from xspress3.stream.bslz4 import MAX_ITEM_BYTES, check_bslz4, compress_bslz4, decompress_bslz4
from xspress3.stream.compression import canonical_name, compression_methods, find_method


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


@pytest.mark.parametrize(
    "itemsize", [*range(1, 34), 61, 64, 100, 127, 255, 256, 1000, 4097, 8191, MAX_ITEM_BYTES]
)
@pytest.mark.parametrize("size", [1, 7, 8, 129, 300])
def test_items_of_any_size_come_back(itemsize, size):
    octets = np.random.default_rng(itemsize).integers(0, 4, size * itemsize, dtype="u1")
    array = octets.view(f"S{itemsize}")

    back = decompress_bslz4(compress_bslz4(array), array.dtype, array.size)

    assert back.tobytes() == octets.tobytes()


def test_items_that_bitshuffle_does_not_take_are_refused_at_configuration():
    with pytest.raises(ConfigurationError, match="items of 8193 bytes, allowed are up to 8192"):
        canonical_name("bslz4", "S8193")


def test_records_are_chunks_that_the_hdf5_filter_reads(tmp_path):
    dtype = np.dtype([("counts", "<u4", (3,)), ("time", "<f8"), ("valid", "|u1")])
    array = np.zeros(1000, dtype)
    array["time"] = np.arange(1000)
    with h5py.File(tmp_path / "chunk.h5", "w") as file:
        options = hdf5plugin.Bitshuffle(cname="lz4")
        data = file.create_dataset("data", array.shape, dtype, chunks=array.shape, **options)
        data.id.write_direct_chunk((0,), compress_bslz4(array))

    with h5py.File(tmp_path / "chunk.h5") as file:
        np.testing.assert_array_equal(file["data"][()], array)


def test_more_than_lz4_can_hold_is_refused_before_memory_is_taken():
    nbytes = 1 << 30
    pieces = nbytes // (1 << 20)
    payload = struct.pack(">QI", nbytes, 1 << 20) + bytes(4 * pieces)

    with pytest.raises(ProtocolError, match="cannot hold 1073741824"):
        check_bslz4(payload, nbytes, 4)


@pytest.mark.parametrize("name", compression_methods)
@pytest.mark.parametrize("shape", [(0,), (1,), (16, 4, 4096), (3, 5, 333)])
def test_each_method_gives_back_what_it_took(name, shape):
    array = sparse_counts(shape)
    method = find_method(name)

    payload = method.compress(array)
    method.check(payload, array.nbytes, 4)

    np.testing.assert_array_equal(method.decompress(payload, array.dtype, array.size), array.reshape(-1))


def test_names_that_pyacq_uses_are_understood():
    pytest.importorskip("blosc2")

    names = ("", "none", "bslz4", "blosclz", "lz4", "blosc-lz4")

    assert [canonical_name(name) for name in names] == [
        "none", "none", "bslz4", "blosc-blosclz", "blosc-lz4", "blosc-lz4",
    ]  # fmt: skip


def test_an_unknown_name_is_refused_with_those_that_are_there():
    with pytest.raises(ConfigurationError, match=r"compression 'zip', allowed are \['none', 'bslz4'"):
        canonical_name("zip")


def test_without_the_package_the_names_of_blosc_say_what_to_install():
    code = (
        "import sys; sys.modules['blosc2'] = None\n"
        "import importlib.util as u; real = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'blosc2' else real(name, *a)\n"
        "from xspress3.stream.compression import canonical_name\n"
        "canonical_name('blosc-lz4')\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert "['none', 'bslz4']; pip install 'xspress3-streamer[blosc]'" in done.stderr


def test_the_package_blosc2_is_not_imported_before_it_is_needed():
    code = "import sys, xspress3.stream.codec; sys.exit('blosc2' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("cut", [0, 5, 31, 32, 100, -1])
def test_a_chunk_of_blosc_cut_short_is_refused(cut):
    blosc2_payload = pack_by_blosc(sparse_counts((1, 4, 4096)))

    with pytest.raises(ProtocolError, match="blosc: "):
        find_method("blosc-lz4").check(blosc2_payload[:cut], 65536, 4)


@pytest.mark.parametrize(
    ("at", "value", "complaint"),
    [
        (0, 4, "version 4"),
        (2, 0x85, "codec 4"),
        (4, 1, "holds"),
        (11, 0x7F, "blocks of"),
        (16, 34, "filters 22"),
        (31, 0x40, "flags 0x40"),
        (31, 0x08, "flags 0x8"),
        (31, 0x01, "flags 0x1"),
    ],
)
def test_a_chunk_of_blosc_that_asks_for_more_than_unpacking_is_refused(at, value, complaint):
    payload = bytearray(pack_by_blosc(sparse_counts((1, 4, 4096))))
    payload[at] = value

    with pytest.raises(ProtocolError, match=complaint):
        find_method("blosc-lz4").check(payload, 65536, 4)


@given(st.data())
def test_changed_bytes_of_blosc_give_an_array_or_a_protocol_error(data):
    array = sparse_counts((1, 2, 512))
    payload = bytearray(pack_by_blosc(array))
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(payload) - 1))
        payload[at] = data.draw(st.integers(0, 255))

    try:
        back = find_method("blosc-lz4").decompress(bytes(payload), array.dtype, array.size)
    except ProtocolError:
        return
    assert back.size == array.size


def pack_by_blosc(array) -> bytes:
    pytest.importorskip("blosc2")
    return find_method("blosc-lz4").compress(array)
