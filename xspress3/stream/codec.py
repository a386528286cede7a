"""Messages to bytes and back: no sockets, no clocks, no state.

A message is a list of parts: one JSON object, then one buffer for each array that it names. What
comes from outside is never trusted: sizes, types and names are checked before memory is taken, and
whatever is wrong is a `ProtocolError`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Union

import numpy as np

from xspress3.errors import ProtocolError
from xspress3.stream.messages import (
    Alive,
    ArrayInfo,
    Block,
    EncodedArray,
    EndReason,
    Envelope,
    Loss,
    Message,
    SessionEnd,
    SessionStart,
    UnknownMessage,
)

__all__ = ["MAX_ARRAY_BYTES", "MAX_HEADER_BYTES", "SCHEMA", "decode", "encode"]

SCHEMA = "xspress3/1"
MAX_HEADER_BYTES = 1 << 20
MAX_ARRAY_BYTES = 1 << 30
"""Largest array, uncompressed, that a block may hold."""
MAX_ARRAYS = 64
MAX_AXES = 8
MAX_TEXT = 4096
MAX_EPOCH = 64
MAX_STEP = 1 << 31
_MAX_COUNT = 1 << 62
_CONTRACT = re.compile(r"lossless|latest|every:[1-9][0-9]{0,8}")
_DTYPE = re.compile(r"[<>|][biufc][0-9]{1,2}")
"""Plain numbers may travel: no objects, no strings, no records."""
_COMPRESSIONS = ("none", "bslz4")

Buffer = Union[bytes, bytearray, memoryview]
Header = dict[str, Any]


def encode(message: Message) -> list[Buffer]:
    """Parts of `message`, the header first; array payloads are passed on, not copied."""
    if isinstance(message, UnknownMessage):
        raise ProtocolError(f"a message of unknown type {message.type!r} cannot be sent")
    name, fields, buffers = _ENCODERS[type(message)](message)
    envelope = message.envelope
    header = {
        "schema": SCHEMA,
        "type": name,
        "stream_id": envelope.stream_id,
        "session_id": envelope.session_id,
        "sequence": envelope.sequence,
        "time_ns": envelope.time_ns,
        "epoch": envelope.epoch,
        **fields,
    }
    return [json.dumps(header, separators=(",", ":"), allow_nan=False).encode(), *buffers]


def _encode_start(start: SessionStart) -> tuple[str, Header, list[Buffer]]:
    fields: Header = {
        "n_frames": start.n_frames,
        "frames_per_block": start.frames_per_block,
        "next_frame": start.next_frame,
        "is_repeat": start.is_repeat,
        "start_time_ns": start.start_time_ns,
        "arrays": [{**asdict(array), "shape": list(array.shape)} for array in start.arrays],
        "acquisition": dict(start.acquisition),
        "detector": dict(start.detector),
        "metadata": dict(start.metadata),
    }
    if start.contract != "lossless":
        fields["contract"] = start.contract
    return "start", fields, []


def _encode_block(block: Block) -> tuple[str, Header, list[Buffer]]:
    fields: Header = {
        "first_frame": block.first_frame,
        "n_frames": block.n_frames,
        "arrays": [
            {"name": a.name, "dtype": a.dtype.str, "shape": list(a.shape), "compression": a.compression}
            for a in block.arrays
        ],
    }
    if block.step != 1:
        fields["step"] = block.step
    return "block", fields, [array.payload for array in block.arrays]


def _encode_loss(loss: Loss) -> tuple[str, Header, list[Buffer]]:
    fields: Header = {"first_frame": loss.first_frame, "n_frames": loss.n_frames, "reason": loss.reason}
    if loss.first_sequence is not None:
        fields["first_sequence"] = loss.first_sequence
    if loss.by_contract:
        fields["by_contract"] = True
    return "loss", fields, []


def _encode_alive(alive: Alive) -> tuple[str, Header, list[Buffer]]:
    return "alive", {"state": alive.state}, []


def _encode_end(end: SessionEnd) -> tuple[str, Header, list[Buffer]]:
    fields = {
        "reason": end.reason.value,
        "acquired": end.acquired,
        "streamed": end.streamed,
        "lost": end.lost,
        "text": end.text,
    }
    return "end", fields, []


_ENCODERS: dict[type, Callable[[Any], tuple[str, Header, list[Buffer]]]] = {
    SessionStart: _encode_start,
    Block: _encode_block,
    Loss: _encode_loss,
    Alive: _encode_alive,
    SessionEnd: _encode_end,
}


def decode(parts: Sequence[Buffer]) -> Message:
    """The message in `parts`; its arrays are views of them.

    Raises
    ------
    ProtocolError
        For anything that is not a message of this schema.
    """
    if not parts:
        raise ProtocolError("message without parts")
    header = _parse_header(parts[0])
    kind = _text(header, "type")
    decoder = _DECODERS.get(kind)
    if decoder is None:
        return UnknownMessage(kind)
    if kind != "block" and len(parts) != 1:
        raise ProtocolError(f"{kind}: {len(parts)} parts, expected 1")
    return decoder(header, parts)


def _parse_header(part: Buffer) -> Header:
    if len(part) > MAX_HEADER_BYTES:
        raise ProtocolError(f"header of {len(part)} bytes, allowed are {MAX_HEADER_BYTES}")
    try:
        header = json.loads(bytes(part))
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"header is not JSON: {error}; begins with {bytes(part[:32])!r}") from None
    if not isinstance(header, dict):
        raise ProtocolError(f"header is a JSON {type(header).__name__}, expected an object")
    schema = header.get("schema")
    if schema != SCHEMA:
        raise ProtocolError(f"schema {str(schema)[:64]!r}, this reader knows {SCHEMA!r}")
    return header


def _text(header: Mapping[str, Any], key: str, default: str | None = None, limit: int = MAX_TEXT) -> str:
    value = header.get(key, default)
    if not isinstance(value, str) or len(value) > limit:
        raise ProtocolError(f"{key}: {str(value)[:64]!r}, expected a text of up to {limit} characters")
    return value


def _integer(header: Mapping[str, Any], key: str, low: int = 0, high: int = _MAX_COUNT) -> int:
    if key not in header:
        raise ProtocolError(f"{key} is missing, expected an integer in {low}..{high}")
    value = header[key]
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ProtocolError(f"{key}: {str(value)[:64]}, expected an integer in {low}..{high}")
    return value


def _optional_integer(header: Mapping[str, Any], key: str) -> int | None:
    return None if header.get(key) is None else _integer(header, key)


def _first_frame(header: Header, n_frames: int, step: int = 1) -> int:
    """First of `n_frames` frames; the one after the last still fits in 63 bits."""
    first = _integer(header, "first_frame")
    if first + n_frames * step > _MAX_COUNT:
        raise ProtocolError(f"{n_frames} frames from {first} by {step} go beyond frame {_MAX_COUNT}")
    return first


def _contract(header: Header) -> str:
    said = _text(header, "contract", "lossless")
    if not _CONTRACT.fullmatch(said):
        raise ProtocolError(f"contract: {said[:64]!r}, allowed are 'lossless', 'latest' and 'every:N'")
    return said


def _object(header: Mapping[str, Any], key: str) -> Header:
    value = header.get(key, {})
    if not isinstance(value, dict):
        raise ProtocolError(f"{key}: a {type(value).__name__}, expected an object")
    return value


def _envelope(header: Header) -> Envelope:
    return Envelope(
        stream_id=_text(header, "stream_id"),
        session_id=_optional_integer(header, "session_id"),
        sequence=_integer(header, "sequence"),
        time_ns=_integer(header, "time_ns"),
        epoch=_text(header, "epoch", "", MAX_EPOCH),
    )


def _session_envelope(header: Header) -> Envelope:
    _integer(header, "session_id")
    return _envelope(header)


def _array_descriptions(header: Header) -> list[Header]:
    arrays = header.get("arrays")
    if not isinstance(arrays, list) or not all(isinstance(item, dict) for item in arrays):
        raise ProtocolError("arrays: expected a list of objects")
    if len(arrays) > MAX_ARRAYS:
        raise ProtocolError(f"arrays: {len(arrays)}, allowed are {MAX_ARRAYS}")
    names = [_text(item, "name") for item in arrays]
    if len(set(names)) != len(names):
        raise ProtocolError(f"arrays: names {names} are not unique")
    return arrays


def _dtype(item: Header) -> np.dtype[Any]:
    said = _text(item, "dtype")
    if not _DTYPE.fullmatch(said):
        raise ProtocolError(f"dtype {said[:64]!r}, allowed are plain numbers such as '<u4'")
    try:
        return np.dtype(said)
    except (TypeError, ValueError):
        raise ProtocolError(f"dtype {said[:64]!r} is none that there is") from None


def _shape(item: Header, itemsize: int) -> tuple[int, ...]:
    shape = item.get("shape")
    if not isinstance(shape, list) or len(shape) > MAX_AXES:
        raise ProtocolError(f"shape: {str(shape)[:64]}, expected a list of up to {MAX_AXES} integers")
    for length in shape:
        if not isinstance(length, int) or isinstance(length, bool) or not 0 <= length <= MAX_ARRAY_BYTES:
            raise ProtocolError(f"shape: {str(shape)[:64]}, each length must be in 0..{MAX_ARRAY_BYTES}")
    n_bytes = math.prod(shape) * itemsize
    if n_bytes > MAX_ARRAY_BYTES:
        raise ProtocolError(f"shape: {shape} needs {n_bytes} bytes, allowed are {MAX_ARRAY_BYTES}")
    return tuple(shape)


def _decode_start(header: Header, _parts: Sequence[Buffer]) -> SessionStart:
    arrays = []
    for item in _array_descriptions(header):
        dtype = _dtype(item)
        shape = _shape(item, dtype.itemsize)
        units, compression = _text(item, "units", ""), _text(item, "compression", "none")
        arrays.append(ArrayInfo(_text(item, "name"), dtype.str, shape, units, compression))
    return SessionStart(
        envelope=_session_envelope(header),
        n_frames=_optional_integer(header, "n_frames"),
        frames_per_block=_integer(header, "frames_per_block", low=1, high=1 << 20),
        arrays=tuple(arrays),
        acquisition=_object(header, "acquisition"),
        detector=_object(header, "detector"),
        metadata=_object(header, "metadata"),
        next_frame=_optional_integer(header, "next_frame") or 0,
        is_repeat=header.get("is_repeat") is True,
        start_time_ns=_optional_integer(header, "start_time_ns") or 0,
        contract=_contract(header),
    )


def _decode_block(header: Header, parts: Sequence[Buffer]) -> Block:
    descriptions = _array_descriptions(header)
    if len(descriptions) != len(parts) - 1:
        raise ProtocolError(f"block: {len(descriptions)} arrays described, {len(parts) - 1} came")
    n_frames = _integer(header, "n_frames", low=1)
    step = _integer(header, "step", 1, MAX_STEP) if "step" in header else 1
    return Block(
        envelope=_session_envelope(header),
        first_frame=_first_frame(header, n_frames, step),
        n_frames=n_frames,
        step=step,
        arrays=tuple(_decode_array(d, p, n_frames) for d, p in zip(descriptions, parts[1:], strict=True)),
    )


def _decode_array(item: Header, payload: Buffer, n_frames: int) -> EncodedArray:
    name = _text(item, "name")
    dtype = _dtype(item)
    shape = _shape(item, dtype.itemsize)
    compression = _text(item, "compression")
    if compression not in _COMPRESSIONS:
        raise ProtocolError(f"array {name}: compression {compression[:64]!r}, known are {_COMPRESSIONS}")
    if not shape or shape[0] != n_frames:
        raise ProtocolError(f"array {name}: shape {shape} in a block of {n_frames} frames")
    array = EncodedArray(name, dtype, shape, compression, payload)
    array.check()
    return array


def _decode_loss(header: Header, _parts: Sequence[Buffer]) -> Loss:
    envelope = _session_envelope(header)
    n_frames = _integer(header, "n_frames", low=1)
    first_sequence = _optional_integer(header, "first_sequence")
    if first_sequence is not None and first_sequence > envelope.sequence:
        raise ProtocolError(f"first_sequence: {first_sequence}, allowed is 0..{envelope.sequence}, its own")
    return Loss(
        envelope=envelope,
        first_frame=_first_frame(header, n_frames),
        n_frames=n_frames,
        reason=_text(header, "reason"),
        first_sequence=first_sequence,
        by_contract=header.get("by_contract") is True,
    )


def _decode_alive(header: Header, _parts: Sequence[Buffer]) -> Alive:
    return Alive(_envelope(header), _text(header, "state"))


def _decode_end(header: Header, _parts: Sequence[Buffer]) -> SessionEnd:
    said = _text(header, "reason")
    if said not in {reason.value for reason in EndReason}:
        raise ProtocolError(f"end: reason {said[:64]!r}, known are {[reason.value for reason in EndReason]}")
    return SessionEnd(
        envelope=_session_envelope(header),
        reason=EndReason(said),
        acquired=_integer(header, "acquired"),
        streamed=_integer(header, "streamed"),
        lost=_integer(header, "lost"),
        text=_text(header, "text", ""),
    )


_DECODERS: dict[str, Callable[[Header, Sequence[Buffer]], Message]] = {
    "start": _decode_start,
    "block": _decode_block,
    "loss": _decode_loss,
    "alive": _decode_alive,
    "end": _decode_end,
}
