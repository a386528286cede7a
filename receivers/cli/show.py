"""`xspress3-receiver show`: say what is in a file."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from receivers.cli.hdf5 import needs_hdf5

if TYPE_CHECKING:
    from receivers.cli.options import Commands

__all__ = ["add_to", "run"]


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("show", help="say what is in a file")
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Show each file."""
    with needs_hdf5():
        from receivers.hdf5 import summary  # noqa: PLC0415  # h5py is an extra
    for path in arguments.files:
        found = summary.read_summary(path)
        if arguments.json:
            print(json.dumps(found.as_dict()))
        else:
            Console().print(summary.summary_table(found))
    return 0
