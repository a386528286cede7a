"""The receiving end of a stream of samples."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from xspress3.errors import (
    ConfigurationError,
    ProtocolError,
    SenderDiedError,
    SequenceGapError,
    StateError,
    StreamEndedError,
    StreamTimeoutError,
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
)
from xspress3.stream.publisher import HEARTBEAT, Samples
from xspress3.stream.streams.filters import FilterFunction, apply_filters
from xspress3.stream.streams.options import StreamOptions
from xspress3.stream.streams.output import STREAM, OutputStream
from xspress3.stream.streams.ring_buffer import RingBuffer
from xspress3.stream.streams.sources import Source, open_source
from xspress3.stream.tracker import Gap, SessionTracker

__all__ = ["InputStream"]

_TURN = 0.1
"""Seconds after which a wait looks whether the sender is still there."""
_MISSED_HEARTBEATS = 3
_QUEUE_MESSAGES = 64
Array = npt.NDArray[Any]
Shape = tuple[int, ...]
Found = Union[tuple[int, Array], Gap, StreamEndedError, SequenceGapError]


class InputStream:
    """Receives what an `OutputStream` sends, or one array of any stream of blocks::

        input = InputStream()
        input.connect(output)                  # or its `params`, or its url
        index, samples = input.recv(timeout=1)

    Used in one thread. What does not come is told: `recv` raises `SequenceGapError` once for each range, or
    calls `on_loss`, and goes on behind it.

    Parameters
    ----------
    spec
        Options that the stream must have, such as `dtype` or `streamtype`.
    node
        Whose stream it is.
    name
        By which the sender knows this reader.

    Attributes
    ----------
    params
        Options of the stream, as the sender says.
    filters
        Functions of an array that each chunk passes before the user or the ring buffer gets it.
    on_loss
        Takes each `Gap` instead of the error.
    buffer
        The `RingBuffer` that `set_buffer` made.
    """

    def __init__(
        self, spec: Mapping[str, Any] | None = None, node: Any = None, name: str | None = None
    ) -> None:
        self.spec: dict[str, Any] = dict(spec or {})
        self.node = node
        self.name = name
        self.params: dict[str, Any] = {}
        self.filters: list[FilterFunction] = []
        self.on_loss: Callable[[Gap], None] | None = None
        self.buffer: RingBuffer | None = None
        self._array_name: str | None = None
        self._source: Source | None = None
        self._start: SessionStart | None = None
        self._tracker: SessionTracker | None = None
        self._found: deque[Found] = deque()
        self._is_silence_told = False

    @property
    def connected(self) -> bool:
        """Whether `connect` was called, and `close` was not."""
        return self._source is not None

    @property
    def last_index(self) -> int:
        """Number of the sample after the last one that came, or that is known not to come."""
        return 0 if self._tracker is None else self._tracker.next_frame

    @property
    def lost(self) -> int:
        """Samples of this session that should have come and did not."""
        return 0 if self._tracker is None else self._tracker.lost

    @property
    def skipped(self) -> int:
        """Samples of this session that the contract of this reader left out."""
        return 0 if self._tracker is None else self._tracker.skipped

    def connect(
        self,
        output: Union[OutputStream, Mapping[str, Any], str],
        *,
        contract: str | None = None,
        array: str | None = None,
        timeout: float = 5.0,
        **options: Any,
    ) -> None:
        """Join a stream, leaving the one that was joined before.

        Parameters
        ----------
        output
            The stream, its `params`, or its url.
        contract
            `lossless`, `latest` or `every:N`; by default what the stream says, else `lossless`.
        array
            Which one, of a stream that carries several, such as `histogram` of a detector's.
        timeout
            Seconds to wait for a stream of samples to answer; others may be joined before they begin.
        options
            See `open_source`.

        Raises
        ------
        StreamTimeoutError
            When nobody answers.
        ConfigurationError
            When the stream is not as `spec` says.
        """
        self.close()
        params = _params_of(output)
        is_described = "dtype" in params
        if is_described:
            StreamOptions.from_params(params).require(self.spec)
        wanted = contract or str(params.get("contract", "lossless"))
        # Room is given back in heaps of half of what one has, so one must not believe to have more.
        options.setdefault(
            "queue_messages", min(_QUEUE_MESSAGES, params.get("queue_messages", _QUEUE_MESSAGES))
        )
        self.params, self._array_name = params, array
        self._source = open_source(params, name=self.name, contract=wanted, timeout=timeout, **options)
        try:
            self._wait_start(timeout, is_described)
        except BaseException:
            self.close()
            raise

    def poll(self, timeout: float | None = None) -> bool:
        """Whether `recv` has something to say within `timeout` ms; `None` waits for it."""
        return self._wait_found(None if timeout is None else timeout / 1000)

    def recv(self, return_data: bool | None = None, timeout: float | None = None) -> tuple[int, Any]:
        """The next chunk.

        Parameters
        ----------
        return_data
            `False` gives `None` for the data, for who reads the ring buffer.
        timeout
            Seconds; `None` waits as long as the sender lives.

        Returns
        -------
        :
            Number of the sample after the last one, and the samples: read-only, or the very array that was
            sent within a process; a view of what came where nothing had to be unpacked.

        Raises
        ------
        SequenceGapError
            Once for each range that will not come, unless `on_loss` takes them; the next call goes on.
        StreamTimeoutError
            When nothing came in time.
        StreamEndedError
            When the sender has ended the stream; the next call waits for a new one at the same address,
            but within a process, where there is nothing to wait for.
        SenderDiedError
            When nothing is heard of the sender, not even signs of life; the next call waits for it.
        """
        if not self._found and not self._wait_found(timeout):
            raise StreamTimeoutError(f"nothing came from {self._need_source().endpoint} within {timeout} s")
        found = self._found.popleft()
        if isinstance(found, tuple):
            return found if return_data is not False else (found[0], None)
        if isinstance(found, Gap):
            last = found.first_frame + found.n_frames - 1
            raise SequenceGapError(f"samples {found.first_frame}..{last}: {found.reason}", found)
        raise found

    @property
    def sample_type(self) -> tuple[np.dtype[Any], Shape]:
        """Type of an element and shape of a sample, after `filters`; `StateError` before the stream began."""
        info = self._array_info(self._need_start())
        return self._filtered(np.dtype(info.dtype), info.shape)

    def set_buffer(
        self,
        size: int | None = None,
        double: bool = True,
        axisorder: tuple[int, ...] | None = None,
        shmem: Union[bool, str, None] = None,
        fill: Any = None,
    ) -> None:
        """Keep the last samples that come, as they are after `filters`; read them by `[...]` or `get_data`.

        Samples that did not come are filled. Who gets each N-th sample numbers those: sample `i * N` is at
        `i`. Of a chunk that is longer than the buffer, it has the end.

        Parameters
        ----------
        size
            Samples to keep; `None` takes the stream's `buffer_size`.
        axisorder, fill
            `None` takes those of the stream, where it says any.
        double, shmem
            See `RingBuffer`.

        Raises
        ------
        ConfigurationError
            For values that cannot be; what was kept before is still there.
        """
        info = self._array_info(self._need_start())
        dtype, shape = self.sample_type
        length = size if size is not None else self.params.get("buffer_size", 0)
        if fill is None and dtype == np.dtype(info.dtype):
            fill = self.params.get("fill")
        if axisorder is None and len(shape) == len(info.shape):
            axisorder = self.params.get("axisorder")
        made = RingBuffer((length, *shape), dtype, double, shmem, fill, axisorder)
        self._drop_buffer()
        self.buffer = made

    def _filtered(
        self, dtype: np.dtype[Any], shape: tuple[int, ...]
    ) -> tuple[np.dtype[Any], tuple[int, ...]]:
        """Type and shape of a sample after `filters`, tried out on no samples at all."""
        array = apply_filters(self.filters, np.empty((0, *shape), dtype))
        return array.dtype, array.shape[1:]

    def get_data(self, start: int, stop: int, copy: bool = False, join: bool = True) -> Any:
        """Samples `start` to `stop - 1` of the ring buffer, see `RingBuffer.get_data`."""
        return self._need_buffer().get_data(start, stop, copy, join)

    def __getitem__(self, item: Any) -> Any:
        return self._need_buffer()[item]

    def empty_queue(self) -> int:
        """Pass over all that has come and was not read; gives the number of samples."""
        while self._fetch(0) and not (self._found and isinstance(self._found[-1], StreamEndedError)):
            pass
        passed = sum(len(found[1]) for found in self._found if isinstance(found, tuple))
        ended = [found for found in self._found if isinstance(found, StreamEndedError)]
        self._found = deque(ended[-1:])  # which is no sample that can be passed over
        return passed

    def reset_buffer_index(self) -> None:
        """Let the ring buffer begin at 0 again."""
        if self.buffer is not None:
            self.buffer.reset_index()

    def close(self) -> None:
        """Leave the stream; a second call does nothing."""
        source, self._source = self._source, None
        self._found.clear()
        self._start = self._tracker = None
        self._drop_buffer()
        if source is not None:
            source.close()

    def __enter__(self) -> InputStream:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    # Waiting

    def _wait_found(self, timeout: float | None) -> bool:
        """Whether something was found within `timeout` s."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._found:
            left = _TURN if deadline is None else deadline - time.monotonic()
            if not self._fetch(max(min(left, _TURN), 0)):
                self._check_sender()
                if left <= 0 and not self._found:
                    return False
        return True

    def _fetch(self, timeout: float) -> bool:
        """Take one thing from the source; whether there was one."""
        try:
            taken = self._need_source().take(timeout)
        except StreamEndedError as error:
            self._found.append(error)
            return True
        if taken is None:
            return False
        self._is_silence_told = False
        if isinstance(taken, tuple):
            self._take_samples(taken)
        else:
            self._take_message(taken)
        return True

    def _check_sender(self) -> None:
        source = self._need_source()
        heartbeat = float(self.params.get("heartbeat", HEARTBEAT))
        if source.silent_for > _MISSED_HEARTBEATS * heartbeat and not self._is_silence_told:
            self._is_silence_told = True
            self._found.append(
                SenderDiedError(
                    f"nothing was heard of {source.endpoint} for {source.silent_for:.1f} s; "
                    f"a sign of life is due each {heartbeat} s"
                )
            )

    def _wait_start(self, timeout: float, is_described: bool) -> None:
        """Wait for the description of the stream; who is idle and no stream of samples may come later."""
        deadline = time.monotonic() + timeout
        while self._start is None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise StreamTimeoutError(
                    f"nobody answers at {self._need_source().endpoint} within {timeout} s"
                )
            has_heard = self._fetch(min(left, _TURN))
            if has_heard and not is_described:
                return

    # What comes

    def _take_samples(self, samples: Samples) -> None:
        end, array, sequence, _ = samples
        tracker = self._need_tracker()
        if not tracker.follow(end - len(array), end, sequence):
            fed = tracker.jump(end - len(array), end, sequence)
            self._lose(fed.gaps)
            if not fed.is_new:
                return
        self._give(end, array)

    def _take_message(self, message: Message) -> None:
        if isinstance(message, SessionStart):
            self._begin(message)
        elif isinstance(message, (Block, Loss, SessionEnd)):
            fed = self._need_tracker().feed(message)
            self._lose(fed.gaps)
            if isinstance(message, Block) and fed.is_new:
                self._take_block(message)
            elif isinstance(message, SessionEnd) and message.reason is not EndReason.RESTARTED:
                text = f"{self._need_source().endpoint}: {message.reason.value}; {message.text}"
                self._found.append(StreamEndedError(text))
        elif isinstance(message, Alive) and message.envelope.session_id is None and self._start is not None:
            self._missed_the_end()

    def _take_block(self, block: Block) -> None:
        """Give the chunks of `block` as they were sent."""
        array = block[self._array_info(self._need_start()).name].decode()
        if not block.piece:
            self._give(block.end_frame, array)
            return
        for at in range(0, len(array), block.piece):
            piece = array[at : at + block.piece]
            self._give(block.first_frame + at + len(piece), piece)

    def _begin(self, start: SessionStart) -> None:
        known, tracker = self._start, self._tracker
        if known is not None and tracker is not None and start.is_repeat and _is_same_session(known, start):
            self._lose(tracker.rejoin(start))
            return
        self._check_kind(start)
        self._require(start)
        if known is not None and tracker is not None and tracker.end is None:
            self._found.append(self._broken_off(known, start))
        self._start, self._tracker = start, SessionTracker(start)
        self._tracker.lost = 0  # who joins late does not miss what was before
        if isinstance(start.metadata.get(STREAM), Mapping):
            self.params = {**self.params, **start.metadata[STREAM]}
        if self.buffer is not None and known is not None:
            self.buffer.reset_index()

    def _check_kind(self, start: SessionStart) -> None:
        """Refuse a session whose samples are of another type or shape than those before."""
        info = self._array_info(start)
        if self._start is not None:
            before = self._array_info(self._start)
            if (info.dtype, info.shape) != (before.dtype, before.shape):
                raise ProtocolError(
                    f"the stream changed from {before.dtype} {before.shape} to {info.dtype} {info.shape}"
                )

    def _require(self, start: SessionStart) -> None:
        """Refuse a stream that is not as `spec` says."""
        said = start.metadata.get(STREAM)
        if isinstance(said, Mapping):
            StreamOptions.from_params(said).require(self.spec)
            return
        info = self._array_info(start)
        known = {"dtype": info.dtype, "shape": (-1, *info.shape), "units": info.units}
        asked = {name: value for name, value in self.spec.items() if name in known}
        StreamOptions(**known).require(asked)  # type: ignore[arg-type]  # checked there

    def _broken_off(self, known: SessionStart, start: SessionStart) -> Found:
        """What to say of a session that is followed by another and did not end."""
        where = f"{self._need_source().endpoint}: after sample {self.last_index - 1} it"
        if known.envelope.epoch != start.envelope.epoch:
            return SenderDiedError(f"{where} was started again, without an end of what was before")
        return SequenceGapError(f"{where} began again at 0; what came between was not taken in time")

    def _missed_the_end(self) -> None:
        """The sender is there and in no session: ours ended while we were cut off."""
        tracker = self._tracker
        if tracker is not None and tracker.end is None and tracker.received:
            self._found.append(StreamEndedError(f"{self._need_source().endpoint}: ended while cut off"))
            self._tracker = None

    def _give(self, end: int, array: Array) -> None:
        if self.filters:
            array = apply_filters(self.filters, array)
        if self.buffer is not None:
            index = (end - 1) // self._need_tracker().step + 1
            self.buffer.new_chunk(array[-self.buffer.shape[0] :], index=index)
        self._found.append((end, array))

    def _lose(self, gaps: tuple[Gap, ...]) -> None:
        for gap in gaps:
            if self.on_loss is not None:
                self.on_loss(gap)
            else:
                self._found.append(gap)

    # What must be there

    def _array_info(self, start: SessionStart) -> ArrayInfo:
        if self._array_name is None:
            return start.arrays[0]
        for info in start.arrays:
            if info.name == self._array_name:
                return info
        names = [info.name for info in start.arrays]
        raise ConfigurationError(f"array: {self._array_name!r}, the stream has {names}")

    def _need_source(self) -> Source:
        if self._source is None:
            raise StateError("the stream is not connected")
        return self._source

    def _need_start(self) -> SessionStart:
        self._need_source()
        if self._start is None:
            raise StateError("the stream has not begun, so the type of its samples is not known")
        return self._start

    def _need_tracker(self) -> SessionTracker:
        if self._tracker is None:
            raise ProtocolError("samples of a session whose start did not come")
        return self._tracker

    def _need_buffer(self) -> RingBuffer:
        if self.buffer is None:
            raise StateError("the stream has no ring buffer, see set_buffer")
        return self.buffer

    def _drop_buffer(self) -> None:
        buffer, self.buffer = self.buffer, None
        if buffer is not None:
            buffer.close()


def _params_of(output: Union[OutputStream, Mapping[str, Any], str]) -> dict[str, Any]:
    """Where the stream is, and what it says of itself, if it does."""
    if isinstance(output, str):
        return {"url": output}
    params = output.params if isinstance(output, OutputStream) else output
    if not isinstance(params, Mapping) or "url" not in params:
        raise StateError("connect to a stream that is not configured, or to params without 'url'")
    return dict(params)


def _is_same_session(known: SessionStart, start: SessionStart) -> bool:
    mine, its = known.envelope, start.envelope
    return (mine.stream_id, mine.epoch, mine.session_id) == (its.stream_id, its.epoch, its.session_id)
