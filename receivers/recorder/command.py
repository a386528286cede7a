"""`xspress3-receiver record`: record every session of one or more streams, for ever."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import zmq
from rich.console import Console

from receivers.recorder.rules import PRESETS, RECORDER, TIME_PER_FILE
from receivers.text import printable
from xspress3.errors import ConfigurationError, SequenceGapError

if TYPE_CHECKING:
    from receivers.recorder.agent import Agent, Recorder
    from receivers.recorder.options import Options, Source
    from receivers.recorder.web import WebServer

__all__ = ["add_to", "run"]

TURN = 0.1
TOKEN = "XSPRESS3_RECORDER_TOKEN"  # noqa: S105  # name of a variable
TRUE, FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
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
    _add_rules(parser)
    _add_output(parser)
    parser.set_defaults(run=run, command=run)


def _add_streams(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("streams")
    group.add_argument(
        "--stream",
        action="append",
        default=[],
        metavar="tcp://HOST:PORT[=STREAM_ID]",
        help="or g3://HOST:PORT for G3 frames; repeatable; takes the place of --address and --port",
    )
    group.add_argument("--address", default="127.0.0.1", help="of the sender (default: %(default)s)")
    group.add_argument("--port", type=int, default=9999, help="(default: %(default)s)")
    group.add_argument("--stream-id", help="for a sender that gives none")
    group.add_argument(
        "--name", default="recorder", help="by which the sender knows this reader (default: %(default)s)"
    )
    group.add_argument(
        "--key", metavar="FILE", help="secret key of this reader (default: XSPRESS3_READER_KEY)"
    )
    group.add_argument(
        "--server-key", metavar="FILE", help="public key of the sender (default: XSPRESS3_SERVER_KEY)"
    )


def _add_rules(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("rules")
    group.add_argument(
        "--preset", choices=list(PRESETS), default=RECORDER.name, help="(default: %(default)s)"
    )
    group.add_argument(
        "--time-per-file", type=float, metavar="SECONDS", default=TIME_PER_FILE, help="(default: %(default)s)"
    )
    group.add_argument(
        "--gap", type=float, metavar="SECONDS", help="without a frame that close a file (default: 10, or 5)"
    )
    group.add_argument(
        "--auto-start",
        type=_truth,
        nargs="?",
        const=True,
        default=True,
        metavar="true|false",
        help="record at once, or when told over http (default: true)",
    )
    group.add_argument(
        "--queue-bytes",
        type=int,
        default=256 << 20,
        help="of each stream, while no disk has room (default: 256 MiB)",
    )
    group.add_argument(
        "--min-free-bytes", type=int, default=64 << 20, help="to be left on each disk (default: 64 MiB)"
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
    from receivers.cli.hdf5 import leave_without_hdf5, needs_hdf5  # noqa: PLC0415  # it imports this module
    from receivers.cli.stopping import stop_on_signals  # noqa: PLC0415

    with needs_hdf5():
        from receivers.recorder.agent import Agent  # noqa: PLC0415  # h5py is an extra
    with stop_on_signals() as (stop, signals), contextlib.ExitStack() as stack:
        recorders = _recorders(arguments)
        agent = stack.enter_context(Agent(recorders))
        server = _serve(arguments, agent)
        if server is not None:
            stack.callback(server.close)
            _tell(f"http://{server.address[0]}:{server.address[1]}/status")
        if arguments.auto_start:
            agent.start()
        _show(arguments, agent, stop)
    code = _exit_code(agent, signals)
    if any(getattr(recorder, "is_broken", False) for recorder in recorders):
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


def _recorders(arguments: argparse.Namespace) -> list[Recorder]:
    from receivers.recorder.streams import make_recorder  # noqa: PLC0415

    texts = arguments.stream or [f"tcp://{arguments.address}:{arguments.port}"]
    endpoints = [text.partition("=")[0] for text in texts]
    if len(set(endpoints)) < len(endpoints):
        raise ConfigurationError(f"a stream is named twice in {', '.join(endpoints)}")
    options = _options(arguments)
    return [make_recorder(_source(text, arguments), options, _tell) for text in texts]


def _options(arguments: argparse.Namespace) -> Options:
    from receivers.hdf5.space import check_directory  # noqa: PLC0415
    from receivers.recorder.options import Options  # noqa: PLC0415

    preset = PRESETS[arguments.preset]
    if arguments.gap is not None:
        if not arguments.gap > 0:
            raise ConfigurationError(f"--gap {arguments.gap} s, allowed is more than 0 s")
        preset = replace(preset, gap=arguments.gap)
    return Options(
        tuple(check_directory(directory) for directory in arguments.data_dir),
        preset,
        arguments.time_per_file,
        arguments.queue_bytes,
        arguments.min_free_bytes,
    )


def _source(text: str, arguments: argparse.Namespace) -> Source:
    from receivers.recorder.options import DEFAULT_STREAM_ID, Source, source_from_text  # noqa: PLC0415

    endpoint, stream_id = source_from_text(text)
    if stream_id == DEFAULT_STREAM_ID:
        stream_id = arguments.stream_id or DEFAULT_STREAM_ID
    return Source(endpoint, stream_id, arguments.name, _reader_keys(arguments))


def _reader_keys(arguments: argparse.Namespace) -> Callable[[zmq.Socket[bytes]], None]:
    from receivers.cli.options import reader_keys  # noqa: PLC0415

    return reader_keys(arguments)


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


def _truth(text: str) -> bool:
    if text.lower() in TRUE:
        return True
    if text.lower() in FALSE:
        return False
    raise argparse.ArgumentTypeError(f"{text!r}, allowed are {', '.join(TRUE + FALSE)}")


def _tell(line: str) -> None:
    sys.stderr.write(f"xspress3-receiver: {printable(line, 2000)}\n")
    sys.stderr.flush()
