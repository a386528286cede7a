"""Where spectra come from: what the start of a session says of it."""

from __future__ import annotations

from dataclasses import dataclass

from receivers.geometry import Geometry
from receivers.scan import Scan
from xspress3.errors import ProtocolError
from xspress3.stream import SessionStart

__all__ = ["Source", "counting", "source_of"]

MAX_BINS = 1 << 21
"""Bins of all channels together that can be shown: a sum takes 16 MiB then."""


@dataclass(frozen=True)
class Source:
    """Where the spectra come from: one value for each session.

    Parameters
    ----------
    period
        Seconds from frame to frame, as far as the sender said.
    """

    stream_id: str
    session_id: int
    start_time: float
    n_frames: int | None
    exposure_time: float | None
    period: float | None
    geometry: Geometry
    scan: Scan | None


def source_of(start: SessionStart) -> Source:
    """What `start` says of its session; `ProtocolError` when that cannot be shown."""
    geometry = Geometry.from_start(start)
    if geometry.n_channels * geometry.n_bins > MAX_BINS:
        raise ProtocolError(
            f"{geometry.n_channels} channels of {geometry.n_bins} bins, a live view shows {MAX_BINS} in all"
        )
    return Source(
        stream_id=start.envelope.stream_id,
        session_id=start.envelope.session_id or 0,
        start_time=(start.start_time_ns or start.envelope.time_ns) / 1e9,
        n_frames=start.n_frames,
        exposure_time=_seconds(start.acquisition.get("exposure_time")),
        period=_seconds(start.acquisition.get("period")),
        geometry=geometry,
        scan=Scan.from_metadata(start.metadata),
    )


def counting(source: Source) -> tuple[object, ...]:
    """What must stay the same for counts to be added to those before."""
    geometry = source.geometry
    shape = geometry.n_channels, geometry.n_bins
    return source.stream_id, shape, geometry.clock_period, geometry.event_widths, geometry.windows


def _seconds(said: object) -> float | None:
    if isinstance(said, bool) or not isinstance(said, (int, float)) or not 0 < said < 1e9:
        return None
    return float(said)
