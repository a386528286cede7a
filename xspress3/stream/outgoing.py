"""A message on its way to several readers: packed once, copied once, thinned once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Union

import numpy.typing as npt
import zmq

from xspress3.stream.codec import encode
from xspress3.stream.contract import Contract
from xspress3.stream.messages import Block, EncodedArray, Envelope, Message, SessionStart

__all__ = ["Outgoing", "Thin", "thin_arrays", "thin_block"]

Buffer = Union[bytes, bytearray, memoryview]
Part = Union[bytes, bytearray, memoryview, zmq.Frame]
Thin = Callable[[int], Union[Block, None]]
"""Gives the frames of a block whose number is a multiple of its argument, `None` where there are none."""


class Outgoing:
    """A message and what is made of it once, however many readers get it.

    Parameters
    ----------
    message
        `None` for bytes that are no message of ours, then `raw` are its parts.
    is_borrowed
        Whether the payload is memory that its owner wants back. Only lossless readers, which take it
        in time, get it as it is; others get a copy. `tracker` tells when zmq needs it no more.
    thin
        A cheaper way than `thin_block` to leave out frames.
    """

    def __init__(
        self,
        message: Message | None,
        *,
        is_borrowed: bool = False,
        thin: Thin | None = None,
        raw: list[Buffer] | None = None,
    ) -> None:
        self.message = message
        self.is_borrowed = is_borrowed
        self._raw = raw
        self._thin = thin
        self._parts: list[Part] | None = None
        self._owned: Outgoing | None = None
        self._thinned: dict[int, Outgoing | None] = {}
        self._by_contract: dict[str, Outgoing] = {}

    @property
    def parts(self) -> list[Part]:
        """What travels."""
        if self._parts is None:
            self._parts = self._pack()
        return self._parts

    def _pack(self) -> list[Part]:
        buffers = encode(self.message) if self.message is not None else self._raw or []
        if not self.is_borrowed:
            return list(buffers)
        # `send_multipart` with `track` would track the last part only.
        return [zmq.Frame(part, copy=False, track=True) for part in buffers]

    @property
    def tracker(self) -> zmq.MessageTracker:
        """Of a borrowed message: done when zmq needs none of its buffers any more."""
        return zmq.MessageTracker(*(part for part in self.parts if isinstance(part, zmq.Frame)))

    @property
    def size_bytes(self) -> int:
        """Payload, as it travels."""
        if not isinstance(self.message, Block):
            return 0
        return sum(len(array.payload) for array in self.message.arrays)

    def owned(self) -> Outgoing:
        """The same in memory that nobody wants back."""
        if not self.is_borrowed:
            return self
        if self._owned is None:
            self._owned = Outgoing(_copied(self.message))
        return self._owned

    def under(self, contract: Contract) -> Outgoing:
        """The same for readers under `contract`: a start says which contract it is."""
        if not isinstance(self.message, SessionStart):
            return self
        said = str(contract)
        if said == self.message.contract:
            return self
        if said not in self._by_contract:
            self._by_contract[said] = Outgoing(replace(self.message, contract=said))
        return self._by_contract[said]

    def settle(self) -> None:
        """Every reader was offered it: what `thin` works on may change from here on."""
        self._thin = None

    def every(self, step: int) -> Outgoing | None:
        """The frames whose number is a multiple of `step`, `None` where there are none."""
        if step == 1 or not isinstance(self.message, Block):
            return self.owned()
        if step not in self._thinned:
            block = self._thin(step) if self._thin is not None else thin_block(self.message, step)
            self._thinned[step] = None if block is None else Outgoing(block)
        return self._thinned[step]


def _copied(message: Message | None) -> Message | None:
    if not isinstance(message, Block):
        return message
    arrays = tuple(
        EncodedArray(array.name, array.dtype, array.shape, array.compression, bytes(array.payload))
        for array in message.arrays
    )
    return Block(message.envelope, message.first_frame, message.n_frames, arrays, message.step, message.piece)


def thin_block(block: Block, step: int) -> Block | None:
    """The frames of `block` whose number is a multiple of `step`, not compressed."""
    arrays = ((array.name, array.decode()) for array in block.arrays)
    return thin_arrays(block.envelope, block.first_frame, block.n_frames, arrays, step)


def thin_arrays(
    envelope: Envelope,
    first_frame: int,
    n_frames: int,
    arrays: Iterable[tuple[str, npt.NDArray[Any]]],
    step: int,
) -> Block | None:
    """A block of those of `n_frames` frames whose number is a multiple of `step`; a copy, not compressed.

    `arrays` may be longer; they are not looked at when there is no such frame, then it is `None`.
    """
    offset = -first_frame % step
    if offset >= n_frames:
        return None
    chosen = range(offset, n_frames, step)
    thinned = []
    for name, array in arrays:
        frames = array[offset:n_frames:step]
        thinned.append(EncodedArray(name, frames.dtype, frames.shape, "none", frames.tobytes()))
    return Block(envelope, first_frame + offset, len(chosen), tuple(thinned), step)
