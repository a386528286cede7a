"""Streams of any array whose axis 0 is time, and their parts.

`options` is all that can be chosen, `filters` and `scaling` what is done to samples, `chunker` gathers them,
`ring_buffer` keeps the newest, `fill` is what stands where one never came. `OutputStream` and `InputStream`
are the ends, `links` and `sources` what lies between them. `poller` and `aio` read for programs that wait
for other things too, `nodes` make streams of streams.
"""

from xspress3.stream.streams.aio import AsyncReceiver
from xspress3.stream.streams.chunker import Chunk, Chunker
from xspress3.stream.streams.filters import (
    Filter,
    FilterFunction,
    Reshape,
    Select,
    apply_filters,
    describe_filters,
)
from xspress3.stream.streams.input import InputStream
from xspress3.stream.streams.nodes import ChannelSplitter, ChunkResizer, Node
from xspress3.stream.streams.options import StreamOptions
from xspress3.stream.streams.output import OutputStream
from xspress3.stream.streams.poller import StreamPoller
from xspress3.stream.streams.ring_buffer import RingBuffer
from xspress3.stream.streams.scaling import Cast, Scale

__all__ = [
    "AsyncReceiver",
    "Cast",
    "ChannelSplitter",
    "Chunk",
    "ChunkResizer",
    "Chunker",
    "Filter",
    "FilterFunction",
    "InputStream",
    "Node",
    "OutputStream",
    "Reshape",
    "RingBuffer",
    "Scale",
    "Select",
    "StreamOptions",
    "StreamPoller",
    "apply_filters",
    "describe_filters",
]
