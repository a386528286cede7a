"""Series of an old dialect as sessions: a start out of a header and the first frame, then blocks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from receivers.geometry import HISTOGRAM, SCALERS
from receivers.recorded_blocks import FRAMES_PER_BLOCK, BlockMaker, SessionMessage, as_counts, unnumbered
from xspress3.model import N_SCALERS, SCALER_NAMES
from xspress3.stream import ArrayInfo, EndReason, SessionEnd, SessionStart
from xspress3.stream.dialects import DialectReader, Frame, SeriesEnd, SeriesHeader

__all__ = ["NO_COUNT", "old_sessions", "raw_scalers", "start_of"]

NO_COUNT = (1 << 32) - 1
"""Stands for scalers that old dialects do not carry, as in our files for what did not come."""
CLOCK_PERIOD = 12.5e-9
"""Of recordings that do not tell: 80 MHz, the clock of every Xspress3 so far."""


def old_sessions(first: list[bytes], messages: Iterator[list[bytes]]) -> Iterator[SessionMessage]:
    """Sessions of raw messages of an old dialect, of which `first` was taken already."""
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


def _rest(maker: BlockMaker | None, end: SeriesEnd | None) -> Iterator[SessionMessage]:
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
            raw[:, place] = as_counts(values, name)
    return raw
