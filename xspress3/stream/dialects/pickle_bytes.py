"""Lists of numpy arrays as pickles of protocol 3, written without the module of that name.

Readers of the old dialects unpickle the scalers of a frame. Nothing of ours ever reads a pickle; these
bytes are put together from a fixed pattern, the one of the recordings of 2023. It names
`numpy.core.multiarray`, which numpy 1 and 2 both understand.

The pattern depends on types and shapes only, so for a whole block it is made once, and the values of
each frame are copied into its holes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from xspress3.errors import ConfigurationError

__all__ = ["MAX_ARRAY_BYTES", "pickle_arrays", "pickle_rows"]

MAX_ARRAY_BYTES = 1 << 24
"""Largest array in a list: these are scalers, not spectra."""

_PLAIN = re.compile(r"[<>|][biuf][0-9]{1,2}")
_TUPLES = {1: b"\x85", 2: b"\x86", 3: b"\x87"}
_NO_FIELDS = b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t"
"""End of the state of a plain dtype: no sub-array, names, fields, and no size or alignment of its own."""

Spec = tuple[str, tuple[int, ...]]
"""Type as numpy spells it, such as `<u4`, and shape of one array."""


def pickle_arrays(arrays: Sequence[npt.NDArray[Any]]) -> bytes:
    """Pickle of the list of `arrays`, each of plain numbers, with 1 to 3 axes; unpickled they are C order.

    Raises
    ------
    ConfigurationError
        For any other array, naming its place.
    """
    row: npt.NDArray[np.uint8] = pickle_rows([np.asarray(array)[None] for array in arrays])[0]
    return row.tobytes()


def pickle_rows(arrays: Sequence[npt.NDArray[Any]]) -> npt.NDArray[np.uint8]:
    """Pickles of many lists at once: row i holds the list of what is at index i of each array.

    Parameters
    ----------
    arrays
        At least one; axis 0 is as long in all.

    Returns
    -------
    :
        Shape (n_lists, bytes of a pickle).

    Raises
    ------
    ConfigurationError
        As `pickle_arrays`.
    """
    pattern, holes = _pattern(tuple(_spec(place, array) for place, array in enumerate(arrays)))
    rows = np.tile(np.frombuffer(pattern, np.uint8), (len(arrays[0]), 1))
    for array, (begin, end) in zip(arrays, holes, strict=True):
        values = np.ascontiguousarray(array)
        rows[:, begin:end] = values.reshape(len(rows), (end - begin) // array.itemsize).view(np.uint8)
    return rows


def _spec(place: int, array: npt.NDArray[Any]) -> Spec:
    dtype, shape = array.dtype, array.shape[1:]
    size_bytes = math.prod(shape) * dtype.itemsize
    if not (_PLAIN.fullmatch(dtype.str) and 1 <= len(shape) <= 3 and 1 <= size_bytes <= MAX_ARRAY_BYTES):
        raise ConfigurationError(
            f"array {place} of a list: {dtype} {shape}, allowed are plain numbers with 1 to 3 axes "
            f"and 1..{MAX_ARRAY_BYTES} bytes"
        )
    return dtype.str, shape


@lru_cache(maxsize=64)
def _pattern(specs: tuple[Spec, ...]) -> tuple[bytes, tuple[tuple[int, int], ...]]:
    """The pickle with zeros for values, and where the values of each array go."""
    emitter = _Emitter()
    holes = tuple(emitter.array(np.dtype(text), shape) for text, shape in specs)
    return emitter.finish(), holes


class _Emitter:
    """Writes a list of arrays as Python's pickler does: what occurs again is fetched from its memo."""

    def __init__(self) -> None:
        self._out = bytearray(b"\x80\x03]")
        self._memo: dict[str, int] = {}
        self._n_kept = 0
        self._keep()
        self._out += b"("

    def finish(self) -> bytes:
        return bytes(self._out) + b"e."

    def array(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> tuple[int, int]:
        """An array of zeros; gives where in the pickle its values begin and end."""
        self._empty_array()
        self._out += b"(" + _integer(1) + b"".join(map(_integer, shape)) + _TUPLES[len(shape)]
        self._keep()
        self._dtype(dtype)
        hole = self._values(math.prod(shape) * dtype.itemsize)
        self._out += b"t"
        self._keep()
        self._out += b"b"
        return hole

    def _empty_array(self) -> None:
        """Call of `_reconstruct(ndarray, (0,), b"b")`, the shell that the state is put into."""
        self._once("_reconstruct", b"cnumpy.core.multiarray\n_reconstruct\n")
        self._once("ndarray", b"cnumpy\nndarray\n")
        self._out += b"K\x00\x85"
        self._keep()
        self._once("kind", b"C\x01b")
        self._out += b"\x87"
        self._keep()
        self._out += b"R"
        self._keep()

    def _dtype(self, dtype: np.dtype[Any]) -> None:
        order, name = dtype.str[0], dtype.str[1:]
        if dtype.str in self._memo:
            self._fetch(dtype.str)
            return
        self._once("dtype", b"cnumpy\ndtype\n")
        self._once(f"text {name}", _text(name))
        self._out += b"K\x00K\x01\x87"
        self._keep()
        self._out += b"R"
        self._keep(dtype.str)
        self._out += b"(K\x03"
        self._once(f"text {order}", _text(order))
        self._out += _NO_FIELDS
        self._keep()
        self._out += b"b"

    def _values(self, size_bytes: int) -> tuple[int, int]:
        is_short = size_bytes < 256
        head = b"C" + bytes([size_bytes]) if is_short else b"B" + size_bytes.to_bytes(4, "little")
        self._out += b"\x89" + head  # \x89 is False: not in Fortran's order
        begin = len(self._out)
        self._out += bytes(size_bytes)
        self._keep()
        return begin, begin + size_bytes

    def _once(self, name: str, code: bytes) -> None:
        """`code`, or the fetch of what it made when it was written before."""
        if name in self._memo:
            self._fetch(name)
        else:
            self._out += code
            self._keep(name)

    def _fetch(self, name: str) -> None:
        self._out += _numbered(b"h", b"j", self._memo[name])

    def _keep(self, name: str | None = None) -> None:
        self._out += _numbered(b"q", b"r", self._n_kept)
        if name is not None:
            self._memo[name] = self._n_kept
        self._n_kept += 1


def _numbered(short: bytes, long: bytes, number: int) -> bytes:
    return short + bytes([number]) if number < 256 else long + number.to_bytes(4, "little")


def _integer(value: int) -> bytes:
    if value < 256:
        return b"K" + bytes([value])
    return b"M" + value.to_bytes(2, "little") if value < 65536 else b"J" + value.to_bytes(4, "little")


def _text(text: str) -> bytes:
    return b"X" + len(text).to_bytes(4, "little") + text.encode()
