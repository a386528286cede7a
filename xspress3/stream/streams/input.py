"""The receiving end of a stream of samples."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from xspress3.errors import SequenceGapError, StateError, StreamTimeoutError
from xspress3.stream.streams.arrivals import Arrivals, Found
from xspress3.stream.streams.filters import FilterFunction, apply_filters
from xspress3.stream.streams.options import StreamOptions
from xspress3.stream.streams.output import OutputStream
from xspress3.stream.streams.ring_buffer import RingBuffer
from xspress3.stream.streams.sample_reader import SampleReader, Told
from xspress3.stream.streams.sources import open_source
from xspress3.stream.tracker import Gap, SessionTracker

__all__ = ["InputStream"]

_QUEUE_MESSAGES = 64
Array = npt.NDArray[Any]
Shape = tuple[int, ...]


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
        self.filters: list[FilterFunction] = []
        self.on_loss: Callable[[Gap], None] | None = None
        self.buffer: RingBuffer | None = None
        self._found: deque[Found] = deque()
        self._arrivals: Arrivals | None = None
        self._params: dict[str, Any] = {}  # of the stream that was joined last

    @property
    def params(self) -> dict[str, Any]:
        """Options of the stream, as the sender says; still there when it was left."""
        return self._params if self._arrivals is None else self._arrivals.params

    @property
    def connected(self) -> bool:
        """Whether `connect` was called, and `close` was not."""
        return self._arrivals is not None

    @property
    def last_index(self) -> int:
        """Number of the sample after the last one that came, or that is known not to come."""
        return 0 if self._arrivals is None else self._arrivals.reader.next_index

    @property
    def lost(self) -> int:
        """Samples of this session that should have come and did not."""
        tracker = self._tracker
        return 0 if tracker is None else tracker.lost

    @property
    def skipped(self) -> int:
        """Samples of this session that the contract of this reader left out."""
        tracker = self._tracker
        return 0 if tracker is None else tracker.skipped

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
        self._params = params
        source = open_source(params, name=self.name, contract=wanted, timeout=timeout, **options)
        reader = SampleReader(
            source.endpoint,
            array,
            self.spec,
            give=self._give,
            tell=self._tell,
            restart=self.reset_buffer_index,
        )
        self._arrivals = Arrivals(source, reader, self._found, params)
        try:
            self._arrivals.wait_start(timeout, is_described)
        except BaseException:
            self.close()
            raise

    def poll(self, timeout: float | None = None) -> bool:
        """Whether `recv` has something to say within `timeout` ms; `None` waits for it."""
        return self._need_arrivals().wait(None if timeout is None else timeout / 1000)

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
        if not self._found and not self._need_arrivals().wait(timeout):
            endpoint = self._need_arrivals().source.endpoint
            raise StreamTimeoutError(f"nothing came from {endpoint} within {timeout} s")
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
        reader = self._need_arrivals().reader
        info = reader.array_info(reader.need_start())
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
        reader = self._need_arrivals().reader
        info = reader.array_info(reader.need_start())
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
        return self._need_arrivals().pass_over()

    def reset_buffer_index(self) -> None:
        """Let the ring buffer begin at 0 again."""
        if self.buffer is not None:
            self.buffer.reset_index()

    def close(self) -> None:
        """Leave the stream; a second call does nothing."""
        self._params = self.params
        arrivals, self._arrivals = self._arrivals, None
        self._drop_buffer()
        if arrivals is not None:
            arrivals.close()

    def __enter__(self) -> InputStream:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    # What comes

    def _give(self, end: int, array: Array) -> None:
        if self.filters:
            array = apply_filters(self.filters, array)
        if self.buffer is not None:
            tracker = self._tracker
            step = 1 if tracker is None else tracker.step
            index = (end - 1) // step + 1
            self.buffer.new_chunk(array[-self.buffer.shape[0] :], index=index)
        self._found.append((end, array))

    def _tell(self, told: Told) -> None:
        if isinstance(told, Gap) and self.on_loss is not None:
            self.on_loss(told)
        else:
            self._found.append(told)

    # What must be there

    @property
    def _tracker(self) -> SessionTracker | None:
        return None if self._arrivals is None else self._arrivals.reader.tracker

    def _need_arrivals(self) -> Arrivals:
        if self._arrivals is None:
            raise StateError("the stream is not connected")
        return self._arrivals

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
