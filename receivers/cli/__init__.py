"""The command `xspress3-receiver`: print a stream, write it to files, see it live, record it for ever,
find and check what was recorded, show a file, capture and replay.

Exit codes: 0 when every session was complete, 7 when frames were lost or a session broke off,
6 when the sender failed, 130 and 143 after Ctrl-C and SIGTERM, else the `exit_code` of the error.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from receivers.cli import capture, printing, record, replay, sessions, show, view, write
from receivers.cli.reading import PROGRAM
from receivers.cli.write import WRITER
from xspress3.terminal import run_program

__all__ = ["WRITER", "build_parser", "main"]


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(prog=PROGRAM, description="Reads streams of an Xspress3 detector.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (printing, write, view, record, sessions, capture, replay, show):
        command.add_to(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` and give its exit code."""
    arguments = build_parser().parse_args(argv)
    return run_program(PROGRAM, lambda: int(arguments.run(arguments)))
