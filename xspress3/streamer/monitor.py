"""Answers who asks for the newest frame, however many they are and whatever they send.

A ROUTER socket: it serves REQ and DEALER clients, keeps no state of them, and drops an answer that
nobody takes. A request is one part:

=============  =======================================================================
`latest`, ``   the newest frame as a `block` message of one frame; `alive` before the first
`status`       one JSON object of type `status`
`{...}`        a command in JSON, where that is allowed: an object of type `done`
anything else  one JSON object of type `error` with a text
=============  =======================================================================

The only command is `{"type": "set_window", "channel": 0, "window": 0, "low": 100, "high": 200}`.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Union

import numpy as np
import zmq

from xspress3.errors import ProtocolError, StateError, Xspress3Error
from xspress3.model import Window
from xspress3.stream import Alive, Block, EncodedArray, Envelope, encode
from xspress3.stream.codec import SCHEMA
from xspress3.stream.control import MAX_REQUEST_BYTES
from xspress3.stream.fields import integer, object_of_bytes
from xspress3.stream.security import no_keys
from xspress3.stream.sockets import bind
from xspress3.streamer.latest import LatestFrame, Snapshot

__all__ = ["MonitorServer"]

logger = logging.getLogger(__name__)

_POLL_MS = 100
_MAX_PARTS = 8
_QUEUE_MESSAGES = 4
"""Answers that may wait for a client that does not read."""

Buffer = Union[bytes, bytearray, memoryview]


class MonitorServer:
    """Owns the monitor socket, from binding to closing.

    Parameters
    ----------
    status
        Gives the state of the streamer as plain values.
    secure
        Puts keys on the socket, where there are any.
    set_window
        Chooses limits for a window of a channel, and tells whether they hold at once; `None` where
        clients may not do that.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        endpoint: str,
        stream_id: str,
        latest: LatestFrame,
        status: Callable[[], dict[str, Any]],
        secure: Callable[[zmq.Socket[bytes]], None] = no_keys,
        set_window: Callable[[int, int, Window], bool] | None = None,
    ) -> None:
        self._secure = secure
        self._set_window = set_window
        self._context = context
        self._wanted = endpoint
        self._stream_id = stream_id
        self._latest = latest
        self._status = status
        self._endpoint: Future[str] = Future()

    def endpoint(self) -> str:
        """Where it listens; waits for the binding and raises what that failed with."""
        return self._endpoint.result()

    def run(self, stop: threading.Event) -> None:
        """Answer until `stop` is set."""
        socket = self._context.socket(zmq.ROUTER)
        try:
            socket.setsockopt(zmq.LINGER, 0)
            socket.setsockopt(zmq.SNDHWM, _QUEUE_MESSAGES)
            socket.setsockopt(zmq.MAXMSGSIZE, MAX_REQUEST_BYTES)
            try:
                self._secure(socket)
                self._endpoint.set_result(bind(socket, self._wanted))
            except Exception as error:
                self._endpoint.set_exception(error)
                return
            while not stop.is_set():
                if socket.poll(_POLL_MS):
                    self._answer(socket)
        finally:
            socket.close()

    def _answer(self, socket: zmq.Socket[bytes]) -> None:
        parts = socket.recv_multipart()
        envelope, body = parts[:1], parts[1:]
        if body and not body[0]:  # a REQ socket puts an empty part before its request
            envelope, body = parts[:2], parts[2:]
        try:
            # NOBLOCK: a client that does not read loses its answer, nobody waits for it.
            socket.send_multipart([*envelope, *self._reply(body)], zmq.NOBLOCK)
        except zmq.ZMQError as error:
            logger.debug("answer not taken: %s", error)

    def _reply(self, body: Sequence[bytes]) -> list[Buffer]:
        request = body[0] if len(body) == 1 else b"" if not body else None
        if request in (b"", b"latest"):
            return self._latest_frame()
        if request == b"status":
            return [_json("status", self._status())]
        if request is not None and request.startswith(b"{"):
            return [self._obey(request)]
        shown = " | ".join(repr(part[:40]) for part in body[:_MAX_PARTS])
        text = f"request of {len(body)} parts, {shown}: allowed is one part, 'latest' or 'status'"
        return [_json("error", {"text": text})]

    def _obey(self, request: bytes) -> bytes:
        """The answer to a command; what is wrong with it is told, and ends nothing."""
        try:
            if self._set_window is None:
                raise StateError("commands are not allowed: the sender was started without --allow-control")
            channel, window, limits = _window_of(request)
            holds = self._set_window(channel, window, limits)
        except Xspress3Error as error:
            return _json("error", {"text": str(error)})
        since = "" if holds else " from the next session on"
        text = f"channel {channel}: window {window} is {limits.low}..{limits.high}{since}"
        logger.info("%s, by a client of the monitor", text)
        return _json("done", {"text": text, "holds_at_once": holds})

    def _latest_frame(self) -> list[Buffer]:
        snapshot = self._latest.get()
        if snapshot is None:
            return encode(Alive(Envelope(self._stream_id, None, 0, time.time_ns()), "no frame yet"))
        return encode(_one_frame(self._stream_id, snapshot))


def _window_of(request: bytes) -> tuple[int, int, Window]:
    said = object_of_bytes(request, MAX_REQUEST_BYTES, "command")
    if said.get("type") != "set_window":
        raise ProtocolError(f"command {str(said.get('type'))[:40]!r}, known is 'set_window'")
    limits = Window(integer(said, "low"), integer(said, "high"))
    return integer(said, "channel"), integer(said, "window"), limits


def _one_frame(stream_id: str, snapshot: Snapshot) -> Block:
    session = snapshot.session
    arrays = tuple(
        EncodedArray(name, array.dtype, array.shape, "none", array.reshape(-1).view(np.uint8).data)
        for name, array in (("histogram", snapshot.histogram), ("scalers", snapshot.scalers))
    )
    envelope = Envelope(stream_id, session.session_id, snapshot.frame, snapshot.time_ns)
    return Block(envelope, snapshot.frame, 1, arrays)


def _json(kind: str, values: dict[str, Any]) -> bytes:
    return json.dumps({"schema": SCHEMA, "type": kind, **values}).encode()
