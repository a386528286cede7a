"""The rules of recording as options of a program, shared by all that start recorders."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path

from receivers.hdf5.space import MIN_FREE_BYTES, check_directory
from receivers.recorder.options import DEFAULT_STREAM_ID, QUEUE_BYTES, Options, source_from_text
from receivers.recorder.rules import PRESETS, RECORDER, TIME_PER_FILE
from xspress3.errors import ConfigurationError

__all__ = ["add_rules", "options_of", "streams_of", "truth"]

TRUE, FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


def add_rules(group: argparse._ArgumentGroup, *, auto_start: bool) -> None:
    """Add what says when files end, what they may fill, and whether recording begins by itself."""
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
        type=truth,
        nargs="?",
        const=True,
        default=auto_start,
        metavar="true|false",
        help="record at once, or when told to (default: %(default)s)",
    )
    group.add_argument(
        "--queue-bytes",
        type=int,
        default=QUEUE_BYTES,
        help="of each stream, while no disk has room (default: %(default)s)",
    )
    group.add_argument(
        "--min-free-bytes",
        type=int,
        default=MIN_FREE_BYTES,
        help="to be left on each disk (default: %(default)s)",
    )


def options_of(arguments: argparse.Namespace, data_dirs: Sequence[Path]) -> Options:
    """What the options of `add_rules` say.

    Raises
    ------
    ConfigurationError
        When one cannot be, or a directory is not there.
    """
    preset = PRESETS[arguments.preset]
    if arguments.gap is not None:
        if not arguments.gap > 0:
            raise ConfigurationError(f"--gap {arguments.gap} s, allowed is more than 0 s")
        preset = dataclasses.replace(preset, gap=arguments.gap)
    return Options(
        tuple(check_directory(directory) for directory in data_dirs),
        preset,
        arguments.time_per_file,
        arguments.queue_bytes,
        arguments.min_free_bytes,
    )


def streams_of(texts: Sequence[str], stream_id: str = DEFAULT_STREAM_ID) -> list[tuple[str, str]]:
    """Endpoint and stream id of each of `texts`; `stream_id` for those that give none.

    Raises
    ------
    ConfigurationError
        When one is not of the form, or named twice.
    """
    found = [source_from_text(text) for text in texts]
    endpoints = [endpoint for endpoint, _ in found]
    if len(set(endpoints)) < len(endpoints):
        raise ConfigurationError(f"a stream is named twice in {', '.join(endpoints)}")
    return [(endpoint, stream_id if said == DEFAULT_STREAM_ID else said) for endpoint, said in found]


def truth(text: str) -> bool:
    """`text` as true or false, as an option of a program or of a site has it."""
    said = text.strip().lower()
    if said not in TRUE + FALSE:
        raise argparse.ArgumentTypeError(f"{text!r}, allowed are {', '.join(TRUE + FALSE)}")
    return said in TRUE
