"""The scalers of many frames, for those who ask for counts: what a scan wants of each point."""

from __future__ import annotations

import threading

import numpy as np
import numpy.typing as npt

from xspress3.model import N_SCALERS

__all__ = ["MAX_BYTES", "ScalerHistory"]

MAX_BYTES = 16 << 20
"""Some 116,000 frames of four channels; older ones are forgotten."""
_FIRST_ROWS = 1024

Scalers = npt.NDArray[np.uint32]


class ScalerHistory:
    """Keeps a copy of the scalers of each frame of one session; offered by one thread, read by any::

        history.begin(session_id, n_channels=4)
        history.offer(first_frame=0, scalers=block)
        is_there, scalers = history.get(0, 10)

    Frames that did not come, or were forgotten, are told as not there. Kept at frame number modulo the
    length, which grows with the session up to the limit.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()  # guards all that follows
        self._scalers: Scalers = np.zeros((0, 1, N_SCALERS), dtype="<u4")
        self._frames: npt.NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._max_rows = 1
        self.session_id: int | None = None
        self.end = 0

    def begin(self, session_id: int, n_channels: int) -> None:
        """Forget all, and keep frames of another session from now on."""
        with self._lock:
            self._max_rows = max(self._max_bytes // (n_channels * N_SCALERS * 4), 1)
            n_rows = min(_FIRST_ROWS, self._max_rows)
            self._scalers = np.zeros((n_rows, n_channels, N_SCALERS), dtype="<u4")
            self._frames = np.full(n_rows, -1, dtype=np.int64)
            self.session_id, self.end = session_id, 0

    def offer(self, first_frame: int, scalers: Scalers) -> None:
        """Copy `scalers` (frame, channel, 9), whose first frame is `first_frame`."""
        end = first_frame + len(scalers)
        with self._lock:
            if end > len(self._frames) and len(self._frames) < self._max_rows:
                self._grow(end)
            kept = min(len(scalers), len(self._frames))
            frames = np.arange(end - kept, end)
            rows = frames % len(self._frames)
            self._scalers[rows] = scalers[len(scalers) - kept :]
            self._frames[rows] = frames
            self.end = end

    def _grow(self, n_frames: int) -> None:
        """Make room; until the limit is reached each frame stands in the row of its number."""
        n_rows = min(max(2 * len(self._frames), n_frames), self._max_rows)
        n_more = n_rows - len(self._frames)
        more = np.zeros((n_more, *self._scalers.shape[1:]), dtype="<u4")
        self._scalers = np.concatenate([self._scalers, more])
        self._frames = np.concatenate([self._frames, np.full(n_more, -1, dtype=np.int64)])

    def get(self, first_frame: int, n_frames: int) -> tuple[npt.NDArray[np.bool_], Scalers]:
        """Which of these frames are there, (frame,), and their scalers, (frame, channel, 9), 0 where not."""
        with self._lock:
            shape = (n_frames, *self._scalers.shape[1:])
            scalers: Scalers = np.zeros(shape, dtype="<u4")
            if not len(self._frames):
                return np.zeros(n_frames, dtype=bool), scalers
            frames = np.arange(first_frame, first_frame + n_frames)
            rows = frames % len(self._frames)
            is_there: npt.NDArray[np.bool_] = self._frames[rows] == frames
            scalers[is_there] = self._scalers[rows[is_there]]
            return is_there, scalers
