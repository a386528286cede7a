"""Options that several commands share, and the values made of them."""

from __future__ import annotations

import argparse
import math
import os

from xspress3 import sim
from xspress3.config import (
    DATA_PORT,
    LOOPBACK,
    MONITOR_PORT,
    DetectorConfig,
    StreamerConfig,
    key_values,
)
from xspress3.errors import ConfigurationError

__all__ = ["add_detector", "add_stream", "count", "detector_config", "seconds", "streamer_config"]

SIMULATOR = "sim"


def count(text: str) -> int:
    """A whole number, 0 or more, from the command line."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{value}, allowed is 0 and more")
    return value


def seconds(text: str) -> float:
    """A time in s, 0 or more, from the command line."""
    value = float(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{value} s, allowed is 0 s and more")
    return value


def add_detector(parser: argparse.ArgumentParser) -> None:
    """Options that say which detector it is."""
    group = parser.add_argument_group("detector")
    group.add_argument(
        "--library",
        metavar="PATH|sim",
        help="the vendor's library, or `sim` (default: XSPRESS3_LIBRARY, then the system's)",
    )
    group.add_argument("--base-ip", metavar="ADDRESS", help="address of this host on the detector's network")
    group.add_argument("--cards", type=int, metavar="N", help="cards, of which the first leads (default: 1)")
    group.add_argument("--channels", type=int, metavar="N", help="channels to use (default: all)")
    group.add_argument("--ring-frames", type=int, metavar="N", help="frames in the library's ring")
    group.add_argument("--settings", metavar="DIR", help="calibration directory to restore")
    group.add_argument(
        "--sim",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="describe the simulated detector, such as channels=4, source=physics or rate=200000; repeatable",
    )


def detector_config(arguments: argparse.Namespace) -> DetectorConfig:
    """What the options of `add_detector` say."""
    if arguments.sim and arguments.library != SIMULATOR:
        raise ConfigurationError(f"--sim {arguments.sim[0]} goes with --library sim only")
    library = arguments.library
    if library == SIMULATOR:
        os.environ.update(sim.environment(**key_values(arguments.sim, "--sim")))
        library = str(sim.library_path())
    return DetectorConfig.from_environment(
        library=library,
        base_ip=arguments.base_ip,
        n_cards=arguments.cards,
        n_channels=arguments.channels,
        ring_frames=arguments.ring_frames,
        settings=arguments.settings,
    )


def add_stream(parser: argparse.ArgumentParser) -> None:
    """Options that say how frames leave."""
    group = parser.add_argument_group("stream")
    group.add_argument("--interface", default=LOOPBACK, help="address to listen on (default: %(default)s)")
    group.add_argument(
        "--port", type=int, default=DATA_PORT, help="data port, 0 for any (default: %(default)s)"
    )
    group.add_argument(
        "--monitor-port",
        type=int,
        default=MONITOR_PORT,
        help="monitor port, 0 for any (default: %(default)s)",
    )
    group.add_argument(
        "--allow-control",
        action="store_true",
        help="let whoever reaches the monitor port set windows, as a live view with --control does",
    )
    group.add_argument("--stream-id", default="xspress3", help="name of the source (default: %(default)s)")
    group.add_argument(
        "--old-dialect",
        action="append",
        default=[],
        metavar="NAME=PORT",
        help="send sessions a second time in the dialect multipart or legacy; repeatable",
    )
    group.add_argument(
        "--compression", choices=("bslz4", "none"), default="bslz4", help="(default: %(default)s)"
    )
    group.add_argument(
        "--compression-threads",
        type=count,
        metavar="N",
        help="(default: one for each processor but one, up to 4)",
    )
    _add_readers(parser)
    _add_keys(parser)


def _add_readers(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("readers")
    group.add_argument(
        "--require",
        action="append",
        default=[],
        metavar="NAME",
        help="arm only while a reader of this name has joined, such as `writer`; repeatable",
    )
    group.add_argument(
        "--slow-reader",
        choices=("wait", "drop"),
        default=StreamerConfig.slow_reader,
        help="wait for a lossless reader that holds up the stream, or go on without it after a time "
        "(default: %(default)s)",
    )
    group.add_argument(
        "--slow-reader-timeout",
        type=seconds,
        default=StreamerConfig.slow_reader_timeout,
        metavar="S",
        help="that time (default: %(default)s)",
    )
    group.add_argument(
        "--backlog-bytes",
        type=count,
        default=StreamerConfig.backlog_bytes,
        metavar="N",
        help="data kept for readers that come late or come back (default: %(default)s)",
    )


def _add_keys(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("keys", "both or neither; without them everybody is admitted")
    group.add_argument(
        "--key", metavar="FILE", help="secret key of this server (default: XSPRESS3_CURVE_SECRET_KEY)"
    )
    group.add_argument(
        "--clients",
        metavar="DIR",
        help="public keys of those who are admitted (default: XSPRESS3_CURVE_ALLOWED_KEYS)",
    )


def streamer_config(arguments: argparse.Namespace) -> StreamerConfig:
    """What the options of `add_stream` say."""
    return StreamerConfig.from_environment(
        stream_id=arguments.stream_id,
        interface=arguments.interface,
        data_port=arguments.port,
        monitor_port=arguments.monitor_port,
        allow_control=arguments.allow_control,
        compression=arguments.compression,
        old_dialects=_ports(arguments.old_dialect),
        compression_threads=arguments.compression_threads,
        required_readers=tuple(arguments.require),
        slow_reader=arguments.slow_reader,
        slow_reader_timeout=arguments.slow_reader_timeout,
        backlog_bytes=arguments.backlog_bytes,
        curve_secret_key=arguments.key,
        curve_allowed_keys=arguments.clients,
    )


def _ports(texts: list[str]) -> dict[str, int]:
    ports = {}
    for text in texts:
        name, equals, port = text.partition("=")
        if not equals or not port.isdecimal():
            raise ConfigurationError(f"--old-dialect {text!r}, allowed is NAME=PORT, such as multipart=9997")
        ports[name] = int(port)
    return ports
