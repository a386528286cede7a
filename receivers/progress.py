"""How far a session is, shown while it runs: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from receivers.report import SessionReport
from xspress3.stream import Block, SessionStart
from xspress3.stream.tracker import Gap

__all__ = ["ProgressSink"]

BAR_INTERVAL = 0.25
LINE_INTERVAL = 1.0


class ProgressSink:
    """Shows frames, frames/s, MB/s and loss on `console`, standard error by default.

    Rates are means since the last time they were shown.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._start: SessionStart | None = None
        self._frames = self._bytes = self._lost = 0
        self._shown = (0.0, 0, 0)
        """When, how many frames and how many bytes were shown last."""

    def begin(self, start: SessionStart) -> None:
        """Show an empty bar, or nothing yet."""
        self._start = start
        self._frames = self._bytes = self._lost = 0
        self._shown = (time.monotonic(), 0, 0)
        if self._console.is_terminal:
            # Refreshed by `tick`, not by a thread of rich's own.
            self._bar = Progress(
                TextColumn("session {task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rates]}"),
                console=self._console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
            )
            self._task = self._bar.add_task(
                str(start.envelope.session_id), total=start.n_frames, rates=self._rates(0.0, 0.0)
            )
            self._bar.start()

    def write(self, block: Block) -> None:
        """Count."""
        self._frames += block.n_frames
        self._bytes += sum(len(array.payload) for array in block.arrays)

    def lost(self, gap: Gap) -> None:
        """Count."""
        self._lost += gap.n_frames

    def tick(self) -> None:
        """Show the counts when that is due."""
        shown_at, frames, n_bytes = self._shown
        elapsed = time.monotonic() - shown_at
        if elapsed < (LINE_INTERVAL if self._bar is None else BAR_INTERVAL):
            return
        rates = self._rates((self._frames - frames) / elapsed, (self._bytes - n_bytes) / elapsed / 1e6)
        self._shown = (shown_at + elapsed, self._frames, self._bytes)
        if self._bar is not None:
            self._bar.update(self._task, completed=self._frames + self._lost, rates=rates, refresh=True)
        elif self._frames != frames:
            self._print_line(rates)

    def end(self, report: SessionReport) -> None:
        """Put the line with the counts in place of the bar."""
        self._start = None
        self.close()
        self._console.print(escape(report.describe()), highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Take the bar away."""
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.stop()

    def _print_line(self, rates: str) -> None:
        if self._start is None:
            return
        total = "" if self._start.n_frames is None else f" of {self._start.n_frames}"
        line = f"session {self._start.envelope.session_id}: {self._frames}{total} frames, {rates}"
        self._console.print(line, highlight=False, soft_wrap=True)

    def _rates(self, frames_per_second: float, megabytes_per_second: float) -> str:
        return f"{frames_per_second:.0f} frames/s, {megabytes_per_second:.1f} MB/s, {self._lost} lost"
