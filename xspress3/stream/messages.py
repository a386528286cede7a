"""What is said on a stream.

A session is one `SessionStart`, any number of `Block` and `Loss`, and one `SessionEnd`. These are
numbered by `sequence`, from 0 in each session, so a reader sees when one is missing. `Alive` comes
once a second while nothing else does, and a `SessionStart` is repeated for readers that join late;
both take no number of their own and carry the one that comes next.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from xspress3.errors import ProtocolError
from xspress3.stream.compression import find_method

__all__ = [
    "Alive",
    "ArrayInfo",
    "Block",
    "EncodedArray",
    "EndReason",
    "Envelope",
    "Loss",
    "Message",
    "SessionEnd",
    "SessionStart",
    "UnknownMessage",
]

Buffer = Union[bytes, bytearray, memoryview]


class EndReason(str, Enum):
    """Why a session ended."""

    COMPLETE = "complete"
    """All frames asked for were acquired or announced as lost."""
    STOPPED = "stopped"
    """Somebody asked for the end."""
    FAILED = "failed"
    """The detector or the streamer failed; the text says how."""
    RESTARTED = "restarted"
    """Numbers begin at 0 again: another session of the same stream follows at once."""


@dataclass(frozen=True)
class Envelope:
    """Who says it, in which session, as which message, and when.

    Parameters
    ----------
    stream_id
        Name of the source, constant over sessions.
    session_id
        Unix seconds of the session's start, strictly increasing; `None` outside a session.
    sequence
        Number of this message in its session, or of the next one, see the module.
    time_ns
        Unix time at the sender, in ns; of a block the one at which its frames were read.
    epoch
        Random text of up to 64 characters, new with each start of the sending process; empty where the
        sender does not say. Numbers of two epochs have nothing to do with each other.
    """

    stream_id: str
    session_id: int | None
    sequence: int
    time_ns: int
    epoch: str = ""


@dataclass(frozen=True)
class ArrayInfo:
    """One array that every block of a session carries; `shape` is that of one frame.

    `dtype` of plain numbers and texts comes as text, such as `"<u4"`, that of records as numpy's type;
    `numpy.dtype(info.dtype)` is right for both. `compression` is how the sender means to send it; each
    block says how it did.
    """

    name: str
    dtype: Union[str, np.dtype[Any]]
    shape: tuple[int, ...]
    units: str = ""
    compression: str = "none"


@dataclass(frozen=True)
class SessionStart:
    """Everything about a session that holds for all of its frames.

    Parameters
    ----------
    n_frames
        Frames that will come, `None` where that is not known.
    frames_per_block
        Frames of a full block; blocks begin at multiples of it unless one before was cut short.
    next_frame
        First frame that this reader may expect: 0, or more in a start that is repeated.
    start_time_ns
        Unix time in ns at which the session began, also in a start that is repeated.
    acquisition, detector, metadata
        Plain values: what was asked for and will be done, what the detector is, what the user said.
    contract
        What this reader gets: `lossless` (every frame), `latest` (the newest only), or `every:N` (each
        N-th, N >= 1, as long as the reader keeps pace).
    """

    envelope: Envelope
    n_frames: int | None
    frames_per_block: int
    arrays: tuple[ArrayInfo, ...]
    acquisition: Mapping[str, Any] = field(default_factory=dict)
    detector: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    next_frame: int = 0
    is_repeat: bool = False
    start_time_ns: int = 0
    contract: str = "lossless"


@dataclass(frozen=True)
class EncodedArray:
    """An array as it travels; with `"none"` and `"bslz4"` the bytes are those of an HDF5 chunk.

    Parameters
    ----------
    shape
        Of the whole block, the first axis is the frame.
    compression
        A name of `compression.METHODS`: `"none"` (C order), `"bslz4"` (bitshuffle and LZ4 with the
        header of the HDF5 filter), and with the package `blosc2` `"blosc-lz4"` and `"blosc-blosclz"`.
    """

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    compression: str
    payload: Buffer

    @property
    def nbytes(self) -> int:
        """Size in bytes when it is not compressed."""
        return math.prod(self.shape) * self.dtype.itemsize

    def check(self) -> None:
        """Raise `ProtocolError` unless the payload says that it holds exactly this shape."""
        try:
            find_method(self.compression).check(self.payload, self.nbytes, self.dtype.itemsize)
        except ProtocolError as error:
            raise self._named(error) from None

    def decode(self) -> npt.NDArray[Any]:
        """The array, read-only; a view of the payload where that was not compressed.

        Raises
        ------
        ProtocolError
            When the payload does not hold exactly this shape.
        """
        size = self.nbytes // self.dtype.itemsize
        try:
            array = find_method(self.compression).decompress(self.payload, self.dtype, size)
        except ProtocolError as error:
            raise self._named(error) from None
        array.flags.writeable = False
        return array.reshape(self.shape)

    def _named(self, error: ProtocolError) -> ProtocolError:
        return ProtocolError(f"array {self.name}, shape {self.shape} {self.dtype}: {error}")


@dataclass(frozen=True)
class Block:
    """Frames `first_frame + i * step` for i in 0..n_frames - 1, whole.

    `piece` is how many of them were sent at a time, when several such chunks were gathered; else 0.
    """

    envelope: Envelope
    first_frame: int
    n_frames: int
    arrays: tuple[EncodedArray, ...]
    step: int = 1
    piece: int = 0

    @property
    def end_frame(self) -> int:
        """The frame after the last one."""
        return self.first_frame + (self.n_frames - 1) * self.step + 1

    def __getitem__(self, name: str) -> EncodedArray:
        for array in self.arrays:
            if array.name == name:
                return array
        raise KeyError(f"no array {name!r} in this block, there are {[a.name for a in self.arrays]}")


@dataclass(frozen=True)
class Loss:
    """Frames that will not come, and why.

    `first_sequence` is the number of the first message that this one stands for, up to the envelope's
    own, which is the last; `None` where it stands for itself only. `by_contract` tells that the reader
    wanted it so, as one that wants the newest frames only does.
    """

    envelope: Envelope
    first_frame: int
    n_frames: int
    reason: str
    first_sequence: int | None = None
    by_contract: bool = False


@dataclass(frozen=True)
class Alive:
    """The sender is there; `state` is what it does."""

    envelope: Envelope
    state: str


@dataclass(frozen=True)
class SessionEnd:
    """The session is over, with the sender's own counts of frames."""

    envelope: Envelope
    reason: EndReason
    acquired: int
    streamed: int
    lost: int
    text: str = ""


@dataclass(frozen=True)
class UnknownMessage:
    """A message of a type that this version does not know, to be passed over."""

    type: str


Message = Union[SessionStart, Block, Loss, Alive, SessionEnd, UnknownMessage]
