"""Frames that somebody wants to see again, out of the detector's ring.

The library's data path belongs to the acquire thread. Others leave a request and wait for the answer; the
thread serves it when it looks at the detector, or at once when no session is on.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError  # its own class in Python 3.10

import numpy as np
import numpy.typing as npt

from xspress3.detector import Detector
from xspress3.errors import AcquisitionTimeoutError, StateError
from xspress3.model import N_SCALERS

__all__ = ["ReadRequests"]

Frames = tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]


class ReadRequests:
    """Requests of any thread, served by one.

    Parameters
    ----------
    wake
        Called when there is a request, to end a wait of the thread that serves.
    """

    def __init__(self, detector: Detector, wake: Callable[[], None]) -> None:
        self._detector = detector
        self._wake = wake
        self._lock = threading.Lock()  # guards _is_closed, so that no request is left behind
        self._is_closed = False
        self._requests: queue.SimpleQueue[tuple[int, int, Future[Frames]]] = queue.SimpleQueue()

    def read(self, first_frame: int, n_frames: int, timeout: float) -> Frames:
        """Histogram (frame, channel, bin) and scalers (frame, channel, 9) of frames in the ring.

        Raises
        ------
        CircularBufferOverrunError
            When some of them were overwritten.
        AcquisitionTimeoutError
            When the thread that reads was not free within `timeout` s.
        StateError
            When it has ended.
        """
        answer: Future[Frames] = Future()
        with self._lock:
            if self._is_closed:
                raise StateError("reading frames of a streamer that was closed")
            self._requests.put((first_frame, n_frames, answer))
        self._wake()
        try:
            return answer.result(timeout)
        except FutureTimeoutError:
            answer.cancel()
            raise AcquisitionTimeoutError(
                f"frames {first_frame}..{first_frame + n_frames - 1} could not be read within {timeout} s"
            ) from None

    def serve(self) -> None:
        """Answer all requests; called by the thread that owns the data path."""
        while not self._requests.empty():
            first_frame, n_frames, answer = self._requests.get()
            if answer.set_running_or_notify_cancel():
                self._answer(first_frame, n_frames, answer)

    def _answer(self, first_frame: int, n_frames: int, answer: Future[Frames]) -> None:
        info = self._detector.info
        histogram = np.empty((n_frames, info.n_channels, info.n_bins), dtype="<u4")
        scalers = np.empty((n_frames, info.n_channels, N_SCALERS), dtype="<u4")
        try:
            self._detector.read_into(first_frame, histogram, scalers)
        except Exception as error:  # theirs who asked; the session goes on
            answer.set_exception(error)
        else:
            answer.set_result((histogram, scalers))

    def close(self) -> None:
        """Refuse what still waits, and what comes."""
        with self._lock:
            self._is_closed = True
        while not self._requests.empty():
            answer = self._requests.get()[2]
            if answer.set_running_or_notify_cancel():
                answer.set_exception(StateError("reading frames of a streamer that was closed"))
