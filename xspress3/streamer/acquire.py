"""Reads frames out of the detector, block by block, until the session has all of them."""

from __future__ import annotations

import logging
import queue
import threading
import time
from typing import Union

import numpy as np
import numpy.typing as npt

from xspress3.config import StreamerConfig
from xspress3.detector import Detector, Ready
from xspress3.errors import AcquisitionError, AcquisitionTimeoutError, CircularBufferOverrunError
from xspress3.model import SCALER_NAMES, TriggerMode
from xspress3.stream import Slot
from xspress3.stream.messages import EndReason
from xspress3.streamer.history import ScalerHistory
from xspress3.streamer.latest import LatestFrame
from xspress3.streamer.reading import ReadRequests
from xspress3.streamer.session import Begin, Finish, Frames, Lost, Session

__all__ = ["AcquireLoop", "Item", "plan_block"]

logger = logging.getLogger(__name__)

Item = Union[Begin, Frames, Lost, Finish]

OVERWRITTEN = "overwritten in the detector's ring before it was read"
_POLL_SHORTEST = 0.0002
_POLL_LONGEST = 0.01
_SLOT_WAIT = 0.1
_TOTAL_TICKS = SCALER_NAMES.index("total_ticks")
_CLOCK_TICKS = SCALER_NAMES.index("clock_ticks")
ENDLESS = 1 << 62
"""Frames of a session that only a stop ends."""
_TICK_TOLERANCE = 2
"""Channels of one frame differ by up to two ticks."""


def plan_block(next_frame: int, complete: int, frames_per_block: int, flush: bool) -> int:
    """Frames to read now: up to the next multiple of `frames_per_block`, fewer only to flush.

    Blocks end at those multiples also after one was cut short, so that they remain chunks of a file.
    """
    to_boundary = frames_per_block - next_frame % frames_per_block
    available = complete - next_frame
    if available >= to_boundary:
        return to_boundary
    return max(available, 0) if flush else 0


class AcquireLoop:
    """Owns the detector's data path: frames are read, and acknowledged, in this thread only.

    Parameters
    ----------
    out
        Where blocks go, in order.
    latest
        Is shown the newest frame now and then.
    config
        How long frames may wait, for others, from the detector, and for readers once all shall end.
    history
        Is given the scalers of each frame.

    Attributes
    ----------
    requests
        Frames that others want out of the detector's ring, read between two blocks.
    """

    def __init__(
        self,
        detector: Detector,
        out: queue.SimpleQueue[Item],
        latest: LatestFrame,
        config: StreamerConfig,
        history: ScalerHistory | None = None,
    ) -> None:
        self._history = history or ScalerHistory()
        self.requests = ReadRequests(detector, self.wake)
        self._detector = detector
        self._out = out
        self._latest = latest
        self._config = config
        self._sessions: queue.SimpleQueue[Session | None] = queue.SimpleQueue()

    def begin(self, session: Session) -> None:
        """Acquire `session`, whose detector is armed; none may be on."""
        # Here, not in the thread: who asks for counts next must not be given those of the session before.
        self._history.begin(session.session_id, session.info.n_channels)
        self._out.put(Begin(session))
        self._sessions.put(session)

    def wake(self) -> None:
        """Let `run` see that it shall stop, or that somebody wants to read."""
        self._sessions.put(None)

    def run(self, stop: threading.Event) -> None:
        """Acquire one session after the other until `stop` is set."""
        try:
            while not stop.is_set():
                session = self._sessions.get()
                if session is not None:
                    self._acquire(session, stop)
                self.requests.serve()
        finally:
            self.requests.close()

    def _acquire(self, session: Session, stop: threading.Event) -> None:
        reason = EndReason.FAILED
        try:
            reason = _Run(self, session, stop).read_all()
        except Exception as error:
            # Not re-raised: the thread serves the next session; wait() and close() raise it.
            logger.error("session %d failed: %s", session.session_id, error)
            session.fail(error)
            self._stop_after_failure()
        finally:
            if session.lost:
                logger.warning("session %d: %d frames %s", session.session_id, session.lost, OVERWRITTEN)
            session.read_out.set()
            self._out.put(Finish(session, reason))

    def _stop_after_failure(self) -> None:
        try:
            self._detector.stop()
        except Exception:
            logger.exception("the detector could not be stopped after a failure")


