"""What a page is told in words: hello and status, from what is known just now."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from receivers.calibration import Calibration
from receivers.liveview.control import Control, Written
from receivers.liveview.feed import Feed
from receivers.liveview.source import Source
from receivers.liveview.viewer import MAX_RATE
from receivers.text import printable
from xspress3.stream.fields import MAX_COUNT

__all__ = ["PROTOCOL", "hello", "status"]

PROTOCOL = 1
MAX_READERS = 64
MAX_CHANNELS = 1024
MAX_PATH = 4096
_COUNTS = ("acquired", "streamed", "lost", "in_ring", "ring_frames")
_READER = ("name", "host", "contract", "n_on_the_way", "n_left_out")


def hello(
    feed: Feed,
    calibration: Sequence[Calibration] | None,
    control: Control | None,
    windows: Sequence[Any] | None = None,
) -> dict[str, Any]:
    """What there is, and what a page may do; `windows` are newer than those of the session."""
    source = feed.model.source
    geometry = None if source is None else source.geometry
    in_force = None if geometry is None else geometry.windows
    return {
        "type": "hello",
        "protocol": PROTOCOL,
        "stream_id": None if source is None else printable(source.stream_id),
        "endpoint": feed.endpoint,
        "n_channels": None if geometry is None else geometry.n_channels,
        "n_bins": None if geometry is None else geometry.n_bins,
        "clock_period": None if geometry is None else geometry.clock_period,
        "windows": in_force if windows is None else windows,
        "calibration": None if calibration is None else [one.as_dict() for one in calibration],
        "control": None if control is None else control.kind,
        "map": None if source is None or source.scan is None else source.scan.as_dict(),
        "limits": {"rate": MAX_RATE, "channels": MAX_CHANNELS},
    }


def status(feed: Feed) -> dict[str, Any]:
    """How it stands; what nobody said is `None`."""
    said = feed.status or {}
    source, counts, connection = feed.model.source, feed.model.counts, feed.connection
    session_id = _count(said, "session_id")
    written = _written(feed, said)
    values: dict[str, Any] = {name: _count(said, name) for name in _COUNTS}
    values.update(
        type="status",
        connection=connection.state,
        text=_sentence(connection.text, said),
        time=time.time(),
        state=_text(said, "state"),
        session_id=session_id if session_id is not None else source and source.session_id,
        session_time=source and source.start_time,
        n_frames=_count(said, "n_frames") if said else source and source.n_frames,
        written=written.n_frames,
        file=written.file,
        follows_writer=feed.follows_writer or written.file is not None,
        writers=_writers(said),
        seen=counts.seen,
        passed_over=counts.passed_over,
        missed=counts.missed,
        frame_rate=feed.frame_rate,
        exposure_time=source and source.exposure_time,
        readers=_readers(said),
    )
    values["time_left"] = _time_left(values, source, feed.frame_rate)
    return values


def _sentence(text: str, said: Mapping[str, Any]) -> str:
    """What is wrong with the connection, else with the sender."""
    return text or printable(_text(said, "error") or "", 400)


def _written(feed: Feed, said: Mapping[str, Any]) -> Written:
    """What the control system knows of the file, where it is asked; else what the sender knows."""
    if feed.follows_writer:
        return feed.written
    return Written(_count(said, "written"), _text(said, "file", MAX_PATH))


def _count(said: Mapping[str, Any], name: str) -> int | None:
    value = said.get(name)
    return value if type(value) is int and 0 <= value <= MAX_COUNT else None


def _text(said: Mapping[str, Any], name: str, limit: int = 400) -> str | None:
    value = said.get(name)
    return printable(value, limit) if isinstance(value, str) else None


def _readers(said: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    readers = said.get("readers")
    if not isinstance(readers, list):
        return None
    return [
        {name: _text(reader, name) if name in _READER[:3] else _count(reader, name) for name in _READER}
        for reader in readers[:MAX_READERS]
        if isinstance(reader, dict)
    ]


def _writers(said: Mapping[str, Any]) -> list[str] | None:
    readers = _readers(said)
    if readers is None:
        return None
    return [reader["name"] for reader in readers if reader["contract"] == "lossless"]


def _time_left(values: Mapping[str, Any], source: Source | None, rate: float | None) -> float | None:
    """Seconds to the planned end, at the pace of the last seconds, else at the one that was planned."""
    wanted, acquired = values["n_frames"], values["acquired"]
    if wanted is None or acquired is None or values["state"] not in ("armed", "streaming"):
        return None
    left = max(wanted - acquired - (values["lost"] or 0), 0)
    if rate:
        return float(left / rate)
    period = None if source is None else source.period
    return None if period is None else float(left * period)
