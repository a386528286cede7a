"""Ways in which arrays are packed, by the names that configurations and messages use.

`"none"` and `"bslz4"` are always there, `"blosc-lz4"` and `"blosc-blosclz"` where the package
`blosc2` is installed::

    method = find_method("bslz4")
    payload = method.compress(array)
    array = method.decompress(payload, array.dtype, array.size)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from xspress3.errors import ConfigurationError, ProtocolError
from xspress3.stream import blosc, dtypes
from xspress3.stream.bslz4 import (
    MAX_ITEM_BYTES,
    check_bslz4,
    compress_bslz4,
    compressor_name,
    decompress_bslz4,
)

__all__ = [
    "ALIASES",
    "METHODS",
    "Method",
    "canonical_name",
    "check_bslz4",
    "compress_bslz4",
    "compression_methods",
    "compressor_name",
    "decompress_bslz4",
    "find_method",
]

Buffer = Union[bytes, bytearray, memoryview]
Array = npt.NDArray[Any]

ALIASES: Mapping[str, str] = MappingProxyType({"": "none", "blosclz": "blosc-blosclz", "lz4": "blosc-lz4"})
"""Other names under which pyacq knows them; what travels is the name they stand for."""
_OPTIONAL = ("blosc-lz4", "blosc-blosclz")


@dataclass(frozen=True)
class Method:
    """One way to pack an array.

    Parameters
    ----------
    compress
        Called with an array in C order; what it gives may be a view of it.
    decompress
        Called with payload, dtype and number of items; gives an array of one axis or `ProtocolError`.
    check
        Called with payload, bytes of the array and of an item before anything is unpacked or passed on;
        raises `ProtocolError` unless the payload says that it holds exactly these.
    max_item_bytes
        Largest item that it takes.
    """

    compress: Callable[[Array], Buffer]
    decompress: Callable[[Buffer, np.dtype[Any], int], Array]
    check: Callable[[Buffer, int, int], None]
    max_item_bytes: int = dtypes.MAX_ITEM_BYTES


def _as_it_is(array: Array) -> memoryview:
    octets: npt.NDArray[np.uint8] = array.reshape(-1).view(np.uint8)
    return octets.data


def _view(payload: Buffer, dtype: np.dtype[Any], size: int) -> Array:
    _check_size(payload, size * dtype.itemsize, dtype.itemsize)
    array: Array = np.ndarray(size, dtype, payload)
    return array


def _check_size(payload: Buffer, nbytes: int, _itemsize: int) -> None:
    if len(payload) != nbytes:
        raise ProtocolError(f"{len(payload)} bytes, expected {nbytes}")


def _blosc(codec: str) -> Method:
    return Method(partial(blosc.compress_blosc, codec=codec), blosc.decompress_blosc, blosc.check_blosc)


def _available() -> dict[str, Method]:
    methods = {
        "none": Method(_as_it_is, _view, _check_size),
        "bslz4": Method(compress_bslz4, decompress_bslz4, check_bslz4, MAX_ITEM_BYTES),
    }
    if blosc.is_installed():
        methods.update({"blosc-lz4": _blosc("lz4"), "blosc-blosclz": _blosc("blosclz")})
    return methods


METHODS: Mapping[str, Method] = MappingProxyType(_available())
compression_methods = list(METHODS)
"""Names of what is available here."""


def find_method(name: str) -> Method:
    """The method `name`, as it stands in a message.

    Raises
    ------
    ProtocolError
        When there is none of this name here.
    """
    method = METHODS.get(name)
    if method is None:
        raise ProtocolError(f"compression {name[:64]!r}, known here are {compression_methods}{_hint(name)}")
    return method


def canonical_name(name: str, dtype: npt.DTypeLike = np.uint8) -> str:
    """The name under which `name` travels, for arrays of `dtype`.

    Raises
    ------
    ConfigurationError
        When there is none of this name here, or it does not take such items.
    """
    travels_as = ALIASES.get(name, name)
    method = METHODS.get(travels_as)
    if method is None:
        raise ConfigurationError(
            f"compression {name!r}, allowed are {compression_methods}{_hint(travels_as)}"
        )
    itemsize = np.dtype(dtype).itemsize
    if itemsize > method.max_item_bytes:
        raise ConfigurationError(
            f"compression {name!r} for items of {itemsize} bytes, allowed are up to {method.max_item_bytes}"
        )
    return travels_as


def _hint(name: str) -> str:
    return "; pip install 'xspress3-streamer[blosc]' for this one" if name in _OPTIONAL else ""
