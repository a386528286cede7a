"""Messages to bytes and back: no sockets, no clocks, no state but what is kept for speed.

A message is a list of parts: one JSON object, then one buffer for each array that it names. What
comes from outside is never trusted: sizes, types and names are checked before memory is taken, and
whatever is wrong is a `ProtocolError`.

Blocks, of which there are the most, are the business of `block_codec`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import lru_cache
from typing import Any, Union

import numpy as np

from xspress3.errors import ConfigurationError, ProtocolError
from xspress3.stream import fields
from xspress3.stream.block_codec import (
    MAX_ARRAY_BYTES,
    array_descriptions,
    decode_block,
    dtype_and_shape,
    encode_block,
    usual_block,
)
from xspress3.stream.compression import canonical_name
from xspress3.stream.contract import Contract
from xspress3.stream.dtypes import dtype_to_wire
from xspress3.stream.fields import (
    MAX_HEADER_BYTES,
    SCHEMA,
    Header,
    envelope_of,
    frames_of,
    integer,
    json_object,
    members,
    optional_integer,
    session_envelope_of,
    text,
)
from xspress3.stream.messages import (
    Alive,
    ArrayInfo,
    Block,
    EndReason,
    Loss,
    Message,
    SessionEnd,
    SessionStart,
    UnknownMessage,
)

__all__ = ["MAX_ARRAY_BYTES", "MAX_HEADER_BYTES", "SCHEMA", "decode", "encode"]

Buffer = Union[bytes, bytearray, memoryview]

_ROOM_TO_GROW = 256
"""Bytes by which a start may grow: it is repeated with larger numbers, a contract, the name of a ring."""


def encode(message: Message) -> list[Buffer]:
    """Parts of `message`, the header first; array payloads are passed on, not copied.

    Raises
    ------
    ConfigurationError
        For what every reader would refuse: the type or compression of an array, metadata that are nested
        too deep, a header above the limit.
    """
    if isinstance(message, UnknownMessage):
        raise ConfigurationError(f"a message of unknown type {message.type!r} cannot be sent")
    name, said, buffers = _ENCODERS[type(message)](message)
    envelope = message.envelope
    sender = _sender(envelope.stream_id, envelope.session_id, envelope.epoch)
    numbers = f'"sequence":{envelope.sequence:d},"time_ns":{envelope.time_ns:d}'
    header = f'{{"schema":"{SCHEMA}","type":"{name}",{sender},{numbers},{said}}}'.encode()
    allowed = MAX_HEADER_BYTES - (_ROOM_TO_GROW if _is_first(message) else 0)
    if len(header) > allowed:
        raise ConfigurationError(f"{name}: header of {len(header)} bytes, allowed is {allowed}")
    if name == "start":
        _check_start(header)
    return [header, *buffers]


def _is_first(message: Message) -> bool:
    """Whether it is a start as the sender makes it, of which each reader's own is made later."""
    return isinstance(message, SessionStart) and not message.is_repeat and message.contract == "lossless"


@lru_cache(maxsize=64)
def _sender(stream_id: str, session_id: int | None, epoch: str) -> str:
    return members(stream_id=stream_id, session_id=session_id, epoch=epoch)


def _encode_start(start: SessionStart) -> tuple[str, str, list[Buffer]]:
    said: Header = {
        "n_frames": start.n_frames,
        "frames_per_block": start.frames_per_block,
        "next_frame": start.next_frame,
        "is_repeat": start.is_repeat,
        "start_time_ns": start.start_time_ns,
        "arrays": [_info_to_wire(array) for array in start.arrays],
        "acquisition": dict(start.acquisition),
        "detector": dict(start.detector),
        "metadata": dict(start.metadata),
    }
    if start.contract != "lossless":
        said["contract"] = start.contract
    return "start", members(**said), []


def _check_start(header: bytes) -> None:
    """What the user said in a start may be anything; it is better refused here than by each reader."""
    try:
        fields.object_of_bytes(header, MAX_HEADER_BYTES)
    except ProtocolError as error:
        raise ConfigurationError(f"start of a session: {error}") from None


def _info_to_wire(array: ArrayInfo) -> Header:
    dtype = np.dtype(array.dtype)
    canonical_name(array.compression, dtype)
    return {**asdict(array), "dtype": dtype_to_wire(dtype), "shape": list(array.shape)}


