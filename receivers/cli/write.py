"""`xspress3-receiver write`: write each session, all its frames, to an HDF5 file."""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from receivers.cli.hdf5 import needs_hdf5
from receivers.cli.options import add_stream_options
from receivers.cli.reading import receive, tell
from receivers.hdf5.leaving import leave_without_hdf5
from receivers.progress import ProgressSink
from receivers.receiver import Receiver
from receivers.report import SessionReport
from receivers.sink import Sink
from receivers.text import printable
from xspress3.stream.contract import LOSSLESS

if TYPE_CHECKING:
    from receivers.cli.options import Commands
    from receivers.hdf5.writer import Hdf5Sink

__all__ = ["WRITER", "add_to", "run"]

WRITER = "writer"
"""Name under which a writer joins, unless told otherwise, so that the sender can wait for it."""


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("write", help="write each session, all its frames, to an HDF5 file")
    add_stream_options(parser, WRITER)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--directory",
        type=Path,
        action="append",
        help="where files go; must exist; repeatable: the first one with room is taken",
    )
    where.add_argument(
        "--follow",
        action="store_true",
        help="write where the metadata of each session say, and tell what happens as JSON lines: "
        "for a sender that is trusted",
    )
    parser.add_argument(
        "--allow",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="with --follow: files may be made below here only; repeatable (default: anywhere)",
    )
    parser.add_argument(
        "--while-stdin", action="store_true", help="end when standard input does, as with its parent process"
    )
    parser.add_argument(
        "--policy",
        choices=["fail", "suffix", "overwrite"],
        default="suffix",
        help="when a file of that name exists (default: %(default)s, which takes a name_1, name_2, ...)",
    )
    parser.add_argument(
        "--pattern", metavar="PATTERN", help="file name (default: {stream_id}_{session_id}.h5)"
    )
    parser.add_argument(
        "--flush-interval", type=float, metavar="SECONDS", default=1.0, help="(default: %(default)s)"
    )
    parser.add_argument(
        "--events",
        action="store_true",
        help="tell what happens as JSON lines, to the program that started this one",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parser.add_argument("--json", action="store_true", help="print the counts as one line of JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write what comes, where the user says or where its sender does."""
    return _write_directed(arguments) if arguments.follow else _write_all(arguments)


def _write_directed(arguments: argparse.Namespace) -> int:
    """Write what its sender wants written, telling each event; the counts are in the events."""
    with needs_hdf5():
        from receivers.hdf5 import directed  # noqa: PLC0415  # h5py is an extra
    sink = directed.DirectedSink(_tell_event, arguments.allow, flush_interval=arguments.flush_interval)
    _, code, error = receive(arguments, [sink], LOSSLESS, None, on_joined=lambda: _tell_event("joined"))
    if error is not None:
        _tell_event("failed", text=str(error))
    if sink.is_broken:
        leave_without_hdf5(code if error is None else error.exit_code)
    if error is not None:
        raise error
    return code


def _tell_event(event: str, **values: object) -> None:
    print(json.dumps({"event": event, **values}), flush=True)


def _write_all(arguments: argparse.Namespace) -> int:
    sink = _hdf5_sink(arguments)
    sinks: list[Sink] = [sink]
    if not arguments.quiet:
        sinks.append(ProgressSink())
    receiver, code, error = receive(arguments, sinks, LOSSLESS, None if arguments.quiet else tell)
    if sink.is_broken:
        code = error.exit_code if error is not None else code
        leave_without_hdf5(code)
    _print_results(receiver, sink, arguments)
    if error is not None:
        raise error
    return code


def _hdf5_sink(arguments: argparse.Namespace) -> Hdf5Sink:
    with needs_hdf5():
        from receivers.hdf5 import naming, telling, writer  # noqa: PLC0415  # h5py is an extra
    make = partial(telling.TellingSink, _tell_event) if arguments.events else writer.Hdf5Sink
    return make(
        arguments.directory,
        naming.ExistingFile(arguments.policy),
        pattern=arguments.pattern or naming.DEFAULT_PATTERN,
        flush_interval=arguments.flush_interval,
        notify=tell,
    )


def _print_results(receiver: Receiver, sink: Hdf5Sink, arguments: argparse.Namespace) -> None:
    paths = {_key(report): str(path) for report, path in sink.finished}
    if arguments.json:
        values = {
            "sessions": [
                {**report.as_dict(), "path": paths.get(_key(report))} for report in receiver.reports
            ],
            "protocol_errors": receiver.protocol_errors,
            "orphans": receiver.orphans,
        }
        print(json.dumps(values))
        return
    for report in receiver.reports:
        path = paths.get(_key(report), "no file")
        line = f"{report.describe()}: {printable(path, 4096)}"
        _tell_event("result", text=line) if arguments.events else print(line)


def _key(report: SessionReport) -> tuple[int, float]:
    """Tells a session from others, also when it was joined twice, or its report was corrected later."""
    return report.session_id, report.end_time
