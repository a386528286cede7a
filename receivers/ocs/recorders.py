"""What the agent steers: recorders of all its streams as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from receivers.recorder.status import StreamStatus

__all__ = ["Recorder", "Recorders", "StreamRecorder"]


class Recorder(Protocol):
    """What the agent steers."""

    def start(self) -> None:
        """Begin to record; called from the thread of the process `record`."""

    def stop(self) -> None:
        """Stop, with files closed; called from the same thread."""

    def snapshot(self) -> Mapping[str, Any]:
        """What it is doing, plain values."""


class StreamRecorder(Protocol):
    """What records one stream."""

    def start(self) -> None:
        """Begin to record."""

    def stop(self) -> None:
        """Stop, with files closed."""

    def status(self) -> StreamStatus:
        """What it is doing."""


class Recorders:
    """Recorders of several streams as one."""

    def __init__(self, recorders: Sequence[StreamRecorder]) -> None:
        self._recorders = list(recorders)

    def start(self) -> None:
        """Start all."""
        for recorder in self._recorders:
            recorder.start()

    def stop(self) -> None:
        """Stop all, then raise what was the first to go wrong."""
        errors = []
        for recorder in self._recorders:
            try:
                recorder.stop()
            except Exception as error:  # the others must be stopped too; raised below
                errors.append(error)
        if errors:
            raise errors[0]

    def snapshot(self) -> Mapping[str, Any]:
        """The status of each."""
        streams = [recorder.status() for recorder in self._recorders]
        return {
            "streams": [status.as_dict() for status in streams],
            "is_degraded": any(status.is_degraded for status in streams),
        }
