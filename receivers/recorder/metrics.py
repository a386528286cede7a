"""The status in the text form that Prometheus reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from receivers.recorder.status import State, StreamStatus

__all__ = ["prometheus_text"]

PREFIX = "xspress3_recorder_"
Value = Callable[[StreamStatus], float | int | None]

METRICS: tuple[tuple[str, str, str, Value], ...] = (
    ("frames_received_total", "counter", "Frames that came.", lambda s: s.counts.received),
    ("frames_written_total", "counter", "Frames in files for good.", lambda s: s.counts.written),
    ("frames_lost_total", "counter", "Frames missing in the files.", lambda s: s.counts.lost),
    ("frames_lost_here_total", "counter", "Frames that had no place.", lambda s: s.counts.lost_here),
    ("frames_duplicate_total", "counter", "Frames that came again.", lambda s: s.counts.duplicates),
    ("sessions_total", "counter", "Sessions that began.", lambda s: s.counts.sessions),
    ("files_total", "counter", "Files that were made.", lambda s: s.counts.files),
    ("restarts_total", "counter", "Times that the loop began anew.", lambda s: s.restarts),
    ("frames_waiting", "gauge", "Frames in memory.", lambda s: s.counts.waiting),
    ("queue_bytes", "gauge", "Payload that waits for space.", lambda s: s.queue_bytes),
    ("frame_rate", "gauge", "Frames per second.", lambda s: s.rate),
    ("byte_rate", "gauge", "Payload bytes per second.", lambda s: s.bytes_rate),
    ("lag_seconds", "gauge", "Age of the last block.", lambda s: s.lag),
    ("free_bytes", "gauge", "Space that may be filled.", lambda s: s.free_bytes),
    ("time_to_full_seconds", "gauge", "Until then.", lambda s: s.time_to_full),
    ("connected", "gauge", "Whether the sender is there.", lambda s: int(s.is_connected)),
    ("recording", "gauge", "Whether frames come.", lambda s: int(s.state is State.RECORDING)),
    ("degraded", "gauge", "Whether somebody should look.", lambda s: int(s.is_degraded)),
)


def prometheus_text(streams: Sequence[StreamStatus]) -> str:
    """All metrics of all streams; what is not known is left out."""
    return "".join(f"{line}\n" for metric in METRICS for line in _lines(metric, streams))


def _lines(metric: tuple[str, str, str, Value], streams: Sequence[StreamStatus]) -> Iterable[str]:
    name, kind, text, value = metric
    yield f"# HELP {PREFIX}{name} {text}"
    yield f"# TYPE {PREFIX}{name} {kind}"
    for status in streams:
        found = value(status)
        if found is not None:
            yield f'{PREFIX}{name}{{stream="{_escape(status.name)}"}} {found}'


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
