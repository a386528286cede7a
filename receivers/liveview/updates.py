"""Updates for a page as bytes: a header in JSON, then arrays that need no copy to be used."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["decode_update", "encode_update"]

ALIGNMENT = 8
_DTYPES = ("<u4", "<i4", "<f4", "<f8")
_OFFSET_DIGITS = 10

Array = npt.NDArray[Any]


def encode_update(header: Mapping[str, Any], arrays: Mapping[str, Array]) -> bytes:
    """One update: `header`, in which NaN must not be, and `arrays` of `<u4`, `<i4`, `<f4` or `<f8`."""
    blocks = [np.ascontiguousarray(array) for array in arrays.values()]
    described = _describe(list(arrays), blocks, 0)
    # Offsets are written with room to grow, so that the header is as long with them as without.
    room = len(_json({**header, "arrays": described})) + _OFFSET_DIGITS * len(blocks)
    start = _aligned(4 + room)
    text = _json({**header, "arrays": _describe(list(arrays), blocks, start)}).ljust(start - 4)
    parts = [struct.pack("<I", len(text)), text]
    for block in blocks:
        parts += [block.tobytes(), bytes(_aligned(block.nbytes) - block.nbytes)]
    return b"".join(parts)


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def _json(values: Mapping[str, Any]) -> bytes:
    return json.dumps(values, separators=(",", ":"), allow_nan=False).encode()


def _describe(names: list[str], blocks: list[Array], start: int) -> list[dict[str, Any]]:
    described = []
    for name, block in zip(names, blocks, strict=True):
        assert block.dtype.str in _DTYPES, f"{name}: {block.dtype}"
        described.append(
            {"name": name, "dtype": block.dtype.str, "shape": list(block.shape), "offset": start}
        )
        start += _aligned(block.nbytes)
    return described


def decode_update(message: bytes) -> tuple[dict[str, Any], dict[str, Array]]:
    """Header and arrays of an update of a server that is trusted: for tests and programs of ours."""
    (size,) = struct.unpack_from("<I", message)
    header = json.loads(message[4 : 4 + size])
    arrays = {}
    for info in header["arrays"]:
        dtype, shape = np.dtype(info["dtype"]), info["shape"]
        count = int(np.prod(shape))
        arrays[info["name"]] = np.frombuffer(message, dtype, count, info["offset"]).reshape(shape)
    return header, arrays
