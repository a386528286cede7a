"""What can be chosen about a stream: names, defaults, what is allowed, and what excludes what.

The names are those of pyacq's streams. Whatever is not known or cannot be is refused when a stream is
configured, before a socket is made or memory taken.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Union

import numpy as np

from xspress3.errors import ConfigurationError
from xspress3.stream.dtypes import dtype_to_wire
from xspress3.stream.streams import values
from xspress3.stream.streams.chunker import Chunker
from xspress3.stream.streams.fill import missing_value
from xspress3.stream.streams.option_kinds import KINDS
from xspress3.stream.streams.scaling import Scale

__all__ = ["LOOPBACK", "StreamOptions"]

LOOPBACK = "127.0.0.1"
MAX_CHUNK_BYTES = 1 << 30
"""A chunk of the least size that may be chosen; the codec refuses larger arrays."""
MAX_RING_BYTES = 1 << 40
OPEN_CHUNK_AGE = 0.1
"""Seconds that samples wait for others where the length of chunks is free and nothing was said."""
_RING_BYTES = 64 << 20
_RING_CHUNKS = 8
_RING_SAMPLES = 1 << 20
"""A ring in shared memory of which no size was said: 64 MiB or a million samples, 8 chunks at least."""
_ALIASES = {"transfertmode": "transfermode"}
"""Spellings that pyacq's own pages use."""


