"""What the streamer needs of a detector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from xspress3.model import Acquisition, DetectorInfo, Timing, Window

__all__ = ["Detector", "Ready"]


@dataclass(frozen=True)
class Ready:
    """Frames 0 to `complete - 1` can be read.

    `furthest` is the same of the channel that is ahead of the others, `problems` is empty or says what
    went wrong.
    """

    complete: int
    furthest: int = 0
    problems: str = ""


class Detector(Protocol):
    """A source of frames, numbered from 0 in each run.

    `arm`, `trigger`, `stop` and `close` are called from the threads of users, one at a time;
    `frames_ready`, `read_into` and `acknowledge` from the acquire thread, between `arm` and the
    end of the run.
    """

    @property
    def info(self) -> DetectorInfo:
        """What it is; does not change while it is open."""

    def windows(self) -> list[list[tuple[int, int]]]:
        """Lowest and highest bin of the two windows of each channel that are in force."""

    def set_window(self, channel: int, window: int, limits: Window) -> None:
        """Choose the bins that window scaler 0 or 1 of a channel counts."""

    def timing(self, acquisition: Acquisition) -> Timing:
        """What `arm` would make the hardware do; touches nothing.

        Raises
        ------
        ConfigurationError
            When the hardware cannot do it.
        """

    def arm(self, acquisition: Acquisition) -> Timing:
        """Begin a run; whatever ran before is stopped. Frames count from 0 again."""

    def trigger(self) -> None:
        """Give one software trigger."""

    def frames_ready(self) -> Ready:
        """How far the run is."""

    def read_into(
        self, first_frame: int, histogram: npt.NDArray[np.uint32], scalers: npt.NDArray[np.uint32]
    ) -> None:
        """Fill both arrays with as many frames as their first axes have, from `first_frame` on.

        Raises
        ------
        CircularBufferOverrunError
            When some of them were overwritten before or while they were read. It names all frames from
            `first_frame` on that are gone, also beyond those asked for.
        AcquisitionError
            When frame numbers have been started again, or come to their end: the run is over.
        """

    def acknowledge(self, first_frame: int, n_frames: int) -> None:
        """Give frames back: they are not needed any more."""

    def stop(self) -> None:
        """End the run; harmless when none is on."""

    def close(self) -> None:
        """Let the hardware go; a second call does nothing."""
