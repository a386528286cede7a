"""Device servers in processes of their own, on loopback, with a file in the place of the database."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import tango

DEVICE = "test/xspress3/1"
INSTANCE = "test"
START_TIME = 30.0
CALL_TIME = 3.0
"""Seconds that clients wait by default; no call may take longer."""
PROPERTIES = {
    "Library": "sim",
    "Channels": 4,
    "RingFrames": 4096,
    "StreamerPort": 0,
    "MonitorPort": 0,
}


class Server:
    """`python -m tango_device`, started, watched and ended by its process id."""

    def __init__(self, folder: Path, *, has_file: bool = True, **properties: object) -> None:
        self.folder = folder
        self.file = folder / "properties.txt"
        self.port = _free_port()
        if not self.file.exists():
            self._write_properties({**PROPERTIES, **properties})
        self.log = (folder / "server.log").open("a")
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tango_device", INSTANCE),
                *([f"-file={self.file}"] if has_file else ["-nodb", "-dlist", DEVICE]),
                *("-ORBendPoint", f"giop:tcp:127.0.0.1:{self.port}"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            env={name: value for name, value in os.environ.items() if name != "TANGO_HOST"},
        )
        self.proxy = self._connect()

    def _write_properties(self, properties: dict[str, object]) -> None:
        lines = [f'Xspress3DS/{INSTANCE}/DEVICE/Xspress3DS: "{DEVICE}"']
        lines += [f"{DEVICE}->{name}: {value}" for name, value in properties.items()]
        self.file.write_text("\n".join(lines) + "\n")

    @property
    def url(self) -> str:
        return f"tango://127.0.0.1:{self.port}/{DEVICE}#dbase=no"

    def _connect(self) -> tango.DeviceProxy:
        deadline = time.monotonic() + START_TIME
        while True:
            try:
                proxy = tango.DeviceProxy(self.url)
                proxy.ping()
                return proxy
            except tango.DevFailed:
                has_ended = self.process.poll() is not None
                if has_ended or time.monotonic() > deadline:
                    raise AssertionError((self.folder / "server.log").read_text()) from None
                time.sleep(0.1)  # a server that starts has nothing to wait on

    @property
    def writer(self) -> psutil.Process:
        """The built-in writer, the only process that a server starts."""
        (writer,) = psutil.Process(self.process.pid).children()
        return writer

    def kill(self) -> None:
        """As a power cut does."""
        self.process.kill()
        self.process.wait()
        self.log.close()

    def close(self) -> int:
        """End it as its starter does; gives the exit code."""
        self.process.terminate()
        try:
            return self.process.wait(30)
        finally:
            self.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(proxy: tango.DeviceProxy, state: tango.DevState, timeout: float = 15.0) -> None:
    """Wait until the device is in `state`."""
    deadline = time.monotonic() + timeout
    while (now := proxy.state()) != state:
        assert time.monotonic() < deadline, f"{now} instead of {state}: {proxy.status()}"
        time.sleep(0.002)
