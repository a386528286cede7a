"""`xspress3 sim-trigger`: edges and gates for a simulator in another process."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from xspress3.errors import ConfigurationError
from xspress3.sim import trigger

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

__all__ = ["add_to", "run"]


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("sim-trigger", help="give triggers or gates to a running simulator")
    parser.add_argument(
        "--socket",
        metavar="PATH",
        help=f"where it listens, its SOCKET (default: {trigger.SOCKET_VARIABLE})",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--edges", type=int, metavar="N", help="pulses on TTL 1, the first one at once")
    what.add_argument(
        "--gate",
        nargs=3,
        metavar=("HIGH", "LOW", "N"),
        help="gates on TTL 1: seconds high, seconds low, number",
    )
    parser.add_argument("--period", type=float, metavar="S", help="from edge to edge; goes with --edges")
    parser.add_argument(
        "--timeout", type=float, default=2.0, metavar="S", help="for the answer (default: %(default)s)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Send one command; the simulator gives the triggers while time passes there."""
    trigger.send(_command(arguments), arguments.socket, arguments.timeout)
    return 0


def _command(arguments: argparse.Namespace) -> str:
    if not arguments.timeout > 0:
        raise ConfigurationError(f"--timeout {arguments.timeout}, allowed is above 0 s")
    if arguments.edges is not None:
        if arguments.period is None:
            raise ConfigurationError("--edges needs --period")
        return trigger.edges(arguments.edges, arguments.period)
    if arguments.period is not None:
        raise ConfigurationError("--period goes with --edges; --gate has its own times")
    high, low, n_gates = arguments.gate
    try:
        return trigger.gate(float(high), float(low), int(n_gates))
    except ValueError as error:
        raise ConfigurationError(f"--gate {high} {low} {n_gates}: {error}") from error
