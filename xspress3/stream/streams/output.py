"""The sending end of a stream of samples."""

from __future__ import annotations

import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import numpy.typing as npt
import zmq

from xspress3.errors import ConfigurationError, StateError, StreamTimeoutError
from xspress3.stream import compression
from xspress3.stream.messages import (
    ArrayInfo,
    Block,
    EncodedArray,
    EndReason,
    Loss,
    SessionEnd,
    SessionStart,
)
from xspress3.stream.numbering import Numbering
from xspress3.stream.publisher import ReaderStatus, Samples
from xspress3.stream.shm import ShmPublisher
from xspress3.stream.streams.chunker import Chunk, Chunker
from xspress3.stream.streams.filters import FilterFunction, apply_filters
from xspress3.stream.streams.gatherer import SMALL_BYTES, Gatherer
from xspress3.stream.streams.links import Link, SocketPublisher, make_link, max_samples, public_key
from xspress3.stream.streams.options import StreamOptions
from xspress3.worker import Worker

__all__ = ["LEFT_OUT", "STREAM", "OutputStream"]

STREAM = "stream"
"""Key of a start's metadata under which a stream describes itself."""
LEFT_OUT = "left out by the sender"
_GATHER_TIME = 0.002
"""Seconds that a gathered chunk waits for others."""
_TICK = 0.02
"""Seconds that a reader waits for the answer to its joining, and a chunk beyond its age."""


