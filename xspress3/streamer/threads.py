"""The threads of a streamer and the sockets between them, begun and ended together."""

from __future__ import annotations

import queue
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import zmq

from xspress3.config import StreamerConfig
from xspress3.detector import Detector
from xspress3.errors import ShutdownTimeoutError
from xspress3.model import Window
from xspress3.stream.security import ClientGate, no_keys, server_keys
from xspress3.streamer.acquire import AcquireLoop, Item
from xspress3.streamer.history import ScalerHistory
from xspress3.streamer.latest import LatestFrame
from xspress3.streamer.monitor import MonitorServer
from xspress3.streamer.send import SendLoop
from xspress3.streamer.status import Status
from xspress3.worker import Worker

__all__ = ["StreamerThreads"]


class StreamerThreads:
    """One that asks the detector, one that sends its blocks, one that answers who wants the latest frame.

    They run from `start` to `close`.

    Parameters
    ----------
    status
        Asked from these threads at any time.
    set_window
        What a reader's wish for a window does.
    failed
        Takes what a thread died of, in that thread.

    Attributes
    ----------
    acquire, send
        What the threads do.
    data_endpoint, monitor_endpoint, old_endpoints
        Where readers find them, once they were started.
    """

    def __init__(
        self,
        detector: Detector,
        config: StreamerConfig,
        latest: LatestFrame,
        history: ScalerHistory,
        *,
        status: Callable[[], Status],
        set_window: Callable[[int, int, Window], bool],
        failed: Callable[[Exception], None],
    ) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._patience = 10.0 + 2 * config.linger
        items: queue.SimpleQueue[Item] = queue.SimpleQueue()
        security = server_keys(config.curve_secret_key, config.curve_allowed_keys)
        self._gate = None if security is None else ClientGate(self._context, security)
        secure = no_keys if security is None else security.apply
        self.acquire = AcquireLoop(detector, items, latest, config, history)
        self.send = SendLoop(self._context, config, items, lambda: status().state.value, secure)
        self._monitor = MonitorServer(
            self._context,
            f"tcp://{config.interface}:{config.monitor_port}",
            config.stream_id,
            latest,
            lambda: status().as_dict(),
            secure,
            set_window if config.allow_control else None,
        )
        self._workers = (  # upstream first
            Worker("xsp3-acquire", self.acquire.run, failed, self.acquire.wake),
            Worker("xsp3-send", self.send.run, failed),
            Worker("xsp3-monitor", self._monitor.run, failed),
        )

    def start(self) -> None:
        """Begin, and listen.

        Raises
        ------
        ConfigurationError
            When a port is taken; all were ended.
        """
        for worker in self._workers:
            worker.start()
        try:
            self.data_endpoint = self.send.endpoint()
            self.old_endpoints = self.send.old_endpoints()
            self.monitor_endpoint = self._monitor.endpoint()
        except BaseException:
            self.close()
            raise

    def with_ports(self, config: StreamerConfig) -> StreamerConfig:
        """`config` with the ports that these have, where any would have done."""
        ports: dict[str, Any] = {
            "data_port": _port(self.data_endpoint),
            "monitor_port": _port(self.monitor_endpoint),
            "old_dialects": {name: _port(endpoint) for name, endpoint in self.old_endpoints.items()},
        }
        return replace(config, **ports)

    def close(self) -> None:
        """End the threads, upstream first, so that what was acquired is sent; again does nothing.

        Raises
        ------
        ShutdownTimeoutError
            When one of them did not end in time; the others did.
        """
        late = []
        for worker in self._workers:
            try:
                worker.close(self._patience)
            except ShutdownTimeoutError as error:
                late.append(error)
        if self._gate is not None:
            self._gate.close()
        if late:
            # Its socket is in use by a thread: to end the context would wait for ever.
            raise late[0]
        self._context.term()  # a second time does nothing


def _port(endpoint: str) -> int:
    return urlsplit(endpoint).port or 0
