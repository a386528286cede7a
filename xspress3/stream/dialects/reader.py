"""Reads the old dialects, told apart by their messages, without unpickling: bytes in, values out.

Like the codec of our own dialect it trusts nothing: types and sizes are checked before memory is
taken, and whatever is wrong is a `ProtocolError`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from xspress3.errors import ProtocolError
from xspress3.stream.codec import MAX_ARRAY_BYTES, MAX_HEADER_BYTES
from xspress3.stream.dialects.pickle_reader import MAX_ARRAYS, unpickle_arrays
from xspress3.stream.dialects.scaler_lists import NAMES

__all__ = ["DialectReader", "Frame", "Said", "SeriesEnd", "SeriesHeader"]

MAX_FRAME = 1 << 62
MAX_TEXT = 4096
_TYPES = ("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float32", "float64")
_CODES = tuple(
    f"{order}{kind}" for order in "<>" for kind in ("u2", "u4", "u8", "i2", "i4", "i8", "f4", "f8")
)

Buffer = Union[bytes, bytearray, memoryview]


@dataclass(frozen=True)
class SeriesHeader:
    """A series begins.

    Parameters
    ----------
    names
        What the arrays in the list of scalers are, by their places.
    limits
        Bins counted by window scalers, int64, axes (window, channel, low and high); `None` where not said.
    fields
        All that the header says.
    """

    filename: str
    overwritable: bool
    names: tuple[str, ...]
    limits: npt.NDArray[np.int64] | None
    fields: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Frame:
    """One frame; the arrays are read-only.

    Parameters
    ----------
    exposure_time
        In s, `None` where not said.
    histogram
        Axes (channel, bin).
    scalers
        By name; axes (channel), of `window_counts` (window, channel).
    """

    frame: int
    exposure_time: float | None
    histogram: npt.NDArray[Any]
    scalers: Mapping[str, npt.NDArray[Any]]
    fields: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class SeriesEnd:
    """A series is over; `fields` is all that was said about it."""

    fields: Mapping[str, Any] = field(repr=False)


Said = Union[SeriesHeader, Frame, SeriesEnd]


class DialectReader:
    """Takes zmq messages of either old dialect, in order::

        reader = DialectReader()
        said = reader.feed(parts)       # None while a frame of three messages is not whole

    Attributes
    ----------
    n_torn
        Frames of three messages of which some never came.
    """

    def __init__(self) -> None:
        self.n_torn = 0
        self._names: tuple[str, ...] = NAMES
        self._image: Mapping[str, Any] | None = None
        self._data: Buffer | None = None

    def feed(self, parts: Sequence[Buffer]) -> Said | None:
        """What is whole with this message.

        Raises
        ------
        ProtocolError
            When it is none of these dialects, or a frame that cannot be; the next call begins anew.
        """
        if len(parts) == 3:
            self._drop()
            return self._frame(_image(_parse(parts[0])), parts[1], parts[2])
        if len(parts) != 1:
            raise ProtocolError(f"message of {len(parts)} parts, the old dialects have 1 or 3")
        return self._single(parts[0])

    def _single(self, part: Buffer) -> Said | None:
        if self._image is None:
            return self._json(part)
        if _is_json_message(part):  # the rest of the frame never came
            self._drop()
            return self._json(part)
        if self._data is None:
            self._data = self._checked_data(part)
            return None
        image, data = self._image, self._data
        self._image = self._data = None
        return self._frame(image, data, part)

    def _checked_data(self, part: Buffer) -> Buffer:
        assert self._image is not None
        try:
            _spectra(self._image, part)
        except ProtocolError:
            self._drop()
            raise
        return part

    def _drop(self) -> None:
        """Forget the frame that is not whole, if there is one."""
        self.n_torn += self._image is not None
        self._image = self._data = None

    def _json(self, part: Buffer) -> Said | None:
        fields = _parse(part)
        kind = fields.get("htype")
        if kind == "image":
            self._image = _image(fields)
            return None
        if kind == "header":
            header = _header(fields)
            self._names = header.names
            return header
        if kind == "series_end":
            return SeriesEnd(fields)
        raise ProtocolError(f"htype: {_shown(kind)!r}, known are header, image and series_end")

    def _frame(self, image: Mapping[str, Any], data: Buffer, pickle: Buffer) -> Frame:
        histogram = _spectra(image, data)
        arrays = unpickle_arrays(pickle)
        if len(arrays) > len(self._names):
            raise ProtocolError(f"scalers: {len(arrays)} arrays, names are known for {len(self._names)}")
        for name, array in zip(self._names, arrays, strict=False):
            if array.ndim not in (1, 2) or array.shape[-1] != len(histogram):
                raise ProtocolError(
                    f"{name[:64]}: shape {array.shape} in a frame of {len(histogram)} channels"
                )
        scalers = dict(zip(self._names, arrays, strict=False))
        return Frame(image["frame"], image.get("exptime"), histogram, scalers, image)


def _parse(part: Buffer) -> dict[str, Any]:
    if len(part) > MAX_HEADER_BYTES:
        raise ProtocolError(f"JSON of {len(part)} bytes, allowed are {MAX_HEADER_BYTES}")
    try:
        fields = json.loads(bytes(part))
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"no JSON: {error}; begins with {bytes(part[:32])!r}") from None
    if not isinstance(fields, dict):
        raise ProtocolError(f"JSON is a {type(fields).__name__}, expected an object")
    return fields


def _is_json_message(part: Buffer) -> bool:
    """Whether this is a message that begins something, where data or scalers were expected."""
    if not 1 <= len(part) <= MAX_HEADER_BYTES or bytes(part[:1]) != b"{":
        return False
    try:
        return isinstance(_parse(part).get("htype"), str)
    except ProtocolError:
        return False


def _header(fields: Mapping[str, Any]) -> SeriesHeader:
    filename, overwritable = fields.get("filename"), fields.get("overwritable", False)
    if not isinstance(filename, str) or len(filename) > MAX_TEXT or not isinstance(overwritable, bool):
        raise ProtocolError(
            f"filename: {type(filename).__name__}, overwritable: {type(overwritable).__name__}; "
            f"expected a text of up to {MAX_TEXT} characters and true or false"
        )
    return SeriesHeader(filename, overwritable, _names(fields), _window_limits(fields), fields)


def _names(fields: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the scalers as the header says them; senders up to 2023 said none."""
    said = fields.get("extra_tags", list(NAMES))
    is_list = isinstance(said, list) and len(said) <= MAX_ARRAYS
    if not is_list or not all(isinstance(name, str) and 0 < len(name) <= 64 for name in said):
        raise ProtocolError(f"extra_tags: expected up to {MAX_ARRAYS} names of up to 64 characters")
    if len(set(said)) != len(said):
        raise ProtocolError("extra_tags: a name is there twice")
    return tuple(said)


