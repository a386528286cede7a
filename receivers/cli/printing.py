"""`xspress3-receiver print`: say what comes."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from receivers.cli.options import add_stream_options, contract
from receivers.cli.reading import receive, tell
from receivers.print_sink import PrintSink
from xspress3.stream.contract import LOSSLESS

if TYPE_CHECKING:
    from receivers.cli.options import Commands

__all__ = ["add_to", "run"]


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("print", help="print what comes, about two lines a second")
    add_stream_options(parser, "print")
    parser.add_argument(
        "--contract",
        type=contract,
        default=LOSSLESS,
        metavar="lossless|latest|every:N",
        help="get all frames, and let the sender wait; the newest only; or each N-th (default: %(default)s)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print until the sessions that were asked for have come, or a signal."""
    _, code, error = receive(arguments, [PrintSink(sys.stdout)], arguments.contract, tell)
    if error is not None:
        raise error
    return code
