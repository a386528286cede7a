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
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Union
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from receivers.geometry import HISTOGRAM, SCALERS
from receivers.recording_file import looks_like_recording, read_messages
from xspress3.errors import ConfigurationError, ProtocolError
from xspress3.model import N_SCALERS, SCALER_NAMES
from xspress3.stream import (
    ArrayInfo,
    Block,
    EncodedArray,
    EndReason,
    Envelope,
    Loss,
    Message,
    SessionEnd,
    SessionStart,
    decode,
)
from xspress3.stream.compression import compress_bslz4
from xspress3.stream.dialects import DialectReader, Frame, SeriesEnd, SeriesHeader

__all__ = [
    "NOT_RECORDED",
    "NO_COUNT",
    "BlockMaker",
    "SessionMessage",
    "make_block",
    "open_recording",
    "unnumbered",
]

NO_COUNT = (1 << 32) - 1
"""Stands for scalers that old dialects do not carry, as in our files for what did not come."""
NOT_RECORDED = "not in the recording"
BROKE_OFF = "the recording ends within the session"
CLOCK_PERIOD = 12.5e-9
"""Of recordings that do not tell: 80 MHz, the clock of every Xspress3 so far."""
FRAMES_PER_BLOCK = 16

Array = npt.NDArray[Any]
SessionMessage = Union[SessionStart, Block, Loss, SessionEnd]
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


def make_block(first_frame: int, histogram: Array, scalers: Array, time_ns: int) -> Block:
    """A block of consecutive frames, not of any session yet; the spectra compressed."""
    arrays = (
        EncodedArray(HISTOGRAM, histogram.dtype, histogram.shape, "bslz4", compress_bslz4(histogram)),
        EncodedArray(SCALERS, scalers.dtype, scalers.shape, "none", scalers.tobytes()),
    )
    return Block(unnumbered(time_ns), first_frame, len(histogram), arrays)


def unnumbered(time_ns: int = 0) -> Envelope:
    """An envelope of which only the time is known."""
    return Envelope("", 0, 0, time_ns)


# Raw messages


def _raw_sessions(path: Path) -> Messages:
    messages = _until_broken(path)
    first = next(messages, [])
    if first and _is_native(first[0]):
        return _whole(_native(first, messages))
    return _whole(_old(first, messages))


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


# Old dialects


def _old(first: list[bytes], messages: Iterator[list[bytes]]) -> Messages:
    reader = DialectReader()
    header: SeriesHeader | None = None
    maker: BlockMaker | None = None
    for parts in _chain(first, messages):
        said = reader.feed(parts)
        if isinstance(said, SeriesHeader):
            yield from _rest(maker, None)
            header, maker = said, None
        elif isinstance(said, Frame):
            if maker is None:
                header = header or SeriesHeader("", False, (), None, {})
                maker = BlockMaker()
                yield start_of(header, said)
            time_ns = said.fields.get("time_ns")
            yield from maker.add(said.frame, said.histogram, raw_scalers(said), _natural(time_ns))
        elif isinstance(said, SeriesEnd):
            yield from _rest(maker, said)
            header, maker = None, None
    yield from maker.flush() if maker is not None else ()


def _chain(first: list[bytes], messages: Iterator[list[bytes]]) -> Iterator[list[bytes]]:
    if first:
        yield first
    yield from messages


def _rest(maker: BlockMaker | None, end: SeriesEnd | None) -> Messages:
    """What remains of a series; nothing of one without frames, of which nothing is known but its file."""
    if maker is None:
        return
    yield from maker.flush()
    if end is not None:
        yield from maker.lose_until(_frames_told(end))
        yield _end(maker, end)


def _end(maker: BlockMaker, end: SeriesEnd) -> SessionEnd:
    said = end.fields.get("reason")
    reason = EndReason(said) if said in [one.value for one in EndReason] else EndReason.COMPLETE
    text = str(end.fields.get("text", ""))[:1000]
    return SessionEnd(unnumbered(), reason, maker.n_frames, maker.n_frames, maker.n_lost, text)


def _frames_told(end: SeriesEnd) -> int:
    """Frames of the series as its end tells, with those lost behind the last; 0 where it does not."""
    acquired, lost = end.fields.get("acquired"), end.fields.get("lost")
    return _natural(acquired) + _natural(lost)


def _natural(said: object) -> int:
    """`said` where it is a sane whole number, else 0."""
    return said if type(said) is int and 0 <= said < 1 << 62 else 0


def start_of(header: SeriesHeader, first: Frame) -> SessionStart:
    """The start of a series, out of its header and first frame; what neither tells is left out."""
    fields = header.fields
    n_frames = fields.get("n_frames")
    metadata = _object(fields, "metadata")
    return SessionStart(
        envelope=replace(unnumbered(), stream_id=str(fields.get("stream_id", "replay"))[:256]),
        n_frames=n_frames if type(n_frames) is int and n_frames >= 0 else None,
        frames_per_block=FRAMES_PER_BLOCK,
        arrays=(
            ArrayInfo(HISTOGRAM, "<u4", first.histogram.shape, "counts", "bslz4"),
            ArrayInfo(SCALERS, "<u4", (len(first.histogram), N_SCALERS)),
        ),
        acquisition=_object(fields, "acquisition") or _acquisition(first),
        detector=_detector(header, first),
        metadata={"filename": header.filename, "overwritable": header.overwritable, **metadata},
        start_time_ns=_natural(fields.get("start_time_ns")),
    )


