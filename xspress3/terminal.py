"""What every program of ours does at its edge: exit codes, and one line for what went wrong."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from xspress3.errors import Xspress3Error

__all__ = ["ends_on_sigterm", "run_program", "say"]

INTERRUPTED = 130
OUTPUT_GONE = 141
"""What a shell shows for a program whose reader has gone."""


def run_program(program: str, action: Callable[[], int]) -> int:
    """Run `action` and give the exit code; errors of ours and of the system become one line."""
    try:
        code = action()
        sys.stdout.flush()
    except Xspress3Error as error:
        code = _complain(program, error, error.exit_code)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        code = OUTPUT_GONE
    except OSError as error:
        code = _complain(program, error, 1)
    _mute_closed_output()
    return code


def _complain(program: str, error: Exception, code: int) -> int:
    print(f"{program}: {error}", file=sys.stderr)
    return code


def say(line: str) -> bool:
    """Print `line` at once; whether anybody could be told. Work goes on when nobody can."""
    try:
        print(line, flush=True)
    except OSError:
        _mute_closed_output()
        return False
    return True


def _mute_closed_output() -> None:
    """Spare the user Python's own complaint when whoever read our output has gone, as `head` does."""
    try:
        sys.stdout.flush()
    except OSError:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


@contextmanager
def ends_on_sigterm() -> Iterator[None]:
    """Let SIGTERM unwind as Ctrl-C does, so that what was started inside is ended, too."""

    def leave(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