class OutputStream:
    """Sends arrays whose first axis is time, to any number of readers::

        output = OutputStream()
        output.configure(protocol="tcp", dtype="float32", shape=(-1, 16), sample_rate=1e4)
        input.connect(output)
        output.send(samples)

    What is sent goes through `filters`, then `scale` and `offset`, is gathered to chunks, and leaves. An
    array belongs to its readers from then on and must not be changed, unless `copy=True` was configured
    or it goes by shared memory. Any thread may send, one at a time.

    Parameters
    ----------
    spec
        Options that `configure` may not choose otherwise.
    node
        Whose stream it is; its method `after_output_configure(name)` is called, where it has one.
    name
        Of the stream.

    Attributes
    ----------
    params
        All options, and where readers find the stream: plain values, for readers elsewhere.
    filters
        Functions of an array that each chunk passes before it is sent; see `filters`.
    last_index
        Number of the sample after the last one that was sent.
    """

    def __init__(
        self, spec: Mapping[str, Any] | None = None, node: Any = None, name: str | None = None
    ) -> None:
        self.spec: dict[str, Any] = dict(spec or {})
        self.name = name
        self.params: dict[str, Any] = {}
        self.filters: list[FilterFunction] = []
        self.last_index = 0
        self._node = None if node is None else weakref.ref(node)
        self._lock = threading.RLock()  # guards all below
        self._is_closing = False
        self._options: StreamOptions | None = None
        self._link: Link | None = None
        self._ticker: Worker | None = None
        self._error: Exception | None = None
        self._gatherer = Gatherer()  # small chunks, while readers are busy
        self._hurry = threading.Event()  # wakes the ticker: something was gathered

    @property
    def configured(self) -> bool:
        """Whether readers can connect."""
        return self._link is not None

    @property
    def node(self) -> Any:
        """Whose stream it is."""
        return None if self._node is None else self._node()

    @property
    def url(self) -> str:
        """Where readers find it."""
        return self._need_link().endpoint

    @property
    def readers(self) -> list[ReaderStatus]:
        """Who reads, under which contract, and how far behind; also while `send` waits for one of them."""
        return self._need_link().readers

    def configure(self, **options: Any) -> None:
        """Choose, listen, and begin; see `StreamOptions` for all that can be chosen.

        Raises
        ------
        ConfigurationError
            For what there is not, cannot be, or is fixed; nothing was opened.
        StateError
            When it was configured and not closed.
        """
        with self._lock:
            if self._link is not None:
                raise StateError("configure of a stream that is, allowed once until it is closed")
            chosen = StreamOptions.parse(
                {**({"name": self.name} if self.name else {}), **self.spec}, **options
            )
            self._options = chosen
            self._numbering = Numbering(chosen.name or "stream")
            self._chunker: Chunker = chosen.chunker()
            self._pending: deque[Chunk] = deque()  # whole, and readers had no room
            self._gatherer = Gatherer()
            self._scaling = chosen.scaling()
            self._method = compression.find_method(chosen.compression)
            self._sample_shape = chosen.shape[1:]
            self._n_samples = None if chosen.shape[0] == -1 else chosen.shape[0]
            self._is_closing = False
            self._link = make_link(chosen, self._numbering)
            self._max_samples = max_samples(self._link, chosen)
            self.params = {
                **chosen.to_params(),
                "curve_public_key": public_key(chosen),
                "url": self._link.endpoint,
            }
            try:
                self._begin()
            except BaseException:
                link, self._link = self._link, None
                link.close()
                raise
            self._ticker = Worker(
                f"stream-{chosen.name or 'output'}", self._tick, self._tick_failed, self._hurry.set
            )
            self._ticker.start()
        node = self.node
        if node is not None and hasattr(node, "after_output_configure"):
            node.after_output_configure(self.name)

    def send(self, data: Any, index: int | None = None, *, timeout: float | None = None) -> None:
        """Send samples.

        Parameters
        ----------
        data
            Array of the stream's dtype, shape (n_samples, ...), or bytes of it.
        index
            Number of the sample after the last of `data`, when samples were left out; readers are told.
        timeout
            Seconds to wait for readers that must not miss anything; `None` for ever.

        Raises
        ------
        ConfigurationError
            For another type or shape, or an index that goes back; nothing was sent.
        StreamTimeoutError
            When a reader had no room in time; nothing of `data` was taken, and no reader has any of it.
        StateError
            Before `configure` and after `close`.
        """
        with self._lock:
            if index is None and self._joins_gathered(data):
                return
            self._need_link()
            self._raise_error()
            array = self._prepare(data)
            if not len(array):
                return
            give_up = self._patience(timeout)
            if self._pending:
                self._send_pending(give_up)
            if index is None and self._is_chunk(len(array)):
                if not self._gathers(array, give_up):
                    self._send_piece(self.last_index + len(array), array, give_up)
                return
            self._send_gathered(give_up)
            if not self._chunker.n_waiting:
                self._chunker.seek(self.last_index)
            self._pending.extend(self._chunker.add(array, time.monotonic(), index))
            with suppress(StreamTimeoutError):  # they were taken: the next call waits for their turn
                self._send_pending(give_up)

    def flush(self, timeout: float | None = None) -> None:
        """Send what waits to fill a chunk; after a `StreamTimeoutError` it goes on waiting."""
        with self._lock:
            self._need_link()
            self._send_gathered(self._patience(timeout))
            self._pending.extend(self._chunker.flush())
            self._send_pending(self._patience(timeout))

    @contextmanager
    def borrow(self, n_samples: int, timeout: float | None = None) -> Iterator[npt.NDArray[Any]]:
        """Memory of the stream itself, to be filled and sent when the block ends; nothing is copied.

        For `transfermode="sharedmem"` without filters, scale and offset, which could not be applied. An
        error inside sends nothing. The array must not be written any more once the block has ended.
        """
        with self._lock:
            link, options = self._need_link(), self._need_options()
            if not isinstance(link, ShmPublisher):
                raise StateError("borrow of a plain stream, allowed is transfermode='sharedmem'")
            if self.filters or self._scaling is not None:
                raise StateError("borrow of a stream with filters or scale and offset, allowed are none")
            allowed = self._n_samples or f"1..{self._max_samples}, as chunk_size and buffer_size make it"
            if n_samples != (self._n_samples or n_samples) or not 1 <= n_samples <= self._max_samples:
                raise ConfigurationError(f"borrow of {n_samples} samples, allowed are {allowed}")
            self.flush(timeout)
            shape = (n_samples, *self._sample_shape)
            n_bytes = n_samples * options.bytes_per_sample
            memory = self._patiently(lambda give_up: link.borrow(n_bytes, give_up), self._patience(timeout))
            array = memory.view(options.dtype).reshape(shape)
            try:
                yield array
            except BaseException:
                link.ring.abandon()
                raise
            finally:
                array.flags.writeable = False
            samples = self._samples(self.last_index + n_samples, array)
            link.commit(samples, lambda: self._block(samples, array.copy()))
            self._sent(samples)

    def reset_buffer_index(self) -> None:
        """Begin to number samples at 0 again; readers are told."""
        with self._lock:
            self._need_link()
            self._end(EndReason.RESTARTED, "numbers begin at 0 again")
            self._chunker.reset_index()
            self._begin()

    def close(self) -> None:
        """Send what waits, tell readers that it was all, and close; a second call does nothing.

        Raises
        ------
        Exception
            What sending in the background failed with, unless `send` has raised it.
        """
        self._is_closing = True  # without the lock: a send that waits shall give up
        if self._ticker is not None:
            self._ticker.close(10.0)
        with self._lock:
            link, self._link, self._ticker = self._link, None, None
            if link is None:
                return
            try:
                self._say_farewell(link)
            finally:
                link.close()
            self._raise_error()

    def __enter__(self) -> OutputStream:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    # What arrays go through

    def _prepare(self, data: Any) -> npt.NDArray[Any]:
        """`data` as it shall be sent."""
        options = self._need_options()
        array = self._as_array(data, options)
        if self.filters:
            array = apply_filters(self.filters, array)
        if self._scaling is not None:
            array = apply_filters([self._scaling], array)
        if array.dtype != options.dtype or array.shape[1:] != self._sample_shape or not array.ndim:
            raise ConfigurationError(
                f"data: {array.dtype} {array.shape}, allowed is {options.dtype} {options.shape}, -1 for any"
            )
        return array.copy() if options.copy else array

    @staticmethod
    def _as_array(data: Any, options: StreamOptions) -> npt.NDArray[Any]:
        if isinstance(data, np.ndarray):
            return data
        if isinstance(data, (bytes, bytearray, memoryview)):
            try:
                return np.frombuffer(data, options.dtype).reshape(options.shape)
            except ValueError as error:
                raise ConfigurationError(f"data: {len(data)} bytes: {error}") from None
        return np.asarray(data)

    def _is_chunk(self, n_samples: int) -> bool:
        """Whether so many samples make a chunk and a message of their own."""
        chunker = self._chunker
        most = min(self._max_samples, chunker.max_samples or n_samples)
        return chunker.min_samples <= n_samples <= most and not chunker.n_waiting

    def _gathers(self, array: npt.NDArray[Any], give_up: Callable[[], bool]) -> bool:
        """Put a small chunk beside others while readers are busy; `False` when it must go by itself."""
        link, gatherer = self._link, self._gatherer
        if array.nbytes > SMALL_BYTES or not isinstance(link, SocketPublisher):
            return False
        if self._need_options().backlog_bytes:  # what is kept must not be used again
            return False
        if gatherer.n_samples and link.is_busy and gatherer.fits(array):
            gatherer.add(array)
            return True
        self._send_gathered(give_up)
        if not link.is_busy:
            return False
        gatherer.begin(array, time.monotonic())
        self._hurry.set()
        return True

    def _joins_gathered(self, data: Any) -> bool:
        """The short way for many: put `data` to those that wait, when it is as they are."""
        gatherer = self._gatherer
        if not gatherer.n_samples or type(data) is not np.ndarray or self.filters or self._error is not None:
            return False
        if self._scaling is not None or not gatherer.fits(data):
            return False
        gatherer.add(data)
        return True

    def _send_gathered(self, give_up: Callable[[], bool]) -> None:
        gatherer = self._gatherer
        if gatherer.n_samples:
            whole, piece = gatherer.whole()
            samples = self._samples(self.last_index + len(whole), whole)
            block, link = self._block(samples, whole, piece), self._need_link()
            item = self._patiently(
                lambda patience: link.send(block, is_borrowed=True, give_up=patience), give_up
            )
            self._sent(samples)
            gatherer.sent(item.tracker)

    def _send_gap(self, chunk: Chunk, give_up: Callable[[], bool]) -> None:
        """Tell of samples that were left out before `chunk`."""
        n_missing = chunk.first_index - self.last_index  # 0 when it was told before and the chunk had to wait
        if n_missing:
            link = self._need_link()
            loss = Loss(self._numbering.envelope(), self.last_index, n_missing, LEFT_OUT)
            self._patiently(lambda patience: link.send(loss, give_up=patience), give_up)
            self._numbering.advance()
            self.last_index = chunk.first_index

    def _send_pending(self, give_up: Callable[[], bool]) -> None:
        """Send chunks that are whole, in pieces where they are too large for one message."""
        pending, most = self._pending, self._max_samples
        while pending:
            chunk = pending[0]
            self._send_gap(chunk, give_up)
            piece, rest = chunk.data[:most], chunk.data[most:]
            self._send_piece(chunk.index - len(rest), piece, give_up)
            if len(rest):
                pending[0] = Chunk(chunk.index, rest)
            else:
                pending.popleft()

    def _send_piece(self, end: int, array: npt.NDArray[Any], give_up: Callable[[], bool]) -> None:
        samples = (end, array, self._numbering.sequence, time.time_ns())
        try:
            self._need_link().send_samples(samples, lambda: self._block(samples, array), give_up)
        except zmq.Again:
            raise self._gave_up() from None
        self._sent(samples)

    def _samples(self, end: int, array: npt.NDArray[Any]) -> Samples:
        return end, array, self._numbering.sequence, time.time_ns()

    def _sent(self, samples: Samples) -> None:
        self._numbering.sequence += 1
        self.last_index = samples[0]

    def _block(self, samples: Samples, array: npt.NDArray[Any], piece: int = 0) -> Block:
        """The long form of a chunk, or of several of `piece` samples each, packed."""
        end, _, _, time_ns = samples
        plain = np.ascontiguousarray(array)
        name = self._need_options().compression
        encoded = EncodedArray("data", plain.dtype, plain.shape, name, self._method.compress(plain))
        first, n_samples = end - len(plain), len(plain)
        return Block(self._numbering.envelope(time_ns), first, n_samples, (encoded,), piece=piece)

    # Sessions

    def _begin(self) -> None:
        options, link = self._need_options(), self._need_link()
        self._numbering.begin(_next_session_id())
        self.last_index = 0
        dtype = options.dtype if options.dtype.names else options.dtype.str
        array = ArrayInfo("data", dtype, self._sample_shape, options.units, options.compression)
        public = {name: value for name, value in self.params.items() if not name.startswith("curve_")}
        start = SessionStart(
            self._numbering.envelope(),
            n_frames=None,
            frames_per_block=options.chunk_size,
            arrays=(array,),
            metadata={STREAM: public},
            start_time_ns=time.time_ns(),
        )
        self._patiently(lambda give_up: link.send(start, give_up=give_up), self._patience(options.linger))
        self._numbering.advance()

    def _end(self, reason: EndReason, text: str) -> None:
        options, link = self._need_options(), self._need_link()
        self.flush(options.linger)
        n = self.last_index
        end = SessionEnd(self._numbering.envelope(), reason, n, n, 0, text)
        self._patiently(lambda give_up: link.send(end, give_up=give_up), self._patience(options.linger))
        self._numbering.end()

    def _say_farewell(self, link: Link) -> None:
        self._link, self._is_closing = link, False
        try:
            self._end(EndReason.COMPLETE, "closed")
        except StreamTimeoutError as error:
            self._error = self._error or error
        finally:
            self._link, self._is_closing = None, True

    # Waiting

    def _patience(self, timeout: float | None) -> Callable[[], bool]:
        """Says when to wait no longer."""
        if timeout is None:
            return self._closes
        deadline = time.monotonic() + timeout
        return lambda: self._is_closing or time.monotonic() >= deadline

    def _closes(self) -> bool:
        return self._is_closing

    def _patiently(self, action: Callable[[Callable[[], bool]], Any], give_up: Callable[[], bool]) -> Any:
        try:
            return action(give_up)
        except zmq.Again:
            raise self._gave_up() from None

    def _gave_up(self) -> Exception:
        if self._is_closing:
            return StateError(f"stream {self.name or ''} was closed while a reader was waited for")
        slow = ", ".join(reader.name for reader in self._need_link().readers if reader.contract == "lossless")
        return StreamTimeoutError(f"readers that must not miss anything have no room: {slow}")

    # In the background

    def _tick(self, stop: threading.Event) -> None:
        """Hear readers, give signs of life, send chunks whose time has come."""
        while not stop.is_set():
            if self._hurry.wait(_TICK):
                self._hurry.clear()
                stop.wait(_GATHER_TIME)
            with self._lock:
                link = self._link
                if link is None:
                    return
                link.serve()
                self._pending.extend(self._chunker.due(time.monotonic()))
                # Not to be waited for here: who sends meanwhile shall be able to give up.
                with suppress(StreamTimeoutError, StateError):
                    if time.monotonic() - self._gatherer.since >= _GATHER_TIME:
                        self._send_gathered(lambda: True)
                    self._send_pending(lambda: True)

    def _tick_failed(self, error: Exception) -> None:
        self._error = error

    def _raise_error(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _need_link(self) -> Link:
        if self._link is None:
            raise StateError("the stream is not configured, or was closed")
        return self._link

    def _need_options(self) -> StreamOptions:
        if self._options is None:
            raise StateError("the stream is not configured")
        return self._options


_last_session_id = 0
_session_id_lock = threading.Lock()  # guards _last_session_id


def _next_session_id() -> int:
    """Unix seconds, or one more than the last where that was this second."""
    global _last_session_id  # noqa: PLW0603  # one counter for all streams of the process
    with _session_id_lock:
        _last_session_id = max(_last_session_id + 1, int(time.time()))
        return _last_session_id
