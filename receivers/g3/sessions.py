"""The sessions of one sender: made, named, gone on with, and their indexes on the disk."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from receivers.g3.index import G3IndexFile
from receivers.g3.series import G3Series
from receivers.g3.session import G3Session, SaidIds
from receivers.hdf5.naming import safe_name
from receivers.hdf5.space import MIN_FREE_BYTES
from receivers.recorder.lock import StreamInUseError, StreamLock
from receivers.recorder.names import Shelf, file_name, session_directory
from xspress3.errors import SinkError

__all__ = ["G3Sessions"]

EXTENSION = ".g3"


class G3Sessions:
    """Gives the session that frames belong to, and forgets those long over::

        sessions = G3Sessions([Path("/data")], "crate1slot2")
        session = sessions.get(said_ids(frame))
        sessions.leave("the next session began")
        sessions.write_indexes()
        sessions.close()

    Each stream is locked as long as this lives: two recorders would write one index.

    Attributes
    ----------
    now, last
        The session whose frames come now, and the one before, which may go on.
    count
        Sessions that were begun.
    index_error
        Why an index is not up to date; empty when it is.
    """

    def __init__(
        self,
        data_dirs: Sequence[Path],
        stream_id: str,
        *,
        min_free_bytes: int = MIN_FREE_BYTES,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        notify: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self.now: G3Session | None = None
        self.last: G3Session | None = None
        self.count = 0
        self.index_error = ""
        self._data_dirs = list(data_dirs)
        self._stream_id = stream_id
        self._min_free_bytes = min_free_bytes
        self._clock = clock
        self._wall_clock = wall_clock
        self._notify = notify
        self._indexes: dict[int, G3IndexFile] = {}
        self._locks: dict[str, StreamLock] = {}
        self._is_closed = False

    def get(self, ids: SaidIds) -> G3Session:
        """The session of frames that say `ids`, now the present one; leaves no other before it.

        Raises
        ------
        SinkError
            When another recorder writes this stream here.
        """
        if self._is_closed:  # another recorder may have gone on with them meanwhile
            self._is_closed, self.now, self.last = False, None, None
        if self.now is None:
            self.now = self._last_again(ids) or self._begin(ids)
        self._lock(self.now.stream_id)
        return self.now

    def leave(self, why: str) -> None:
        """The present session is the one before from now on."""
        if self.now is not None:
            self.now.end_reason = why
            self.write_indexes()
            self.now, self.last = None, self.now

    def write_indexes(self) -> None:
        """Put on the disk what is known, as often as is due; once closed it may be another's."""
        if self._is_closed:
            return
        for session in (self.last, self.now):
            if session is None or not session.series.n_files:
                continue
            try:
                self._indexes[session.session_id].write(session, self._clock())
            except OSError as error:  # SinkError is one; the next time mends it
                self.index_error = f"the index of session {session.session_id} cannot be written: {error}"
            else:
                self.index_error = ""

    def close(self) -> None:
        """Write the indexes, and let other recorders have the streams; a second call does nothing."""
        self.write_indexes()
        self._is_closed = True
        locks, self._locks = self._locks, {}
        for lock in locks.values():
            lock.close()

    def _last_again(self, ids: SaidIds) -> G3Session | None:
        """The session before, when it is that of `ids`."""
        last = self.last
        if last is None or ids.session_id is None or last.ids != ids:
            return None
        last.reopen()
        return last

    def _begin(self, ids: SaidIds) -> G3Session:
        last = self.last
        # Without an id a gap begins another session, but nobody says again what it needs.
        goes_on = last is not None and ids.session_id is None and not last.is_over and last.ids.covers(ids)
        stream_id = safe_name(ids.stream_id or self._stream_id)
        self._lock(stream_id)
        session_id = ids.session_id or self._free_id(stream_id)
        self.count += 1
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

    def _lock(self, stream_id: str) -> None:
        """Hold the lock; where no directory answers nothing can be written, and it is tried again."""
        if stream_id in self._locks:
            return
        try:
            self._locks[stream_id] = StreamLock(self._data_dirs, stream_id)
        except StreamInUseError:
            raise
        except SinkError:
            return

    def _free_id(self, stream_id: str) -> int:
        """The second of now, or the first one behind it under which nothing was recorded."""
        shelf, session_id = Shelf(self._data_dirs, stream_id), int(self._wall_clock())
        with contextlib.suppress(OSError):
            while shelf.is_taken(session_id):
                session_id += 1
        return session_id

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
        kept = {session.session_id, 0 if self.last is None else self.last.session_id}
        self._indexes = {known: index for known, index in self._indexes.items() if known in kept}
        self._indexes[session.session_id] = G3IndexFile(self._data_dirs[0], session)
