"""The command `xspress3`: look at a detector, stream from it, or see all of it at work.

Exit codes are those of `xspress3.errors`: 2 a wrong value, 4 no library, 5 the detector refused,
6 the acquisition failed, 130 after Ctrl-C. What a user did wrong is one line, never a traceback.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from xspress3.cli import demo, info, keys, serve, sim_trigger
from xspress3.terminal import run_program

__all__ = ["main"]


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(
        prog="xspress3", description="Data acquisition for Xspress3 X-ray fluorescence detectors."
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in (info, serve, demo, keys, sim_trigger):
        command.add_to(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` and give its exit code."""
    arguments = build_parser().parse_args(argv)
    return run_program("xspress3", lambda: int(arguments.run(arguments)))
