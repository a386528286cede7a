"""Frames as lines of text: what comes, how fast, and how dead the detector is."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TextIO

import numpy as np

from receivers.geometry import SCALERS, Geometry
from receivers.report import SessionReport
from receivers.text import printable
from xspress3 import dead_time
from xspress3.errors import SinkError
from xspress3.model import as_scalers
from xspress3.stream import Block, SessionStart
from xspress3.stream.tracker import Gap

__all__ = ["PrintSink"]

LINE_INTERVAL = 0.5
"""Seconds between two lines about frames."""


class PrintSink:
    """Writes a line per session start, two lines a second about frames, and one at the end.

    Parameters
    ----------
    stream
        Where lines go; stays the caller's.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._geometry: Geometry | None = None
        self._next_line = 0.0
        self._n_lost = 0

    def begin(self, start: SessionStart) -> None:
        """Tell what begins, see `Sink.begin`."""
        self._geometry = geometry = Geometry.from_start(start)
        self._next_line = 0.0
        self._n_lost = 0
        planned = "frames until stopped" if start.n_frames is None else f"{start.n_frames} frames"
        contract = "" if start.contract == "lossless" else f", {start.contract}"
        joined = f", joined at frame {start.next_frame}" if start.next_frame else ""
        self._say(
            f"{printable(start.envelope.stream_id)} session {start.envelope.session_id}: {planned}, "
            f"{geometry.n_channels} channels of {geometry.n_bins} bins{contract}{joined}"
        )

    def write(self, block: Block) -> None:
        """Tell of the last frame of `block` when a line is due."""
        now = time.monotonic()
        if now >= self._next_line and self._geometry is not None:
            self._next_line = now + LINE_INTERVAL
            self._say(self._frame_line(block, self._geometry))

    def lost(self, gap: Gap) -> None:
        """Count; the number is part of the lines to come."""
        self._n_lost += gap.n_frames

    def tick(self) -> None:
        """Nothing is due."""

    def end(self, report: SessionReport) -> None:
        """Tell the counts of the session."""
        self._geometry = None
        self._say(report.describe())

    def close(self) -> None:
        """Nothing is held."""

    def _frame_line(self, block: Block, geometry: Geometry) -> str:
        scalers = as_scalers(block[SCALERS].decode()[-1:])
        rate_in = dead_time.input_count_rate(scalers, geometry.event_widths, geometry.clock_period)[0]
        rate_out = dead_time.output_count_rate(scalers, geometry.clock_period)[0]
        dead = dead_time.dead_time_fraction(scalers, geometry.event_widths)[0]
        line = (
            f"frame {block.first_frame + block.n_frames - 1}: "
            f"counts {_join(f'{n}' for n in scalers['all_good'][0])}  "
            f"in {_join(map(_rate, rate_in))}  out {_join(map(_rate, rate_out))}  "
            f"dead {_join('  -' if np.isnan(d) else f'{100 * d:.1f}%' for d in dead)}"
        )
        return line + (f"  lost {self._n_lost}" if self._n_lost else "")

    def _say(self, line: str) -> None:
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except OSError as error:
            raise SinkError(f"cannot print: {error}") from error


def _join(items: Iterable[str]) -> str:
    return " ".join(items)


def _rate(value: float) -> str:
    """Rate in 1/s with a prefix; `-` where it is not known."""
    if np.isnan(value):
        return "-"
    for factor, prefix in ((1e6, "M"), (1e3, "k")):
        if value >= factor:
            return f"{value / factor:.3g}{prefix}/s"
    return f"{value:.3g}/s"
