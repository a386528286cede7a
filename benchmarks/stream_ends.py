"""The two ends of each way by which arrays can go from one place to another; see `streams`.

A sender has an `address`, plain values by which a receiver finds it, `wait_joined()`, `send(array)` and
`close()`; a receiver `take()`, which gives the next array, and `close()`. `context` is the zmq context
that both share within one process; between processes each has its own.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import numpy.typing as npt
import zmq

from xspress3.stream import InputStream, OutputStream

__all__ = ["DTYPE", "N_COLUMNS", "ROW_BYTES", "Chunk", "receiver_of", "sender_of"]

Chunk = npt.NDArray[np.float32]
DTYPE = np.dtype("<f4")
N_COLUMNS = 16
ROW_BYTES = N_COLUMNS * DTYPE.itemsize
QUEUE_MESSAGES = 64
"""Chunks on the way, for all: what `OutputStream` has when nothing is said."""
_HEADER = struct.Struct("<q")
PATIENCE = 20.0
"""Seconds after which an end gives up, because the other one has failed."""


class StreamSender:
    """Our stream, with the options it has when nothing is said, but for the size of the shared memory.

    The shape says how many samples a chunk has, so that slots of the shared memory are just as large,
    and all of it is walked through.
    """

    def __init__(
        self, n_samples: int, memory_bytes: int, protocol: str, transfermode: str = "plaindata"
    ) -> None:
        self._output = OutputStream()
        self._output.configure(
            protocol=protocol,
            transfermode=transfermode,
            dtype=DTYPE,
            shape=(n_samples, N_COLUMNS),
            buffer_size=memory_bytes // ROW_BYTES,
        )
        self.address: Any = self._output.params
        self.context = None
        self.send = self._output.send
        self.close = self._output.close

    def wait_joined(self) -> None:
        """Nothing to wait for: a reader that is connected gets all."""


class StreamReceiver:
    """Our stream, the end that receives."""

    def __init__(self, address: Any, _context: zmq.Context[Any] | None, _n_samples: int) -> None:
        self._input = InputStream()
        self._input.connect(address, timeout=PATIENCE)
        self.close = self._input.close

    def take(self) -> Chunk:
        """The next chunk."""
        chunk: Chunk = self._input.recv(timeout=PATIENCE)[1]
        return chunk


class _Socket:
    """A zmq socket with its context, both closed together."""

    def __init__(self, kind: int, context: zmq.Context[Any] | None = None) -> None:
        self._owns_context = context is None
        self.context: zmq.Context[Any] = zmq.Context() if context is None else context
        self.socket = self.context.socket(kind)
        self.socket.set_hwm(QUEUE_MESSAGES)
        self.socket.setsockopt(zmq.SNDTIMEO, int(PATIENCE * 1000))
        self.socket.setsockopt(zmq.RCVTIMEO, int(PATIENCE * 1000))

    def bind(self, protocol: str) -> str:
        """Listen anywhere; says where."""
        self.socket.bind("inproc://benchmark" if protocol == "inproc" else "tcp://127.0.0.1:*")
        endpoint: str = self.socket.getsockopt_string(zmq.LAST_ENDPOINT)
        return endpoint

    def close(self) -> None:
        """Close; what was sent and not taken is forgotten."""
        self.socket.close(linger=0)
        if self._owns_context:
            self.context.term()


class PlainSender(_Socket):
    """A straightforward stream: each array flattened, which copies it, and published."""

    def __init__(self, _n_samples: int, _memory_bytes: int, protocol: str) -> None:
        super().__init__(zmq.XPUB)
        self.socket.setsockopt(zmq.XPUB_NODROP, 1)  # waits where PUB would lose
        self.address = self.bind(protocol)
        self._n_sent = 0

    def wait_joined(self) -> None:
        """Wait for the subscription."""
        self.socket.recv()

    def send(self, array: Chunk) -> None:
        """Copy once, and hand over."""
        self._n_sent += 1
        self.socket.send_multipart([_HEADER.pack(self._n_sent), array.flatten()], copy=False)


class PlainReceiver(_Socket):
    """Its other end: each message received as bytes, which copies it, and looked at as an array."""

    def __init__(self, address: str, context: zmq.Context[Any] | None, n_samples: int) -> None:
        super().__init__(zmq.SUB, context)
        self._shape = (n_samples, N_COLUMNS)
        self.socket.connect(address)
        self.socket.subscribe(b"")

    def take(self) -> Chunk:
        """The next array."""
        _header, payload = self.socket.recv_multipart()
        return np.frombuffer(payload, DTYPE).reshape(self._shape)


class RawSender(_Socket):
    """What pyzmq does without us: one socket to one socket, nothing copied, nothing said of the array."""

    def __init__(self, _n_samples: int, _memory_bytes: int, protocol: str) -> None:
        super().__init__(zmq.PUSH)
        self.address = self.bind(protocol)

    def wait_joined(self) -> None:
        """Nothing to wait for: sending waits."""

    def send(self, array: Chunk) -> None:
        """Hand over."""
        self.socket.send(array, copy=False)


class RawReceiver(_Socket):
    """Its other end."""

    def __init__(self, address: str, context: zmq.Context[Any] | None, n_samples: int) -> None:
        super().__init__(zmq.PULL, context)
        self._shape = (n_samples, N_COLUMNS)
        self.socket.connect(address)

    def take(self) -> Chunk:
        """The next array, a view of the message."""
        frame: zmq.Frame = self.socket.recv(copy=False)
        return np.frombuffer(frame.buffer, DTYPE).reshape(self._shape)


_ENDS: dict[str, tuple[Any, Any]] = {
    "stream": (StreamSender, StreamReceiver),
    "plain": (PlainSender, PlainReceiver),
    "raw": (RawSender, RawReceiver),
}


def sender_of(kind: str, n_samples: int, memory_bytes: int, *way: str) -> Any:
    """The sending end: of kind `stream`, `plain` or `raw`; `way` is the protocol and what else it takes."""
    return _ENDS[kind][0](n_samples, memory_bytes, *way)


def receiver_of(kind: str, address: Any, context: zmq.Context[Any] | None, n_samples: int) -> Any:
    """The end that receives, connected."""
    return _ENDS[kind][1](address, context, n_samples)
