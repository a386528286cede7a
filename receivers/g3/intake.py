"""Decides, frame by frame, which session and file it goes to; knows no socket.

What happens, and what is done::

    START                       the file is closed, the next data begin a file
    END                         the same, and frames that files begin with are forgotten
    ALIVE, CLEANSE              nothing; none of the four is ever written
    another flow value          told; recorded only when it is not in a `none` frame
    PipelineInfo, EndProcessing passed over: they are about a program, not about data
    another session or stream   its files begin; what went before is closed
    no data for `gap` seconds   the file is closed; data without a session id begin a new session then
    file older than its limit   it is closed before the frame is written to the next
    a frame that came before    not written again
    connection lost             the file is closed
    no room                     frames wait in memory up to a limit, beyond which they are counted as lost

A sender gives a reader that joins the last Observation and status frames, maybe those of a session long
over. So these alone begin no file until there was a START, or data, on the connection.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from receivers.g3.frame import FLOW_KEY, FlowControl, Frame, FrameKind
from receivers.g3.numbering import NUMBER_KEY, Seen
from receivers.g3.room import Room
from receivers.g3.session import ENDED, G3Session, said_ids
from receivers.g3.sessions import G3Sessions
from receivers.hdf5.space import MIN_FREE_BYTES
from receivers.recorder.rules import TIME_PER_FILE, Preset

__all__ = ["Intake", "IntakeCounts"]

METADATA = (FrameKind.OBSERVATION, FrameKind.WIRING)
NOT_DATA = (FrameKind.PIPELINE_INFO, FrameKind.END_PROCESSING)
MAX_HELD = 1024
"""Frames about a session that wait for its data."""
SYNC_INTERVAL = 1.0
NO_CONNECTION = "the connection was lost"


@dataclass
class IntakeCounts:
    """Frames by what became of them before they went to a file, over all sessions.

    Parameters
    ----------
    missing
        Never came, by the numbers of those that did.
    repeated
        Came again and were not written again.
    passed_over
        About the stream or a program, not data.
    unknown_flow
        With a flow value that means nothing here.
    """

    received: int = 0
    received_bytes: int = 0
    missing: int = 0
    repeated: int = 0
    restarts: int = 0
    passed_over: int = 0
    unknown_flow: int = 0


class Intake:
    """Takes frames in order and the passing of time, from one thread::

        intake = Intake([Path("/data")], "crate1slot2", RECORDER, print)
        intake.connected()
        intake.take(frame)
        intake.tick()
        intake.disconnected()
        intake.close()

    Parameters
    ----------
    data_dirs
        Where files go, the first one that has room.
    stream_id
        For frames that do not name their stream.
    preset
        Whether START and END are obeyed, and how long a gap may be.
    time_per_file
        Seconds after which a file ends.
    notify
        Called with a line about whatever is not as it should be.
    queue_bytes
        How much may wait for room on a disk.
    clock, wall_clock
        Seconds that pass, and Unix time for names.
    """

    def __init__(
        self,
        data_dirs: Sequence[Path],
        stream_id: str,
        preset: Preset,
        notify: Callable[[str], None],
        *,
        time_per_file: float = TIME_PER_FILE,
        queue_bytes: int = 256 << 20,
        min_free_bytes: int = MIN_FREE_BYTES,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.counts = IntakeCounts()
        self.room = Room(time_per_file, queue_bytes, clock, notify)
        self.sessions = G3Sessions(
            data_dirs,
            stream_id,
            min_free_bytes=min_free_bytes,
            clock=clock,
            wall_clock=wall_clock,
            notify=notify,
        )
        self._preset = preset
        self._notify = notify
        self._clock = clock
        self._wall_clock = wall_clock
        self._is_live = False
        self._held: list[Frame] = []
        self._last_data = self._last_sync = clock()

    @property
    def session(self) -> G3Session | None:
        """The session whose frames come now."""
        return self.sessions.now

    @property
    def latest(self) -> G3Session | None:
        """The session whose frames come now, else the one before."""
        return self.sessions.now or self.sessions.last

    @property
    def is_recording(self) -> bool:
        """Whether a file is open."""
        return self.session is not None and self.session.series.is_open

    def connected(self) -> None:
        """Frames of another connection come next."""
        self._is_live = False
        self._held.clear()

    def disconnected(self) -> None:
        """No more frames of this connection come; a session that has an id may go on with the next one."""
        self._roll()
        self._leave_unnamed(NO_CONNECTION)

    def take(self, frame: Frame) -> None:
        """Do with `frame` what the rules say."""
        self.counts.received += 1
        self.counts.received_bytes += len(frame.raw)
        if frame.kind in NOT_DATA:
            self.counts.passed_over += 1
        elif FLOW_KEY in frame:
            self._obey(frame)
        else:
            self._take_data(frame)

    def tick(self) -> None:
        """Do what is due: write what waits, close what is idle, sync."""
        self.room.drain()
        self.sessions.write_indexes()
        if self.session is None or not self.room.is_empty:
            return
        now = self._clock()
        if now - self._last_data > self._preset.gap:
            self._roll()
            self._leave_unnamed(f"no data for {self._preset.gap:g} s")
        elif now - self._last_sync >= SYNC_INTERVAL:
            self._last_sync = now
            self.session.series.sync()

    def close(self) -> None:
        """Close what is open. Frames that still have no room are counted as lost."""
        self._roll()
        self.room.close()
        if self.session is not None:
            self.session.end_reason = "recording was stopped"
        self.sessions.close()

    def _leave_unnamed(self, why: str) -> None:
        """Leave a session that has no id: nobody can say whether what comes next belongs to it."""
        if self.session is not None and self.session.ids.session_id is None:
            self._leave_session(why)

    # Flow control

    def _obey(self, frame: Frame) -> None:
        value = frame.integer(FLOW_KEY)
        try:
            said = FlowControl(-1 if value is None else value)
        except ValueError:
            self._tell_unknown(frame, value)
            return
        self.counts.passed_over += 1
        if said in (FlowControl.START, FlowControl.END) and self._preset.has_flow_control:
            self._end_session(ENDED if said is FlowControl.END else "the next session began")
            self._is_live = said is FlowControl.START

    def _tell_unknown(self, frame: Frame, value: int | None) -> None:
        self.counts.unknown_flow += 1
        is_recorded = frame.kind != FrameKind.NONE
        said = "cannot be read" if value is None else f"is {value}"
        self._notify(
            f"flow control {said}, known are 0..{max(FlowControl)}: nothing is done, "
            f"and the frame is {'' if is_recorded else 'not '}recorded"
        )
        if is_recorded:
            self._take_data(frame)

    def _end_session(self, why: str) -> None:
        self._leave_session(why)
        self._held.clear()
        if self.sessions.last is not None:
            self.sessions.last.is_over = True

    def _leave_session(self, why: str) -> None:
        """Close its file; it may go on later."""
        self._roll()
        self.sessions.leave(why)

    def _roll(self) -> None:
        if self.session is not None:
            self.room.roll(self.session)

    # Data

    def _take_data(self, frame: Frame) -> None:
        is_metadata = frame.kind in METADATA
        self._is_live = self._is_live or not is_metadata
        if is_metadata and not self._is_live and not self.is_recording:
            if len(self._held) < MAX_HELD:
                self._held.append(frame)
            return
        session = self._session_of(frame)
        held, self._held = self._held, []
        for before in held:
            if session.ids.covers(said_ids(before)):
                self._record(session, before)
            else:
                self.counts.passed_over += 1
        self._record(session, frame)

    def _session_of(self, frame: Frame) -> G3Session:
        """The session that `frame` belongs to; leaves the one before, when that is another."""
        ids = said_ids(frame)
        if self.session is not None and not self.session.ids.covers(ids):
            self._leave_session("frames of another session came")
        return self.sessions.get(ids)

    def _record(self, session: G3Session, frame: Frame) -> None:
        self._last_data = self._clock()
        session.heard, session.end_reason = self._wall_clock(), ""
        numbering = session.numbering
        missing = numbering.missing
        seen = numbering.see(frame)
        self._note_numbers(session, numbering.missing - missing, seen, frame)
        if seen is not Seen.REPEATED:
            self.room.offer(session, frame)
        elif not session.series.is_open and not session.carried.holds(frame):
            session.carried.note(frame)

    def _note_numbers(self, session: G3Session, missing: int, seen: Seen, frame: Frame) -> None:
        self.counts.missing += missing
        self.counts.repeated += seen is Seen.REPEATED
        self.counts.restarts += seen is Seen.RESTARTED
        if missing > 0:
            number = frame.integer(NUMBER_KEY)
            self.room.tell_loss(
                f"session {session.session_id}: {missing} frames before {number} did not come"
            )
        if seen is Seen.RESTARTED:
            self._notify(f"session {session.session_id}: its sender counts frames from anew")
