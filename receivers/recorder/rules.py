"""When a file is closed and which one is opened next: no clocks, no disks, no sockets.

Somebody says what happened and at which time, and is told what to do. Serves streams whose frames
name their session and streams that know no sessions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from xspress3.errors import ConfigurationError, SinkError

__all__ = [
    "AGGREGATOR",
    "NOTHING",
    "PRESETS",
    "RECORDER",
    "TIME_PER_FILE",
    "Decision",
    "Names",
    "Part",
    "Preset",
    "Rules",
]

TIME_PER_FILE = 600.0
MAX_SESSION_ID = 10**12


@dataclass(frozen=True)
class Preset:
    """A way to cut a stream into sessions.

    Parameters
    ----------
    has_flow_control
        Whether start and end of a session, as the sender says them, close the file.
    gap
        Seconds without a frame that are allowed; more of them close the file.
    silence
        Seconds without any sign of life after which a connection that cannot tell is made anew.
    """

    name: str
    has_flow_control: bool
    gap: float
    silence: float = 5.0


RECORDER = Preset("recorder", has_flow_control=True, gap=10.0)
AGGREGATOR = Preset("aggregator", has_flow_control=False, gap=5.0)
PRESETS = {preset.name: preset for preset in (RECORDER, AGGREGATOR)}


@dataclass(frozen=True)
class Part:
    """A file to be opened: part `number` of a session."""

    session_id: int
    number: int


@dataclass(frozen=True)
class Decision:
    """What to do, in this order: close the open file, open `open`, and then write the frame if it was one.

    `why` says to people what the file was closed for, `is_end` that the session is over with it: what comes
    next has another id.
    """

    close: bool = False
    why: str = ""
    open: Part | None = None
    is_end: bool = False


NOTHING = Decision()


class Names(Protocol):
    """What must be known of names that were used; see `names.Shelf`."""

    def next_part(self, session_id: int) -> int:
        """Number above those of all files of the session."""

    def is_taken(self, session_id: int) -> bool:
        """Whether anything is there under this id."""


class Rules:
    """Decides for one stream::

        rules = Rules(RECORDER, Shelf([data_dir], "xsp3"))
        decision = rules.frame(time.monotonic(), time.time(), session_id=1763683200)

    Times are seconds of a clock that never jumps; Unix time is used for names only.

    - The first frame opens a file; the id of its session is the one that it says, else Unix time.
      Directory and id stay until the session ends, whatever the day.
    - The first frame that comes more than `time_per_file` after the first one in the file opens the
      next part.
    - More than `gap` without a frame closes the file. The next frame opens the next part where frames
      say their session and flow control is on; else it begins another session.
    - A frame of another session closes the file and opens that one's.
    - With flow control start and end close the file. Without it they mean nothing.
    - A sign of life is no frame: it does not keep a file open.
    - Where the names cannot be looked at, `frame` raises `SinkError` and has not happened.
    - Ids made from the clock rise always, and none that the disk knows is used again; the parts of a
      session that is there already are counted on.
    """

    def __init__(self, preset: Preset, names: Names, time_per_file: float = TIME_PER_FILE) -> None:
        if not time_per_file > 0:
            raise ConfigurationError(f"time per file: {time_per_file} s, allowed is more than 0 s")
        if not preset.gap > 0:
            raise ConfigurationError(f"gap: {preset.gap} s, allowed is more than 0 s")
        self.preset = preset
        self._names = names
        self._time_per_file = time_per_file
        self._open: Part | None = None
        self._opened_at = self._frame_at = 0.0
        self._said: int | None = None
        """Session that the last frame named."""
        self._session_id: int | None = None
        """Id under which the running session is recorded; `None` when the next frame begins one."""
        self._last_id = 0

    @property
    def open(self) -> Part | None:
        """The part that is open."""
        return self._open

    def frame(self, now: float, unix_time: float, session_id: int | None = None) -> Decision:
        """A frame came; `session_id` where it says one, 0 is none."""
        said = session_id if session_id is not None and 0 < session_id < MAX_SESSION_ID else None
        if self._goes_on(now, said):
            self._frame_at = now
            return NOTHING
        before = vars(self).copy()
        try:
            return self._begin_part(now, unix_time, said)
        except SinkError:
            vars(self).update(before)
            raise

    def _goes_on(self, now: float, said: int | None) -> bool:
        """Whether the frame belongs into the open file."""
        return (
            self._open is not None
            and said == self._said
            and now - self._frame_at <= self.preset.gap
            and now - self._opened_at <= self._time_per_file
        )

    def _begin_part(self, now: float, unix_time: float, said: int | None) -> Decision:
        closed = self._close_before(now, said)
        self._frame_at = now
        if self._session_id is None:
            self._session_id = self._choose(said, unix_time)
        self._said = said
        self._opened_at = now
        self._open = Part(self._session_id, self._names.next_part(self._session_id))
        return replace(closed, open=self._open)

    def start(self) -> Decision:
        """The sender says that a session begins; its file is opened by its first frame."""
        return self._end_session("the next session began") if self.preset.has_flow_control else NOTHING

    def end(self) -> Decision:
        """The sender says that the session is over."""
        return self._end_session("the session ended") if self.preset.has_flow_control else NOTHING

    def alive(self, now: float) -> Decision:
        """The sender is there, and has no frame."""
        return self.silence(now)

    def silence(self, now: float) -> Decision:
        """Nothing came; to be said a few times a second, and as often as one likes."""
        if self._open is None or now - self._frame_at <= self.preset.gap:
            return NOTHING
        return self._after_gap()

    def disconnected(self) -> Decision:
        """The connection is gone: the file is closed, the session may go on."""
        return self._interrupt("the connection was lost")

    def stop(self) -> Decision:
        """Recording was switched off: what comes later goes into another file."""
        return self._interrupt("recording was stopped")

    def _close_before(self, now: float, said: int | None) -> Decision:
        """Close what the frame that has just come does not belong to."""
        if self._session_id is not None and said != self._said:
            return self._end_session("frames of another session came")
        if self._session_id is not None and now - self._frame_at > self.preset.gap:
            return self._after_gap()
        if self._open is not None and now - self._opened_at > self._time_per_file:
            return self._close("its time was over")
        return NOTHING

    def _after_gap(self) -> Decision:
        why = f"no frame came for {self.preset.gap:g} s"
        if self.preset.has_flow_control and self._said is not None:
            return self._close(why)
        return self._end_session(why)

    def _interrupt(self, why: str) -> Decision:
        """Close the file; what comes next is of the same session only when it says so."""
        return self._close(why) if self._said is not None else self._end_session(why)

    def _end_session(self, why: str) -> Decision:
        was_open = self._session_id is not None
        self._session_id = None
        return replace(self._close(why), is_end=was_open)

    def _close(self, why: str) -> Decision:
        if self._open is None:
            return NOTHING
        self._open = None
        return Decision(close=True, why=why)

    def _choose(self, said: int | None, unix_time: float) -> int:
        """The id that frames say, once where a gap begins another session; else one that is free."""
        if said is not None and (self.preset.has_flow_control or said != self._said):
            chosen = said
        else:
            chosen = max(int(unix_time), self._last_id + 1)
            while self._names.is_taken(chosen):
                chosen += 1
        self._last_id = max(chosen, self._last_id)
        return chosen
