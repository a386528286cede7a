"""`xspress3 serve`: a streamer without a control system around it."""

from __future__ import annotations

import argparse
import itertools
import json
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from xspress3.cli.options import add_detector, add_stream, count, detector_config, seconds, streamer_config
from xspress3.cli.writer import WRITER, Writer
from xspress3.detector import Xspress3Detector
from xspress3.errors import ConfigurationError
from xspress3.model import Acquisition, Timing, TriggerMode
from xspress3.stream import ReaderStatus
from xspress3.streamer import Session, State, Streamer
from xspress3.terminal import say

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

__all__ = ["add_to", "run"]

_MODES = ", ".join(mode.value for mode in TriggerMode if mode is not TriggerMode.SOFTWARE)
TURN = 0.2
"""Seconds within which a signal is obeyed."""
END_TIMEOUT = 3600.0
"""Seconds that readers may take for what is still on its way when the last frame was taken."""
TRIGGERED_STATES = (State.ARMED, State.STREAMING)


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("serve", help="acquire and stream, until told to stop")
    add_detector(parser)
    add_stream(parser)
    add_acquisition(parser)
    parser.add_argument(
        "--write",
        action="append",
        default=[],
        metavar="DIR",
        help="also write each session to a file in DIR, by a process of its own; repeatable: the first "
        "directory with room is taken",
    )
    parser.add_argument("--json", action="store_true", help="tell what happens as JSON lines")
    parser.set_defaults(run=run)


def add_acquisition(parser: argparse.ArgumentParser) -> None:
    """Options that say what to take."""
    group = parser.add_argument_group("acquisition")

    def add(name: str, kind: Callable[[str], Any], default: Any, metavar: str, text: str) -> None:
        shown = "" if default is None else " (default: %(default)s)"
        group.add_argument(name, type=kind, default=default, metavar=metavar, help=text + shown)

    add("--exposure", float, 0.1, "S", "frame period: counting time and the pause after it")
    add("--latency", float, 0.0, "S", "pause wanted in it")
    add("--frames", count, 100, "N", "frames of a session, 0 for no end")
    add("--sessions", count, 1, "N", "sessions to take, 0 for no end")
    add("--trigger", TriggerMode, TriggerMode.INTERNAL.value, "MODE", f"what starts frames: {_MODES}")
    add("--trigger-period", seconds, None, "S", "give a software trigger for each frame, so far apart")
    group.add_argument(
        "--trigger-each",
        action="store_true",
        help="wait for a trigger before each frame, not only the first",
    )
    add("--wait-readers", count, 0, "N", "readers that must have joined first")
    add("--join-timeout", seconds, 60.0, "S", "how long to wait for them")


def run(arguments: argparse.Namespace) -> int:
    """Stream sessions until they are all taken, or somebody stops."""
    tell = _tell_json if arguments.json else _tell_text
    # The writer ends last: what the streamer has sent is still to be written.
    with _stop_signals() as stopped, Writer(arguments.write, tell) as writer:
        _serve(arguments, tell, stopped, writer)
    return 128 + stopped[0] if stopped else writer.exit_code


def _serve(
    arguments: argparse.Namespace, tell: Callable[..., None], stopped: list[int], writer: Writer
) -> None:
    acquisition = _acquisition(arguments)
    with Xspress3Detector.open(detector_config(arguments)) as detector:
        timing = detector.timing(acquisition)
        _check_trigger_period(arguments.trigger_period, timing)
        with Streamer(detector, streamer_config(arguments)) as streamer:
            endpoints = {"data": streamer.data_endpoint, "monitor": streamer.monitor_endpoint}
            tell("listening", **endpoints, **streamer.old_endpoints)
            audience = _Audience(streamer, tell, writer)
            writer.start(streamer.data_endpoint, streamer.note_written)
            _wait_writer(streamer, arguments, audience, stopped, writer)
            numbers = range(arguments.sessions) if arguments.sessions else itertools.count()
            for _ in numbers:
                if stopped or not _wait_readers(streamer, arguments, audience, stopped):
                    break
                session = streamer.arm(acquisition)
                tell("session", **_describe(session))
                _follow(streamer, session, arguments.trigger_period, audience, stopped)
                counts = session.wait(END_TIMEOUT)
                audience.look()
                tell(
                    "end", session_id=session.session_id, **vars(counts), readers=streamer.status().n_readers
                )
                if stopped:
                    break


