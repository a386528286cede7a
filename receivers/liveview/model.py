"""What a viewer can see of a stream: kept by one thread, looked at by others; no sockets, no web.

A sink of `Receiver`. All that is given out is a copy or never changes again.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from receivers.geometry import HISTOGRAM, SCALERS, Geometry
from receivers.liveview.history import History, Points
from receivers.liveview.scan_map import ScanMap
from receivers.liveview.source import Source, counting, source_of
from receivers.liveview.sums import N_BUCKETS, Frames, Mode, ModeKind, RollingSum, Sum, sum_of
from receivers.report import SessionReport
from receivers.scan import POSITIONS
from xspress3.errors import ProtocolError
from xspress3.stream import Block, SessionStart
from xspress3.stream.tracker import Gap

__all__ = ["Counts", "LiveModel", "Spectra"]

MAX_ROLLING = 8
"""Rolling sums that are kept at a time; the one that nobody looked at for longest goes first."""
MAX_ROLLING_BYTES = 512 << 20
"""That they may take together, though one is always kept."""


@dataclass(frozen=True)
class Counts:
    """Frames of the session: looked at, left out by contract, and lost on the way here."""

    seen: int = 0
    passed_over: int = 0
    missed: int = 0


@dataclass(frozen=True)
class Spectra:
    """A sum of frames of `source`, the newest of which is `frame`, read at Unix time `time` in s."""

    source: Source
    total: Sum
    frame: int
    time: float
    n_passed: int


class LiveModel:
    """Latest frame, sums, rates and a map::

        model = LiveModel()
        with Subscriber(endpoint, contract="latest") as subscriber:
            Receiver(subscriber, [model]).run(stop=stop)     # one thread
        spectra = model.spectra(Mode.parse("seconds:10"))    # any other

    Sums over frames and times go on over sessions of the same shape, windows and event widths.

    Parameters
    ----------
    on_change
        Called from the receiving thread whenever there is something new to look at.

    Attributes
    ----------
    frames_version
        Grows with every new session and with new frames.
    """

    def __init__(self, on_change: Callable[[], None] = lambda: None) -> None:
        self.on_change = on_change
        self.frames_version = 0
        self._lock = threading.Lock()  # guards all below
        self._source: Source | None = None
        self._complaint = ""
        self._counts = Counts()
        self._base = self._position = 0  # of the session's frame 0 and of the next frame, over all sessions
        self._latest: Sum | None = None
        self._frame, self._time = -1, 0.0
        self._session_sum: Sum | None = None
        self._session_first = 0
        self._rolling: OrderedDict[Mode, RollingSum] = OrderedDict()
        self._history: History | None = None
        self._map: ScanMap | None = None

    # What the receiver calls.

    def begin(self, start: SessionStart) -> None:
        """Take up a session; one that is no session of an Xspress3 is refused."""
        try:
            source = source_of(start)
        except ProtocolError as error:
            with self._lock:
                self._complaint = str(error)
            self._tell_frames()
            raise
        with self._lock:
            self._complaint = ""
            before, self._source = self._source, source
            if before is None or counting(before) != counting(source):
                self._forget(source.geometry)
            self._counts, self._session_sum = Counts(), None
            self._base = self._position - start.next_frame
            self._session_first = start.next_frame
            self._map = None if source.scan is None else ScanMap(source.scan, source.geometry)
        self._tell_frames()

    def _forget(self, geometry: Geometry) -> None:
        """Let go of all counts of another detector, or of other windows."""
        self._latest = None
        self._rolling = OrderedDict((mode, RollingSum(mode, geometry)) for mode in self._rolling)
        # One number is left out: who has the points before must not take the next ones for theirs.
        begin = 0 if self._history is None else self._history.end + 1
        self._history = History(geometry, begin)

    def write(self, block: Block) -> None:
        """Take frames."""
        source = self._source
        assert source is not None  # the receiver begins before it writes
        frames = Frames(
            block[HISTOGRAM].decode(),
            block[SCALERS].decode(),
            block.first_frame,
            block.envelope.time_ns / 1e9,
            block.step,
        )
        positions = block[POSITIONS].decode() if _has_positions(block) else None
        total = sum_of(frames, source.geometry)
        newest = total if len(frames) == 1 else sum_of(frames[len(frames) - 1 :], source.geometry)
        if newest.histogram.base is not None:  # a view of the message, which is gone after this call
            newest = replace(newest, histogram=newest.histogram.copy())
            total = newest if len(frames) == 1 else total
        with self._lock:
            self._add(frames, total, newest, positions)
        self._tell_frames()

    def _add(self, frames: Frames, total: Sum, newest: Sum, positions: npt.NDArray[np.int32] | None) -> None:
        self._latest, self._time = newest, frames.time
        self._frame = frames.first_frame + (len(frames) - 1) * frames.step
        first = self._base + frames.first_frame
        self._position = self._base + self._frame + 1
        self._session_sum = total if self._session_sum is None else self._session_sum + total
        for rolling in self._rolling.values():
            rolling.add(frames, total, first)
        if self._history is not None:
            self._history.add(total, time.time())
        if self._map is not None:
            self._map.add(frames, positions)
        self._counts = replace(self._counts, seen=self._counts.seen + len(frames))

    def lost(self, gap: Gap) -> None:
        """Count frames that will not come; those from before this reader joined are not its loss."""
        with self._lock:
            if gap.first_frame + gap.n_frames <= self._session_first:
                return
            self._counts = replace(self._counts, missed=self._counts.missed + gap.n_frames)

    def tick(self) -> None:
        """Let the strip charts go on, also when nothing comes."""
        now = time.time()
        with self._lock:
            has_new = self._history is not None and self._history.tick(now)
        if has_new:
            self.on_change()

    def end(self, report: SessionReport) -> None:
        """Keep what is there to be looked at."""
        with self._lock:
            self._counts = replace(self._counts, passed_over=report.frames_skipped)
        self._tell_frames()

    def close(self) -> None:
        """Nothing is open."""

    def _tell_frames(self) -> None:
        self.frames_version += 1
        self.on_change()

    # What viewers ask.

    @property
    def source(self) -> Source | None:
        """Of the newest session; `None` before the first."""
        with self._lock:
            return self._source

    @property
    def complaint(self) -> str:
        """Why the last session that began cannot be shown; empty when it can."""
        with self._lock:
            return self._complaint

    @property
    def counts(self) -> Counts:
        """Frames of the session so far."""
        with self._lock:
            there = self._position - self._base - self._session_first
            counts = self._counts
            passed = max(there - counts.seen - counts.missed, counts.passed_over, 0)
            return replace(counts, passed_over=passed)

    def spectra(self, mode: Mode, since: Sum | None = None) -> Spectra | None:
        """What `mode` wants; `None` while there is nothing.

        Parameters
        ----------
        since
            With mode `session`: an earlier sum of the session that is to be taken off.
        """
        with self._lock:
            if self._source is None or self._latest is None:
                return None
            found = self._sum(mode)
            if found is None:
                return None
            total, n_passed = found
            if since is not None and mode.kind is ModeKind.SESSION:
                total = total - since
            return Spectra(self._source, total, self._frame, self._time, n_passed)

    def _sum(self, mode: Mode) -> tuple[Sum, int] | None:
        if mode.kind is ModeKind.LATEST:
            return None if self._latest is None else (self._latest, 0)
        if mode.kind is ModeKind.SESSION:
            total = self._session_sum
            there = self._position - self._base - self._session_first
            return None if total is None else (total, there - total.n_frames)
        rolling = self._rolling_of(mode)
        if mode.kind is ModeKind.SECONDS:
            rolling.forget(time.time())
        summed = rolling.total
        return None if summed is None else (summed, rolling.n_passed)

    def _rolling_of(self, mode: Mode) -> RollingSum:
        assert self._source is not None  # there is a newest frame
        rolling = self._rolling.pop(mode, None)
        if rolling is None:
            rolling = RollingSum(mode, self._source.geometry)
            if self._latest is not None:
                rolling.begin_with(self._latest, self._time, self._position - 1)
        self._rolling[mode] = rolling
        while len(self._rolling) > _rolling_sums(self._source.geometry):
            self._rolling.popitem(last=False)
        return rolling

    def session_sum(self) -> Sum | None:
        """Sum of all frames seen of the session; `None` before the first."""
        with self._lock:
            return self._session_sum

    def points_since(self, first: int) -> tuple[History, Points] | None:
        """Points of the strip charts from number `first` on; `None` before there are any.

        Of the history itself only what never changes may be looked at.
        """
        with self._lock:
            history = self._history
            if history is None or history.end == history.begin:
                return None
            return history, history.since(first)

    def map_values(self, window: int, *, corrected: bool) -> tuple[ScanMap, npt.NDArray[np.float32]] | None:
        """Map of the session that runs; `None` where it has none."""
        with self._lock:
            found = self._map
            return None if found is None else (found, found.values(window, corrected=corrected))


def _rolling_sums(geometry: Geometry) -> int:
    """How many rolling sums may be kept."""
    sum_bytes = 8 * (N_BUCKETS + 1) * geometry.n_channels * geometry.n_bins
    return max(1, min(MAX_ROLLING, MAX_ROLLING_BYTES // sum_bytes))


def _has_positions(block: Block) -> bool:
    return any(
        array.name == POSITIONS and array.dtype == np.dtype("<i4") and array.shape == (block.n_frames, 2)
        for array in block.arrays
    )
