"""Reads a stream for a command: join, receive, and turn what came into an exit code."""

from __future__ import annotations

import argparse
import contextlib
import sys
import threading
from collections.abc import Callable, Sequence

from receivers.cli.options import endpoint, reader_keys
from receivers.cli.stopping import stop_on_signals, stop_with_stdin
from receivers.receiver import Receiver
from receivers.report import Outcome, SessionReport
from receivers.sink import Sink
from receivers.text import printable
from xspress3.errors import AcquisitionError, SequenceGapError, StreamTimeoutError, Xspress3Error
from xspress3.stream import Contract, Subscriber

__all__ = ["PROGRAM", "receive", "tell"]

PROGRAM = "xspress3-receiver"
JOIN_TURN = 0.1
"""Seconds within which a signal is obeyed while nobody answers."""


def receive(
    arguments: argparse.Namespace,
    sinks: list[Sink],
    contract: Contract,
    announce: Callable[[str], None] | None,
    on_joined: Callable[[], None] | None = None,
) -> tuple[Receiver, int, Xspress3Error | None]:
    """Run a receiver; gives it, the exit code, and the error that ended it, for the counts come first."""
    error: Xspress3Error | None = None
    with stop_on_signals() as (stop, signals), contextlib.ExitStack() as stack:
        for sink in sinks:
            stack.callback(sink.close)
        if getattr(arguments, "while_stdin", False):
            stack.enter_context(stop_with_stdin(stop))
        subscriber = stack.enter_context(
            Subscriber(
                endpoint(arguments), name=arguments.name, contract=contract, secure=reader_keys(arguments)
            )
        )
        if on_joined is not None and _wait_joined(subscriber, stop):
            on_joined()
        receiver = Receiver(subscriber, sinks, notify=tell, announce=announce)
        try:
            receiver.run(sessions=arguments.sessions, stop=stop)
        except Xspress3Error as caught:
            error = caught
    if receiver.protocol_errors or receiver.orphans:
        tell(
            f"passed over: {receiver.protocol_errors} unreadable messages, {receiver.orphans} without a start"
        )
    code = 128 + signals[0] if signals else _exit_code(receiver.reports)
    return receiver, code, error


def _wait_joined(subscriber: Subscriber, stop: threading.Event) -> bool:
    """Wait until the sender has answered; `False` when told to stop before."""
    while not stop.is_set():
        with contextlib.suppress(StreamTimeoutError):
            subscriber.wait_joined(JOIN_TURN)
            return True
    return False


def _exit_code(reports: Sequence[SessionReport]) -> int:
    incomplete = [report for report in reports if not report.is_complete]
    if not incomplete:
        return 0
    if all(report.outcome is Outcome.FAILED and not report.frames_lost for report in incomplete):
        return AcquisitionError.exit_code
    return SequenceGapError.exit_code


def tell(line: str) -> None:
    """Say a line to the user, apart from what the command gives."""
    print(f"{PROGRAM}: {printable(line, 2000)}", file=sys.stderr, flush=True)
