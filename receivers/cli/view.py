"""`xspress3-receiver view`: show spectra and rates live, in any number of browsers."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from receivers.cli.options import DEFAULT_HOST, DEFAULT_PORT, add_keys, any_port, port, reader_keys
from receivers.cli.stopping import stop_on_signals

if TYPE_CHECKING:
    from receivers.cli.options import Commands

__all__ = ["add_to", "run"]

VIEW_PORT = 8080
MONITOR_PORT = 9998


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("view", help="show spectra and rates live, in any number of browsers")
    _add_stream(parser)
    _add_page(parser)
    _add_pictures(parser)
    add_keys(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve the page until told to stop, or draw a picture."""
    from receivers.liveview import program  # noqa: PLC0415  # other commands start without it

    with stop_on_signals() as (stop, caught):
        program.run(arguments, reader_keys(arguments), stop)
    return 128 + caught[0] if caught else 0


def _add_stream(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("stream")
    group.add_argument("--stream-host", default=DEFAULT_HOST, help="of the sender (default: %(default)s)")
    group.add_argument("--stream-port", type=port, default=DEFAULT_PORT, help="(default: %(default)s)")
    group.add_argument(
        "--monitor-port",
        type=any_port,
        default=MONITOR_PORT,
        help="of the sender, where it tells its state; 0 for none (default: %(default)s)",
    )
    group.add_argument(
        "--every-frame",
        action="store_true",
        help="take all frames as long as that is possible, for maps and sums without holes; the default "
        "is what a tenth of a processor can take, the newest first. The sender waits in neither case",
    )


def _add_page(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("page")
    group.add_argument(
        "--host",
        default=DEFAULT_HOST,
        help="address to listen on; elsewhere than on loopback the page needs the token that is printed "
        "(default: %(default)s)",
    )
    group.add_argument("--port", type=any_port, default=VIEW_PORT, help="0 for any (default: %(default)s)")
    group.add_argument(
        "--name",
        action="append",
        default=[],
        metavar="NAME",
        help="by which browsers may call this server as well; repeatable",
    )
    group.add_argument("--open", action="store_true", help="open the page in a browser here")
    group.add_argument(
        "--calibration",
        type=Path,
        metavar="FILE",
        help='JSON: {"offset": 0, "gain": 0.01} in keV and keV per bin, or a list with one for each channel',
    )
    group.add_argument(
        "--control",
        metavar="serve|tango://HOST:PORT/DEVICE",
        help="let pages write windows: through `xspress3 serve --allow-control`, or a Tango device, which "
        "also tells how far the file is",
    )


def _add_pictures(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("instead of a page").add_mutually_exclusive_group()
    group.add_argument("--once", type=Path, metavar="FILE.png", help="draw the spectra into a file, and end")
    group.add_argument("--window", action="store_true", help="show them in a window of matplotlib")
    parser.add_argument(
        "--sum",
        default="latest",
        metavar="latest|session|frames:N|seconds:T",
        help="with --once and --window: which frames are summed (default: %(default)s)",
    )
    parser.add_argument(
        "--timeout", type=float, default=10.0, metavar="S", help="with --once (default: %(default)s)"
    )
