"""Files of raw zmq messages, as published recordings are: one CBOR array of byte strings for each message.

Nothing but arrays and byte strings of stated length is known here, written and read by these few lines:
a CBOR library would read tags, numbers and texts as well, which then had to be refused one by one, and
the lengths are to be checked before memory is taken. Any CBOR tool reads these files.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Union

from xspress3.errors import ConfigurationError, ProtocolError, SinkError
from xspress3.stream.codec import MAX_ARRAY_BYTES

__all__ = ["MAX_PARTS", "RecordingWriter", "looks_like_recording", "read_messages"]

MAX_PARTS = 1024
_BYTES = 2
_ARRAY = 4
_LENGTHS = {24: 1, 25: 2, 26: 4, 27: 8}
"""Bytes of the length that follow, by the low five bits of the first byte; below 24 these are the length."""

Buffer = Union[bytes, bytearray, memoryview]


def _head(kind: int, length: int) -> bytes:
    if length < 24:
        return bytes([kind << 5 | length])
    for code, size in _LENGTHS.items():
        if length < 1 << 8 * size:
            return bytes([kind << 5 | code]) + length.to_bytes(size, "big")
    raise AssertionError(f"length {length}")


class RecordingWriter:
    """Writes messages to a new file::

        with RecordingWriter(path) as writer:
            writer.write(parts)

    Raises
    ------
    SinkError
        When the file exists already, or the system refuses.

    Notes
    -----
    An error before the first message leaves no file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.n_messages = 0
        self.size_bytes = 0
        try:
            self._file = path.open("xb")
        except FileExistsError:
            raise SinkError(f"{path} exists; a recording is never overwritten") from None
        except OSError as error:
            raise SinkError(f"cannot create {path}: {error.strerror}") from error

    def write(self, parts: Sequence[Buffer]) -> None:
        """Write one message.

        Raises
        ------
        SinkError
            When the system refuses.
        """
        try:
            self.size_bytes += self._file.write(_head(_ARRAY, len(parts)))
            for part in parts:
                self.size_bytes += self._file.write(_head(_BYTES, len(part)))
                self.size_bytes += self._file.write(part)
        except OSError as error:
            raise SinkError(f"writing to {self.path} failed: {error.strerror}") from error
        self.n_messages += 1

    def flush(self) -> None:
        """Hand all that was written to the system."""
        try:
            self._file.flush()
        except OSError as error:
            raise SinkError(f"writing to {self.path} failed: {error.strerror}") from error

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        try:
            self._file.close()
        except OSError as error:
            raise SinkError(f"writing to {self.path} failed: {error.strerror}") from error

    def __enter__(self) -> RecordingWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        finally:
            if error is not None and not self.size_bytes:  # an empty file would be in the way of the next
                self.path.unlink(missing_ok=True)


def looks_like_recording(first: bytes) -> bool:
    """Whether a file that begins with `first` may be a recording: it begins with an array."""
    return bool(first) and first[0] >> 5 == _ARRAY


def read_messages(path: Path) -> Iterator[list[bytes]]:
    """The messages of a recording, one after the other.

    Raises
    ------
    ConfigurationError
        When there is no such file.
    ProtocolError
        Where it is not a recording, or ends within a message, after those before were given.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from None
    with file:
        left = _Left(path, file)
        while not left.is_empty:
            yield _message(left)


class _Left:
    """What of a file was not read yet."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file
        self._size_bytes = os.fstat(file.fileno()).st_size

    @property
    def is_empty(self) -> bool:
        return self._size_bytes <= 0

    def take(self, size_bytes: int) -> bytes:
        taken = self._file.read(size_bytes) if size_bytes <= self._size_bytes else b""
        if len(taken) != size_bytes:
            raise ProtocolError(f"{self._path} ends within a message")
        self._size_bytes -= size_bytes
        return taken

    def length(self, kind: int, limit: int) -> int:
        """Length of the array or byte string that begins here."""
        at = self._file.tell()
        first = self.take(1)[0]
        code = first & 31
        if first >> 5 != kind or (code >= 24 and code not in _LENGTHS):
            wanted = "an array" if kind == _ARRAY else "bytes"
            raise ProtocolError(
                f"{self._path}: byte {first:#04x} at {at}, expected {wanted} of stated length: "
                "this is not a recording of messages"
            )
        length = code if code < 24 else int.from_bytes(self.take(_LENGTHS[code]), "big")
        if length > limit:
            raise ProtocolError(f"{self._path}: length {length} at byte {at}, allowed is {limit}")
        return length


def _message(left: _Left) -> list[bytes]:
    n_parts = left.length(_ARRAY, MAX_PARTS)
    return [left.take(left.length(_BYTES, MAX_ARRAY_BYTES)) for _ in range(n_parts)]
