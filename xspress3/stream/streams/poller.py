"""A thread that reads a stream and hands on what comes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from xspress3.errors import SenderDiedError, StateError, StreamEndedError, StreamError, StreamTimeoutError
from xspress3.stream.streams.input import InputStream
from xspress3.worker import Worker

__all__ = ["StreamPoller"]

_TURN = 0.05
"""Seconds after which the thread looks whether it shall stop."""


class StreamPoller:
    """Calls a function with each chunk of a stream, in a thread of its own::

        with StreamPoller(input, on_data=lambda index, data: plot(data)) as poller:
            poller.wait(timeout=10)

    The input belongs to the thread from `start` to `close`; who made it closes it.

    Parameters
    ----------
    input
        Connected.
    on_data
        Is given the number of the sample after the last one, and the samples. An error of it ends the thread.
    on_error
        Is given what `input.recv` raises: a `SequenceGapError` for each range that is missing, after which
        it goes on, and last the `StreamEndedError` or whatever else ended the thread. Without it the first
        that matters is raised by `close`: all but the end that the sender has told.
    return_data
        As of `InputStream.recv`.
    name
        Of the thread.
    """

    def __init__(
        self,
        input: InputStream,  # noqa: A002  # the word for it everywhere
        on_data: Callable[[int, Any], None],
        on_error: Callable[[StreamError], None] | None = None,
        *,
        return_data: bool | None = None,
        name: str | None = None,
    ) -> None:
        self.input = input
        self.last_index = 0
        self._on_data = on_data
        self._on_error = on_error
        self._return_data = return_data
        self._name = name or f"poll-{input.name or 'stream'}"
        self._worker: Worker | None = None
        self._done = threading.Event()
        self._error: Exception | None = None

    @property
    def is_running(self) -> bool:
        """Whether it has begun, and neither the stream nor anybody has ended it."""
        return self._worker is not None and not self._done.is_set()

    def start(self) -> None:
        """Begin; `StateError` when it has begun already, or the input is not connected."""
        if self._worker is not None:
            raise StateError(f"{self._name} runs already, close it first")
        if not self.input.connected:
            raise StateError(f"{self._name}: the stream is not connected")
        self._done.clear()
        self._worker = Worker(self._name, self._run, self._failed)
        self._worker.start()

    def wait(self, timeout: float | None = None) -> bool:
        """Whether it has ended within `timeout` s, because of the stream or of an error."""
        return self._done.wait(timeout)

    def stop(self, timeout: float = 5.0) -> None:
        """End the thread; what has not been read stays in the input. A second call does nothing.

        Raises
        ------
        ShutdownTimeoutError
            When `on_data` has not returned within `timeout` s.
        """
        worker = self._worker
        if worker is not None:
            worker.close(timeout)
            self._worker = None
            self._done.set()

    def close(self, timeout: float = 5.0) -> None:
        """Stop, and raise what went wrong, once; a second call does nothing."""
        self.stop(timeout)
        error, self._error = self._error, None
        if error is not None:
            raise error

    def __enter__(self) -> StreamPoller:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        if kind is None:
            self.close()
        else:  # what is on its way is the one to tell
            self.stop()

    def _run(self, stop: threading.Event) -> None:
        try:
            while not stop.is_set() and self._take():
                pass
        finally:
            self._done.set()

    def _take(self) -> bool:
        """Hand on one thing; whether more may come."""
        try:
            index, data = self.input.recv(self._return_data, timeout=_TURN)
        except StreamTimeoutError:
            return True
        except StreamError as error:
            self._tell(error)
            return not isinstance(error, StreamEndedError)
        self.last_index = index
        self._on_data(index, data)
        return True

    def _tell(self, error: StreamError) -> None:
        if self._on_error is not None:
            self._on_error(error)
        elif isinstance(error, SenderDiedError) or not isinstance(error, StreamEndedError):
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        self._error = self._error or error
