"""The worker: sums of each frame over windows and regions, corrected for dead time."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from receivers.dranspose.events import EVENT_TYPE, messages_of
from receivers.dranspose.placing import Placing
from receivers.dranspose.pool import ResultPool
from receivers.dranspose.positions import PositionFields, StreamParts
from receivers.dranspose.results import FramesLost, FrameSums, MapEnd, MapRefused, MapResult, MapStart
from receivers.dranspose.source import SessionKey
from receivers.dranspose.sums import RegionSums, parse_channels, parse_regions, regions_of
from receivers.geometry import HISTOGRAM, SCALERS, Geometry
from receivers.scan import Scan
from receivers.session import UNREADABLE
from xspress3.errors import ConfigurationError, ProtocolError
from xspress3.stream import Block, Envelope, Loss, Message, SessionEnd, SessionStart

__all__ = ["XrfMapWorker"]

logger = logging.getLogger(__name__)

CHANNELS, POSITIONS, ROIS = "channels", "positions", "rois"


Streams = Mapping[str, StreamParts]


class ClusterEvent(Protocol):
    """What dranspose hands to a worker."""

    streams: Streams


class XrfMapWorker:
    """Made anew by dranspose for each map, and called with one event after the other::

        dranspose worker -c receivers.dranspose:XrfMapWorker

    The parameters `rois` (`fe_ka: 620-660, ca_ka: 360-380`; bins, both ends included), `channels` (`0, 2`)
    and `positions` (`panda: ROW, COLUMN`) hold from the next session on. Without them regions are `rois`
    of the session's metadata, positions are `positions` there, and channels are all. What cannot be used
    becomes a result that says so, never an error: dranspose would count the event as done.
    """

    def __init__(self, **_context: Any) -> None:
        self._session: _Session | None = None
        self._pool = ResultPool()

    @staticmethod
    def describe_parameters() -> list[Any]:
        """Parameters for the page of dranspose."""
        from dranspose.parameters import StrParameter  # noqa: PLC0415  # only dranspose asks for them

        return [
            StrParameter(name=ROIS, description="regions, as NAME: LOW-HIGH, NAME: LOW-HIGH"),
            StrParameter(name=CHANNELS, description="channels that are added, such as 0, 2; empty for all"),
            StrParameter(name=POSITIONS, description="another stream with positions, as STREAM: ROW, COLUMN"),
        ]

    def process_event(
        self, event: ClusterEvent, parameters: Mapping[str, Any] | None = None, _tick: bool = False
    ) -> list[MapResult] | None:
        """Results of this event and of those before, or `None` where none are due."""
        results: list[MapResult] = []
        for stream in event.streams.values():
            if stream.typ == EVENT_TYPE:
                results += self._results(stream, event.streams, parameters or {})
        return self._pool.add(results) if results else None

    def _results(
        self, stream: StreamParts, streams: Streams, parameters: Mapping[str, Any]
    ) -> list[MapResult]:
        parts = [getattr(frame, "buffer", frame) for frame in stream.frames]
        try:
            messages = list(messages_of(parts))
        except ProtocolError as error:
            logger.error("an event cannot be read: %s", error)
            key = ("", "", 0) if self._session is None else self._session.key
            return [FramesLost(key, 0, 0, f"{UNREADABLE}: {error}")]
        return [result for message in messages for result in self._of(message, streams, parameters)]

    def _of(self, message: Message, streams: Streams, parameters: Mapping[str, Any]) -> list[MapResult]:
        if isinstance(message, SessionStart):
            return [self._start(message, streams, parameters)]
        if isinstance(message, Block):
            return [self._block(message, streams)]
        if isinstance(message, Loss):
            return [
                FramesLost(key_of(message.envelope), message.first_frame, message.n_frames, message.reason)
            ]
        if isinstance(message, SessionEnd):
            n_frames = message.acquired + message.lost
            return [MapEnd(key_of(message.envelope), message.reason.value, message.text, n_frames)]
        return []

    def _start(self, start: SessionStart, streams: Streams, parameters: Mapping[str, Any]) -> MapResult:
        key = key_of(start.envelope)
        try:
            self._session = _Session(start, streams, parameters)
        except (ProtocolError, ConfigurationError) as error:
            logger.error("session %s cannot be mapped: %s", key[2], error)
            self._session = None
            return MapRefused(key, str(error))
        return self._session.described()

    def _block(self, block: Block, streams: Streams) -> MapResult:
        key = key_of(block.envelope)
        if self._session is None or self._session.key != key:
            return FramesLost(key, block.first_frame, block.n_frames, "the session was not begun here")
        try:
            return self._session.sums(block, streams)
        except (ProtocolError, ConfigurationError, KeyError) as error:
            return FramesLost(key, block.first_frame, block.n_frames, f"{UNREADABLE}: {error}")


class _Session:
    """What holds for all frames of a session."""

    def __init__(self, start: SessionStart, streams: Streams, parameters: Mapping[str, Any]) -> None:
        geometry = Geometry.from_start(start)
        rois = _parameter(parameters, ROIS)
        regions = parse_regions(rois) if rois else regions_of(start.metadata)
        self.key = key_of(start.envelope)
        self._start = start
        self._channels = parse_channels(_parameter(parameters, CHANNELS), geometry.n_channels)
        self._scan = Scan.from_start(start)
        self._placing = Placing(self._scan, _position_fields(start, parameters))
        self._placing.hear(streams)
        self._sums = RegionSums(geometry, regions, self._channels)
        if not set(self._scan.array_names).isdisjoint(self._sums.names):
            raise ConfigurationError(
                f"regions {self._sums.names}, {self._scan.array_names} are axes of the map"
            )

    def described(self) -> MapStart:
        """What the reducer needs to know."""
        start = self._start
        return MapStart(
            self.key, start.start_time_ns, start.n_frames, self._scan, self._sums.names, self._channels
        )

    def sums(self, block: Block, streams: Streams) -> FrameSums:
        """Sums of the frames of `block`, which came with the other `streams` of its event."""
        frames = np.arange(block.first_frame, block.end_frame, dtype=np.int64)
        counts, corrected = self._sums.of(block[HISTOGRAM].decode(), block[SCALERS].decode())
        pixels, text = self._placing.pixels(block, streams)
        return FrameSums(self.key, frames, pixels, counts, corrected, text)


def key_of(envelope: Envelope) -> SessionKey:
    """What tells one session from any other."""
    return envelope.stream_id, envelope.epoch, envelope.session_id or 0


def _position_fields(start: SessionStart, parameters: Mapping[str, Any]) -> PositionFields | None:
    said = _parameter(parameters, POSITIONS)
    return PositionFields.from_text(said) if said else PositionFields.from_metadata(start.metadata)


def _parameter(parameters: Mapping[str, Any], name: str) -> str:
    """The text of a parameter of dranspose; empty where it was not set."""
    said = parameters.get(name)
    if said is None:
        return ""
    try:
        return str(bytes(said.data), "utf-8").strip()
    except UnicodeDecodeError:
        raise ConfigurationError(f"{name}: {said.data[:64]!r}, allowed is text in UTF-8") from None