@dataclass(frozen=True)
class StreamOptions:
    """All that is chosen about one stream, each value in one form whatever form it was given in::

        options = StreamOptions.parse({"streamtype": "video"}, dtype="uint16", shape=(-1, 480, 640))
        same = StreamOptions.from_params(json.loads(json.dumps(options.to_params())))

    Parameters
    ----------
    protocol
        `tcp`, `ipc`, or `inproc` for readers in this process.
    interface
        For tcp the address to listen on; other than loopback lets anyone there read the data, unless
        there are keys. For ipc the path of the socket, for inproc a name; left alone, one is made up.
    port
        For tcp; `*` or 0 takes any that is free.
    transfermode
        `plaindata`, or `sharedmem` for readers on this machine.
    streamtype
        `analogsignal`, `digitalsignal`, `video` or `event`; `signals`, `image`, `events` are understood.
    dtype
        Type of an element: anything of which numpy makes bools, numbers, times, texts of given length,
        or packed records of them, sub-arrays included.
    shape
        Samples of a chunk, -1 when that varies, then the shape of one sample.
    axisorder
        Order of the axes in the memory of ring buffers, slowest first; `None` is the order of `shape`.
    buffer_size
        Samples that the ring of `sharedmem` holds; 0 takes what fits 64 MiB, some chunks at least.
    compression
        `none`, `bslz4`, and what else is installed, see `xspress3.stream.compression`.
    scale, offset
        Data are multiplied and then shifted before they are sent, see `scaling`; a number, or one for
        each place of the last axis. `None` leaves them as they are.
    units
        Of the values sent.
    sample_rate
        Samples in a second.
    double
        Keep samples twice in ring buffers, so that reads never copy.
    fill
        What stands for samples that were skipped, see `fill.missing_value`.
    copy
        Let zmq copy data, so that whoever sent an array may change it at once.
    name
        Of the stream, for readers and logs.
    chunk_size
        Samples that are gathered before they are sent; when `shape` says how many, just as many.
    chunk_age
        Seconds that samples wait for others; `None` is 0.1 when the length of chunks is free, else for
        ever. 0 sends what comes, at once.
    contract
        What a reader gets that asks for nothing: `lossless`, `latest`, `every:N`.
    queue_messages
        Chunks that may be on the way to one reader.
    backlog_bytes
        Data kept for readers that come late or come back.
    drop_after
        Seconds for which a lossless reader may hold up the stream; `None` is for ever.
    heartbeat
        Seconds after which readers are told that the stream lives, though it has nothing to say.
    linger
        Seconds that closing waits for readers to take what is queued.
    curve_secret_key, curve_allowed_keys
        File with the secret key of this side and folder with the public keys of readers; paths, never
        the keys themselves.
    curve_public_key
        Key by which readers know this stream, filled in by the stream.

    Raises
    ------
    ConfigurationError
        A `ValueError` that names the option, the value, and what is allowed.
    """

    protocol: str = "tcp"
    interface: str = LOOPBACK
    port: Union[int, str] = "*"
    transfermode: str = "plaindata"
    streamtype: str = "analogsignal"
    dtype: np.dtype[Any] = np.dtype(np.float32)  # noqa: RUF009  # a type cannot be changed
    shape: tuple[int, ...] = (-1, 1)
    axisorder: tuple[int, ...] | None = None
    buffer_size: int = 0
    compression: str = "none"
    scale: Union[float, tuple[float, ...], None] = None
    offset: Union[float, tuple[float, ...], None] = None
    units: str = ""
    sample_rate: float = 1.0
    double: bool = False
    fill: Any = None
    copy: bool = False
    name: str = ""
    chunk_size: int = 1
    chunk_age: float | None = None
    contract: str = "lossless"
    queue_messages: int = 64
    backlog_bytes: int = 0
    drop_after: float | None = None
    heartbeat: float = 1.0
    linger: float = 2.0
    curve_secret_key: str | None = None
    curve_allowed_keys: str | None = None
    curve_public_key: str | None = None

    def __post_init__(self) -> None:
        for name, kind in KINDS.items():
            self._set(name, kind(name, getattr(self, name)))
        self._complete_chunks()
        self._check_axes()
        self._check_transport()
        if self.transfermode == "sharedmem":
            self._complete_ring()

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)  # frozen for everybody else

    @classmethod
    def parse(cls, spec: Mapping[str, Any] | None = None, **chosen: Any) -> StreamOptions:
        """Options that are `chosen`, with those that `spec` fixes.

        Raises
        ------
        ConfigurationError
            For an option that there is not, with the name that was probably meant; for one that is
            fixed and chosen otherwise; and for every value that cannot be.
        """
        fixed, chosen = _renamed(spec or {}), _renamed(chosen)
        for name in fixed.keys() & chosen.keys():
            kind = KINDS[name]
            if kind(name, chosen[name]) != kind(name, fixed[name]):
                raise values.refused(name, chosen[name], f"is {fixed[name]!r}, which this stream fixes")
        return cls(**{**chosen, **fixed})

    def to_params(self) -> dict[str, Any]:
        """All options as values that JSON has, for a reader in another process."""
        params = {name: _plain(getattr(self, name)) for name in KINDS}
        return {**params, "dtype": dtype_to_wire(self.dtype)}

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> StreamOptions:
        """Options that `to_params` wrote; what else is in `params` is left alone."""
        known = {name: value for name, value in params.items() if name in KINDS or name in _ALIASES}
        return cls(**_renamed(known))

    def require(self, spec: Mapping[str, Any]) -> None:
        """Raise `ConfigurationError` unless a stream of these options is what `spec` asks for.

        A `shape` that begins with -1 there is met by chunks of any length.
        """
        for name, wanted in _renamed(spec).items():
            value, normal = getattr(self, name), KINDS[name](name, wanted)
            if name == "shape" and normal[0] == -1:
                value = (-1, *value[1:])
            if value != normal:
                raise ConfigurationError(
                    f"{name}: the stream has {_plain(getattr(self, name))!r}, asked for is {wanted!r}"
                )

    @property
    def bytes_per_sample(self) -> int:
        """Size of one sample, uncompressed."""
        return math.prod(self.shape[1:]) * self.dtype.itemsize

    def scaling(self) -> Scale | None:
        """The filter that applies `scale` and `offset` and gives `dtype`; `None` when neither was set."""
        if self.scale is None and self.offset is None:
            return None
        return Scale(
            1.0 if self.scale is None else self.scale, 0.0 if self.offset is None else self.offset, self.dtype
        )

    def chunker(self) -> Chunker:
        """A chunker for this stream: all chunks of one size where `shape` says so."""
        return Chunker(self.chunk_size, self.chunk_age, None if self.shape[0] == -1 else self.shape[0])

    def ring_shape(self) -> tuple[int, ...]:
        """Shape of a ring buffer of `buffer_size` samples."""
        return (self.buffer_size, *self.shape[1:])

    def _complete_chunks(self) -> None:
        if self.shape[0] == -1:
            self._set("chunk_age", OPEN_CHUNK_AGE if self.chunk_age is None else self.chunk_age)
        elif self.chunk_size not in (1, self.shape[0]):
            raise values.refused(
                "chunk_size", self.chunk_size, f"is {self.shape[0]}, the samples that shape={self.shape} says"
            )
        else:
            self._set("chunk_size", self.shape[0])
        if self.bytes_per_sample * self.chunk_size > MAX_CHUNK_BYTES:
            raise ConfigurationError(
                f"shape and chunk_size: {self.shape} of {self.dtype} and {self.chunk_size} samples make "
                f"{self.bytes_per_sample * self.chunk_size} bytes, allowed are up to {MAX_CHUNK_BYTES}"
            )

    def _check_axes(self) -> None:
        values.axis_order("axisorder", self.axisorder, len(self.shape))
        missing_value(self.dtype, self.fill)
        scaling = self.scaling()
        if scaling is None:
            return
        if self.dtype.kind not in "iufc":
            raise values.refused("scale and offset", (self.scale, self.offset), f"is None for {self.dtype}")
        scaling.describe(self.dtype, self.shape)

    def _check_transport(self) -> None:
        if self.protocol != "tcp" and self.port != "*":
            raise values.refused("port", self.port, f"is '*' with protocol {self.protocol!r}")
        if self.transfermode == "sharedmem" and self.compression != "none":
            raise values.refused("compression", self.compression, "is 'none' with transfermode 'sharedmem'")
        if (self.curve_secret_key is None) != (self.curve_allowed_keys is None):
            raise ConfigurationError(
                f"curve_secret_key={self.curve_secret_key!r} and "
                f"curve_allowed_keys={self.curve_allowed_keys!r}, allowed are both or neither"
            )
        if self.curve_secret_key is not None and self.protocol == "inproc":
            raise values.refused("curve_secret_key", self.curve_secret_key, "is None with protocol 'inproc'")

    def _complete_ring(self) -> None:
        least = 2 * self.chunk_size
        if self.buffer_size == 0:
            by_memory = min(_RING_BYTES // self.bytes_per_sample, _RING_SAMPLES)
            self._set("buffer_size", max(by_memory, _RING_CHUNKS * self.chunk_size))
        if self.buffer_size < least:
            raise values.refused("buffer_size", self.buffer_size, f"is 0 or {least} (two chunks) and more")
        n_bytes = self.buffer_size * self.bytes_per_sample * (2 if self.double else 1)
        if n_bytes > MAX_RING_BYTES:
            raise values.refused(
                "buffer_size", self.buffer_size, f"are {MAX_RING_BYTES} bytes, this needs {n_bytes}"
            )


def _renamed(given: Mapping[str, Any]) -> dict[str, Any]:
    """`given` under the names of options."""
    named: dict[str, Any] = {}
    for said, value in given.items():
        name = _ALIASES.get(said, said)
        if name not in KINDS:
            raise ConfigurationError(
                f"option {str(said)[:40]!r} is not known{_meant(said)}; there are {_names()}"
            )
        if name in named:
            raise ConfigurationError(f"option {name!r} was given twice, as {said!r} too")
        named[name] = value
    return named


def _meant(said: object) -> str:
    near = difflib.get_close_matches(str(said), [*KINDS, *_ALIASES], n=1)
    return f", was {_ALIASES.get(near[0], near[0])!r} meant?" if near else ""


def _names() -> str:
    return ", ".join(field.name for field in dataclasses.fields(StreamOptions))


def _plain(value: Any) -> Any:
    """`value` with lists for tuples."""
    return [_plain(one) for one in value] if isinstance(value, tuple) else value
