"""Positions of frames that come as a second stream in the same events, as a PandA box tells them.

The metadata of a session, or the parameter `positions`, name the stream and its fields::

    {"positions": {"stream": "panda", "row": "INENC2.VAL.Mean", "column": "INENC1.VAL.Mean"}}

Read are the events of two ingesters of dranspose: `PCAP` (`ZmqSubPCAPIngester`, JSON) and `PCAP_RAW`
(`TcpPcapIngester`, lines of text). Events of other types are pickled, and are not read.

A position counts for a frame only when it says itself that it is of that frame: by `frame_number` in `PCAP`,
in `PCAP_RAW` by a field that `frame` names, whose value at frame 0 is `first`, 0 if not said.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from receivers.scan import Scan
from xspress3.errors import ConfigurationError, Xspress3Error

__all__ = ["PositionFields", "StreamParts", "StreamPositions", "UnplacedError"]

PCAP, PCAP_RAW = "PCAP", "PCAP_RAW"
MAX_BYTES = 1 << 20
"""Of a position in an event; a thousand fields are far less."""
MAX_NAME = 128
MAX_FIRST = 1 << 62
_PARAMETER = re.compile(r"\s*([^\s:,]+)\s*:\s*([^\s,]+)\s*,\s*([^\s,]+)\s*(?:,\s*([^\s,]+)\s*)?")
_ARM_TIME = "arm_time:"
_NAMES = ("stream", "row", "column", "frame")


class StreamParts(Protocol):
    """One stream of an event, as dranspose's `StreamData`."""

    typ: str
    frames: list[Any]


class UnplacedError(Xspress3Error):
    """A frame whose place on the map is not known."""


@dataclass(frozen=True)
class PositionFields:
    """Which stream tells positions, and in which fields; `frame` is the one with the number of the frame."""

    stream: str
    row: str
    column: str
    frame: str | None = None
    first: int = 0

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any]) -> PositionFields | None:
        """What `positions` in the metadata of a session says, `None` where it is missing.

        Raises
        ------
        ConfigurationError
            When it cannot be understood.
        """
        said = metadata.get("positions")
        if said is None:
            return None
        first = said.get("first", 0) if isinstance(said, Mapping) else None
        if not isinstance(said, Mapping) or type(first) is not int or abs(first) > MAX_FIRST:
            raise _not_understood(said)
        return cls._checked([said.get(name) for name in _NAMES], first, said)

    @classmethod
    def from_text(cls, text: str) -> PositionFields:
        """The same from a text such as `panda: ROW, COLUMN` or `panda: ROW, COLUMN, FRAME`.

        Raises
        ------
        ConfigurationError
            When it cannot be understood.
        """
        found = _PARAMETER.fullmatch(text)
        if found is None:
            raise _not_understood(text)
        return cls._checked(list(found.groups()), 0, text)

    @classmethod
    def _checked(cls, names: list[Any], first: int, said: object) -> PositionFields:
        stream, row, column, frame = names
        if not all(map(_is_name, (stream, row, column))) or not (frame is None or _is_name(frame)):
            raise _not_understood(said)
        return cls(stream, row, column, frame, first)


def _is_name(said: object) -> bool:
    return isinstance(said, str) and 0 < len(said) <= MAX_NAME


def _not_understood(said: object) -> ConfigurationError:
    return ConfigurationError(
        f"positions: {str(said)[:96]}, expected stream, row and column as texts, and a frame perhaps"
    )


