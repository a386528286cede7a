"""`python -m tango_device.demo`: a database, the device and a client, as a beamline has them.

::

    this process -- starts --> PyDatabaseds (SQLite)  <-- registers --  Xspress3DS, its writer
                 -- DeviceProxy: Arm, SoftwareTrigger --> Xspress3DS  == zmq ==>  writer --> FILE
                 -- then   --> xspress3-receiver show FILE
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import tango

from xspress3.errors import StateError
from xspress3.terminal import ends_on_sigterm, run_program, say

__all__ = ["DEVICE", "connect", "database", "device_server", "main", "register"]

DEVICE = "demo/xspress3/1"
INSTANCE = "demo"
START_TIME = 30.0
END_TIME = 30.0
TURN = 0.05
"""Seconds between two looks at what gives no sign by itself."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demonstration in `argv`; gives the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tango_device.demo", description="See the device at work."
    )
    parser.add_argument("--frames", type=int, default=2000, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--exposure", type=float, default=0.002, metavar="S", help="(default: %(default)s)")
    parser.add_argument("--channels", type=int, default=4, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--directory", metavar="DIR", help="where files go (default: a new temporary one)")
    arguments = parser.parse_args(argv)
    return run_program(parser.prog, lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> int:
    directory = Path(arguments.directory or tempfile.mkdtemp(prefix="xspress3-demo-")).resolve()
    with ExitStack() as stack:
        stack.enter_context(ends_on_sigterm())
        host = stack.enter_context(database(directory))
        register(arguments.channels)
        stack.enter_context(device_server(directory))
        proxy = connect()
        say(f"TANGO_HOST={host}, device {DEVICE}, logs in {directory}")
        path = _take(proxy, arguments, directory / "demo.h5")
    say("")
    command = [sys.executable, "-m", "receivers.cli", "show", path]
    code = subprocess.run(command, check=False).returncode  # noqa: S603  # our own program
    _tell_how(directory, arguments.channels)
    return code


@contextmanager
def _process(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A running program that is asked to end, then made to, when it is left."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)  # noqa: S603
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(END_TIME)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def database(directory: Path) -> Iterator[str]:
    """A database server on a free port of this host only, with its tables in a file; gives its address."""
    log, file = directory / "database.log", directory / "tango.db"
    os.environ["PYTANGO_DATABASE_NAME"] = str(file)
    command = [sys.executable, "-m", "databaseds.database", "--host", "127.0.0.1", "--port", "0"]
    with _process([*command, "--print-host-port", "2"], log) as process:
        os.environ["TANGO_HOST"] = host = _host_port(process, log)
        yield host


def _host_port(process: subprocess.Popen[bytes], log: Path) -> str:
    """What the database server prints once it listens."""
    deadline = time.monotonic() + START_TIME
    while process.poll() is None and time.monotonic() < deadline:
        found = re.search(r"listening on: host=([\w.]+), port=(\d+)", log.read_text(errors="replace"))
        if found:
            return f"{found[1]}:{found[2]}"
        time.sleep(TURN)
    raise StateError(f"the database server did not start, see {log}; it comes with: pip install pytango-db")


def register(channels: int) -> None:
    """Tell the database of a device with a simulated detector."""
    database = tango.Database()
    info = tango.DbDevInfo()
    info.name, info._class, info.server = DEVICE, "Xspress3DS", f"Xspress3DS/{INSTANCE}"
    database.add_device(info)
    properties = {"Library": "sim", "Channels": channels, "StreamerPort": 0, "MonitorPort": 0}
    database.put_device_property(DEVICE, {name: [str(value)] for name, value in properties.items()})


@contextmanager
def device_server(directory: Path) -> Iterator[None]:
    """The server of that device, with its log in `directory`."""
    command = [sys.executable, "-m", "tango_device", INSTANCE, "-ORBendPoint", "giop:tcp:127.0.0.1:0"]
    with _process(command, directory / "device.log"):
        yield


def connect() -> tango.DeviceProxy:
    """The device, once it answers and is ready."""
    deadline = time.monotonic() + START_TIME
    while True:
        try:
            proxy = tango.DeviceProxy(DEVICE)
            if proxy.state() not in (tango.DevState.INIT, tango.DevState.FAULT):
                return proxy
            text = proxy.status()
        except tango.DevFailed as error:
            text = error.args[-1].desc
        if time.monotonic() > deadline or "FAULT" in text:
            raise StateError(f"{DEVICE} is not ready: {text}")
        time.sleep(TURN)


def _take(proxy: tango.DeviceProxy, arguments: argparse.Namespace, path: Path) -> str:
    """One session, started by one software trigger, seen through the attributes; gives its file."""
    try:
        proxy.ExposureTime = arguments.exposure
        proxy.nFramesPerTrigger = arguments.frames
        proxy.DestinationFileName = str(path)
        proxy.Arm()
        proxy.SoftwareTrigger()
    except tango.DevFailed as error:
        raise StateError(f"{error.args[0].reason}: {error.args[0].desc}") from None
    told = 0.0
    while proxy.state() == tango.DevState.RUNNING:
        if time.monotonic() - told > 1:
            told = time.monotonic()
            say(
                f"RUNNING: {proxy.nFramesAcquired} acquired, {proxy.nFramesWritten} written, "
                f"dead time {max(proxy.DeadTime):.1f} %"
            )
        time.sleep(TURN)
    say(proxy.status())
    if proxy.state() != tango.DevState.STANDBY:
        raise StateError(proxy.status())
    file: str = proxy.LastFile
    return file


def _tell_how(directory: Path, channels: int) -> None:
    """The same, line by line, for somebody who wants to do it by hand."""
    python = sys.executable
    say(f"""
The same by hand, in three terminals (the first two lines in each):

    export TANGO_HOST=127.0.0.1:11000 PYTANGO_DATABASE_NAME={directory}/by-hand.db
    export PATH={Path(python).parent}:$PATH

    PyDatabaseds --host 127.0.0.1 --port 11000 2

    python -c 'import tango; db = tango.Database(); i = tango.DbDevInfo(); i.name = "{DEVICE}"
    i._class = "Xspress3DS"; i.server = "Xspress3DS/{INSTANCE}"; db.add_device(i)
    db.put_device_property("{DEVICE}", {{"Library": ["sim"], "Channels": ["{channels}"]}})'
    Xspress3DS {INSTANCE} -ORBendPoint giop:tcp:127.0.0.1:0

    python
    >>> import tango; xs = tango.DeviceProxy("{DEVICE}")
    >>> xs.ExposureTime = 0.002; xs.nFramesPerTrigger = 500
    >>> xs.DestinationFileName = "{directory}/by-hand.h5"
    >>> xs.Arm(); xs.SoftwareTrigger()
    >>> print(xs.status()); xs.OutputCountRate
""")


if __name__ == "__main__":
    sys.exit(main())
