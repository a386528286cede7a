"""Blocks to bytes and back.

Blocks come thousands of times a second and say nearly the same each time. So the parts of a header that
stay are put together, and checked, once; and a header as `encode_block` makes it is taken apart without
reading its JSON again.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Union

import numpy as np

from xspress3.errors import ProtocolError
from xspress3.stream.compression import canonical_name, find_method
from xspress3.stream.dtypes import MAX_AXES, dtype_from_wire, dtype_to_wire
from xspress3.stream.fields import (
    MAX_COUNT,
    SCHEMA,
    Header,
    frames_of,
    integer,
    json_of,
    object_of_bytes,
    session_envelope_of,
    text,
)
from xspress3.stream.messages import Block, EncodedArray, Envelope

__all__ = [
    "MAX_ARRAYS",
    "MAX_ARRAY_BYTES",
    "array_descriptions",
    "decode_block",
    "dtype_and_shape",
    "encode_block",
    "usual_block",
]

MAX_ARRAY_BYTES = 1 << 30
"""Largest array, uncompressed, that a block may hold."""
MAX_ARRAYS = 64
MAX_STEP = 1 << 31
_MAX_USUAL_BYTES = 4096
_NUMBER = rb"(0|[1-9][0-9]{0,18})"
_USUAL = re.compile(
    rb'\{"schema":"%b","type":"block",(.*?),"sequence":%b,"time_ns":%b,"first_frame":%b,"n_frames":%b,'
    rb'(?:"step":%b,)?"arrays":(\[.*\])\}' % (SCHEMA.encode(), *[_NUMBER] * 5)
)
"""A header as it is made here. Text that fits, and of which both groups are JSON, has one meaning only."""

Buffer = Union[bytes, bytearray, memoryview]
Layout = tuple[str, np.dtype[Any], tuple[int, ...], str]
"""Name, type, shape and compression of an array."""


def encode_block(block: Block) -> tuple[str, str, list[Buffer]]:
    """Name of the message, members of its header, and its buffers."""
    arrays = [_array_to_wire(a.name, a.dtype, a.compression, a.shape) for a in block.arrays]
    step = "" if block.step == 1 else f'"step":{block.step:d},'
    frames = f'"first_frame":{block.first_frame:d},"n_frames":{block.n_frames:d},{step}'
    piece = f',"piece":{block.piece:d}' if block.piece else ""
    said = f'{frames}"arrays":[{",".join(arrays)}]{piece}'
    return "block", said, [array.payload for array in block.arrays]


@lru_cache(maxsize=256)
def _array_to_wire(name: str, dtype: np.dtype[Any], compression: str, shape: tuple[int, ...]) -> str:
    """JSON of one array of a block."""
    travels_as = canonical_name(compression, dtype)
    said = {"name": name, "dtype": dtype_to_wire(dtype), "shape": shape, "compression": travels_as}
    return json_of(said)


def decode_block(header: Header, parts: Sequence[Buffer]) -> Block:
    """The block that `header` describes and the other `parts` hold."""
    layouts = tuple([_layout(item) for item in array_descriptions(header)])
    n_frames = integer(header, "n_frames", low=1)
    step = integer(header, "step", 1, MAX_STEP) if "step" in header else 1
    first_frame = frames_of(header, n_frames, step)
    piece = integer(header, "piece", 0, n_frames) if "piece" in header else 0
    envelope = session_envelope_of(header)
    return Block(envelope, first_frame, n_frames, _arrays(layouts, parts, n_frames), step, piece)


def _layout(item: Header) -> Layout:
    compression = text(item, "compression")
    find_method(compression)
    dtype, shape = dtype_and_shape(item)
    return text(item, "name"), dtype, shape, compression


def _arrays(layouts: Sequence[Layout], parts: Sequence[Buffer], n_frames: int) -> tuple[EncodedArray, ...]:
    if len(layouts) != len(parts) - 1:
        raise ProtocolError(f"block: {len(layouts)} arrays described, {len(parts) - 1} came")
    return tuple([_array(layout, part, n_frames) for layout, part in zip(layouts, parts[1:], strict=True)])


def _array(layout: Layout, payload: Buffer, n_frames: int) -> EncodedArray:
    name, dtype, shape, compression = layout
    if not shape or shape[0] != n_frames:
        raise ProtocolError(f"array {name}: shape {shape} in a block of {n_frames} frames")
    array = EncodedArray(name, dtype, shape, compression, payload)
    array.check()
    return array


def array_descriptions(header: Header) -> list[Header]:
    """The objects in `arrays`, of different names, nothing else checked."""
    arrays = header.get("arrays")
    if not isinstance(arrays, list) or not all(isinstance(item, dict) for item in arrays):
        raise ProtocolError("arrays: expected a list of objects")
    if len(arrays) > MAX_ARRAYS:
        raise ProtocolError(f"arrays: {len(arrays)}, allowed are {MAX_ARRAYS}")
    names = [text(item, "name") for item in arrays]
    if len(set(names)) != len(names):
        raise ProtocolError(f"arrays: names {str(names)[:256]} are not unique")
    return arrays


def dtype_and_shape(item: Header) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """What an array is made of, within the limits."""
    dtype, shape = dtype_from_wire(item.get("dtype")), item.get("shape")
    if not isinstance(shape, list) or len(shape) > MAX_AXES:
        raise ProtocolError(f"shape: {str(shape)[:64]}, expected a list of up to {MAX_AXES} integers")
    if not {int}.issuperset(map(type, shape)):
        raise ProtocolError(f"shape: {str(shape)[:64]}, each length must be an integer")
    checked = tuple(shape)
    _check_shape(checked, dtype.itemsize)
    return dtype, checked


@lru_cache(maxsize=256)
def _check_shape(shape: tuple[int, ...], itemsize: int) -> None:
    if shape and not 0 <= min(shape) <= max(shape) <= MAX_ARRAY_BYTES:
        raise ProtocolError(f"shape: {str(shape)[:64]}, each length must be in 0..{MAX_ARRAY_BYTES}")
    n_bytes = math.prod(shape) * itemsize
    if n_bytes > MAX_ARRAY_BYTES:
        raise ProtocolError(f"shape: {shape} needs {n_bytes} bytes, allowed are {MAX_ARRAY_BYTES}")


def usual_block(parts: Sequence[Buffer]) -> Block | None:
    """The block in `parts`; `None` where its header is not as `encode_block` makes it, or is wrong."""
    found = _USUAL.fullmatch(parts[0]) if len(parts[0]) <= _MAX_USUAL_BYTES else None
    if found is None:
        return None
    sender, layouts = _sender_said(found[1]), _layouts_said(found[7])
    sequence, time_ns, first_frame, n_frames = map(int, found.group(2, 3, 4, 5))
    step = int(found[6] or 1)
    is_possible = n_frames and 1 <= step <= MAX_STEP and first_frame + n_frames * step <= MAX_COUNT
    if not is_possible or max(sequence, time_ns) > MAX_COUNT or sender is None or layouts is None:
        return None
    stream_id, session_id, epoch = sender
    envelope = Envelope(stream_id, session_id, sequence, time_ns, epoch)
    return Block(envelope, first_frame, n_frames, _arrays(layouts, parts, n_frames), step)


@lru_cache(maxsize=64)
def _sender_said(said: bytes) -> tuple[str, int | None, str] | None:
    try:
        header = object_of_bytes(b'{"sequence":0,"time_ns":0,%b}' % said, _MAX_USUAL_BYTES)
        envelope = session_envelope_of(header)
    except ProtocolError:
        return None
    is_usual = header.keys() == {"sequence", "time_ns", "stream_id", "session_id", "epoch"}
    return (envelope.stream_id, envelope.session_id, envelope.epoch) if is_usual else None


@lru_cache(maxsize=64)
def _layouts_said(said: bytes) -> tuple[Layout, ...] | None:
    try:
        header = object_of_bytes(b'{"arrays":%b}' % said, _MAX_USUAL_BYTES)
        layouts = tuple([_layout(item) for item in array_descriptions(header)])
    except ProtocolError:
        return None
    return layouts if len(header) == 1 else None
