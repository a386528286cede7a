"""What ends a command: signals, and the end of standard input."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

__all__ = ["stop_on_signals", "stop_with_stdin"]


@contextlib.contextmanager
def stop_on_signals() -> Iterator[tuple[threading.Event, list[int]]]:
    """An event that is set by the first SIGINT or SIGTERM; the second one acts as it always does."""
    stop = threading.Event()
    caught: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def on_signal(number: int, _frame: FrameType | None) -> None:
        caught.append(number)
        stop.set()
        signal.signal(number, before[signal.Signals(number)])

    is_main = threading.current_thread() is threading.main_thread()
    for number in before if is_main else ():
        signal.signal(number, on_signal)
    try:
        yield stop, caught
    finally:
        for number, handler in before.items() if is_main else ():
            signal.signal(number, handler)


@contextlib.contextmanager
def stop_with_stdin(stop: threading.Event) -> Iterator[None]:
    """Set `stop` when standard input ends, which it does when the process that holds its other end does."""
    wake, left = os.pipe()

    def watch() -> None:
        stdin = sys.stdin.fileno()
        while True:
            ready, _, _ = select.select([stdin, wake], [], [])
            if wake in ready or not os.read(stdin, 4096):
                break
        stop.set()

    thread = threading.Thread(target=watch, name="xsp3-stdin")
    thread.start()
    try:
        yield
    finally:
        os.close(left)
        thread.join()
        os.close(wake)
