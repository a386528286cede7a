"""`xspress3-receiver record`: record every session of one or more streams, for ever."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from receivers.cli.hdf5 import needs_hdf5
from receivers.cli.options import DEFAULT_HOST, DEFAULT_PORT, add_keys, port, reader_keys, reader_name
from receivers.cli.stopping import stop_on_signals
from receivers.hdf5.leaving import leave_without_hdf5
from receivers.recorder.arguments import add_rules, options_of, streams_of
from receivers.recorder.options import DEFAULT_STREAM_ID, Source
from receivers.text import printable
from xspress3.errors import ConfigurationError, SequenceGapError

if TYPE_CHECKING:
    from receivers.cli.options import Commands
    from receivers.recorder.agent import Agent, Recorder
    from receivers.recorder.web import WebServer

__all__ = ["add_to", "run"]

TURN = 0.1
TOKEN = "XSPRESS3_RECORDER_TOKEN"  # noqa: S105  # name of a variable


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("record", help="record every session of one or more streams, for ever")
    parser.add_argument(
        "--data-dir",
        type=Path,
        action="append",
        required=True,
        metavar="DIR",
        help="where files go; must exist; repeatable: the first one with room is taken",
    )
    _add_streams(parser)
    add_rules(parser.add_argument_group("rules"), auto_start=True)
    _add_output(parser)
    add_keys(parser)
    parser.set_defaults(run=run)


def _add_streams(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("streams")
    group.add_argument(
        "--stream",
        action="append",
        default=[],
        metavar="tcp://HOST:PORT[=STREAM_ID]",
        help="or g3://HOST:PORT for G3 frames; repeatable; takes the place of --address and --port",
    )
    group.add_argument("--address", default=DEFAULT_HOST, help="of the sender (default: %(default)s)")
    group.add_argument("--port", type=port, default=DEFAULT_PORT, help="(default: %(default)s)")
    group.add_argument("--stream-id", default=DEFAULT_STREAM_ID, help="for a sender that gives none")
    group.add_argument(
        "--name",
        type=reader_name,
        default="recorder",
        help="by which the sender knows this reader (default: %(default)s)",
    )


def _add_output(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("status")
    group.add_argument("--http", metavar="ADDRESS:PORT", help="answer there, such as 127.0.0.1:8642")
    group.add_argument(
        "--token-file", type=Path, help=f"what has to be known to ask over http (default: {TOKEN})"
    )
    group.add_argument("--json", action="store_true", help="a line of JSON for each stream and second")
    group.add_argument("--quiet", action="store_true", help="no status")


def run(arguments: argparse.Namespace) -> int:
    """Record until a signal comes."""
    with needs_hdf5():
        from receivers.recorder.agent import Agent  # noqa: PLC0415  # other commands start without it
        from receivers.recorder.streams import make_recorder  # noqa: PLC0415  # h5py is an extra
    options = options_of(arguments, arguments.data_dir)
    sources = _sources(arguments)
    with stop_on_signals() as (stop, signals), contextlib.ExitStack() as stack:
        recorders: list[Recorder] = [make_recorder(source, options, _tell) for source in sources]
        agent = stack.enter_context(Agent(recorders))
        server = _serve(arguments, agent)
        if server is not None:
            stack.callback(server.close)
            _tell(f"http://{server.address[0]}:{server.address[1]}/status")
        if arguments.auto_start:
            agent.start()
        _show(arguments, agent, stop)
    code = _exit_code(agent, signals)
    if agent.is_broken:
        leave_without_hdf5(code)
    return code


def _show(arguments: argparse.Namespace, agent: Agent, stop: threading.Event) -> None:
    """Show the status until told to stop; then close all, and show what became of it."""
    from receivers.recorder.display import Display  # noqa: PLC0415

    with Display(Console(), as_json=arguments.json) as display:
        while not stop.wait(TURN):
            if not arguments.quiet:
                display.tick(agent.status())
        agent.close()
        if not arguments.quiet:
            display.tick(agent.status(), force=True)


def _exit_code(agent: Agent, signals: list[int]) -> int:
    """A recorder ends by a signal, which is no failure; losses are one."""
    if any(status.counts.lost for status in agent.status()):
        return SequenceGapError.exit_code
    return 128 + signals[0] if signals else 0


def _sources(arguments: argparse.Namespace) -> list[Source]:
    texts = arguments.stream or [f"tcp://{arguments.address}:{arguments.port}"]
    secure = reader_keys(arguments)
    return [
        Source(endpoint, stream_id, arguments.name, secure)
        for endpoint, stream_id in streams_of(texts, arguments.stream_id)
    ]


def _serve(arguments: argparse.Namespace, agent: Agent) -> WebServer | None:
    from receivers.recorder.web import WebServer  # noqa: PLC0415

    if arguments.http is None:
        if not arguments.auto_start:
            raise ConfigurationError("--auto-start false needs --http, or nobody could start it")
        return None
    host, _, port = arguments.http.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise ConfigurationError(f"--http {arguments.http!r}, allowed is ADDRESS:PORT")
    return WebServer(agent, host, int(port), _token(arguments.token_file))


def _token(path: Path | None) -> str | None:
    if path is None:
        return os.environ.get(TOKEN) or None
    try:
        token = path.read_text().strip()
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error
    if not token:
        raise ConfigurationError(f"{path} is empty, a token is needed")
    return token


def _tell(line: str) -> None:
    sys.stderr.write(f"xspress3-receiver: {printable(line, 2000)}\n")
    sys.stderr.flush()