class _Run:
    """The state of reading one session."""

    def __init__(self, loop: AcquireLoop, session: Session, stop: threading.Event) -> None:
        self._detector = loop._detector
        self._history = loop._history
        self._requests = loop.requests
        self._out = loop._out
        self._latest = loop._latest
        self._config = loop._config
        self._session = session
        self._stop = stop
        self._next_frame = 0
        self._n_frames = session.acquisition.n_frames or ENDLESS
        self._is_stopped = False
        self._complete = 0
        self._newest_at = time.monotonic()
        self._waiting_since: float | None = None
        self._full_ticks: int | None = None
        self._margin = 0
        self._closing_since: float | None = None
        self._poll = min(max(session.timing.period / 4, _POLL_SHORTEST), _POLL_LONGEST)
        block_time = session.timing.period * session.ring.frames_per_slot
        self._gather_time = self._config.latency
        if block_time > self._config.latency:
            self._gather_time = self._config.gather_time
        self._is_internal = session.acquisition.trigger_mode is TriggerMode.INTERNAL
        self._stall_after = self._config.stall_timeout + 2 * session.timing.period

    def read_all(self) -> EndReason:
        """Read until all frames are there, or somebody stops."""
        while self._next_frame < self._n_frames:
            if not self._is_stopped and (self._session.stop_requested.is_set() or self._stop.is_set()):
                self._stop_detector()
            self._look()
            self._requests.serve()
            n_frames = plan_block(
                self._next_frame, self._complete, self._session.ring.frames_per_slot, self._is_due()
            )
            if n_frames:
                self._read(n_frames)
            elif self._is_stopped:
                break
            else:
                self._session.stop_requested.wait(self._poll)
        if self._is_stopped:
            return EndReason.STOPPED
        if self._session.acquisition.trigger_mode.is_gated:
            self._detector.stop()  # the electronics do not know how many gates were wanted
        return EndReason.COMPLETE

    def _stop_detector(self) -> None:
        self._detector.stop()
        self._is_stopped = True

    def _look(self) -> None:
        ready = self._detector.frames_ready()
        if ready.problems:
            raise AcquisitionError(f"detector after {ready.complete} frames: {ready.problems}")
        complete = min(ready.complete, self._n_frames)
        self._session.complete = complete
        if complete < self._complete:
            raise AcquisitionError(
                f"the detector went back from {self._complete} frames to {ready.complete}: something has "
                "started its numbers again, such as the frame-zero input or another program"
            )
        now = time.monotonic()
        if complete > self._complete:
            self._complete, self._newest_at = complete, now
            self._waiting_since = self._waiting_since or now
        elif self._is_stalled(ready, now):
            ahead = "" if ready.furthest <= ready.complete else f", while a channel has {ready.furthest}"
            raise AcquisitionTimeoutError(
                f"no frame for {self._stall_after:.1f} s after {complete} frames{ahead}"
            )

    def _is_stalled(self, ready: Ready, now: float) -> bool:
        """Whether frames should come and do not; once all are there, only readers are waited for.

        With internal timing they should always come, else when a channel has what another has not.
        """
        if self._is_stopped or ready.complete >= self._n_frames:
            return False
        is_expected = self._is_internal or ready.furthest > ready.complete
        return is_expected and now - self._newest_at > self._stall_after

    def _is_due(self) -> bool:
        """Whether frames that do not fill a block shall go nevertheless."""
        if self._is_stopped or self._complete == self._n_frames:
            return True
        waiting_since = self._waiting_since
        return waiting_since is not None and time.monotonic() - waiting_since > self._gather_time

    def _read(self, n_frames: int) -> None:
        slot = self._take_slot()
        if slot is None:
            return
        slot.first_frame, slot.n_frames, slot.time_ns = self._next_frame, n_frames, time.time_ns()
        try:
            self._detector.read_into(self._next_frame, slot.histogram[:n_frames], slot.scalers[:n_frames])
        except CircularBufferOverrunError as overrun:
            self._session.ring.give_back(slot)
            self._lose(overrun.n_frames)
            return
        except BaseException:
            self._session.ring.give_back(slot)
            raise
        self._margin = 0
        self._hand_over(slot)

    def _take_slot(self) -> Slot | None:
        """A free slot; `None` when the wire took none in time, to look at the detector again."""
        slot = self._session.ring.take(_SLOT_WAIT)
        if slot is None and (self._is_out_of_patience() or self._session.done.is_set()):
            raise AcquisitionError(
                f"closed while frames {self._next_frame}..{self._complete - 1} waited for a reader"
            )
        return slot

    def _is_out_of_patience(self) -> bool:
        """Whether we are closing, and readers have had their time to take what is left."""
        if not self._stop.is_set():
            return False
        self._closing_since = self._closing_since or time.monotonic()
        return time.monotonic() - self._closing_since > self._config.linger

    def _hand_over(self, slot: Slot) -> None:
        n_frames = slot.n_frames
        is_timed = not self._session.acquisition.trigger_mode.is_gated
        if self._is_stopped and is_timed and self._is_cut_off(slot.scalers[n_frames - 1]):
            slot.n_frames -= 1
        elif self._full_ticks is None:
            self._full_ticks = int(slot.scalers[0, :, _TOTAL_TICKS].min())
        self._count_short(slot.scalers[: slot.n_frames])
        self._latest.offer(self._session, slot)
        kept = slot.n_frames
        if kept:
            self._history.offer(slot.first_frame, slot.scalers[:kept])
        self._session.acquired += kept
        if kept:
            self._out.put(Frames(self._session, slot))
        else:
            self._session.ring.give_back(slot)
        self._acknowledge(n_frames)

    def _count_short(self, scalers: npt.NDArray[np.uint32]) -> None:
        """Count frames of which network packets were dropped: fewer ticks counted than passed."""
        missing = scalers[:, :, _TOTAL_TICKS].astype(np.int64) - scalers[:, :, _CLOCK_TICKS]
        n_short = int(np.count_nonzero((missing > _TICK_TOLERANCE).any(axis=1)))
        if n_short and not self._session.n_short:
            logger.warning("session %d: packets were dropped in frames", self._session.session_id)
        self._session.n_short += n_short

    def _acknowledge(self, n_frames: int) -> None:
        self._detector.acknowledge(self._next_frame, n_frames)
        self._next_frame += n_frames
        self._waiting_since = time.monotonic() if self._complete > self._next_frame else None

    def _is_cut_off(self, scalers: npt.NDArray[np.uint32]) -> bool:
        """Whether the last frame before a stop is shorter than the first one, or than it should be."""
        full = self._session.timing.collection_ticks if self._full_ticks is None else self._full_ticks
        return int(scalers[:, _TOTAL_TICKS].min()) < full - _TICK_TOLERANCE

    def _lose(self, n_overwritten: int) -> None:
        """Leave out what was overwritten.

        When the detector overtakes us again before one block was read, more and more is left out, up to
        half of its ring, or else every read would come too late.
        """
        n_frames = min(n_overwritten + self._margin, max(self._complete - self._next_frame, n_overwritten))
        if not self._session.lost:
            logger.warning("session %d: frame %d %s", self._session.session_id, self._next_frame, OVERWRITTEN)
        self._margin = min(
            max(2 * self._margin, self._session.ring.frames_per_slot), self._session.info.ring_frames // 2
        )
        self._out.put(Lost(self._session, self._next_frame, n_frames, OVERWRITTEN))
        self._session.lost += n_frames
        self._acknowledge(n_frames)
