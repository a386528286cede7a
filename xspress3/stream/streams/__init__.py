"""Streams of any array whose axis 0 is time, and their parts.

`options` is all that can be chosen, `filters` and `scaling` what is done to samples, `chunker` gathers them,
`ring_buffer` keeps the newest, `fill` is what stands where one never came. `OutputStream` and `InputStream`
are the ends, `links` and `sources` what lies between them.
"""

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
from xspress3.stream.streams.options import StreamOptions
from xspress3.stream.streams.output import OutputStream
from xspress3.stream.streams.ring_buffer import RingBuffer
from xspress3.stream.streams.scaling import Cast, Scale

__all__ = [
    "Cast",
    "Chunk",
    "Chunker",
    "Filter",
    "FilterFunction",
    "InputStream",
    "OutputStream",
    "Reshape",
    "RingBuffer",
    "Scale",
    "Select",
    "StreamOptions",
    "apply_filters",
    "describe_filters",
]