def _object(fields: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = fields.get(key)
    return value if isinstance(value, dict) else {}


def _acquisition(first: Frame) -> dict[str, Any]:
    return {} if first.exposure_time is None else {"counting_time": first.exposure_time}


def _detector(header: SeriesHeader, first: Frame) -> dict[str, Any]:
    n_channels = len(first.histogram)
    widths = first.scalers.get("event_width")
    detector: dict[str, Any] = {
        "n_channels": n_channels,
        "n_bins": first.histogram.shape[1],
        "clock_period": _clock_period(header, first),
        "event_widths": [0] * n_channels if widths is None else [max(int(n), 0) for n in widths],
        "scalers": {"names": list(SCALER_NAMES)},
    }
    if header.limits is not None and header.limits.shape[1] == n_channels:
        detector["windows"] = header.limits.transpose(1, 0, 2).tolist()
    return detector


def _clock_period(header: SeriesHeader, first: Frame) -> float:
    """What the header says, else the exposure time over its ticks, else that of 80 MHz."""
    said = header.fields.get("clock_period")
    ticks = first.scalers.get("total_ticks")
    if isinstance(said, float) and 0 < said < 1:
        return said
    if ticks is None or not ticks.max() or not first.exposure_time:
        return CLOCK_PERIOD
    period = first.exposure_time / float(ticks.max())
    return period if 0 < period < 1 and math.isfinite(period) else CLOCK_PERIOD


def raw_scalers(frame: Frame) -> npt.NDArray[np.uint32]:
    """The nine scalers of a frame, shape (channel, 9); `NO_COUNT` in those that it does not carry."""
    raw = np.full((len(frame.histogram), N_SCALERS), NO_COUNT, dtype="<u4")
    for place, name in enumerate(SCALER_NAMES):
        values = frame.scalers.get(name)
        if name.startswith("in_window") and "window_counts" in frame.scalers:
            values = frame.scalers["window_counts"][int(name[-1])]
        if values is not None:
            raw[:, place] = _as_counts(values, name)
    return raw


def _as_counts(values: Array, name: str) -> npt.NDArray[np.uint32]:
    """`values` as uint32, which they must fit without a change."""
    counts = values.astype("<u4")
    if values.dtype.kind not in "biuf" or not np.array_equal(counts, values):
        raise ProtocolError(f"{name}: {values.dtype} with values that are no counts of 32 bits")
    return counts


class BlockMaker:
    """Puts single frames into blocks, with the holes between them announced::

        maker = BlockMaker()
        messages = [*maker.add(frame, histogram, scalers, time_ns), *maker.flush()]

    Frames whose number is not above that of the one before, as in one known recording that holds a
    series twice, are counted on from there.
    """

    def __init__(self) -> None:
        self.n_frames = 0
        self.n_lost = 0
        self._next = 0
        self._shift = 0
        self._first = 0
        self._time_ns = 0
        self._waiting: list[tuple[Array, Array]] = []

    def add(self, frame: int, histogram: Array, scalers: Array, time_ns: int) -> Iterator[Block | Loss]:
        """Take a frame, spectra (channel, bin) and scalers (channel, 9); gives what is whole by it."""
        if frame + self._shift < self._next:
            self._shift = self._next - frame
        number = frame + self._shift
        if number > self._next or self._begins_anew(number, histogram, time_ns):
            yield from self.flush()
        yield from self.lose_until(number)
        if not self._waiting:
            self._first, self._time_ns = number, time_ns
        self._waiting.append((_as_counts(histogram, "histogram"), scalers))
        self._next = number + 1

    def _begins_anew(self, number: int, histogram: Array, time_ns: int) -> bool:
        """Whether a frame of that number cannot be in the same block as those that wait."""
        is_full = number % FRAMES_PER_BLOCK == 0
        is_other = bool(self._waiting) and self._waiting[0][0].shape != histogram.shape
        return is_full or is_other or time_ns != self._time_ns

    def lose_until(self, number: int) -> Iterator[Loss]:
        """The frames up to `number` as lost, which do not come any more."""
        n_frames = number - self._next
        if n_frames > 0:
            self.n_lost += n_frames
            yield Loss(unnumbered(), self._next, n_frames, NOT_RECORDED)
            self._next = number

    def flush(self) -> Iterator[Block]:
        """The frames that wait, as a block."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            histogram, scalers = (np.stack(arrays) for arrays in zip(*waiting, strict=True))
            self.n_frames += len(waiting)
            yield make_block(self._first, histogram, scalers, self._time_ns)


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
