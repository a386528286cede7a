"""Where a stream of samples comes from: a socket, this process, or shared memory."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from typing import Any, Union

from xspress3.errors import StreamError
from xspress3.stream.local import LocalSubscriber
from xspress3.stream.messages import Alive, SessionStart
from xspress3.stream.shm import ShmSubscriber, ring_of
from xspress3.stream.subscriber import Subscriber

__all__ = ["Source", "open_source"]

logger = logging.getLogger(__name__)

Source = Union[Subscriber, LocalSubscriber, ShmSubscriber]


def open_source(
    params: Mapping[str, Any],
    *,
    name: str | None,
    contract: str,
    timeout: float,
    queue_messages: int = 64,
    wants_backlog: bool = False,
) -> Source:
    """The source at `params["url"]`, joined.

    Parameters
    ----------
    name, contract, queue_messages, wants_backlog
        As of `Subscriber`.
    timeout
        Seconds to wait for the stream to say in which shared memory it is, where it is in any.
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
    source = LocalSubscriber(url, **options) if is_local else Subscriber(url, **options)
    if params.get("transfermode") == "plaindata":
        return source
    try:
        return _through_memory(source, timeout, reader_name, wants_backlog)
    except BaseException:
        source.close()
        raise


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
