"""Options of the agent, as the configuration of a site gives them, and what they make."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable
from pathlib import Path

from receivers.g3.recorder import G3Recorder
from receivers.g3.source import DEFAULT_STREAM, SCHEME, G3Source
from receivers.ocs.monitor import MAX_RATE
from receivers.ocs.recorders import Recorders, StreamRecorder
from receivers.recorder.options import Options
from receivers.recorder.rules import PRESETS, RECORDER, TIME_PER_FILE
from xspress3.errors import ConfigurationError

__all__ = ["AGENT_CLASS", "make_parser", "make_recorder", "monitored_endpoint"]

AGENT_CLASS = "OcsRecorder"
TRUE, FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
G3_PORT = 50000


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
    add("--stream-id", default=DEFAULT_STREAM, help="where its frames do not say it")
    add(
        "--monitor",
        metavar="tcp://HOST:PORT",
        help="whose channels go to the feed (default: the first tcp stream)",
    )
    add(
        "--target-rate", type=float, default=MAX_RATE, metavar="HZ", help="of the feed (default: %(default)s)"
    )
    return parser


def make_recorder(arguments: argparse.Namespace, notify: Callable[[str], None]) -> Recorders:
    """A recorder of all streams that `arguments` name."""
    preset = PRESETS[arguments.preset]
    if arguments.gap is not None:
        preset = dataclasses.replace(preset, gap=arguments.gap)
    directories = tuple(arguments.data_dir or [Path("/data")])
    options = Options(directories, preset=preset, time_per_file=arguments.time_per_file)
    streams = arguments.stream or [f"{SCHEME}{arguments.address}:{arguments.port}={arguments.stream_id}"]
    return Recorders([_stream_recorder(stream, options, notify) for stream in streams])


def monitored_endpoint(arguments: argparse.Namespace) -> str | None:
    """Address of the stream whose channels can be monitored, if there is one."""
    if arguments.monitor:
        return str(arguments.monitor)
    native = [str(stream).partition("=")[0] for stream in arguments.stream if not stream.startswith(SCHEME)]
    return native[0] if native else None


def _stream_recorder(stream: str, options: Options, notify: Callable[[str], None]) -> StreamRecorder:
    if stream.startswith(SCHEME):
        return G3Recorder(G3Source.parse(stream), options, notify)
    raise ConfigurationError(f"stream {stream!r}, allowed is {SCHEME}HOST:PORT")


def _truth(text: str) -> bool:
    said = text.strip().lower()
    if said not in TRUE + FALSE:
        raise argparse.ArgumentTypeError(f"{text!r}, allowed are {', '.join(TRUE + FALSE)}")
    return said in TRUE
