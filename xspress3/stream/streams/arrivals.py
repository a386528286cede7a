"""What comes of a stream, in the order in which it came; and how long one waits for it."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, Union

import numpy.typing as npt

from xspress3.errors import SenderDiedError, StreamEndedError, StreamTimeoutError
from xspress3.stream.publisher import HEARTBEAT
from xspress3.stream.streams.sample_reader import SampleReader, Told
from xspress3.stream.streams.sources import Source

__all__ = ["Arrivals", "Found"]

_TURN = 0.1
"""Seconds after which a wait looks whether the sender is still there."""
_MISSED_HEARTBEATS = 3

Found = Union[tuple[int, npt.NDArray[Any]], Told]
"""A chunk with the number of the sample after its last one, or what there is to tell."""


class Arrivals:
    """Takes what a source has, lets a reader say what it means, and keeps that until it is asked for::

        arrivals = Arrivals(source, reader, found, params)
        arrivals.wait_start(5.0, is_described=True)
        while arrivals.wait(timeout=1.0):
            what = found.popleft()

    Parameters
    ----------
    source
        Closed with this one.
    reader, found
        It puts there what it finds; who is asked for something takes it from there.
    params
        What is known of the stream before it was heard.

    Attributes
    ----------
    params
        Those, and what the stream says of itself.
    """

    def __init__(
        self, source: Source, reader: SampleReader, found: deque[Found], params: Mapping[str, Any]
    ) -> None:
        self.source = source
        self.reader = reader
        self.params: dict[str, Any] = dict(params)
        self.found = found
        self._is_silence_told = False
        self._said: Mapping[str, Any] = reader.params  # what of `params` the stream has said

    def wait(self, timeout: float | None) -> bool:
        """Whether something was found within `timeout` s; `None` waits as long as the sender lives."""
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        turn = _TURN if timeout is None or timeout > _TURN else max(timeout, 0.0)
        found, fetch = self.found, self.fetch
        while not found:
            if not fetch(turn):
                self._check_sender()
                if not turn and not found:
                    return False
            if not found:
                turn = min(max(deadline - time.monotonic(), 0.0), _TURN)
        return True

    def fetch(self, timeout: float) -> bool:
        """Take one thing from the source; whether there was one."""
        try:
            taken = self.source.take(timeout)
        except StreamEndedError as error:
            self.found.append(error)
            return True
        if taken is None:
            return False
        self._is_silence_told = False
        reader = self.reader
        reader.take(taken)
        if reader.params is not self._said:
            self._said = reader.params
            self.params = {**self.params, **reader.params}
        return True

    def wait_start(self, timeout: float, is_described: bool) -> None:
        """Wait for the description of the stream; who is idle and no stream of samples may come later.

        Raises
        ------
        StreamTimeoutError
            When nobody answers.
        """
        deadline = time.monotonic() + timeout
        while self.reader.start is None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise StreamTimeoutError(f"nobody answers at {self.source.endpoint} within {timeout} s")
            has_heard = self.fetch(min(left, _TURN))
            if has_heard and not is_described:
                return

    def pass_over(self) -> int:
        """Forget all that has come, but an end; gives the number of samples."""
        while self.fetch(0) and not (self.found and isinstance(self.found[-1], StreamEndedError)):
            pass
        passed = sum(len(found[1]) for found in self.found if isinstance(found, tuple))
        ended = [found for found in self.found if isinstance(found, StreamEndedError)]
        self.found.clear()
        self.found.extend(ended[-1:])  # which is no sample that can be passed over
        return passed

    def close(self) -> None:
        """Leave the stream; a second call does nothing."""
        self.found.clear()
        self.source.close()

    def _check_sender(self) -> None:
        """Say once that nothing is heard of the sender."""
        source = self.source
        heartbeat = float(self.params.get("heartbeat", HEARTBEAT))
        if source.silent_for > _MISSED_HEARTBEATS * heartbeat and not self._is_silence_told:
            self._is_silence_told = True
            self.found.append(
                SenderDiedError(
                    f"nothing was heard of {source.endpoint} for {source.silent_for:.1f} s; "
                    f"a sign of life is due each {heartbeat} s"
                )
            )
