"""One G3 frame: its bytes, and the few values in it that a recorder goes by."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

__all__ = ["FLOW_KEY", "FlowControl", "Frame", "FrameKind"]

FLOW_KEY = "sostream_flowcontrol"
_NEW = 0x80000001
"""Number of a class, and of an object, that is named for the first time: always so in a single value."""
_VERSIONS = struct.pack("<II", 1, 1)
"""Versions of the class and of its base that are understood."""


class FrameKind(IntEnum):
    """Types of frames that are treated apart; the number is the letter that stands in the frame."""

    NONE = ord("N")
    OBSERVATION = ord("O")
    WIRING = ord("W")
    SCAN = ord("S")
    TIMEPOINT = ord("T")
    PIPELINE_INFO = ord("P")
    END_PROCESSING = ord("Z")


class FlowControl(IntEnum):
    """What a sender says about the stream itself."""

    ALIVE = 0
    START = 1
    END = 2
    CLEANSE = 3
    """Overwrites what the sender keeps for readers that join later; says nothing."""


def _head(class_name: str) -> bytes:
    name = class_name.encode()
    return struct.pack("<BIQ", 1, _NEW, len(name)) + name + struct.pack("<I", _NEW) + _VERSIONS


_INT, _STRING, _BOOL, _TIME = map(_head, ("G3Int", "G3String", "G3Bool", "G3Time"))
_TIME_STEP = 1e-8


@dataclass(frozen=True)
class Frame:
    """A whole frame whose checksum is right.

    Parameters
    ----------
    kind
        Its type: a `FrameKind`, or the letters of any other.
    raw
        All its bytes, as they travel and as they lie in a file.
    spans
        Name of each item and where its value lies in `raw`.
    """

    kind: int
    raw: bytes
    spans: Mapping[str, tuple[int, int]] = field(repr=False)

    def __contains__(self, name: str) -> bool:
        return name in self.spans

    @property
    def checksum(self) -> bytes:
        """Four bytes that differ, in practice, between frames with different content."""
        return self.raw[-4:]

    def integer(self, name: str) -> int | None:
        """Integer `name`; `None` when there is none, or it is kept in a way that is not known."""
        payload = self._payload(name, _INT)
        return None if len(payload) != 8 else int.from_bytes(payload, "little", signed=True)

    def boolean(self, name: str) -> bool | None:
        """Boolean `name`, or `None` as above."""
        payload = self._payload(name, _BOOL)
        return None if len(payload) != 1 else payload != b"\0"

    def text(self, name: str) -> str | None:
        """Text `name`, or `None` as above."""
        payload = self._payload(name, _STRING)
        if len(payload) < 8 or int.from_bytes(payload[:8], "little") != len(payload) - 8:
            return None
        return payload[8:].decode("utf-8", "replace")

    def unix_time(self, name: str) -> float | None:
        """Time `name` in s, or `None` as above."""
        payload = self._payload(name, _TIME)
        return None if len(payload) != 8 else int.from_bytes(payload, "little", signed=True) * _TIME_STEP

    def _payload(self, name: str, head: bytes) -> bytes:
        begin, end = self.spans.get(name, (0, 0))
        value = self.raw[begin:end]
        return value[len(head) :] if value.startswith(head) else b""
