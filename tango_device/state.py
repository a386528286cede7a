"""Words and small values that the parts of the controller share."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from tango_device.readings import WindowSums
from xspress3.streamer import Session

__all__ = ["DeviceState", "Health", "Job", "Listener", "Run", "one_line"]


class DeviceState(str, Enum):
    """What clients see."""

    INIT = "INIT"
    STANDBY = "STANDBY"
    RUNNING = "RUNNING"
    FAULT = "FAULT"


class Listener(Protocol):
    """Who wants to know; called from any thread, and must not wait for anything."""

    def state_changed(self, state: DeviceState, reason: str) -> None:
        """Another state, or another reason for it."""

    def progressed(self) -> None:
        """Counters and readings may have changed; at most ten times a second, and at the end of a session."""


@dataclass
class Run:
    """One arming."""

    session: Session
    is_written: bool
    sums: WindowSums
    triggers: int = 0
    writer_error: str = ""
    is_over: bool = False
    done_at: float | None = None


@dataclass(frozen=True)
class Health:
    """What is looked at now and then."""

    free_bytes: int = -1
    temperatures: tuple[tuple[str, float], ...] = ()


class Job:
    """Something to do, and how it went."""

    def __init__(self, action: Callable[[], None]) -> None:
        self._action = action
        self.done = threading.Event()
        self.error: Exception | None = None

    def do(self) -> None:
        """Do it; what it raises is kept. Who called this sets `done`."""
        try:
            self._action()
        except Exception as error:  # raised by who waits, or kept as the last error
            self.error = error

    def refuse(self, error: Exception) -> None:
        """End the waiting without having done it."""
        self.error = error
        self.done.set()


def one_line(error: BaseException) -> str:
    """Class and text of an error, without line breaks."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
