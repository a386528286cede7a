"""One page that looks: what it wants, what it has, and what it gets next. No sockets."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from receivers.calibration import Calibration
from receivers.liveview.commands import View
from receivers.liveview.history import INTERVAL
from receivers.liveview.model import LiveModel, Spectra
from receivers.liveview.scan_map import ScanMap
from receivers.liveview.sums import ModeKind, Sum
from receivers.liveview.updates import encode_update

__all__ = ["MAX_RATE", "Encoder", "Viewer"]

MAX_RATE = 10.0
"""Spectra a second that a page gets at most."""
MAP_INTERVAL = 1.0
MAX_CACHED = 32
UINT32_MAX = (1 << 32) - 1


class Encoder:
    """Makes each update once, for all pages that want the same; used by one thread."""

    def __init__(self, model: LiveModel) -> None:
        self.model = model
        self._sequence = 0
        self._cache: dict[tuple[Any, ...], tuple[int, bytes]] = {}
        self._version = -1

    def spectra(self, view: View, since: Sum | None) -> tuple[int, bytes] | None:
        """Number and bytes of the update that `view` wants now, `None` while there is nothing."""
        key = ("spectra", view.mode, view.channels, view.is_sum, None if since is None else since.n_frames)
        return self._shared(key, lambda: self._encode_spectra(view, since))

    def _shared(self, key: tuple[Any, ...], make: Callable[[], bytes | None]) -> tuple[int, bytes] | None:
        version = self.model.frames_version
        if version != self._version or len(self._cache) >= MAX_CACHED:
            self._version = version
            self._cache.clear()
        found = self._cache.get(key)
        if found is None:
            self._sequence += 1
            message = make()
            if message is None:
                return None
            found = self._cache[key] = self._sequence, message
        return found

    def _encode_spectra(self, view: View, since: Sum | None) -> bytes | None:
        spectra = self.model.spectra(view.mode, since)
        if spectra is None:
            return None
        n_channels = spectra.source.geometry.n_channels
        channels = [c for c in view.channels or range(n_channels) if c < n_channels]
        if view.channels is not None:
            channels = [c for c in view.channels if c < n_channels]
        return encode_update(
            self._spectra_header(view, channels, spectra), _spectra_arrays(view, channels, spectra)
        )

    def _spectra_header(self, view: View, channels: list[int], spectra: Spectra) -> dict[str, Any]:
        return {
            "kind": "spectra",
            "sequence": self._sequence,
            "time": spectra.time,
            "sent": time.time(),
            "mode": str(view.mode),
            "channels": channels,
            "sum": view.is_sum,
            "session_id": spectra.source.session_id,
            "frame": spectra.frame,
            "frames": spectra.total.n_frames,
            "frames_passed": spectra.n_passed,
            "counting_time": spectra.total.counting_time(spectra.source.geometry),
        }

    def points(self, first: int, kind: str) -> tuple[int, bytes, int] | None:
        """Number and bytes of the points from `first` on, and the number of the next one."""
        found = self.model.points_since(first)
        if found is None or first == found[1].first + len(found[1].times):
            return None
        history, points = found
        end = points.first + len(points.times)

        def make() -> bytes:
            header = self._header(kind, first=points.first, interval=INTERVAL, keep=history.keep)
            if kind == "waterfall":
                header["bins_per_cell"] = history.bins_per_cell
                return encode_update(header, {"times": points.times, "rows": points.rows})
            names = ("input_rate", "output_rate", "dead_time", "window0", "window1")
            return encode_update(
                header, {"times": points.times, **dict(zip(names, points.curves, strict=True))}
            )

        made = self._shared((kind, first, end), make)
        assert made is not None  # there were points
        return (*made, end)

    def map(self, window: int, *, corrected: bool) -> tuple[int, bytes] | None:
        """Number and bytes of the map; `None` where there is none."""
        return self._shared(("map", window, corrected), lambda: self._encode_map(window, corrected))

    def _encode_map(self, window: int, corrected: bool) -> bytes | None:
        found = self.model.map_values(window, corrected=corrected)
        if found is None:
            return None
        scan_map, values = found
        shape = list(values.shape)
        header = self._header(
            "map", window=window, corrected=corrected, shape=shape, frames=_filled(scan_map)
        )
        return encode_update(header, {"map": values})

    def _header(self, kind: str, **values: Any) -> dict[str, Any]:
        return {"kind": kind, "sequence": self._sequence, "sent": time.time(), **values}


def _filled(scan_map: ScanMap) -> int:
    return scan_map.n_filled


def _spectra_arrays(view: View, channels: list[int], spectra: Spectra) -> Mapping[str, npt.NDArray[Any]]:
    total, geometry = spectra.total, spectra.source.geometry
    counts = total.histogram if len(channels) == geometry.n_channels else total.histogram[channels]
    if view.is_sum:
        counts = counts.sum(axis=0, dtype=np.uint64, keepdims=True)
    fits = counts.dtype == np.dtype("<u4") or int(counts.max(initial=0)) <= UINT32_MAX
    limits = np.full((geometry.n_channels, 4), -1, dtype="<i4")
    if geometry.windows is not None:
        limits[:] = np.array(geometry.windows).reshape(-1, 4)
    return {
        "spectra": counts.astype("<u4" if fits else "<f8", copy=False),
        "rates": total.rates(geometry)[:, channels],
        "windows": total.windows[:, channels],
        "limits": limits[channels],
    }


@dataclass
class Viewer:
    """What one page wants and has; `next` gives what it gets::

    viewer = Viewer(encoder)
    message = viewer.next(now)    # bytes to send, None when nothing is due
    viewer.drawn(sequence)        # as the page says

    Attributes
    ----------
    waits_for
        Number of the update that is not drawn yet.
    """

    encoder: Encoder
    view: View = field(default_factory=View)
    calibration: tuple[Calibration, ...] | None = None
    has_calibration: bool = False
    waits_for: int | None = None
    _sent_at: float = -1e9
    _map_at: float = -1e9
    _spectra_sequence: int = -1
    _map_sequence: int = -1
    _next_point: int = 0
    _next_row: int = 0
    _since: tuple[int, Sum] | None = None

    def set_view(self, view: View) -> None:
        """Want something else, and get it at once."""
        before, self.view = self.view, view
        if view.has_waterfall and not before.has_waterfall:
            self._next_row = 0
        if view.has_history and not before.has_history:
            self._next_point = 0
        if view.map_window != before.map_window:
            self._map_at = -1e9
        self._sent_at = -1e9

    def reset_sum(self) -> None:
        """Let the sum of the session begin now."""
        source, total = self.encoder.model.source, self.encoder.model.session_sum()
        self._since = None if source is None or total is None else (source.session_id, total)

    def drawn(self, sequence: int) -> None:
        """An update is on the screen."""
        if sequence == self.waits_for:
            self.waits_for = None

    def due_in(self, now: float) -> float:
        """Seconds until spectra may be sent again."""
        return max(self._sent_at + 1 / MAX_RATE - now, 0.0)

    def next(self, now: float) -> bytes | None:
        """What to send at `now`, monotonic in s; `None` when nothing is due, or the last is not drawn."""
        if self.waits_for is not None:
            return None
        return self._points() or self._map(now) or self._spectra(now)

    def _points(self) -> bytes | None:
        if self.view.has_history:
            found = self.encoder.points(self._next_point, "history")
            if found is not None:
                self.waits_for, message, self._next_point = found
                return message
        if self.view.has_waterfall:
            found = self.encoder.points(self._next_row, "waterfall")
            if found is not None:
                self.waits_for, message, self._next_row = found
                return message
        return None

    def _map(self, now: float) -> bytes | None:
        if self.view.map_window is None or now < self._map_at + MAP_INTERVAL:
            return None
        window, corrected = self.view.map_window
        found = self.encoder.map(window, corrected=corrected)
        if found is None or found[0] == self._map_sequence:
            return None
        self.waits_for, message = found
        self._map_sequence, self._map_at = found[0], now
        return message

    def _spectra(self, now: float) -> bytes | None:
        if self.due_in(now) > 0:
            return None
        found = self.encoder.spectra(self.view, self._baseline())
        if found is None or found[0] == self._spectra_sequence:
            return None
        self.waits_for, message = found
        self._spectra_sequence, self._sent_at = found[0], now
        return message

    def _baseline(self) -> Sum | None:
        if self._since is None or self.view.mode.kind is not ModeKind.SESSION:
            return None
        source = self.encoder.model.source
        if source is None or source.session_id != self._since[0]:
            self._since = None  # the sum has begun anew by itself
            return None
        return self._since[1]
