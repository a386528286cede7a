"""Recordings of any kind as sessions: the messages that a streamer would have sent.

::

    raw messages   .cbors, our own dialect or an old one
    arrays         .npz with `histogram`, `frame`, `exptime`, scalers by name, and `header_json`
    our files      HDF5, see `receivers.hdf5.recorded`

The messages come with the times that were recorded, 0 where there is none; session and numbers are given
by who sends them. What a recording does not hold is announced as lost.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from receivers.old_series import old_sessions, raw_scalers, start_of
from receivers.recorded_blocks import NOT_RECORDED, BlockMaker, SessionMessage, unnumbered
from receivers.recording_file import looks_like_recording, read_messages
from xspress3.errors import ConfigurationError, ProtocolError
from xspress3.model import SCALER_NAMES
from xspress3.stream import Block, EndReason, Loss, Message, SessionEnd, SessionStart, decode
from xspress3.stream.dialects import DialectReader, Frame, SeriesHeader

__all__ = ["open_recording"]

BROKE_OFF = "the recording ends within the session"

Array = npt.NDArray[Any]
Messages = Iterator[SessionMessage]


def open_recording(path: Path) -> Callable[[], Messages]:
    """A function that gives the messages of the recording at `path`, from the first, each time it is called.

    Raises
    ------
    ConfigurationError
        When there is no such file, or it is none of those known.
    """
    try:
        with path.open("rb") as file:
            first = file.read(8)
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from None
    if first.startswith(b"\x89HDF"):
        return _open_hdf5(path)
    if first.startswith(b"PK"):
        return lambda: _array_sessions(path)
    if looks_like_recording(first):
        return lambda: _raw_sessions(path)
    raise ConfigurationError(
        f"{path} begins with {first!r}; known are HDF5 files of ours, .npz, and raw messages as CBOR"
    )


def _open_hdf5(path: Path) -> Callable[[], Messages]:
    try:
        from receivers.hdf5 import recorded  # noqa: PLC0415  # h5py is an extra
    except ImportError as error:
        raise ConfigurationError(
            f"{error.name} is missing: pip install '.[hdf5]' in a clone of xspress3-streamer"
        ) from error
    return lambda: recorded.session(path)


# Raw messages


def _raw_sessions(path: Path) -> Messages:
    messages = _until_broken(path)
    first = next(messages, [])
    if first and _is_native(first[0]):
        return _whole(_native(first, messages))
    return _whole(old_sessions(first, messages))


def _until_broken(path: Path) -> Iterator[list[bytes]]:
    """The messages up to where the file breaks off, as it does when whoever captured was killed."""
    n_messages = 0
    try:
        for parts in read_messages(path):
            n_messages += 1
            yield parts
    except ProtocolError:
        if not n_messages:
            raise


def _is_native(part: bytes) -> bool:
    try:
        header = json.loads(part)
    except (ValueError, RecursionError):
        return False
    return isinstance(header, dict) and "schema" in header


def _native(first: list[bytes], messages: Iterator[list[bytes]]) -> Iterator[Message]:
    yield decode(first)
    yield from map(decode, messages)


def _whole(messages: Iterator[Message]) -> Messages:
    """Sessions from start to end: nothing without a start, and an end where the recording has none."""
    n_frames = n_lost = 0
    is_open = False
    for message in messages:
        if isinstance(message, SessionStart):
            if is_open and message.is_repeat:
                continue
            if is_open:
                yield _broken_end(n_frames, n_lost)
            n_frames = n_lost = 0
            is_open = True
            yield replace(message, is_repeat=False, next_frame=0)
            if message.next_frame:
                n_lost += message.next_frame
                yield Loss(unnumbered(), 0, message.next_frame, NOT_RECORDED)
        elif is_open and isinstance(message, (Block, Loss, SessionEnd)):
            n_frames += message.n_frames if isinstance(message, Block) else 0
            n_lost += message.n_frames if isinstance(message, Loss) else 0
            is_open = not isinstance(message, SessionEnd)
            yield message
    if is_open:
        yield _broken_end(n_frames, n_lost)


def _broken_end(n_frames: int, n_lost: int) -> SessionEnd:
    return SessionEnd(unnumbered(), EndReason.FAILED, n_frames, n_frames, n_lost, BROKE_OFF)


# Arrays


def _array_sessions(path: Path) -> Messages:
    maker = BlockMaker()
    frames = _array_frames(path)
    header, first = next(frames)
    yield replace(start_of(header, first), n_frames=None)
    yield from maker.add(first.frame, first.histogram, raw_scalers(first), 0)
    for _, frame in frames:
        yield from maker.add(frame.frame, frame.histogram, raw_scalers(frame), 0)
    yield from maker.flush()
    yield SessionEnd(unnumbered(), EndReason.COMPLETE, maker.n_frames, maker.n_frames, maker.n_lost)


def _array_frames(path: Path) -> Iterator[tuple[SeriesHeader, Frame]]:
    """Each frame of an `.npz`, checked, with the header of all."""
    arrays = _load(path)
    histogram = arrays.pop("histogram")
    numbers = arrays.pop("frame", np.arange(len(histogram)))
    times = arrays.pop("exptime", None)
    header = _array_header(path, arrays.pop("header_json", None))
    for row, spectra in enumerate(histogram):
        scalers = {name: array[row] for name, array in arrays.items()}
        exposure_time = None if times is None else float(times[row])
        yield header, Frame(int(numbers[row]), exposure_time, spectra, scalers, {})


def _load(path: Path) -> dict[str, Array]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as members:
            arrays = {name: members[name] for name in members.files}
    except (BadZipFile, ValueError, EOFError, OSError) as error:
        raise ConfigurationError(f"cannot read {path}: {error}") from error
    histogram = arrays.get("histogram")
    if histogram is None or histogram.ndim != 3 or not histogram.size:
        raise ConfigurationError(f"{path} has no array histogram (frame, channel, bin)")
    known = {*SCALER_NAMES, "event_width", "window_counts", "histogram", "frame", "exptime"}
    shape = histogram.shape[:2]
    for name in sorted(known & set(arrays)):
        _check_beside(path, name, arrays[name], shape)
    return {name: array for name, array in arrays.items() if name in {*known, "header_json"}}


def _check_beside(path: Path, name: str, array: Array, shape: tuple[int, ...]) -> None:
    frames, channels = shape
    allowed = {"frame": (frames,), "exptime": (frames,), "window_counts": (frames, 2, channels)}
    expected = array.shape if name == "histogram" else allowed.get(name, shape)
    if array.shape != expected or array.dtype.kind not in "biuf":
        raise ConfigurationError(
            f"{path}: {name} is {array.dtype} {array.shape}, expected numbers {expected}"
        )


def _array_header(path: Path, text: Array | None) -> SeriesHeader:
    if text is None:
        return SeriesHeader("", False, (), None, {})
    said = DialectReader().feed([str(text).encode()])
    if not isinstance(said, SeriesHeader):
        raise ConfigurationError(f"{path}: header_json is no header of a series")
    return said