def _encode_loss(loss: Loss) -> tuple[str, str, list[Buffer]]:
    said: Header = {"first_frame": loss.first_frame, "n_frames": loss.n_frames, "reason": loss.reason}
    if loss.first_sequence is not None:
        said["first_sequence"] = loss.first_sequence
    if loss.by_contract:
        said["by_contract"] = True
    return "loss", members(**said), []


def _encode_alive(alive: Alive) -> tuple[str, str, list[Buffer]]:
    return "alive", members(state=alive.state), []


def _encode_end(end: SessionEnd) -> tuple[str, str, list[Buffer]]:
    counts = {"acquired": end.acquired, "streamed": end.streamed, "lost": end.lost}
    return "end", members(reason=end.reason.value, **counts, text=end.text), []


_ENCODERS: dict[type, Callable[[Any], tuple[str, str, list[Buffer]]]] = {
    SessionStart: _encode_start,
    Block: encode_block,
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
    block = usual_block(parts)
    if block is not None:
        return block
    header = fields.object_of_bytes(parts[0], MAX_HEADER_BYTES)
    schema = header.get("schema")
    if schema != SCHEMA:
        raise ProtocolError(f"schema {str(schema)[:64]!r}, this reader knows {SCHEMA!r}")
    kind = text(header, "type")
    decoder = _DECODERS.get(kind)
    if decoder is None:
        return UnknownMessage(kind)
    if kind != "block" and len(parts) != 1:
        raise ProtocolError(f"{kind}: {len(parts)} parts, expected 1")
    return decoder(header, parts)


def _contract(header: Header) -> str:
    try:
        return str(Contract.parse(text(header, "contract", "lossless")))
    except ConfigurationError as error:
        raise ProtocolError(str(error)) from None


def _decode_start(header: Header, _parts: Sequence[Buffer]) -> SessionStart:
    return SessionStart(
        envelope=session_envelope_of(header),
        n_frames=optional_integer(header, "n_frames"),
        frames_per_block=integer(header, "frames_per_block", low=1, high=1 << 20),
        arrays=tuple([_decode_info(item) for item in array_descriptions(header)]),
        acquisition=json_object(header, "acquisition"),
        detector=json_object(header, "detector"),
        metadata=json_object(header, "metadata"),
        next_frame=optional_integer(header, "next_frame") or 0,
        is_repeat=header.get("is_repeat") is True,
        start_time_ns=optional_integer(header, "start_time_ns") or 0,
        contract=_contract(header),
    )


def _decode_info(item: Header) -> ArrayInfo:
    dtype, shape = dtype_and_shape(item)
    units, compression = text(item, "units", ""), text(item, "compression", "none")
    said = dtype.str if dtype.names is None else dtype
    return ArrayInfo(text(item, "name"), said, shape, units, compression)


def _decode_loss(header: Header, _parts: Sequence[Buffer]) -> Loss:
    envelope = session_envelope_of(header)
    n_frames = integer(header, "n_frames", low=1)
    first_sequence = optional_integer(header, "first_sequence")
    if first_sequence is not None and first_sequence > envelope.sequence:
        raise ProtocolError(f"first_sequence: {first_sequence}, allowed is 0..{envelope.sequence}, its own")
    return Loss(
        envelope=envelope,
        first_frame=frames_of(header, n_frames),
        n_frames=n_frames,
        reason=text(header, "reason"),
        first_sequence=first_sequence,
        by_contract=header.get("by_contract") is True,
    )


def _decode_alive(header: Header, _parts: Sequence[Buffer]) -> Alive:
    return Alive(envelope_of(header), text(header, "state"))


def _decode_end(header: Header, _parts: Sequence[Buffer]) -> SessionEnd:
    said = text(header, "reason")
    if said not in {reason.value for reason in EndReason}:
        raise ProtocolError(f"end: reason {said[:64]!r}, known are {[reason.value for reason in EndReason]}")
    return SessionEnd(
        envelope=session_envelope_of(header),
        reason=EndReason(said),
        acquired=integer(header, "acquired"),
        streamed=integer(header, "streamed"),
        lost=integer(header, "lost"),
        text=text(header, "text", ""),
    )


_DECODERS: dict[str, Callable[[Header, Sequence[Buffer]], Message]] = {
    "start": _decode_start,
    "block": decode_block,
    "loss": _decode_loss,
    "alive": _decode_alive,
    "end": _decode_end,
}
