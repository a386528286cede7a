"""Sends each session a second time, for readers of the dialects before ours."""

from __future__ import annotations

import logging
from collections.abc import Callable

import zmq

from xspress3.config import StreamerConfig
from xspress3.stream import ReaderStatus, SessionEnd, SessionStart, Slot
from xspress3.stream.dialects import DialectPublisher, old_dialect

__all__ = ["OldReaders"]

logger = logging.getLogger(__name__)

GiveUp = Callable[[], bool]


class OldReaders:
    """The sockets of the old dialects; used in the thread that sends, and only there.

    Frames go out one by one and not compressed, as these dialects want them, and only while somebody
    reads. Lost frames cannot be told in them: they are missing.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        config: StreamerConfig,
        secure: Callable[[zmq.Socket[bytes]], None],
    ) -> None:
        self._publishers: dict[str, DialectPublisher] = {}
        self._is_told: set[str] = set()
        try:
            for name, port in config.old_dialects.items():
                self._publishers[name] = DialectPublisher(
                    context,
                    f"tcp://{config.interface}:{port}",
                    old_dialect(name),
                    slow_reader=config.slow_reader,
                    linger=config.linger,
                    secure=secure,
                )
        except BaseException:
            self.close()
            raise

    @property
    def endpoints(self) -> dict[str, str]:
        """Where each dialect is spoken."""
        return {name: publisher.endpoint for name, publisher in self._publishers.items()}

    @property
    def readers(self) -> list[ReaderStatus]:
        """One for each reader; they do not tell more of themselves than that they are there."""
        return [
            ReaderStatus(name, "", 0, "lossless", 0, publisher.n_dropped)
            for name, publisher in self._publishers.items()
            for _ in range(publisher.n_readers)
        ]

    def serve(self) -> None:
        """Let in who has come, between series."""
        for publisher in self._publishers.values():
            publisher.poll_joins()

    def begin(self, start: SessionStart, give_up: GiveUp) -> None:
        """Begin a series for those who read."""
        self._is_told.clear()
        for publisher in self._publishers.values():
            if publisher.is_in_series:  # its end was given up
                publisher.end(None, lambda: True)
            publisher.poll_joins()
            if publisher.n_readers:
                publisher.begin(start, give_up)

    def send(self, slot: Slot, give_up: GiveUp) -> None:
        """Send the frames of `slot`, which may be used again afterwards."""
        for name, publisher in self._publishers.items():
            if publisher.is_in_series:
                n_frames = slot.n_frames
                n_sent = publisher.send(
                    slot.first_frame,
                    slot.histogram[:n_frames],
                    slot.scalers[:n_frames],
                    time_ns=slot.time_ns,
                    give_up=give_up,
                )
                if n_sent < n_frames and name not in self._is_told:
                    self._is_told.add(name)
                    logger.warning("a slow reader of the dialect %s: frames are dropped for it", name)

    def end(self, end: SessionEnd, give_up: GiveUp) -> None:
        """End the series."""
        for publisher in self._publishers.values():
            if publisher.is_in_series:
                publisher.end(end, give_up)

    def close(self) -> None:
        """Close the sockets; a second call does nothing."""
        for publisher in self._publishers.values():
            publisher.close()
