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
from xspress3.stream.subscriber import Subscriber

__all__ = ["Source", "open_source"]

logger = logging.getLogger(__name__)

Source = Union[Subscriber, LocalSubscriber, ShmSubscriber]
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
    is_local = url.startswith("inproc://")
    secure = _keys(params, key, server_key)
    source = LocalSubscriber(url, **options) if is_local else Subscriber(url, secure=secure, **options)
    if params.get("transfermode") == "plaindata":
        return source
    try:
        return _through_memory(source, timeout, reader_name, wants_backlog)
    except BaseException:
        source.close()
        raise


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
    source: Union[Subscriber, LocalSubscriber], timeout: float, name: str, wants_backlog: bool
) -> Source:
    """The ring that the start names, where we can reach it; else what we have."""
    deadline = time.monotonic() + timeout
    while (left := deadline - time.monotonic()) > 0:
        message = source.receive(min(left, 0.1))
        if isinstance(message, Alive):  # nothing is on: what comes later comes by the socket
            source.keep(message)
            return source
        if isinstance(message, SessionStart):
            if ring_of(message) is not None:
                try:
                    ring = ShmSubscriber(
                        source.endpoint,
                        message,
                        name=name,
                        contract=source.contract,
                        wants_backlog=wants_backlog,
                    )
                except StreamError as error:  # not there, or no seat is free
                    logger.warning("%s: by the socket, because %s", source.endpoint, error)
                else:
                    source.close()
                    return ring
            source.keep(message)
            return source
    return source