def _window_limits(fields: Mapping[str, Any]) -> npt.NDArray[np.int64] | None:
    said = fields.get("limits")
    if said is None:
        return None
    # Looked at item by item: what numpy makes of a list of anything can be as large as it likes.
    pairs = [pair for window in said for pair in window] if _are_lists(said, 2) else []
    if not pairs or not all(_is_pair(pair) for pair in pairs) or len(said[0]) != len(said[1]):
        raise ProtocolError(f"limits: {_shown(said)}, expected bins in lists (window, channel, low and high)")
    limits = np.array(said, dtype=np.int64)
    limits.flags.writeable = False
    return limits


def _are_lists(said: object, length: int) -> bool:
    """Whether `said` is a list of `length` lists."""
    return isinstance(said, list) and len(said) == length and all(isinstance(item, list) for item in said)


def _is_pair(said: object) -> bool:
    """Whether `said` is two bins."""
    return (
        isinstance(said, list) and len(said) == 2 and all(type(n) is int and 0 <= n < 1 << 31 for n in said)
    )


def _shown(value: object) -> str:
    """The beginning of `value`, for a message; lists in lists may be deeper than can be printed."""
    try:
        return str(value)[:64]
    except RecursionError:
        return type(value).__name__


def _image(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """`fields`, when they describe a frame."""
    if fields.get("htype") != "image":
        raise ProtocolError(f"htype: {_shown(fields.get('htype'))!r}, expected 'image'")
    frame, exposure_time = fields.get("frame"), fields.get("exptime")
    if type(frame) is not int or not 0 <= frame < MAX_FRAME:
        raise ProtocolError(f"frame: {_shown(frame)}, expected an integer in 0..{MAX_FRAME - 1}")
    if exposure_time is not None and not _is_time(exposure_time):
        raise ProtocolError(f"exptime: {_shown(exposure_time)}, expected a time in s")
    if fields.get("compression", "none") != "none":
        raise ProtocolError(f"compression: {_shown(fields['compression'])!r}, allowed is 'none'")
    _size_bytes(fields)
    return fields


def _is_time(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return 0 <= value < 1e9 and math.isfinite(value)


def _dtype(fields: Mapping[str, Any]) -> np.dtype[Any]:
    said = fields.get("type")
    if not isinstance(said, str) or said not in (*_TYPES, *_CODES):
        raise ProtocolError(f"type: {_shown(said)!r}, allowed are {', '.join(_TYPES)} and such as '<u4'")
    return np.dtype(said).newbyteorder("<") if said in _TYPES else np.dtype(said)


def _shape(fields: Mapping[str, Any]) -> tuple[int, int]:
    said = fields.get("shape")
    is_list = isinstance(said, list) and len(said) == 2
    if not is_list or not all(type(n) is int and 1 <= n <= 1 << 20 for n in said or ()):
        raise ProtocolError(f"shape: {_shown(said)}, expected [n_channels, n_bins]")
    assert said is not None
    return said[0], said[1]


def _size_bytes(fields: Mapping[str, Any]) -> int:
    size_bytes = math.prod(_shape(fields)) * _dtype(fields).itemsize
    if size_bytes > MAX_ARRAY_BYTES:
        raise ProtocolError(f"shape: {size_bytes} bytes, allowed are {MAX_ARRAY_BYTES}")
    return size_bytes


def _spectra(image: Mapping[str, Any], data: Buffer) -> npt.NDArray[Any]:
    """The spectra, a view of `data`."""
    if len(data) != _size_bytes(image):
        raise ProtocolError(f"data: {len(data)} bytes, the frame has {_size_bytes(image)}")
    array = np.frombuffer(data, _dtype(image))
    array.flags.writeable = False
    return array.reshape(_shape(image))