def _wait_writer(
    streamer: Streamer,
    arguments: argparse.Namespace,
    audience: _Audience,
    stopped: list[int],
    writer: Writer,
) -> None:
    """Wait until the writer that was wanted has joined; raise `SinkError` when it dies instead."""

    def gives_up() -> bool:
        audience.look()
        return bool(stopped) or writer.is_dead

    if writer.is_wanted:
        streamer.wait_readers(1, arguments.join_timeout, gives_up, (WRITER,))
        writer.require()


class _Audience:
    """Tells who has joined and who has left since it looked last, and of the death of the writer."""

    def __init__(self, streamer: Streamer, tell: Callable[..., None], writer: Writer) -> None:
        self._streamer = streamer
        self._writer = writer
        self._tell = tell
        self._known: Counter[tuple[str, str, int]] = Counter()

    def look(self) -> None:
        """Look, and tell."""
        self._writer.look()
        readers = self._streamer.status().readers
        contracts = {_who(reader): reader.contract for reader in readers}
        present = Counter(map(_who, readers))
        known, self._known = self._known, present
        for who in (present - known).elements():
            self._tell("joined", **_shown(who), contract=contracts[who])
        for who in (known - present).elements():
            self._tell("left", **_shown(who))


def _who(reader: ReaderStatus) -> tuple[str, str, int]:
    return reader.name, reader.host, reader.pid


def _shown(who: tuple[str, str, int]) -> dict[str, Any]:
    return dict(zip(("reader", "host", "pid"), who, strict=True))


def _wait_readers(
    streamer: Streamer, arguments: argparse.Namespace, audience: _Audience, stopped: list[int]
) -> bool:
    """Wait for those without whom nothing begins; `False` when somebody stops meanwhile."""

    def gives_up() -> bool:
        audience.look()
        return bool(stopped)

    required = streamer.config.required_readers
    has_come = streamer.wait_readers(arguments.wait_readers, arguments.join_timeout, gives_up, required)
    audience.look()
    return has_come


def _describe(session: Session) -> dict[str, Any]:
    """What a session takes, in seconds as people think of it."""
    return {
        "session_id": session.session_id,
        "n_frames": session.acquisition.n_frames,
        "period": session.timing.period,
        "counting_time": session.timing.counting_time,
    }


def _acquisition(arguments: argparse.Namespace) -> Acquisition:
    gives_triggers = arguments.trigger_period is not None
    is_each = arguments.trigger_each or gives_triggers
    n_frames = arguments.frames or 1
    return Acquisition(
        exposure_time=arguments.exposure,
        latency_time=arguments.latency,
        n_triggers=n_frames if is_each else 1,
        frames_per_trigger=1 if is_each else n_frames,
        trigger_mode=TriggerMode.SOFTWARE if gives_triggers else arguments.trigger,
        is_endless=arguments.frames == 0,
    )


def _check_trigger_period(trigger_period: float | None, timing: Timing) -> None:
    """Refuse triggers that come while the frame of the one before still counts: they would be lost."""
    if trigger_period is not None and trigger_period < timing.period:
        raise ConfigurationError(
            f"trigger_period: {trigger_period} s, allowed is the frame period, {timing.period} s, and more"
        )


@contextmanager
def _stop_signals() -> Iterator[list[int]]:
    """A list that Ctrl-C and SIGTERM put their number into; the second one acts as it always does."""
    seen: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def note(number: int, _frame: object) -> None:
        seen.append(number)
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, note)
    try:
        yield seen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _follow(
    streamer: Streamer,
    session: Session,
    trigger_period: float | None,
    audience: _Audience,
    stopped: list[int],
) -> None:
    """Give triggers when there are to be any, and wait for the end of the session."""
    triggers_left = 0 if trigger_period is None else session.acquisition.n_triggers
    next_trigger = time.monotonic()
    while not session.done.wait(
        min(TURN, max(next_trigger - time.monotonic(), 0)) if triggers_left else TURN
    ):
        audience.look()
        if stopped:
            streamer.stop()
            return
        if triggers_left and time.monotonic() >= next_trigger and streamer.state in TRIGGERED_STATES:
            streamer.trigger()
            triggers_left -= 1
            next_trigger += trigger_period or 0.0


def _tell_json(event: str, **values: Any) -> None:
    say(json.dumps({"event": event, **values}))


def _tell_text(event: str, **values: Any) -> None:
    shown = (str(value) if name == "text" else f"{name} {value}" for name, value in values.items())
    say(f"{event}: " + ", ".join(shown))
