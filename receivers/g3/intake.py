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

import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from receivers.g3.frame import FLOW_KEY, FlowControl, Frame, FrameKind
from receivers.g3.index import G3IndexFile
from receivers.g3.numbering import NUMBER_KEY, Seen
from receivers.g3.series import G3Series
from receivers.g3.session import ENDED, G3Session, SaidIds, said_ids
from receivers.hdf5.naming import safe_name
from receivers.hdf5.space import MIN_FREE_BYTES, NoSpaceError
from receivers.recorder.names import Shelf, file_name, session_directory
from receivers.recorder.rules import TIME_PER_FILE, Preset

__all__ = ["Intake", "IntakeCounts"]

EXTENSION = ".g3"
METADATA = (FrameKind.OBSERVATION, FrameKind.WIRING)
NOT_DATA = (FrameKind.PIPELINE_INFO, FrameKind.END_PROCESSING)
MAX_HELD = 1024
"""Frames about a session that wait for its data."""
SYNC_INTERVAL = 1.0
NO_CONNECTION = "the connection was lost"
TELL_INTERVAL = 1.0
"""Least seconds between two lines about frames that found no place."""


@dataclass
class IntakeCounts:
    """Frames by what became of them, over all sessions.

    Parameters
    ----------
    missing
        Never came, by the numbers of those that did.
    repeated
        Came again and were not written again.
    lost
        Came and found no place.
    passed_over
        About the stream or a program, not data.
    unknown_flow
        With a flow value that means nothing here.
    """

    received: int = 0
    received_bytes: int = 0
    written: int = 0
    missing: int = 0
    repeated: int = 0
    restarts: int = 0
    lost: int = 0
    passed_over: int = 0
    unknown_flow: int = 0
    sessions: int = 0
    files: int = 0


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
        self.session: G3Session | None = None
        """The session whose frames come now."""
        self.n_waiting = self.waiting_bytes = 0
        """Frames that wait for room, and their bytes."""
        self.no_room = ""
        """Why frames wait; empty when none do."""
        self.index_error = ""
        """Why an index is not up to date; empty when it is."""
        self.last_loss = ""
        """What was said last about frames that are not in the files."""
        self._data_dirs = list(data_dirs)
        self._stream_id = stream_id
        self._preset = preset
        self._time_per_file = time_per_file
        self._notify = notify
        self._queue_bytes = queue_bytes
        self._min_free_bytes = min_free_bytes
        self._clock = clock
        self._wall_clock = wall_clock
        self._last: G3Session | None = None  # the one before, which may go on
        self._untold = 0
        self._told = -TELL_INTERVAL
        self._is_live = False
        self._held: list[Frame] = []
        self._indexes: dict[int, G3IndexFile] = {}
        self._waiting: deque[tuple[G3Session, Frame | None]] = deque()
        self._last_data = self._last_sync = clock()

    @property
    def latest(self) -> G3Session | None:
        """The session whose frames come now, else the one before."""
        return self.session or self._last

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
        self._drain()
        self._write_indexes()
        if self.session is None or self._waiting:
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
        self._drain()
        for session, frame in self._waiting:
            if frame is not None:
                session.lose(frame)
        self._lose(self.n_waiting)
        self._count_waiting(-self.n_waiting, -self.waiting_bytes)
        for session, _ in self._waiting:
            session.series.roll()
        self._waiting.clear()
        self._tell_lost()
        if self.session is not None:
            self.session.end_reason = "recording was stopped"
        self._write_indexes()

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
        if self._last is not None:
            self._last.is_over = True

    def _leave_session(self, why: str) -> None:
        """Close its file; it may go on later."""
        self._roll()
        if self.session is not None:
            self.session.end_reason = why
            self._write_indexes()
            self.session, self._last = None, self.session

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
        if self.session is None or not self.session.ids.covers(ids):
            self._leave_session("frames of another session came")
            self.session = self._last_again(ids) or self._begin(ids)
        return self.session

    def _last_again(self, ids: SaidIds) -> G3Session | None:
        """The session before, when it is that of `ids`."""
        last = self._last
        if last is None or ids.session_id is None or last.ids != ids:
            return None
        last.reopen()
        return last

    def _begin(self, ids: SaidIds) -> G3Session:
        last = self._last
        # Without an id a gap begins another session, but nobody says again what it needs.
        goes_on = last is not None and ids.session_id is None and not last.is_over and last.ids.covers(ids)
        stream_id = safe_name(ids.stream_id or self._stream_id)
        session_id = ids.session_id or self._free_id(stream_id)
        self.counts.sessions += 1
        series = G3Series(
            [session_directory(data_dir, session_id, stream_id) for data_dir in self._data_dirs],
            lambda part: file_name(session_id, part, EXTENSION),
            first_part=self._first_part(stream_id, session_id),
            min_free_bytes=self._min_free_bytes,
            clock=self._clock,
            notify=self._notify,
        )
        session = G3Session(ids, stream_id, session_id, series, last if goes_on else None)
        session.began = self._wall_clock()
        self._resume(session)
        return session

    def _first_part(self, stream_id: str, session_id: int) -> int:
        try:
            return Shelf(self._data_dirs, stream_id).next_part(session_id)
        except OSError:
            return 0  # a name that is taken is seen when the file is made

    def _resume(self, session: G3Session) -> None:
        """Go on behind what an earlier recorder has left of `session`."""
        part = self._first_part(session.stream_id, session.session_id) - 1
        for data_dir in self._data_dirs:
            directory = session_directory(data_dir, session.session_id, session.stream_id)
            path = directory / file_name(session.session_id, max(part, 0), EXTENSION)
            if part >= 0 and path.is_file():
                session.resume(path)
        kept = {session.session_id, 0 if self._last is None else self._last.session_id}
        self._indexes = {known: index for known, index in self._indexes.items() if known in kept}
        self._indexes[session.session_id] = G3IndexFile(self._data_dirs[0], session)

    def _write_indexes(self) -> None:
        for session in (self._last, self.session):
            if session is None or not session.series.n_files:
                continue
            try:
                self._indexes[session.session_id].write(session, self._clock())
            except OSError as error:  # SinkError is one; the next time mends it
                self.index_error = f"the index of session {session.session_id} cannot be written: {error}"
            else:
                self.index_error = ""

    def _free_id(self, stream_id: str) -> int:
        """The second of now, or the first one behind it under which nothing was recorded."""
        shelf, session_id = Shelf(self._data_dirs, stream_id), int(self._wall_clock())
        with contextlib.suppress(OSError):
            while shelf.is_taken(session_id):
                session_id += 1
        return session_id

    def _record(self, session: G3Session, frame: Frame) -> None:
        self._last_data = self._clock()
        session.heard, session.end_reason = self._wall_clock(), ""
        numbering = session.numbering
        missing = numbering.missing
        seen = numbering.see(frame)
        self._note_numbers(session, numbering.missing - missing, seen, frame)
        if seen is not Seen.REPEATED:
            self._offer(session, frame)
        elif not session.series.is_open and not session.carried.holds(frame):
            session.carried.note(frame)

    def _note_numbers(self, session: G3Session, missing: int, seen: Seen, frame: Frame) -> None:
        self.counts.missing += missing
        self.counts.repeated += seen is Seen.REPEATED
        self.counts.restarts += seen is Seen.RESTARTED
        if missing > 0:
            number = frame.integer(NUMBER_KEY)
            self._tell_loss(f"session {session.session_id}: {missing} frames before {number} did not come")
        if seen is Seen.RESTARTED:
            self._notify(f"session {session.session_id}: its sender counts frames from anew")

    # Room

    def _offer(self, session: G3Session, frame: Frame) -> None:
        """Write `frame` behind those that wait, or have it wait."""
        self._drain()
        if not self._waiting and self._write(session, frame):
            return
        if self.waiting_bytes + len(frame.raw) > self._queue_bytes:
            session.lose(frame)
            self._lose(1)
            return
        self._waiting.append((session, frame))
        self._count_waiting(1, len(frame.raw))

    def _drain(self) -> None:
        while self._waiting:
            session, frame = self._waiting[0]
            if frame is None:
                session.series.roll()
            elif self._write(session, frame):
                self._count_waiting(-1, -len(frame.raw))
            else:
                return
            self._waiting.popleft()

    def _write(self, session: G3Session, frame: Frame) -> bool:
        n_files = session.series.n_files
        try:
            session.write(frame, self._clock(), self._time_per_file)
        except NoSpaceError as error:
            if not self.no_room:
                self._notify(f"no room, frames wait in memory: {error}")
            self.no_room = str(error)
            return False
        if self.no_room:
            self._notify("there is room again")
        self.no_room = ""
        self.counts.written += 1
        self.counts.files += session.series.n_files - n_files
        return True

    def _roll(self) -> None:
        """Close the file of the session that comes now, behind the frames that wait for it."""
        if self.session is None:
            return
        entry = (self.session, None)
        if not self._waiting:
            self.session.series.roll()
        elif self._waiting[-1] != entry:
            self._waiting.append(entry)

    def _count_waiting(self, n_frames: int, n_bytes: int) -> None:
        self.n_waiting += n_frames
        self.waiting_bytes += n_bytes

    def _lose(self, n_frames: int) -> None:
        self.counts.lost += n_frames
        self._untold += n_frames
        if self._clock() >= self._told + TELL_INTERVAL:
            self._tell_lost()

    def _tell_lost(self) -> None:
        if self._untold:
            self._tell_loss(f"{self._untold} frames are lost: {self.no_room}")
            self._untold, self._told = 0, self._clock()

    def _tell_loss(self, line: str) -> None:
        self.last_loss = line
        self._notify(line)
