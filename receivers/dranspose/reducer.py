"""The reducer: puts the sums of all workers on one map, and publishes it while it grows.

dranspose serves `publish` over HTTP in the way of HDF5's own service, for h5pyd and its like::

    /counts, /corrected     NXdata, for each region an array (row, column), float64, NaN where nothing is
                            known; counts as they were, and corrected for dead time; and the two axes
    /state                  `state` is waiting, running, unfinished, or the reason of the session's end; with
                            it stream_id, session_id, text, and the numbers of frames that are expected,
                            on the map (frames), lost, outside the map, and without a place (unplaced);
                            of those on the map, how many fell on a pixel that had one (repeated); and,
                            once the end was said, how many no worker has told of (missing)

A session is `complete` only when each of its frames was told of: an end may be quicker than frames of
another worker, and a worker that was killed tells nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from receivers.dranspose.results import (
    OUTSIDE,
    UNPLACED,
    FramesLost,
    FrameSums,
    MapEnd,
    MapRefused,
    MapResult,
    MapStart,
)
from xspress3.stream import EndReason

__all__ = ["XrfMapReducer"]

WAITING, RUNNING, UNFINISHED, FAILED = "waiting", "running", "unfinished", "failed"
GROUPS = ("counts", "corrected")
TOLD = ("frames", "lost", "outside", "unplaced")
"""Numbers of frames by what became of them; each frame is in one of them."""
UNKNOWN = -1
"""Stands for a number that nobody said."""


class Result(Protocol):
    """What dranspose hands to a reducer."""

    payload: list[MapResult]


class XrfMapReducer:
    """Made anew by dranspose for each map::

        dranspose reducer -p 5001 -c receivers.dranspose:XrfMapReducer

    Start and end come from every worker, and results in any order; what was said before changes nothing,
    and what is left over from a session before is passed over.

    Attributes
    ----------
    publish
        What is served, see the module; read under `publish_rlock`.
    """

    def __init__(self, **_context: Any) -> None:
        self.publish_rlock = threading.Lock()
        self.publish: dict[str, Any] = {
            "_attrs": {"NX_class": "NXroot", "default": "corrected"},
            "state": _state(WAITING),
        }
        self._map: _Map | None = None

    def process_result(self, result: Result, _parameters: Mapping[str, Any] | None = None) -> None:
        """Take what a worker made of an event."""
        with self.publish_rlock:
            for said in result.payload:
                self._take(said)

    def finish(self, _parameters: Mapping[str, Any] | None = None) -> None:
        """The events of the map are used up; a session whose end was not among them stays unfinished."""
        with self.publish_rlock:
            if self._map is not None:
                self._map.finish()

    def _take(self, said: MapResult) -> None:
        if isinstance(said, MapStart):
            self._start(said)
        elif self._map is not None and self._map.start.key == said.key:
            self._map.take(said)
        elif isinstance(said, MapRefused) and self._map is None:
            self.publish["state"] = _state(FAILED, said.text, said.key)
        elif isinstance(said, MapEnd) and self.publish["state"]["state"] == WAITING:
            self.publish["state"] = _state(said.outcome, said.text, said.key)

    def _start(self, start: MapStart) -> None:
        """Begin the map of a session, unless it has begun, or a newer one has."""
        if self._map is not None and (
            self._map.start.key == start.key or start.time_ns < self._map.start.time_ns
        ):
            return
        self._map = _Map(start)
        self.publish.update(self._map.publish)


class _Map:
    """The map of one session."""

    def __init__(self, start: MapStart) -> None:
        self.start = start
        scan = start.scan
        shape = scan.n_rows, scan.n_columns
        self._maps = {group: {name: np.full(shape, np.nan) for name in start.regions} for group in GROUPS}
        self._seen = np.zeros(0, dtype=bool)
        self._frame_of_pixel = np.full(scan.n_pixels, -1)
        self._n_filled = 0
        self._end: MapEnd | None = None
        self._is_finished = False
        self._text = ""
        self._state = _state(RUNNING, "", start.key, start.n_frames)
        self.publish: dict[str, Any] = {"state": self._state}
        for group, maps in self._maps.items():
            self.publish[group] = {**maps, **_axes(start)}
            self.publish[f"{group}_attrs"] = {
                "NX_class": "NXdata",
                "signal": start.regions[0],
                "axes": list(scan.array_names),
            }

    def take(self, said: MapResult) -> None:
        """Take a result; the same one again changes nothing."""
        if isinstance(said, FrameSums):
            self._place(said)
        elif isinstance(said, FramesLost):
            self._lose(said)
        elif isinstance(said, MapEnd):
            self._end = said
            self._text = said.text or self._text
        self._settle()

    def _place(self, said: FrameSums) -> None:
        is_inside = said.pixels >= 0
        self._put(said, np.flatnonzero(is_inside))
        self._state["frames"] += self._n_new(said.frames[is_inside])
        self._state["repeated"] = self._state["frames"] - self._n_filled
        self._state["outside"] += self._n_new(said.frames[said.pixels == OUTSIDE])
        self._state["unplaced"] += self._n_new(said.frames[said.pixels == UNPLACED])
        self._text = said.text or self._text

    def _put(self, said: FrameSums, columns: npt.NDArray[np.int64]) -> None:
        """Put frames on their pixels; of several the last one stands, in whatever order they come."""
        frames, pixels = said.frames[columns], said.pixels[columns]
        self._n_filled += len(np.unique(pixels[self._frame_of_pixel[pixels] < 0]))
        np.maximum.at(self._frame_of_pixel, pixels, frames)
        stands = self._frame_of_pixel[pixels] == frames
        for group, sums in zip(GROUPS, (said.counts, said.corrected), strict=True):
            for name, values in zip(self.start.regions, sums, strict=True):
                self._maps[group][name].reshape(-1)[pixels[stands]] = values[columns[stands]]

    def finish(self) -> None:
        """The events are used up; of some of them results may be on their way."""
        self._is_finished = True
        self._settle()

    def _n_told(self) -> int:
        return sum(self._state[name] for name in TOLD)

    def _settle(self) -> None:
        """Say how the session ended and what is missing, as far as it is known by now."""
        state, end = self._state, self._end
        state["text"] = self._text
        if end is None and not self._is_finished:
            return
        n_frames = state["frames_expected"] if end is None else end.n_frames
        if n_frames != UNKNOWN:
            state["missing"] = max(n_frames - self._n_told(), 0)
        if end is not None and (end.outcome != EndReason.COMPLETE.value or not state["missing"]):
            state["state"] = end.outcome
        elif self._is_finished:
            state["state"] = UNFINISHED
            if state["missing"] > 0:
                state["text"] = f"nothing came of {state['missing']} frames"

    def _lose(self, said: FramesLost) -> None:
        lost = np.arange(said.first_frame, said.first_frame + said.n_frames)
        self._state["lost"] += self._n_new(lost)
        self._text = f"frame {said.first_frame}: {said.reason}"

    def _n_new(self, frames: npt.NDArray[np.int64]) -> int:
        """How many of `frames`, which are different ones, had not come before."""
        self._grow(int(frames.max(initial=-1)) + 1)
        n_new = int((~self._seen[frames]).sum())
        self._seen[frames] = True
        return n_new

    def _grow(self, n_frames: int) -> None:
        if n_frames > len(self._seen):
            seen = np.zeros(max(n_frames, 2 * len(self._seen), 1024), dtype=bool)
            seen[: len(self._seen)] = self._seen
            self._seen = seen


def _state(name: str, text: str = "", key: Any = ("", "", 0), n_frames: int | None = None) -> dict[str, Any]:
    return {
        "stream_id": key[0],
        "session_id": key[2],
        "state": name,
        "text": text,
        "frames_expected": UNKNOWN if n_frames is None else n_frames,
        **dict.fromkeys(TOLD, 0),
        "repeated": 0,
        "missing": UNKNOWN,
    }


def _axes(start: MapStart) -> dict[str, Any]:
    scan = start.scan
    axes: dict[str, Any] = {}
    for number, name in enumerate(scan.array_names):
        axes[name] = scan.axis(number)
        axes[f"{name}_attrs"] = {"units": scan.units}
    return axes
