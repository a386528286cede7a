"""`xspress3 serve`: a streamer without a control system around it."""

from __future__ import annotations

import argparse
import itertools
import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from xspress3.cli.options import add_detector, add_stream, detector_config, streamer_config
from xspress3.detector import Xspress3Detector
from xspress3.model import Acquisition, TriggerMode
from xspress3.streamer import Session, State, Streamer

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

__all__ = ["add_to", "run"]

Tell = Callable[..., None]


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("serve", help="acquire and stream, until told to stop")
    add_detector(parser)
    add_stream(parser)
    add_acquisition(parser)
    parser.add_argument("--json", action="store_true", help="tell what happens as JSON lines")
    parser.set_defaults(run=run)


def add_acquisition(parser: argparse.ArgumentParser) -> None:
    """Options that say what to take."""
    group = parser.add_argument_group("acquisition")
    group.add_argument(
        "--exposure", type=float, default=0.1, metavar="S", help="frame period (default: %(default)s)"
    )
    group.add_argument(
        "--latency", type=float, default=0.0, metavar="S", help="pause in it (default: %(default)s)"
    )
    group.add_argument(
        "--frames", type=int, default=100, metavar="N", help="frames a session (default: %(default)s)"
    )
    group.add_argument(
        "--sessions",
        type=int,
        default=1,
        metavar="N",
        help="sessions to take, 0 for no end (default: %(default)s)",
    )
    group.add_argument(
        "--trigger-period",
        type=float,
        metavar="S",
        help="give a software trigger for each frame, so far apart (default: internal timing)",
    )
    group.add_argument(
        "--wait-readers", type=int, default=0, metavar="N", help="readers that must have joined first"
    )
    group.add_argument(
        "--join-timeout",
        type=float,
        default=60.0,
        metavar="S",
        help="how long to wait (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Stream sessions until they are all taken, or somebody stops."""
    acquisition = _acquisition(arguments)
    tell = _tell_json if arguments.json else _tell_text
    with (
        _stop_signals() as stopped,
        Xspress3Detector.open(detector_config(arguments)) as detector,
        Streamer(detector, streamer_config(arguments)) as streamer,
    ):
        tell("listening", data=streamer.data_endpoint, monitor=streamer.monitor_endpoint)
        numbers = range(arguments.sessions) if arguments.sessions else itertools.count()
        for _ in numbers:
            if not _wait_readers(streamer, arguments, stopped):
                break
            session = streamer.arm(acquisition)
            tell(
                "session",
                session_id=session.session_id,
                n_frames=acquisition.n_frames,
                **vars(session.timing),
            )
            _follow(streamer, session, arguments.trigger_period, stopped)
            tell("end", session_id=session.session_id, **vars(session.wait(arguments.join_timeout)))
            if stopped:
                break
    return 128 + stopped[0] if stopped else 0


def _acquisition(arguments: argparse.Namespace) -> Acquisition:
    is_triggered = arguments.trigger_period is not None
    return Acquisition(
        exposure_time=arguments.exposure,
        latency_time=arguments.latency,
        n_triggers=arguments.frames if is_triggered else 1,
        frames_per_trigger=1 if is_triggered else arguments.frames,
        trigger_mode=TriggerMode.SOFTWARE if is_triggered else TriggerMode.INTERNAL,
    )


@contextmanager
def _stop_signals() -> Iterator[list[int]]:
    """A list that Ctrl-C and SIGTERM put their number into; the first one that is asked is obeyed."""
    seen: list[int] = []

    def note(number: int, _frame: object) -> None:
        seen.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield seen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait_readers(streamer: Streamer, arguments: argparse.Namespace, stopped: list[int]) -> bool:
    """Whether the readers wanted are there; `False` when somebody stopped meanwhile."""
    waited = 0.0
    while not stopped:
        if streamer.has_readers(arguments.wait_readers, timeout=0.2):
            return True
        waited += 0.2
        if waited >= arguments.join_timeout:
            streamer.wait_readers(arguments.wait_readers, timeout=0)
    return False


def _follow(streamer: Streamer, session: Session, trigger_period: float | None, stopped: list[int]) -> None:
    """Give triggers when there are to be any, and wait for the end of the session."""
    triggers_left = 0 if trigger_period is None else session.acquisition.n_triggers
    while not session.done.wait(trigger_period if triggers_left else 0.2):
        if stopped:
            streamer.stop()
            return
        if triggers_left and streamer.state in (State.ARMED, State.STREAMING):
            streamer.trigger()
            triggers_left -= 1


def _tell_json(event: str, **values: Any) -> None:
    print(json.dumps({"event": event, **values}), flush=True)


def _tell_text(event: str, **values: Any) -> None:
    print(f"{event}: " + ", ".join(f"{name} {value}" for name, value in values.items()), flush=True)