class StreamPositions:
    """Finds the pixel of a frame in the other streams of its event::

        positions = StreamPositions(fields, scan)
        positions.hear(event.streams)               # at the start, for those that tell fields only there
        pixel = positions.pixel(event.streams, frame)

    Raises
    ------
    ConfigurationError
        When the scan does not say over which ranges it goes.
    """

    def __init__(self, fields: PositionFields, scan: Scan) -> None:
        if scan.ranges is None:
            raise ConfigurationError("positions: need ranges in the scan, which tell pixels from positions")
        self._fields = fields
        self._axes = [_Axis(*scan.ranges[0], scan.n_rows), _Axis(*scan.ranges[1], scan.n_columns)]
        self._n_columns = scan.n_columns
        self._raw_names: list[str] = []

    def hear(self, streams: Mapping[str, StreamParts]) -> None:
        """Remember the names of fields, where they are told at the start."""
        stream = streams.get(self._fields.stream)
        if stream is not None and stream.typ == PCAP_RAW:
            self._raw_names = _raw_names(_text(stream))

    def pixel(self, streams: Mapping[str, StreamParts], frame: int) -> int:
        """Index of the frame's pixel in the flat map, -1 outside.

        Raises
        ------
        UnplacedError
            When there is no position, or none that can be used, or that of another frame.
        """
        said = self._said(streams)
        self._check_frame(said, frame)
        row, column = (
            axis.index(_number(said, name))
            for axis, name in zip(self._axes, (self._fields.row, self._fields.column), strict=True)
        )
        return -1 if row is None or column is None else row * self._n_columns + column

    def _said(self, streams: Mapping[str, StreamParts]) -> dict[str, Any]:
        stream = streams.get(self._fields.stream)
        if stream is None:
            raise UnplacedError(f"no {self._fields.stream} in the event")
        if stream.typ == PCAP:
            return _read_json(_text(stream))
        if stream.typ == PCAP_RAW:
            return self._read_line(_text(stream))
        raise UnplacedError(f"{self._fields.stream} is of type {stream.typ[:32]}, read are PCAP and PCAP_RAW")

    def _read_line(self, line: str) -> dict[str, Any]:
        values = line.split()
        if not self._raw_names or len(values) != len(self._raw_names):
            raise UnplacedError(f"{len(values)} values for {len(self._raw_names)} fields")
        return dict(zip(self._raw_names, values, strict=True))

    def _check_frame(self, said: Mapping[str, Any], frame: int) -> None:
        name = self._fields.frame or "frame_number"
        if name not in said:
            raise UnplacedError(f"the position does not say of which frame it is: no {name}")
        number = _number(said, name)
        if number != frame + self._fields.first:
            raise UnplacedError(f"{name} is {number:g}, expected {frame + self._fields.first}")


class _Axis:
    """Positions along an axis, and the pixels whose centres they are nearest to."""

    def __init__(self, begin: float, end: float, n_pixels: int) -> None:
        if n_pixels > 1 and begin == end:
            raise ConfigurationError(f"positions: range {begin} to {end}, but {n_pixels} pixels")
        self._begin = begin
        self._n_pixels = n_pixels
        self._step = (end - begin) / (n_pixels - 1) if n_pixels > 1 else math.inf

    def index(self, position: float) -> int | None:
        """The pixel at `position`, `None` outside; a single pixel takes any."""
        nearest = (position - self._begin) / self._step
        if not -0.5 <= nearest <= self._n_pixels - 0.5:
            return None
        return min(max(round(nearest), 0), self._n_pixels - 1)


def _text(stream: StreamParts) -> str:
    if len(stream.frames) != 1:
        raise UnplacedError(f"a position of {len(stream.frames)} parts, expected 1")
    part = getattr(stream.frames[0], "buffer", stream.frames[0])
    if len(part) > MAX_BYTES:
        raise UnplacedError(f"a position of {len(part)} bytes, allowed are {MAX_BYTES}")
    return bytes(part).decode(errors="replace")


def _read_json(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        raise UnplacedError("a position that is no JSON") from None
    if not isinstance(said, dict) or said.get("message_type") != "data":
        raise UnplacedError("a start or an end in place of a position")
    return said


def _raw_names(header: str) -> list[str]:
    """Names of fields; a line of the header such as ` INENC1.VAL double Mean` is `INENC1.VAL.Mean`."""
    if not header.startswith(_ARM_TIME):
        return []
    words = [line.split() for line in header.splitlines() if line.startswith(" ")]
    return [f"{word[0]}.{word[2]}" for word in words if len(word) >= 3]


def _number(said: Mapping[str, Any], name: str) -> float:
    value = said.get(name)
    try:
        number = math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise UnplacedError(f"{name} is {str(value)[:32]}")
    return number
