"""Values of a few channels, a few times a second, for people and databases that watch a recording."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import zmq

from receivers.geometry import SCALERS, Geometry
from receivers.session import check_arrays
from xspress3.dead_time import dead_time_fraction, input_count_rate, output_count_rate
from xspress3.errors import ConfigurationError, ProtocolError
from xspress3.model import as_scalers
from xspress3.stream import Block, SessionStart, Subscriber
from xspress3.stream.security import no_keys

__all__ = ["MAX_CHANNELS", "MAX_RATE", "ChannelMonitor", "ChannelSample", "check_channels", "check_rate"]

MAX_CHANNELS = 6
MAX_CHANNEL = 2048
MAX_RATE = 10.0
READER = "ocs-monitor"


@dataclass(frozen=True)
class ChannelSample:
    """One channel in one frame.

    Parameters
    ----------
    time
        Unix time in s at which its block was read from the detector.
    values
        Rates in 1/s, fractions and counts by name; what cannot be told is left out.
    """

    channel: int
    frame: int
    time: float
    values: dict[str, float]


class ChannelMonitor:
    """Reads the newest frames only, so that it never holds up the sender or the recorder::

        with ChannelMonitor("tcp://127.0.0.1:9999") as monitor:
            monitor.channels = (0, 3)
            samples = monitor.read(timeout=0.1)

    All but setting `channels` and `target_rate` from one thread.
    """

    def __init__(self, endpoint: str, secure: Callable[[zmq.Socket[bytes]], None] = no_keys) -> None:
        self.channels: tuple[int, ...] = ()
        self.target_rate = MAX_RATE
        self._endpoint = endpoint
        self._secure = secure
        self._subscriber: Subscriber | None = None
        self._start: SessionStart | None = None
        self._geometry: Geometry | None = None
        self._due = 0.0

    def __enter__(self) -> ChannelMonitor:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def read(self, timeout: float) -> list[ChannelSample]:
        """Wait up to `timeout` s for one frame; gives a sample of each channel, or none.

        While no channel is wanted there is no connection, and it returns at once.
        """
        if not self.channels:
            self.close()
            return []
        message = self._receive(timeout)
        if isinstance(message, SessionStart):
            self._begin(message)
        if not isinstance(message, Block) or time.monotonic() < self._due:
            return []
        self._due = time.monotonic() + 1 / self.target_rate
        return self._samples(message)

    def close(self) -> None:
        """Leave the stream; the next `read` with channels joins it again."""
        subscriber, self._subscriber = self._subscriber, None
        self._start = self._geometry = None
        if subscriber is not None:
            subscriber.close()

    def _receive(self, timeout: float) -> object:
        if self._subscriber is None:
            self._subscriber = Subscriber(
                self._endpoint, name=READER, contract="latest", wants_backlog=False, secure=self._secure
            )
        try:
            return self._subscriber.receive(timeout)
        except ProtocolError:
            return None  # the recorder, which gets the same, tells it

    def _begin(self, start: SessionStart) -> None:
        self._start = self._geometry = None
        try:
            self._geometry = Geometry.from_start(start)
        except ProtocolError:
            return
        self._start = start

    def _samples(self, block: Block) -> list[ChannelSample]:
        """Samples of the last frame of `block`, if it is of the session that is known."""
        start, geometry = self._start, self._geometry
        if start is None or geometry is None or not _is_same_session(start, block):
            return []
        try:
            check_arrays(block, start)
            scalers = as_scalers(block[SCALERS].decode()[-1:])
        except ProtocolError:
            return []
        columns = {
            "output_count_rate": output_count_rate(scalers, geometry.clock_period),
            "input_count_rate": input_count_rate(scalers, geometry.event_widths, geometry.clock_period),
            "dead_time_fraction": dead_time_fraction(scalers, geometry.event_widths),
            "in_window0": scalers["in_window0"],
            "in_window1": scalers["in_window1"],
        }
        return [
            ChannelSample(
                channel, block.end_frame - 1, block.envelope.time_ns / 1e9, _finite(columns, channel)
            )
            for channel in self.channels
            if channel < geometry.n_channels
        ]


def _finite(columns: dict[str, npt.NDArray[Any]], channel: int) -> dict[str, float]:
    values = {name: float(column[0, channel]) for name, column in columns.items()}
    return {name: value for name, value in values.items() if np.isfinite(value)}


def _is_same_session(start: SessionStart, block: Block) -> bool:
    mine, its = start.envelope, block.envelope
    return (mine.stream_id, mine.epoch, mine.session_id) == (its.stream_id, its.epoch, its.session_id)


def check_channels(channels: object) -> tuple[int, ...]:
    """`channels` as numbers, each once.

    Raises
    ------
    ConfigurationError
        When there are too many, or one that cannot be.
    """
    if not isinstance(channels, Sequence) or isinstance(channels, str):
        raise ConfigurationError(f"channels {str(channels)[:64]!r}, allowed is a list of numbers")
    if not all(type(channel) is int and 0 <= channel < MAX_CHANNEL for channel in channels):
        raise ConfigurationError(f"channels {str(channels)[:64]}, allowed are numbers 0..{MAX_CHANNEL - 1}")
    found = tuple(dict.fromkeys(_integers(channels)))
    if len(found) > MAX_CHANNELS:
        raise ConfigurationError(f"Cannot monitor more than {MAX_CHANNELS} channels")
    return found


def _integers(values: Iterable[object]) -> list[int]:
    return [value for value in values if isinstance(value, int)]


def check_rate(rate: object) -> float:
    """`rate` in samples a second.

    Raises
    ------
    ConfigurationError
        When it is no number, not above 0, or above 10.
    """
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not rate > 0:
        raise ConfigurationError(f"target rate {str(rate)[:64]}, allowed is more than 0 Hz, at most 10 Hz")
    if rate > MAX_RATE:
        raise ConfigurationError(f"Max target rate is {MAX_RATE:g} Hz")
    return float(rate)
