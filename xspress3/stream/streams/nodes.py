"""Nodes: objects that read one stream and write others, in a thread of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy.typing as npt

from xspress3.errors import (
    ConfigurationError,
    SenderDiedError,
    SequenceGapError,
    StreamEndedError,
    StreamError,
)
from xspress3.stream.streams.chunker import Chunker
from xspress3.stream.streams.filters import Select
from xspress3.stream.streams.input import InputStream
from xspress3.stream.streams.output import OutputStream
from xspress3.stream.streams.poller import StreamPoller

__all__ = ["ChannelSplitter", "ChunkResizer", "Node"]

_KEPT = ("streamtype", "units", "sample_rate", "fill")
"""What holds for the samples after a node as before."""
Array = npt.NDArray[Any]


class Node:
    """What nodes have in common: a thread between `start` and `stop`; a context manager.

    Losses of the input are losses of the outputs: sample numbers keep their meaning. Numbers that begin at
    0 again do so in the outputs too.
    """

    def __init__(self, input: InputStream, name: str) -> None:  # noqa: A002  # the word for it everywhere
        self.input = input
        self._poller = StreamPoller(input, self._take, self._told, name=name)
        self._last_index = 0
        self._fault: StreamError | None = None

    def start(self) -> None:
        """Begin; the input must be connected."""
        self._poller.start()

    def wait(self, timeout: float | None = None) -> bool:
        """Whether the input has ended within `timeout` s, or an error has ended the node."""
        return self._poller.wait(timeout)

    def stop(self) -> None:
        """Pass nothing on any more, until the next `start`; a second call does nothing."""
        self._poller.stop()

    def close(self) -> None:
        """Stop, send what waits, and raise what went wrong; a second call does nothing."""
        self._poller.close()
        fault, self._fault = self._fault, None
        if fault is not None:
            raise fault

    def __enter__(self) -> Node:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _take(self, index: int, data: Array) -> None:
        if index - len(data) < self._last_index:
            self._begin_again()
        self._last_index = index
        self._pass_on(index, data)

    def _told(self, error: StreamError) -> None:
        """Gaps show in the numbers, and the end that was told is none; all else `close` raises."""
        is_told = isinstance(error, StreamEndedError) and not isinstance(error, SenderDiedError)
        if not is_told and not isinstance(error, SequenceGapError):
            self._fault = self._fault or error

    def _pass_on(self, index: int, data: Array) -> None:
        raise NotImplementedError

    def _begin_again(self) -> None:
        raise NotImplementedError


class ChunkResizer(Node):
    """Gives a stream in chunks of one size::

        with ChunkResizer(input, output, chunk_size=100):
            ...

    Before a gap, and at the end of the input, a chunk may be shorter.

    Parameters
    ----------
    input
        Connected, by now or before `start`; every sample of it is wanted, so not under `every:N`.
    output
        Configured for the same type and shape of a sample, or not yet: then `options` are used for it and
        what the input says. Closed by who made it.
    chunk_size
        Samples, 1 and more.
    """

    def __init__(
        self,
        input: InputStream,  # noqa: A002
        output: OutputStream,
        chunk_size: int,
        **options: Any,
    ) -> None:
        super().__init__(input, "chunk-resizer")
        self._chunker = Chunker(chunk_size, max_samples=chunk_size)
        self.output = output
        self._options = options

    def start(self) -> None:
        """Begin, and configure the output where it is not."""
        if not self.output.configured:
            dtype, shape = self.input.sample_type
            like = {**_like(self.input), "dtype": dtype, "shape": (-1, *shape)}
            self.output.configure(**{**like, **self._options})
        super().start()

    def stop(self) -> None:
        """Pass nothing on any more; what waits to fill a chunk is sent."""
        super().stop()
        self._flush()

    def close(self) -> None:
        """Stop, send what waits, and raise what went wrong; a second call does nothing."""
        try:
            super().close()
        finally:
            self._flush()

    def _flush(self) -> None:
        for chunk in self._chunker.flush():
            self.output.send(chunk.data, chunk.index)

    def _pass_on(self, index: int, data: Array) -> None:
        for chunk in self._chunker.add(data, 0.0, index):
            self.output.send(chunk.data, chunk.index)

    def _told(self, error: StreamError) -> None:
        super()._told(error)
        if isinstance(error, StreamEndedError):
            self._flush()

    def _begin_again(self) -> None:
        self._flush()
        self._chunker.reset_index()
        self.output.reset_buffer_index()


class ChannelSplitter(Node):
    """Gives some channels of a stream as streams of their own::

        splitter = ChannelSplitter(input, {"left": [0], "even": range(0, 16, 2)}, protocol="inproc")
        viewer.connect(splitter.outputs["even"])
        splitter.start()

    Parameters
    ----------
    input
        Connected.
    outputs
        By name, the channels that each shall have: places on axis 1, see `Select`.
    options
        Of all outputs, see `StreamOptions`; the node closes them.
    """

    def __init__(
        self,
        input: InputStream,  # noqa: A002
        outputs: Mapping[str, Sequence[int]],
        **options: Any,
    ) -> None:
        super().__init__(input, "channel-splitter")
        if not outputs:
            raise ConfigurationError("outputs: none, allowed are one and more")
        dtype, shape = input.sample_type
        selects = {name: Select(channels) for name, channels in outputs.items()}
        shapes = {name: select.describe(dtype, (-1, *shape))[1] for name, select in selects.items()}
        self._selects = selects
        self.outputs: dict[str, OutputStream] = {}
        try:
            for name in outputs:
                self.outputs[name] = OutputStream(name=name)
                self.outputs[name].configure(
                    **{**_like(input), "dtype": dtype, "shape": shapes[name], **options}
                )
        except BaseException:
            self._close_outputs()
            raise

    def close(self) -> None:
        """Stop, close the outputs, and raise what went wrong; a second call does nothing."""
        try:
            super().close()
        finally:
            self._close_outputs()

    def _close_outputs(self) -> None:
        for output in self.outputs.values():
            output.close()

    def _pass_on(self, index: int, data: Array) -> None:
        for name, output in self.outputs.items():
            output.send(self._selects[name](data), index)

    def _begin_again(self) -> None:
        for output in self.outputs.values():
            output.reset_buffer_index()


def _like(stream: InputStream) -> dict[str, Any]:
    """Options that are the same after a node."""
    return {name: stream.params[name] for name in _KEPT if stream.params.get(name) is not None}
