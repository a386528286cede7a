"""`xspress3-receiver sessions`: list what was recorded, show one session, verify it, recover it.

Exit codes of VERIFY: 0 when all is there and sound, 7 when frames are missing, 8 when something does not
hold. The others give 0, or the `exit_code` of the error.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from receivers.cli.hdf5 import needs_hdf5
from receivers.text import printable
from xspress3.errors import ConfigurationError, SequenceGapError, SinkError

if TYPE_CHECKING:
    from receivers.cli.options import Commands

__all__ = ["add_to"]

MAX_PATH = 4096
MAX_SHOWN = 20
"""Holes, files and problems that are shown; JSON has them all."""


def add_to(commands: Commands) -> None:
    """Add the command to those of a program."""
    parser = commands.add_parser("sessions", help="list, show, verify and recover what was recorded")
    actions = parser.add_subparsers(required=True, metavar="LIST|SHOW|VERIFY|RECOVER")
    for name, run, text in (
        ("LIST", _list, "all sessions below a directory"),
        ("SHOW", _show, "settings, files and holes of a session, without reading its data"),
        ("VERIFY", _verify, "read all of a session and check that it holds what it says"),
        ("RECOVER", _recover, "finished copies of files whose writer died; writes the index again"),
    ):
        action = actions.add_parser(name, aliases=[name.lower()], help=text, description=text)
        action.add_argument("base_dir", type=Path, metavar="DIRECTORY", help="data directory")
        if name != "LIST":
            action.add_argument("stream_id", metavar="STREAM")
            action.add_argument("session_id", type=int, metavar="SESSION")
        if name == "RECOVER":
            action.add_argument(
                "--also",
                type=Path,
                action="append",
                default=[],
                metavar="DIR",
                help="another data directory of the recorder; repeatable",
            )
        action.add_argument("--json", action="store_true", help="print JSON")
        action.set_defaults(run=lambda arguments, run=run: _run(run, arguments))


def _run(action: Callable[[argparse.Namespace], int], arguments: argparse.Namespace) -> int:
    if not arguments.base_dir.is_dir():
        raise ConfigurationError(f"{arguments.base_dir} is not a directory")
    try:
        with needs_hdf5():
            return action(arguments)
    except FileNotFoundError as error:
        raise ConfigurationError(str(error)) from error


def _list(arguments: argparse.Namespace) -> int:
    found = list(_all_sessions(arguments.base_dir))
    if arguments.json:
        print(json.dumps(found))
        return 0
    table = Table()
    for heading in ("stream", "session", "when", "state", "frames", "complete", "files", "size"):
        table.add_column(heading, justify="right" if heading in ("frames", "files", "size") else "left")
    for one in found:
        table.add_row(*_row(one))
    Console().print(table)
    return 0


def _all_sessions(base_dir: Path) -> Iterator[dict[str, Any]]:
    """Index of each session; where it cannot be read, why."""
    from receivers.sessions.find import sessions_below  # noqa: PLC0415  # h5py is an extra
    from receivers.sessions.session import current_index  # noqa: PLC0415

    for stream_id, session_id in sessions_below(base_dir):
        try:
            yield current_index(stream_id, session_id, base_dir).as_dict()
        except (ConfigurationError, FileNotFoundError) as error:
            yield {"stream_id": stream_id, "session_id": session_id, "error": str(error)}


def _row(one: dict[str, Any]) -> list[str]:
    names = [printable(one["stream_id"]), str(one["session_id"])]
    if "error" in one:
        return [*names, "", printable(one["error"])]
    expected = "" if one["frames_expected"] is None else f" of {one['frames_expected']:,}"
    return [
        *names,
        _when(one["start_time"]),
        one["state"].value,
        f"{one['frames_written']:,}{expected}",
        "yes" if one["complete"] else "[red]no[/red]",
        str(len(one["files"])),
        f"{sum(file['size_bytes'] for file in one['files']) / 1e6:,.1f} MB",
    ]


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().isoformat(sep=" ", timespec="seconds")


def _show(arguments: argparse.Namespace) -> int:
    from receivers.sessions.status import load_session_status  # noqa: PLC0415  # h5py is an extra

    status = load_session_status(arguments.stream_id, arguments.session_id, arguments.base_dir)
    if arguments.json:
        print(json.dumps(status.as_dict()))
        return 0
    index = status.index.as_dict()
    console = Console(markup=False)
    console.print(_details(index, status.settings.acquisition, status.settings.metadata))
    table = Table("file", "first frame", "frames", "state", "complete")
    for file in index["files"][:MAX_SHOWN]:
        values = (file["first_frame"], file["frames_written"], file["state"].value, bool(file["complete"]))
        table.add_row(printable(file["name"], MAX_PATH), *map(str, values))
    console.print(table)
    for first, end, reason in index["missing"][:MAX_SHOWN]:
        console.print(f"missing {first}..{end - 1}: {printable(reason)}")
    return 0


def _details(index: dict[str, Any], acquisition: dict[str, Any], metadata: dict[str, Any]) -> str:
    stream_id, session_id = printable(index["stream_id"]), index["session_id"]
    lines = [
        f"{stream_id} session {session_id}, {_when(index['start_time'])}, {index['state'].value}",
        f"{index['frames_written']:,} frames written, {index['frames_lost']:,} lost, "
        f"{'complete' if index['complete'] else 'NOT complete'}, {printable(index['end_reason'])}",
        *(f"{key}: {value}" for key, value in {**acquisition, **metadata}.items()),
    ]
    return "\n".join(printable(line) for line in lines)


def _verify(arguments: argparse.Namespace) -> int:
    from receivers.sessions.verify import verify  # noqa: PLC0415  # h5py is an extra

    which = (arguments.stream_id, arguments.session_id, arguments.base_dir)
    with Progress(console=Console(stderr=True), transient=True, disable=arguments.json) as progress:
        task = progress.add_task("reading")
        verdict = verify(*which, lambda done, total: progress.update(task, completed=done, total=total))
    if arguments.json:
        print(json.dumps(verdict.as_dict()))
    else:
        for problem in (*verdict.problems[:MAX_SHOWN], *verdict.notes[:MAX_SHOWN]):
            print(printable(problem, MAX_PATH))
        sound = "sound" if verdict.is_sound else f"{len(verdict.problems)} problems"
        whole = "complete" if verdict.is_complete else "NOT complete"
        print(f"{verdict.frames_read} frames read, {verdict.frames_lost} lost: {sound}, {whole}")
    if not verdict.is_sound:
        return SinkError.exit_code
    return 0 if verdict.is_complete else SequenceGapError.exit_code


def _recover(arguments: argparse.Namespace) -> int:
    from receivers.sessions.recover import recover_index  # noqa: PLC0415  # h5py is an extra

    done = recover_index(arguments.stream_id, arguments.session_id, arguments.base_dir, arguments.also)
    made, index, path = done.made, done.index, done.index_path
    if arguments.json:
        print(json.dumps({"made": [str(one) for one in made], "index": index.as_dict()}))
        return 0
    for one in made:
        print(f"made {printable(str(one), MAX_PATH)}")
    where = "no index, which only a recorder's directories have"
    if path is not None:
        where = f"index {printable(str(path), MAX_PATH)}"
    print(f"{index.frames_written} frames, {index.frames_lost} lost; {where}")
    return 0
