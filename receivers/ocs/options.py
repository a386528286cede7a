"""Options of the agent, as the configuration of a site gives them, and what they make."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from receivers.ocs.monitor import MAX_RATE
from receivers.recorder.agent import Agent
from receivers.recorder.arguments import add_rules, options_of, streams_of
from receivers.recorder.options import DEFAULT_STREAM_ID, Source
from receivers.recorder.streams import G3_SCHEME, make_recorder

__all__ = ["AGENT_CLASS", "make_agent", "make_parser", "monitored_endpoint"]

AGENT_CLASS = "OcsRecorder"
DATA_DIR = Path("/data")
G3_PORT = 50000
READER = "ocs-recorder"


def make_parser(parser: argparse.ArgumentParser | None = None) -> argparse.ArgumentParser:
    """The options of the agent, added to `parser` where one is given."""
    parser = parser or argparse.ArgumentParser()
    # When there is no router for longer than this, OCS ends the agent, and with it the recording: so, never.
    parser.set_defaults(crossbar_timeout=0)
    group = parser.add_argument_group("Recorder")
    add_rules(group, auto_start=False)
    add = group.add_argument
    add("--data-dir", type=Path, action="append", metavar="DIR", help="repeatable: the first that has room")
    add(
        "--stream",
        action="append",
        default=[],
        metavar="URL[=STREAM_ID]",
        help="tcp://... or g3://...; repeatable",
    )
    add("--address", default="localhost", help="of a sender of G3 frames, when there is no --stream")
    add("--port", type=int, default=G3_PORT, help="of the same")
    add("--stream-id", default=DEFAULT_STREAM_ID, help="where frames do not say it")
    add(
        "--monitor",
        metavar="tcp://HOST:PORT",
        help="whose channels go to the feed (default: the first tcp stream)",
    )
    add(
        "--target-rate", type=float, default=MAX_RATE, metavar="HZ", help="of the feed (default: %(default)s)"
    )
    return parser


def make_agent(arguments: argparse.Namespace, notify: Callable[[str], None]) -> Agent:
    """Recorders of all streams that `arguments` name.

    Raises
    ------
    ConfigurationError
        When something that they say cannot be.
    """
    options = options_of(arguments, arguments.data_dir or [DATA_DIR])
    texts = arguments.stream or [f"{G3_SCHEME}{arguments.address}:{arguments.port}"]
    sources = [Source(*said, reader=READER) for said in streams_of(texts, arguments.stream_id)]
    return Agent([make_recorder(source, options, notify) for source in sources])


def monitored_endpoint(arguments: argparse.Namespace) -> str | None:
    """Address of the stream whose channels can be monitored, if there is one."""
    if arguments.monitor:
        return str(arguments.monitor)
    native = [
        str(stream).partition("=")[0] for stream in arguments.stream if not stream.startswith(G3_SCHEME)
    ]
    return native[0] if native else None
