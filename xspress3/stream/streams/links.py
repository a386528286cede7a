"""What carries a stream of samples: a socket, this process, or shared memory."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any, Union

import zmq

from xspress3.stream.codec import MAX_ARRAY_BYTES
from xspress3.stream.ipc import claim, remove_socket, socket_path
from xspress3.stream.local import LocalPublisher
from xspress3.stream.numbering import Numbering
from xspress3.stream.publisher import Publisher
from xspress3.stream.security import ClientGate, CurveServer, no_keys, server_keys
from xspress3.stream.shared import RingWriter
from xspress3.stream.shm import ShmPublisher
from xspress3.stream.sockets import warn_of_everybody
from xspress3.stream.streams.options import LOOPBACK, StreamOptions

__all__ = ["Link", "SocketPublisher", "make_link", "max_samples", "public_key"]

_SLOTS = 64
_MAX_SLOTS = 65536
_MESSAGE_BYTES = 1 << 16
"""Room that a slot has at least: for a start with its description."""


class SocketPublisher(Publisher):
    """A publisher that owns its zmq context, its gate where there are keys, and the file of an ipc socket."""

    def __init__(
        self,
        endpoint: str,
        numbering: Numbering,
        path: Path | None,
        security: CurveServer | None,
        **options: Any,
    ) -> None:
        self._own_context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._path = path
        self._linger = float(options.get("linger", 0.0))
        self._gate = None if security is None else ClientGate(self._own_context, security)
        secure = no_keys if security is None else security.apply
        try:
            super().__init__(self._own_context, endpoint, numbering, secure=secure, **options)
        except BaseException:
            self._end_context()
            raise

    def _end_context(self) -> None:
        if self._gate is not None:
            self._gate.close()
        self._own_context.term()

    def close(self, linger: float | None = None) -> None:
        """Let readers take all, close the socket, end the context; a second call does nothing."""
        if not self._socket.closed:
            self.wait_taken(self._linger if linger is None else linger)
        super().close(linger)
        self._end_context()
        if self._path is not None:
            remove_socket(self._path)


Link = Union[SocketPublisher, LocalPublisher, ShmPublisher]


def make_link(options: StreamOptions, numbering: Numbering) -> Link:
    """What `options` ask for, open.

    Raises
    ------
    ConfigurationError
        When an address is in use or cannot be.
    """
    control = _make_control(options, numbering)
    if options.transfermode == "plaindata":
        return control
    try:
        ring = RingWriter(*_ring_size(options), name=options.name or "stream")
    except BaseException:
        control.close()
        raise
    return ShmPublisher(control, ring, options.drop_after)


def max_samples(link: Link, options: StreamOptions) -> int:
    """Samples that may leave in one piece."""
    room = link.ring.slot_bytes if isinstance(link, ShmPublisher) else MAX_ARRAY_BYTES
    return max(room // options.bytes_per_sample, 1)


def _make_control(options: StreamOptions, numbering: Numbering) -> Union[SocketPublisher, LocalPublisher]:
    common: dict[str, Any] = {
        "queue_messages": options.queue_messages,
        "backlog_bytes": options.backlog_bytes,
        "drop_after": options.drop_after,
    }
    if options.protocol == "inproc":
        name = secrets.token_hex(8) if options.interface == LOOPBACK else options.interface
        return LocalPublisher(f"inproc://{name}", numbering, **common)
    common.update(linger=options.linger, heartbeat=options.heartbeat, security=_security(options))
    if options.protocol == "tcp":
        link = SocketPublisher(f"tcp://{options.interface}:{options.port}", numbering, None, **common)
        warn_of_everybody(options.interface, has_keys=common["security"] is not None)
        return link
    path = socket_path() if options.interface == LOOPBACK else Path(options.interface)
    claim(path.absolute())
    return SocketPublisher(f"ipc://{os.fspath(path.absolute())}", numbering, path, **common)


def _security(options: StreamOptions) -> CurveServer | None:
    return server_keys(options.curve_secret_key, options.curve_allowed_keys)


def public_key(options: StreamOptions) -> str | None:
    """The key by which readers know a stream of these options, `None` where everybody may read."""
    security = _security(options)
    return None if security is None else security.public_key.decode()


def _ring_size(options: StreamOptions) -> tuple[int, int]:
    """Slots, and bytes of each: a chunk, or a part of `buffer_size` where chunks are of any length."""
    chunk = options.chunk_size
    if chunk == 1:
        chunk = max(-(-options.buffer_size // _SLOTS), 1)
    n_slots = min(max(-(-options.buffer_size // chunk), 2), _MAX_SLOTS)
    return n_slots, max(chunk * options.bytes_per_sample, _MESSAGE_BYTES)
