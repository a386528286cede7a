"""Recorders of several streams as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from receivers.recorder.status import StreamStatus
from xspress3.errors import ConfigurationError

__all__ = ["Agent", "Recorder"]


class Recorder(Protocol):
    """What records one stream; `loop.StreamRecorder` is one."""

    is_broken: bool
    """Whether a write to HDF5 failed: then the process must end without taking the library down."""

    def start(self) -> None:
        """Begin to record; nothing when it does."""

    def stop(self) -> None:
        """Stop, with files closed."""

    def close(self) -> None:
        """As `stop`, for good."""

    def status(self) -> StreamStatus:
        """What it is doing; from any thread."""


class Agent:
    """Starts, stops and looks at recorders, none of which can hurt another::

        with Agent([StreamRecorder(source, options) for source in sources]) as agent:
            agent.start()
            print(agent.snapshot())

    `start` and `stop` are called by one thread at a time.
    """

    def __init__(self, recorders: Sequence[Recorder]) -> None:
        if not recorders:
            raise ConfigurationError("no stream, at least one is needed")
        self._recorders = list(recorders)

    def start(self) -> None:
        """Begin to record all streams."""
        for recorder in self._recorders:
            recorder.start()

    def stop(self) -> None:
        """Stop all, then raise what went wrong first."""
        self._each(lambda recorder: recorder.stop())

    def close(self) -> None:
        """As `stop`, for good; a second call does nothing."""
        self._each(lambda recorder: recorder.close())

    def __enter__(self) -> Agent:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    @property
    def is_broken(self) -> bool:
        """Whether a write to HDF5 failed, see `Recorder.is_broken`."""
        return any(recorder.is_broken for recorder in self._recorders)

    def status(self) -> list[StreamStatus]:
        """What each stream is doing."""
        return [recorder.status() for recorder in self._recorders]

    def snapshot(self) -> dict[str, Any]:
        """All of it as plain values for JSON."""
        streams = self.status()
        return {
            "streams": [status.as_dict() for status in streams],
            "is_degraded": any(status.is_degraded for status in streams),
        }

    def _each(self, action: Callable[[Recorder], None]) -> None:
        errors: list[Exception] = []
        for recorder in self._recorders:
            try:
                action(recorder)
            except Exception as error:  # the others must end too; raised below
                errors.append(error)
        if errors:
            raise errors[0]
