"""`xspress3-receiver capture`: write the raw messages of a stream to a file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from receivers.capture import capture
from receivers.cli.options import add_dialect, add_stream_options, endpoint, reader_keys
from receivers.cli.stopping import stop_on_signals
from receivers.text import printable

if TYPE_CHECKING:
    from receivers.cli.options import Commands

__all__ = ["add_to", "run"]


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("capture", help="write the raw messages of a stream to a file")
    parser.add_argument("file", type=Path, metavar="FILE", help="must not exist")
    add_stream_options(parser, "capture")
    add_dialect(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Capture until the sessions that were asked for have come, or a signal."""
    with stop_on_signals() as (stop, signals):
        done = capture(
            arguments.file,
            endpoint(arguments),
            arguments.dialect,
            name=arguments.name,
            secure=reader_keys(arguments),
            sessions=arguments.sessions,
            stop=stop,
        )
    print(printable(done.describe(), 4096))
    return 128 + signals[0] if signals else 0
