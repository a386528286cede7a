"""Blosc with LZ4 or BloscLZ, for streams other than of counts; needs the package `blosc2`.

A payload is one chunk of Blosc 2. Its header says in 32 bytes what the library will do, so it is
checked before the library sees it. Layout, numbers little endian::

    0 version   1 -         2 flags, with the codec   3 size of an item
    4 size of the array (4 bytes)   8 of a block (4 bytes)   12 of the chunk (4 bytes)
    16 filters (6 bytes)   22 codec of a plug-in   23 -   24 of the filters (6 bytes)   30 -   31 flags
"""

from __future__ import annotations

import importlib.util
import struct
from functools import lru_cache
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from xspress3.errors import LibraryError, ProtocolError

__all__ = ["check_blosc", "compress_blosc", "decompress_blosc", "is_installed"]

HEADER_BYTES = 32
_HEADER = struct.Struct("<BBBBiii")
_VERSION = 5
_CODEC_SHIFT = 5
_CODECS = frozenset((0, 1))
"""BloscLZ and LZ4; what is too short to be compressed counts as the first."""
_FILTERS = slice(16, 22)
_PLAIN_FILTERS = frozenset((0, 1, 2))
"""None, shuffle, bitshuffle. The others need plug-ins, which the library would look for and load."""
_LAST = 31
_PLAIN_LAST = frozenset((0x00, 0x10))
"""An ordinary chunk, or one of zeros only. Not: dictionaries, chunks in files, memory left as it was."""
_MAX_TYPESIZE = 255
_LEVEL = 5

Buffer = Union[bytes, bytearray, memoryview]


def is_installed() -> bool:
    """Whether the package is there; it is not imported."""
    return importlib.util.find_spec("blosc2") is not None


@lru_cache(maxsize=1)
def _library() -> Any:
    """The package, imported at the first use: that takes 0.4 s."""
    try:
        import blosc2  # noqa: PLC0415
    except ImportError as error:
        raise LibraryError(f"no blosc2: {error}; pip install 'xspress3-streamer[blosc]'") from None
    blosc2.set_releasegil(True)
    return blosc2


def compress_blosc(array: npt.NDArray[Any], codec: str) -> bytes:
    """The contiguous `array` as one chunk, by the `codec` `"lz4"` or `"blosclz"`."""
    library = _library()
    chunk: bytes = library.compress2(
        array.reshape(-1).view(np.uint8),
        codec=library.Codec.LZ4 if codec == "lz4" else library.Codec.BLOSCLZ,
        clevel=_LEVEL,
        typesize=_typesize(array.dtype.itemsize),
        filters=[library.Filter.SHUFFLE],
        nthreads=1,
    )
    return chunk


def _typesize(itemsize: int) -> int:
    """Size of what is shuffled; items above the limit of the library are taken as bytes."""
    return itemsize if itemsize <= _MAX_TYPESIZE else 1


def check_blosc(payload: Buffer, nbytes: int, _itemsize: int) -> None:
    """Raise `ProtocolError` unless `payload` is one plain chunk of `nbytes` bytes."""
    if len(payload) < HEADER_BYTES:
        raise ProtocolError(f"blosc: {len(payload)} bytes, the header alone has {HEADER_BYTES}")
    version, _, flags, _, said_bytes, block_bytes, chunk_bytes = _HEADER.unpack_from(payload)
    if version != _VERSION:
        raise ProtocolError(f"blosc: version {version}, expected {_VERSION}")
    if said_bytes != nbytes:
        raise ProtocolError(f"blosc: holds {said_bytes} bytes, expected {nbytes}")
    if chunk_bytes != len(payload):
        raise ProtocolError(f"blosc: {len(payload)} bytes, its own header says {chunk_bytes}")
    if not 0 < block_bytes <= max(nbytes, 1):
        raise ProtocolError(f"blosc: blocks of {block_bytes} bytes, allowed are 1..{nbytes}")
    is_plain = _PLAIN_FILTERS.issuperset(payload[_FILTERS]) and payload[_LAST] in _PLAIN_LAST
    if flags >> _CODEC_SHIFT not in _CODECS or not is_plain:
        raise ProtocolError(
            f"blosc: codec {flags >> _CODEC_SHIFT}, filters {bytes(payload[_FILTERS]).hex()}, flags "
            f"{payload[_LAST]:#x}; allowed are LZ4 and BloscLZ after no filter, shuffle or bitshuffle"
        )


def decompress_blosc(payload: Buffer, dtype: np.dtype[Any], size: int) -> npt.NDArray[Any]:
    """Array of `size` items of `dtype`; checked first, see `check_blosc`."""
    nbytes = size * dtype.itemsize
    check_blosc(payload, nbytes, dtype.itemsize)
    result = np.empty(size, dtype=dtype)
    if nbytes:
        try:
            _library().decompress2(payload, dst=result.view(np.uint8), nthreads=1)
        except (RuntimeError, ValueError) as error:
            raise ProtocolError(f"blosc: {len(payload)} bytes could not be unpacked: {error}") from None
    return result
