"""The way of chunks to a link: gathered or cut, numbered, one after the other."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from xspress3.stream import compression
from xspress3.stream.local import LocalPublisher
from xspress3.stream.messages import (
    ArrayInfo,
    Block,
    EncodedArray,
    EndReason,
    Loss,
    SessionEnd,
    SessionStart,
)
from xspress3.stream.numbering import Numbering, next_session_id
from xspress3.stream.publisher import Samples
from xspress3.stream.shm import ShmPublisher
from xspress3.stream.streams.chunker import Chunk
from xspress3.stream.streams.gatherer import SMALL_BYTES, Gatherer
from xspress3.stream.streams.links import Link, SocketPublisher, make_link, max_samples
from xspress3.stream.streams.options import StreamOptions

__all__ = ["GATHER_TIME", "LEFT_OUT", "STREAM", "ChunkSender"]

STREAM = "stream"
"""Key of a start's metadata under which a stream describes itself."""
LEFT_OUT = "left out by the sender"
GATHER_TIME = 0.002
"""Seconds that a gathered chunk waits for others."""


class ChunkSender:
    """Sends chunks of arrays that are as `options` say; used under one lock::

        sender = ChunkSender(options)
        sender.begin(params, give_up)
        if not sender.send_at_once(array, give_up):
            sender.send_waiting(give_up)
            sender.add(array, index, give_up)

    What waits for readers asks `give_up` whether to go on, and ends with `zmq.Again`: what was not sent by
    then still waits, but for the array of `send_at_once`, which nobody has got.

    Attributes
    ----------
    link
        What carries it; closed by `close`.
    last_index
        Number of the sample after the last one that was sent, or gathered.
    max_samples
        That may leave in one piece.
    pending, gatherer
        What is whole and found no room; small chunks that wait for others. Looked at once for each chunk.
    send_short
        The short way of this link, for an array that is to leave as it is: whether it was taken.
    """

    def __init__(self, options: StreamOptions) -> None:
        self.options = options
        self.numbering = Numbering(options.name or "stream")
        self.chunker = options.chunker()
        self.last_index = 0
        self.pending: deque[Chunk] = deque()
        self.gatherer = Gatherer()
        self._method = compression.find_method(options.compression)
        self.link = make_link(options, self.numbering)
        self.max_samples = max_samples(self.link, options)
        self._straight = _straight_link(self.link, options)
        self._straight_kind: tuple[tuple[int, ...], np.dtype[Any]] | None = None
        self.send_short = self._joins_gathered if self._straight is None else self._send_straight

    # Sessions

    def begin(self, params: Mapping[str, Any], give_up: Callable[[], bool]) -> None:
        """Begin a session, and say what the stream is: `params`, but for its keys."""
        options = self.options
        self.numbering.begin(next_session_id())
        self.last_index = 0
        dtype = options.dtype if options.dtype.names else options.dtype.str
        array = ArrayInfo("data", dtype, options.shape[1:], options.units, options.compression)
        public = {name: value for name, value in params.items() if not name.startswith("curve_")}
        start = SessionStart(
            self.numbering.envelope(),
            n_frames=None,
            frames_per_block=options.chunk_size,
            arrays=(array,),
            metadata={STREAM: public},
            start_time_ns=time.time_ns(),
        )
        self.link.send(start, give_up=give_up)
        self.numbering.advance()

    def end(self, reason: EndReason, text: str, give_up: Callable[[], bool]) -> None:
        """End the session; what waits must have been sent."""
        n = self.last_index
        end = SessionEnd(self.numbering.envelope(), reason, n, n, 0, text)
        self.link.send(end, give_up=give_up)
        self.numbering.end()

    # Chunks

    def _joins_gathered(self, data: Any) -> bool:
        """Put `data` to those that wait, when it is as they are."""
        gatherer = self.gatherer
        if not gatherer.n_samples or type(data) is not np.ndarray or not gatherer.fits(data):
            return False
        gatherer.add(data)
        self.last_index += len(data)
        return True

    def _send_straight(self, data: Any) -> bool:
        """Hand over an array that is as the one before it, which was a chunk, while there is room.

        It asks for less than `send_at_once`, which a chunk of 64 KiB notices.
        """
        if type(data) is not np.ndarray or (data.shape, data.dtype) != self._straight_kind:
            return False
        assert self._straight is not None
        end = self.last_index + len(data)
        if not self._straight.send_straight((end, data, self.numbering.sequence, time.time_ns()), self.block):
            return False
        self.numbering.sequence += 1
        self.last_index = end
        return True

    def send_at_once(self, array: npt.NDArray[Any], give_up: Callable[[], bool]) -> bool:
        """Send a chunk that needs not wait for more samples; `False` when it does."""
        if not self._is_chunk(len(array)):
            return False
        if not self._gathers(array, give_up):
            self._send_piece(self.last_index + len(array), array, give_up)
            if self._straight is not None:
                self._straight_kind = array.shape, array.dtype
        return True

    def add(self, array: npt.NDArray[Any], index: int | None) -> None:
        """Take samples that wait for others, or for `send_pending`; nothing may be gathered meanwhile."""
        self._straight_kind = None  # what comes next has to wait for its turn
        if not self.chunker.n_waiting:
            self.chunker.seek(self.last_index)
        self.pending.extend(self.chunker.add(array, time.monotonic(), index))

    def flush(self) -> None:
        """Let all samples that wait for others be chunks."""
        self.pending.extend(self.chunker.flush())

    def take_due(self) -> None:
        """Let samples whose time has come be chunks."""
        self.pending.extend(self.chunker.due(time.monotonic()))

    @property
    def is_gathered_due(self) -> bool:
        """Whether what was gathered has waited for others long enough."""
        return time.monotonic() - self.gatherer.since >= GATHER_TIME

    def send_gathered(self, give_up: Callable[[], bool]) -> None:
        """Send what was gathered, if anything was."""
        gatherer = self.gatherer
        if gatherer.n_samples:
            whole, piece = gatherer.whole()
            samples = self.samples(self.last_index, whole)
            block = self.block(samples, piece)
            item = self.link.send(block, is_borrowed=True, give_up=give_up)
            self.sent(samples)
            gatherer.sent(item.tracker)

    def send_pending(self, give_up: Callable[[], bool]) -> None:
        """Send chunks that are whole, in pieces where they are too large for one message."""
        pending, most = self.pending, self.max_samples
        while pending:
            chunk = pending[0]
            self._send_gap(chunk, give_up)
            piece, rest = chunk.data[:most], chunk.data[most:]
            self._send_piece(chunk.index - len(rest), piece, give_up)
            if len(rest):
                pending[0] = Chunk(chunk.index, rest)
            else:
                pending.popleft()

    def samples(self, end: int, array: npt.NDArray[Any]) -> Samples:
        """The next chunk, as links take it."""
        return end, array, self.numbering.sequence, time.time_ns()

    def sent(self, samples: Samples) -> None:
        """Count what was sent."""
        self.numbering.sequence += 1
        self.last_index = samples[0]

    def block(self, samples: Samples, piece: int = 0) -> Block:
        """The long form of a chunk, or of several of `piece` samples each, packed."""
        end, array, _, time_ns = samples
        plain = np.ascontiguousarray(array)
        name = self.options.compression
        encoded = EncodedArray("data", plain.dtype, plain.shape, name, self._method.compress(plain))
        first, n_samples = end - len(plain), len(plain)
        return Block(self.numbering.envelope(time_ns), first, n_samples, (encoded,), piece=piece)

    def close(self) -> None:
        """Close the link; a second call does nothing."""
        self.link.close()

    def _is_chunk(self, n_samples: int) -> bool:
        """Whether so many samples make a chunk and a message of their own."""
        chunker = self.chunker
        most = min(self.max_samples, chunker.max_samples or n_samples)
        return chunker.min_samples <= n_samples <= most and not chunker.n_waiting

    def _gathers(self, array: npt.NDArray[Any], give_up: Callable[[], bool]) -> bool:
        """Put a small chunk beside others while readers are busy; `False` when it must go by itself."""
        link, gatherer = self.link, self.gatherer
        if array.nbytes > SMALL_BYTES or not isinstance(link, SocketPublisher):
            return False
        if self.options.backlog_bytes:  # what is kept must not be used again
            return False
        if gatherer.n_samples and link.is_busy and gatherer.fits(array):
            gatherer.add(array)
            self.last_index += len(array)
            return True
        self.send_gathered(give_up)
        if not link.is_busy:
            return False
        gatherer.begin(array, time.monotonic())
        self.last_index += len(array)
        return True

    def _send_gap(self, chunk: Chunk, give_up: Callable[[], bool]) -> None:
        """Tell of samples that were left out before `chunk`."""
        n_missing = chunk.first_index - self.last_index  # 0 when it was told before and the chunk had to wait
        if n_missing:
            loss = Loss(self.numbering.envelope(), self.last_index, n_missing, LEFT_OUT)
            self.link.send(loss, give_up=give_up)
            self.numbering.advance()
            self.last_index = chunk.first_index

    def _send_piece(self, end: int, array: npt.NDArray[Any], give_up: Callable[[], bool]) -> None:
        samples = (end, array, self.numbering.sequence, time.time_ns())
        self.link.send_samples(samples, self.block, give_up)
        self.sent(samples)


def _straight_link(link: Link, options: StreamOptions) -> Union[LocalPublisher, ShmPublisher, None]:
    """`link`, where arrays may be handed to it as they are."""
    if isinstance(link, SocketPublisher) or (isinstance(link, LocalPublisher) and options.copy):
        return None
    return link
