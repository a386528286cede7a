"""`xspress3 demo`: simulator, streamer and writing receiver at work, as separate processes.

::

    this process -- starts --> xspress3 serve (simulator)  == zmq ==>  xspress3-receiver write
                 -- then   --> xspress3-receiver show FILE

Where PyTango is installed the demonstration goes through the Tango device, see `tango_device.demo`.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

from xspress3.terminal import ends_on_sigterm

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

__all__ = ["add_to", "run"]

SHUTDOWN_TIMEOUT = 20.0
TURN = 0.2
_KEYS = (
    "XSPRESS3_CURVE_SECRET_KEY",
    "XSPRESS3_CURVE_ALLOWED_KEYS",
    "XSPRESS3_READER_KEY",
    "XSPRESS3_SERVER_KEY",
)
"""Variables that the demonstration, which needs no keys, does not hand on."""


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("demo", help="see a simulated detector being acquired, streamed and written")
    parser.add_argument("--frames", type=int, default=2000, metavar="N", help="(default: %(default)s)")
    parser.add_argument(
        "--exposure", type=float, default=0.002, metavar="S", help="frame period (default: %(default)s)"
    )
    parser.add_argument("--channels", type=int, default=4, metavar="N", help="(default: %(default)s)")
    parser.add_argument(
        "--directory", metavar="DIR", help="where the file goes (default: a new temporary one)"
    )
    parser.add_argument(
        "--no-tango",
        action="store_true",
        help="the short way, without a Tango device even where there is one",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the demonstration and show what was written."""
    if not arguments.no_tango and all(importlib.util.find_spec(name) for name in ("tango", "databaseds")):
        return _run_tango(arguments)
    return _run_short(arguments)


def _run_tango(arguments: argparse.Namespace) -> int:
    """The long way, with a database and a device: a program of its own, for nothing here knows Tango."""
    options = [f"--{name}={getattr(arguments, name)}" for name in ("frames", "exposure", "channels")]
    if arguments.directory:
        options.append(f"--directory={arguments.directory}")
    with ends_on_sigterm(), _process(_python("tango_device.demo", *options)) as program:
        return program.wait()


def _run_short(arguments: argparse.Namespace) -> int:
    """The short way: three programs and a stream between them."""
    directory = Path(arguments.directory or tempfile.mkdtemp(prefix="xspress3-demo-"))
    frames = f"{arguments.frames} frames of {arguments.exposure} s"
    print(f"Simulated Xspress3: {arguments.channels} channels, {frames}")
    try:
        with ends_on_sigterm():
            path = _take(arguments, directory)
            print(flush=True)
            command = _python("receivers.cli", "show", path)
            return subprocess.run(command, check=False).returncode  # noqa: S603  # our own program
    except _ChildFailedError as error:
        return error.exit_code  # it has said why by itself


def _take(arguments: argparse.Namespace, directory: Path) -> str:
    """Let one session be acquired, streamed and written; gives the path of its file."""
    with _process(_serve_command(arguments), stdout=subprocess.PIPE) as server:
        port = urlsplit(_next_event(server, "listening")["data"]).port
        print(f"streaming at tcp://127.0.0.1:{port}, writing to {directory}", flush=True)
        with _process(_write_command(directory, port), stdout=subprocess.PIPE) as writer:
            _wait_any(server, writer)
            written = _output(writer)
        _output(server)
    path: str = json.loads(written)["sessions"][0]["path"]
    return path


class _ChildFailedError(Exception):
    """A program of ours ended with an exit code."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


def _wait_any(server: subprocess.Popen[str], writer: subprocess.Popen[str]) -> None:
    """Wait until the writer has ended; when the server failed first, nothing will ever come."""
    while writer.poll() is None:
        try:
            writer.wait(TURN)
        except subprocess.TimeoutExpired:
            if server.poll():
                raise _ChildFailedError(server.returncode) from None


def _python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]


def _serve_command(arguments: argparse.Namespace) -> list[str]:
    options = {
        "--library": "sim",
        "--sim": f"channels={arguments.channels}",
        "--port": 0,
        "--monitor-port": 0,
        "--exposure": arguments.exposure,
        "--frames": arguments.frames,
        "--wait-readers": 1,
    }
    words = [str(word) for option in options.items() for word in option]
    return _python("xspress3.cli", "serve", "--json", *words)


def _write_command(directory: Path, port: int | None) -> list[str]:
    return _python(
        "receivers.cli",
        "write",
        "--port",
        str(port),
        "--directory",
        str(directory),
        "--sessions",
        "1",
        "--json",
    )


@contextmanager
def _process(command: list[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A running program of ours, asked to end, then made to, when it is left."""
    environment = {name: value for name, value in os.environ.items() if name not in _KEYS}
    process: subprocess.Popen[str] = subprocess.Popen(  # noqa: S603
        command, text=True, env=environment, **options
    )
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(SHUTDOWN_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _next_event(process: subprocess.Popen[str], event: str) -> dict[str, Any]:
    for line in _lines(process):
        told: dict[str, Any] = json.loads(line)
        if told["event"] == event:
            return told
    raise _ChildFailedError(process.wait() or 1)


def _lines(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdout is not None  # opened as a pipe
    return process.stdout


def _output(process: subprocess.Popen[str]) -> str:
    """All that a program still prints until it ends by itself, and ends well."""
    text = _lines(process).read()
    if process.wait():
        raise _ChildFailedError(process.returncode)
    return text
