"""Where a stream of samples comes from: a socket, this process, or shared memory."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from os import PathLike
from typing import Any, Union

import zmq

from xspress3.errors import ConfigurationError, StreamError
from xspress3.stream.local import LocalSubscriber
from xspress3.stream.messages import Alive, SessionStart
from xspress3.stream.security import client_keys, no_keys
from xspress3.stream.shm import ShmSubscriber, ring_of
from xspress3.stream.streams.memory_source import MemorySource
from xspress3.stream.subscriber import Subscriber

__all__ = ["Source", "open_source"]

logger = logging.getLogger(__name__)

Source = Union[Subscriber, LocalSubscriber, ShmSubscriber, MemorySource]
Joined = Union[Subscriber, LocalSubscriber]
KeyFile = Union[str, PathLike[str], None]


def open_source(
    params: Mapping[str, Any],
    *,
    name: str | None,
    contract: str,
    timeout: float,
    queue_messages: int = 64,
    wants_backlog: bool = False,
    key: KeyFile = None,
    server_key: KeyFile = None,
) -> Source:
    """The source at `params["url"]`, joined.

    Parameters
    ----------
    name, contract, queue_messages, wants_backlog
        As of `Subscriber`.
    timeout
        Seconds to wait for the stream to say in which shared memory it is, where it is in any.
    key
        File with the secret key of this reader, for streams that admit readers by key.
    server_key
        File with the public key of the stream; left alone, the one in `params` is taken.

    Raises
    ------
    ConfigurationError
        When a key is missing or cannot be read.
    StreamRefusedError
        When the stream does not admit this reader.
    """
    url = str(params["url"])
    reader_name = name or threading.current_thread().name
    options: dict[str, Any] = {
        "name": reader_name,
        "contract": contract,
        "queue_messages": queue_messages,
        "wants_backlog": wants_backlog,
    }
    secure = _keys(params, key, server_key)

    def by_socket() -> Subscriber:
        return Subscriber(url, secure=secure, **options)

    source = LocalSubscriber(url, **options) if url.startswith("inproc://") else by_socket()
    if params.get("transfermode") == "plaindata":
        return source
    try:
        return _through_memory(source, timeout, by_socket, _enter(source, reader_name, wants_backlog))
    except BaseException:
        source.close()
        raise


def _enter(source: Joined, name: str, wants_backlog: bool) -> Callable[[SessionStart], ShmSubscriber]:
    """Joins a ring as `source` has joined the stream."""
    endpoint, contract = source.endpoint, source.contract
    return lambda start: ShmSubscriber(
        endpoint, start, name=name, contract=contract, wants_backlog=wants_backlog
    )


def _keys(
    params: Mapping[str, Any], key: KeyFile, server_key: KeyFile
) -> Callable[[zmq.Socket[bytes]], None]:
    """Puts the keys of a reader on its socket, where there are any."""
    said = params.get("curve_public_key")
    if said is not None and key is None:
        raise ConfigurationError(
            f"{params['url']} admits readers by key, and none was given; allowed is key=FILE, "
            "see `xspress3 keys make`"
        )
    known = said.encode() if isinstance(said, str) else None
    security = client_keys(key, known if server_key is None else server_key)
    return no_keys if security is None else security.apply


def _through_memory(
    source: Joined,
    timeout: float,
    by_socket: Callable[[], Subscriber],
    enter: Callable[[SessionStart], ShmSubscriber],
) -> Source:
    """The ring that the start names, where we can reach it; else what we have."""
    deadline = time.monotonic() + timeout
    while (left := deadline - time.monotonic()) > 0:
        message = source.receive(min(left, 0.1))
        if isinstance(message, Alive):  # nothing is on: what comes later comes by the socket
            source.keep(message)
            return source
        if isinstance(message, SessionStart):
            ring = _ring(message, enter)
            if ring is None:
                source.keep(message)
                return source
            source.close()
            # Within a process nobody comes back to an address.
            return ring if isinstance(source, LocalSubscriber) else MemorySource(ring, by_socket, enter)
    return source


def _ring(start: SessionStart, enter: Callable[[SessionStart], ShmSubscriber]) -> ShmSubscriber | None:
    if ring_of(start) is None:
        return None
    try:
        return enter(start)
    except StreamError as error:  # not there, or no seat is free
        logger.warning("%s by the socket, because %s", start.envelope.stream_id, error)
        return None
