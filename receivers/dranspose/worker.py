"""The worker: sums of each frame over windows and regions, corrected for dead time."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from receivers.dranspose.events import EVENT_TYPE, messages_of
from receivers.dranspose.results import FramesLost, FrameSums, MapEnd, MapRefused, MapResult, MapStart
from receivers.dranspose.source import SessionKey
from receivers.dranspose.sums import RegionSums, parse_channels, parse_regions, regions_of
from receivers.geometry import HISTOGRAM, SCALERS, Geometry
from receivers.scan import POSITIONS, Scan
from receivers.session import UNREADABLE
from xspress3.errors import ConfigurationError, ProtocolError
from xspress3.stream import Block, Envelope, Loss, Message, SessionEnd, SessionStart

__all__ = ["XrfMapWorker"]

logger = logging.getLogger(__name__)

CHANNELS, ROIS = "channels", "rois"


class StreamParts(Protocol):
    """One stream of an event, as dranspose's `StreamData`."""

    typ: str
    frames: list[Any]


class ClusterEvent(Protocol):
    """What dranspose hands to a worker."""

    streams: Mapping[str, StreamParts]


class XrfMapWorker:
    """Made anew by dranspose for each map, and called with one event after the other::

        dranspose worker -c receivers.dranspose:XrfMapWorker

    The parameters `rois` (`fe_ka: 620-660, ca_ka: 360-380`; bins, both ends included) and `channels`
    (`0, 2`) hold from the next session on. Without them regions are `rois` of the session's metadata,
    and channels are all. What cannot be used becomes a result that says so, never an error: dranspose
    would count the event as done.
    """

    def __init__(self, **_context: Any) -> None:
        self._session: _Session | None = None

    @staticmethod
    def describe_parameters() -> list[Any]:
        """Parameters for the page of dranspose."""
        from dranspose.parameters import StrParameter  # noqa: PLC0415  # only dranspose asks for them

        return [
            StrParameter(name=ROIS, description="regions, as NAME: LOW-HIGH, NAME: LOW-HIGH"),
            StrParameter(name=CHANNELS, description="channels that are added, such as 0, 2; empty for all"),
        ]

    def process_event(
        self, event: ClusterEvent, parameters: Mapping[str, Any] | None = None, _tick: bool = False
    ) -> list[MapResult] | None:
        """Results of an event, or `None` where it has nothing of ours."""
        results: list[MapResult] = []
        for stream in event.streams.values():
            if stream.typ == EVENT_TYPE:
                results += self._results(stream.frames, parameters or {})
        return results or None

    def _results(self, frames: list[Any], parameters: Mapping[str, Any]) -> list[MapResult]:
        parts = [getattr(frame, "buffer", frame) for frame in frames]
        try:
            messages = list(messages_of(parts))
        except ProtocolError as error:
            logger.error("an event cannot be read: %s", error)
            key = ("", "", 0) if self._session is None else self._session.key
            return [FramesLost(key, 0, 0, f"{UNREADABLE}: {error}")]
        return [result for message in messages for result in self._of(message, parameters)]

    def _of(self, message: Message, parameters: Mapping[str, Any]) -> list[MapResult]:
        if isinstance(message, SessionStart):
            return [self._start(message, parameters)]
        if isinstance(message, Block):
            return [self._block(message)]
        if isinstance(message, Loss):
            return [
                FramesLost(key_of(message.envelope), message.first_frame, message.n_frames, message.reason)
            ]
        if isinstance(message, SessionEnd):
            return [MapEnd(key_of(message.envelope), message.reason.value, message.text)]
        return []

    def _start(self, start: SessionStart, parameters: Mapping[str, Any]) -> MapResult:
        key = key_of(start.envelope)
        try:
            self._session = _Session(start, parameters)
        except (ProtocolError, ConfigurationError) as error:
            logger.error("session %s cannot be mapped: %s", key[2], error)
            self._session = None
            return MapRefused(key, str(error))
        return self._session.described()

    def _block(self, block: Block) -> MapResult:
        key = key_of(block.envelope)
        if self._session is None or self._session.key != key:
            return FramesLost(key, block.first_frame, block.n_frames, "the session was not begun here")
        try:
            return self._session.sums(block)
        except (ProtocolError, ConfigurationError, KeyError) as error:
            return FramesLost(key, block.first_frame, block.n_frames, f"{UNREADABLE}: {error}")


class _Session:
    """What holds for all frames of a session."""

    def __init__(self, start: SessionStart, parameters: Mapping[str, Any]) -> None:
        geometry = Geometry.from_start(start)
        rois = _parameter(parameters, ROIS)
        regions = parse_regions(rois) if rois else regions_of(start.metadata)
        self.key = key_of(start.envelope)
        self._start = start
        self._channels = parse_channels(_parameter(parameters, CHANNELS), geometry.n_channels)
        self._scan = Scan.from_start(start)
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

    def sums(self, block: Block) -> FrameSums:
        """Sums of the frames of `block`."""
        frames = np.arange(block.first_frame, block.end_frame, dtype=np.int64)
        counts, corrected = self._sums.of(block[HISTOGRAM].decode(), block[SCALERS].decode())
        positions = [array for array in block.arrays if array.name == POSITIONS]
        if positions:
            pixels = self._scan.pixels_at(_checked_positions(positions[0].decode(), block.n_frames))
        else:
            pixels = self._scan.pixels(frames)
        return FrameSums(self.key, frames, pixels, counts, corrected)


def key_of(envelope: Envelope) -> SessionKey:
    """What tells one session from any other."""
    return envelope.stream_id, envelope.epoch, envelope.session_id or 0


def _checked_positions(positions: Any, n_frames: int) -> Any:
    if positions.dtype != np.dtype("<i4") or positions.shape != (n_frames, 2):
        raise ProtocolError(f"positions: {positions.dtype} {positions.shape}, expected int32 {(n_frames, 2)}")
    return positions


def _parameter(parameters: Mapping[str, Any], name: str) -> str:
    """The text of a parameter of dranspose; empty where it was not set."""
    said = parameters.get(name)
    if said is None:
        return ""
    try:
        return str(bytes(said.data), "utf-8").strip()
    except UnicodeDecodeError:
        raise ConfigurationError(f"{name}: {said.data[:64]!r}, allowed is text in UTF-8") from None
