"""Options of the agent, as the configuration of a site gives them, and what they make."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable
from pathlib import Path

from receivers.ocs.monitor import MAX_RATE
from receivers.recorder.agent import Agent
from receivers.recorder.options import DEFAULT_STREAM_ID, Options, Source, source_from_text
from receivers.recorder.rules import PRESETS, RECORDER, TIME_PER_FILE
from receivers.recorder.streams import G3_SCHEME, make_recorder

__all__ = ["AGENT_CLASS", "make_agent", "make_parser", "monitored_endpoint"]

AGENT_CLASS = "OcsRecorder"
TRUE, FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
G3_PORT = 50000
READER = "ocs-recorder"


def make_parser(parser: argparse.ArgumentParser | None = None) -> argparse.ArgumentParser:
    """The options of the agent, added to `parser` where one is given."""
    parser = parser or argparse.ArgumentParser()
    # When there is no router for longer than this, OCS ends the agent, and with it the recording: so, never.
    parser.set_defaults(crossbar_timeout=0)
    group = parser.add_argument_group("Recorder")
    add = group.add_argument
    add("--auto-start", type=_truth, nargs="?", const=True, default=False, metavar="BOOL")
    add("--data-dir", type=Path, action="append", metavar="DIR", help="repeatable: the first that has room")
    add(
        "--time-per-file", type=float, default=TIME_PER_FILE, metavar="SECONDS", help="(default: %(default)s)"
    )
    add("--preset", choices=sorted(PRESETS), default=RECORDER.name)
    add("--gap", type=float, metavar="SECONDS", help="without data, after which a file ends")
    add(
        "--stream",
        action="append",
        default=[],
        metavar="URL[=STREAM_ID]",
        help="tcp://... or g3://...; repeatable",
    )
    add("--address", default="localhost", help="of a sender of G3 frames, when there is no --stream")
    add("--port", type=int, default=G3_PORT, help="of the same")
    add("--stream-id", default=DEFAULT_STREAM_ID, help="where its frames do not say it")
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
    """Recorders of all streams that `arguments` name."""
    preset = PRESETS[arguments.preset]
    if arguments.gap is not None:
        preset = dataclasses.replace(preset, gap=arguments.gap)
    directories = tuple(arguments.data_dir or [Path("/data")])
    options = Options(directories, preset=preset, time_per_file=arguments.time_per_file)
    streams = arguments.stream or [f"{G3_SCHEME}{arguments.address}:{arguments.port}={arguments.stream_id}"]
    sources = [Source(*source_from_text(stream), reader=READER) for stream in streams]
    return Agent([make_recorder(source, options, notify) for source in sources])


def monitored_endpoint(arguments: argparse.Namespace) -> str | None:
    """Address of the stream whose channels can be monitored, if there is one."""
    if arguments.monitor:
        return str(arguments.monitor)
    native = [
        str(stream).partition("=")[0] for stream in arguments.stream if not stream.startswith(G3_SCHEME)
    ]
    return native[0] if native else None


def _truth(text: str) -> bool:
    said = text.strip().lower()
    if said not in TRUE + FALSE:
        raise argparse.ArgumentTypeError(f"{text!r}, allowed are {', '.join(TRUE + FALSE)}")
    return said in TRUE
