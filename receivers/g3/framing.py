"""Cuts a stream of bytes into G3 frames; knows no socket and no file.

A frame travels as it lies in a file, all numbers little endian::

    u8 1 (little endian) | u32 version of the frame (1) | u32 n_items | u32 type
    n_items times:  u64 length, name | u64 length, value
    u32 checksum: CRC-32C over names and values, started at 0 and not inverted

A sender gives frames without end and without a mark between them, so one wrong length makes
everything behind it unreadable: whoever gets a `ProtocolError` must connect again.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import google_crc32c

from receivers.g3.frame import Frame
from xspress3.errors import ProtocolError

__all__ = ["MAX_FRAME_BYTES", "MAX_ITEMS", "FrameSplitter", "read_frames"]

MAX_FRAME_BYTES = 1 << 28
"""Frames may not be larger: memory is taken for a whole frame before it can be checked."""
MAX_ITEMS = 1 << 16
CHUNK_BYTES = 1 << 18
MAX_NAME_BYTES = 1 << 12
LITTLE_ENDIAN = 1
VERSION = 1
_HEAD = struct.Struct("<BIII")
_LENGTH = struct.Struct("<Q")
_CHECKSUM = struct.Struct("<I")
_ALL_ONES = 0xFFFFFFFF


class FrameSplitter:
    """Gives the frames of one connection or one file::

    splitter = FrameSplitter()
    for chunk in chunks:
        for frame in splitter.feed(chunk):
            take(frame)
    if splitter.pending_bytes:
        print("torn inside a frame")
    """

    def __init__(self, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        self._max_frame_bytes = max_frame_bytes
        self._buffer = bytearray()
        self._begin_frame()

    @property
    def pending_bytes(self) -> int:
        """Bytes of a frame that has begun and is not whole."""
        return len(self._buffer)

    def feed(self, chunk: bytes | bytearray | memoryview) -> Iterator[Frame]:
        """Take `chunk` and give each frame that is whole now.

        Raises
        ------
        ProtocolError
            When the bytes are no frame or the checksum is wrong; frames before it were given. Nothing
            behind it can be read.
        """
        self._buffer += chunk
        while self._scan():
            yield self._take()

    def _begin_frame(self) -> None:
        self._position = 0
        self._fields_left = -1
        self._spans: list[tuple[int, int]] = []

    def _scan(self) -> bool:
        """Go on finding where the fields of the frame lie; `True` when it is whole.

        What was found stays found, so that a large frame in many chunks is looked at once.
        """
        if self._fields_left < 0 and not self._read_head():
            return False
        while self._fields_left:
            if not self._read_field():
                return False
        return len(self._buffer) >= self._position + _CHECKSUM.size

    def _read_head(self) -> bool:
        if len(self._buffer) < _HEAD.size:
            # A single wrong byte is enough to know, and may be all that comes.
            if self._buffer and self._buffer[0] != LITTLE_ENDIAN:
                raise ProtocolError(f"G3 frame begins with {self._buffer[0]}, allowed is {LITTLE_ENDIAN}")
            return False
        order, version, n_items, _ = _HEAD.unpack_from(self._buffer)
        if (order, version) != (LITTLE_ENDIAN, VERSION) or n_items > MAX_ITEMS:
            raise ProtocolError(
                f"G3 frame begins with byte order {order}, version {version}, {n_items} items; "
                f"allowed are {LITTLE_ENDIAN}, {VERSION}, at most {MAX_ITEMS}"
            )
        self._position, self._fields_left = _HEAD.size, 2 * n_items
        return True

    def _read_field(self) -> bool:
        begin = self._position + _LENGTH.size
        if len(self._buffer) < begin:
            return False
        (length,) = _LENGTH.unpack_from(self._buffer, self._position)
        is_name = self._fields_left % 2 == 0
        limit = MAX_NAME_BYTES if is_name else self._max_frame_bytes - begin
        if length > limit:
            what = "name" if is_name else "value"
            raise ProtocolError(f"G3 frame has a {what} of {length} bytes, allowed are {max(limit, 0)}")
        if len(self._buffer) < begin + length:
            return False
        self._spans.append((begin, begin + length))
        self._position = begin + length
        self._fields_left -= 1
        return True

    def _take(self) -> Frame:
        end = self._position + _CHECKSUM.size
        raw = bytes(memoryview(self._buffer)[:end])
        kind = _HEAD.unpack_from(raw)[3]
        (said,) = _CHECKSUM.unpack_from(raw, self._position)
        found = _checksum(raw, self._spans)
        if said != found:
            raise ProtocolError(f"G3 frame says checksum {said:#x}, its bytes give {found:#x}")
        names = [raw[begin:stop].decode("utf-8", "replace") for begin, stop in self._spans[::2]]
        frame = Frame(kind, raw, dict(zip(names, self._spans[1::2], strict=True)))
        del self._buffer[:end]
        self._begin_frame()
        return frame


def read_frames(path: Path) -> Iterator[Frame]:
    """Whole frames of `path` in order; half a frame at its end is passed over."""
    splitter = FrameSplitter()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield from splitter.feed(chunk)


def _checksum(raw: bytes, spans: list[tuple[int, int]]) -> int:
    # The package inverts before and after, as usual; G3 does neither.
    crc = _ALL_ONES
    for begin, end in spans:
        crc = google_crc32c.extend(crc, raw[begin:end])
    return crc ^ _ALL_ONES
