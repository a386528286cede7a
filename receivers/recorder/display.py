"""What a recorder does, shown while it does it: a table on a terminal, lines elsewhere, or JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from receivers.recorder.status import StreamStatus
from receivers.text import printable

__all__ = ["Display", "describe"]

TABLE_INTERVAL, JSON_INTERVAL, LINE_INTERVAL = 0.5, 1.0, 10.0


class Display:
    """Shows statuses on `console` when that is due; `tick` is to be called often::

    with Display(Console(), as_json=False) as display:
        display.tick(agent.status())
    """

    def __init__(self, console: Console, *, as_json: bool) -> None:
        self._console = console
        self._as_json = as_json
        self._due = 0.0
        self._shown: list[tuple[object, ...]] = []
        self._live: Live | None = None
        if console.is_terminal and not as_json:
            # Refreshed by `tick`, not by a thread of rich's own.
            self._live = Live(console=console, auto_refresh=False, redirect_stdout=False)

    def __enter__(self) -> Display:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._live is not None:
            self._live.stop()

    def tick(self, streams: Sequence[StreamStatus], *, force: bool = False) -> None:
        """Show `streams` when it is time, or something has changed that people want to know at once."""
        now = time.monotonic()
        changed: list[tuple[object, ...]] = [
            (status.state, status.degraded, status.last_file) for status in streams
        ]
        is_news = changed != self._shown and self._live is None and not self._as_json
        if not force and not is_news and now < self._due:
            return
        self._shown = changed
        if self._live is not None:
            self._live.update(_table(streams), refresh=True)
            self._due = now + TABLE_INTERVAL
        elif self._as_json:
            self._say_json(streams)
            self._due = now + JSON_INTERVAL
        else:
            for status in streams:
                self._console.print(describe(status), markup=False, highlight=False, soft_wrap=True)
            self._due = now + LINE_INTERVAL

    def _say_json(self, streams: Sequence[StreamStatus]) -> None:
        for status in streams:
            line = json.dumps(status.as_dict())
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def describe(status: StreamStatus) -> str:
    """One line for people."""
    counts = status.counts
    line = (
        f"{status.name}: {status.state.value}, {counts.written} frames written, {counts.lost} lost, "
        f"{counts.waiting} waiting, {status.rate:.0f} frames/s, {status.bytes_rate / 1e6:.1f} MB/s"
    )
    if status.last_file:
        line += f", {status.last_file}"
    if status.degraded:
        line += f"; degraded: {'; '.join(status.degraded)}"
    return printable(line, 4096)


def _table(streams: Sequence[StreamStatus]) -> Table:
    table = Table(expand=False)
    for heading in ("stream", "state", "frames/s", "MB/s", "written", "waiting", "lost", "full in", "file"):
        table.add_column(heading, overflow="fold")
    for status in streams:
        counts = status.counts
        cells = (
            status.name,
            "; ".join(status.degraded) or status.state.value,
            f"{status.rate:.0f}",
            f"{status.bytes_rate / 1e6:.1f}",
            str(counts.written),
            str(counts.waiting),
            str(counts.lost),
            _duration(status.time_to_full),
            status.last_file or "",
        )
        style = "red" if status.degraded else ""
        table.add_row(*(Text(printable(cell, 1000), style=style) for cell in cells))
    return table


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.0f} min"
