"""Bitshuffle and LZ4, framed as the HDF5 filter 32008 frames a chunk.

The bytes made here are at once what travels and what stands in the file. Layout, all numbers
big endian::

    8 bytes   size of the array in bytes
    4 bytes   size of a piece in bytes, a multiple of 8 elements
    then for each piece: 4 bytes length, and as many bytes of LZ4
    last: up to 7 elements that fill no group of eight, as they are

The C code comes with the package `bitshuffle`, or with `hdf5plugin` on Python versions for which
`bitshuffle` has no wheel. The calls free the interpreter lock.
"""

from __future__ import annotations

import importlib.util
import struct
from functools import lru_cache
from pathlib import Path
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from xspress3.errors import LibraryError, ProtocolError
from xspress3.stream._bitshuffle import ffi

__all__ = [
    "HEADER_BYTES",
    "MAX_ITEM_BYTES",
    "check_bslz4",
    "compress_bslz4",
    "compressor_name",
    "decompress_bslz4",
]

HEADER_BYTES = 12
_HEADER = struct.Struct(">QI")
_LENGTH = struct.Struct(">I")
_MAX_PIECE_BYTES = 1 << 20
_GROUP = 8
"""Bitshuffle works on groups of eight elements."""
_MIN_PIECE = 128
"""Elements of the smallest piece that the filter makes by itself."""
MAX_ITEM_BYTES = _MAX_PIECE_BYTES // _MIN_PIECE
"""Largest element: a piece of it is as large as a piece may be."""
_MAX_RATIO = 255
"""LZ4 cannot make more bytes than this out of one."""

Buffer = Union[bytes, bytearray, memoryview]


def _candidates() -> list[Path]:
    """Shared libraries that may hold bitshuffle, the fastest first."""
    found: list[Path] = []
    for package, pattern in (("bitshuffle", "ext*.so"), ("hdf5plugin", "plugins/libh5bshuf.*")):
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin is not None:
            found += sorted(Path(spec.origin).parent.glob(pattern))
    return found


@lru_cache(maxsize=1)
def _library() -> tuple[Any, Path, Any]:
    """The library, where it is, and its function that sets the number of threads, if it has one."""
    tried = []
    for path in _candidates():
        try:
            library = ffi.dlopen(str(path))
            _ = library.bshuf_compress_lz4, library.bshuf_decompress_lz4, library.bshuf_compress_lz4_bound
        except (OSError, AttributeError, ffi.error) as error:
            tried.append(f"{path}: {error}")
        else:
            return library, path, _omp_set_num_threads(library)
    raise LibraryError(
        "no bitshuffle library; tried "
        + ("; ".join(tried) or "the packages bitshuffle and hdf5plugin, neither is installed")
    )


def _omp_set_num_threads(library: Any) -> Any:
    try:
        return library.omp_set_num_threads
    except (AttributeError, ffi.error):
        return None


def compressor_name() -> str:
    """File that holds the compression code in use."""
    return str(_library()[1])


def _single_threaded() -> Any:
    """The library, told to work in the calling thread only.

    With OpenMP's own choice of threads, blocks of this size were compressed three times slower on
    two cores, because the threads wait for each other and for the ones that acquire.
    """
    library, _, set_threads = _library()
    if set_threads is not None:
        set_threads(1)
    return library


def compress_bslz4(array: npt.NDArray[Any]) -> bytes:
    """The contiguous `array`, of items of up to `MAX_ITEM_BYTES`, as the bytes of an HDF5 chunk."""
    library = _single_threaded()
    size, itemsize = array.size, array.dtype.itemsize
    piece = _piece_elements(itemsize)
    scratch = np.empty(HEADER_BYTES + library.bshuf_compress_lz4_bound(size, itemsize, piece), dtype=np.uint8)
    source = ffi.from_buffer(array.reshape(-1).view(np.uint8))
    n_bytes = library.bshuf_compress_lz4(
        source, ffi.from_buffer(scratch) + HEADER_BYTES, size, itemsize, piece
    )
    if n_bytes < 0:
        raise LibraryError(f"bitshuffle could not compress {array.shape} {array.dtype}: code {n_bytes}")
    _HEADER.pack_into(scratch.data, 0, array.nbytes, piece * itemsize)
    return scratch[: HEADER_BYTES + n_bytes].tobytes()


def _piece_elements(itemsize: int) -> int:
    """Elements of a piece: 8 KiB of them, what the filter takes by default."""
    return max(8192 // itemsize // _GROUP * _GROUP, _MIN_PIECE)


def check_bslz4(payload: Buffer, nbytes: int, itemsize: int) -> None:
    """Raise `ProtocolError` unless `payload` is framed as `nbytes` bytes of items of `itemsize`.

    The library reads as far as the lengths in the payload say, so they are checked here.
    """
    if len(payload) < HEADER_BYTES:
        raise ProtocolError(f"bslz4: {len(payload)} bytes, the header alone has {HEADER_BYTES}")
    said_bytes, piece_bytes = _HEADER.unpack_from(payload)
    if said_bytes != nbytes:
        raise ProtocolError(f"bslz4: holds {said_bytes} bytes, expected {nbytes}")
    if nbytes > len(payload) * _MAX_RATIO:
        raise ProtocolError(f"bslz4: {len(payload)} bytes cannot hold {nbytes}")
    if not 0 < piece_bytes <= _MAX_PIECE_BYTES or piece_bytes % (itemsize * _GROUP):
        raise ProtocolError(
            f"bslz4: pieces of {piece_bytes} bytes, allowed are multiples of {itemsize * _GROUP} "
            f"up to {_MAX_PIECE_BYTES}"
        )
    _check_lengths(payload, nbytes // itemsize, piece_bytes // itemsize, itemsize)


def _check_lengths(payload: Buffer, size: int, piece: int, itemsize: int) -> None:
    n_pieces = size // piece + (size % piece >= _GROUP)
    at, end = HEADER_BYTES, len(payload)
    length_of, last = _LENGTH.unpack_from, end - _LENGTH.size
    for _ in range(n_pieces):
        if at > last:
            raise ProtocolError(f"bslz4: cut off at byte {end} of more")
        at += 4 + length_of(payload, at)[0]
    at += size % _GROUP * itemsize
    if at != end:
        raise ProtocolError(f"bslz4: {end} bytes, its own lengths say {at}")


def decompress_bslz4(payload: Buffer, dtype: np.dtype[Any], size: int) -> npt.NDArray[Any]:
    """Array of `size` items of `dtype` from the bytes of a chunk; checked first, see `check_bslz4`."""
    check_bslz4(payload, size * dtype.itemsize, dtype.itemsize)
    library = _single_threaded()
    _, piece_bytes = _HEADER.unpack_from(payload)
    result = np.empty(size, dtype=dtype)
    n_bytes = library.bshuf_decompress_lz4(
        ffi.from_buffer(payload) + HEADER_BYTES,
        ffi.from_buffer(result.view(np.uint8), require_writable=True),
        size,
        dtype.itemsize,
        piece_bytes // dtype.itemsize,
    )
    if n_bytes != len(payload) - HEADER_BYTES:
        raise ProtocolError(f"bslz4: {len(payload)} bytes could not be unpacked, code {n_bytes}")
    return result
