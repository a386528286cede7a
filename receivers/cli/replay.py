"""`xspress3-receiver replay`: send a recording as a live stream."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from receivers.cli.options import DEFAULT_HOST, DEFAULT_PORT, add_dialect, any_port, count, rate
from receivers.cli.stopping import stop_on_signals
from receivers.replay import Replay
from receivers.text import printable
from xspress3.stream.security import server_keys
from xspress3.terminal import say

if TYPE_CHECKING:
    from receivers.cli.options import Commands

__all__ = ["add_to", "run"]


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("replay", help="send a recording as a live stream")
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="HDF5 file of ours, .npz, or what capture wrote"
    )
    add_dialect(parser)
    parser.add_argument(
        "--interface", default=DEFAULT_HOST, help="address to listen on (default: %(default)s)"
    )
    parser.add_argument(
        "--port", type=any_port, default=DEFAULT_PORT, help="0 for any (default: %(default)s)"
    )
    parser.add_argument(
        "--rate", type=rate, metavar="FRAMES/S", help="(default: as fast as readers take them)"
    )
    parser.add_argument("--loop", action="store_true", help="again and again, until Ctrl-C")
    parser.add_argument(
        "--wait-readers",
        type=count,
        metavar="N",
        default=1,
        help="before each session (default: %(default)s)",
    )
    group = parser.add_argument_group("keys", "both or neither; without them everybody is admitted")
    group.add_argument("--key", metavar="FILE", help="secret key of this sender")
    group.add_argument("--clients", metavar="DIR", help="public keys of those who are admitted")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Send the recording to who reads it."""
    endpoint = f"tcp://{arguments.interface}:{arguments.port}"
    security = server_keys(arguments.key, arguments.clients)
    with (
        stop_on_signals() as (stop, signals),
        Replay(arguments.file, endpoint, arguments.dialect, security=security) as replay,
    ):
        say(f"replaying {printable(str(arguments.file), 4096)} at {replay.endpoint}")
        done = replay.run(rate=arguments.rate, loop=arguments.loop, readers=arguments.wait_readers, stop=stop)
    print(done.describe())
    return 128 + signals[0] if signals else 0
