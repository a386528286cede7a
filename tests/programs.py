"""Our programs as processes of their own, for tests of the whole way."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

TIMEOUT = 18


@contextmanager
def running(module: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """The program `module` with its output to read; killed when it is left."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def run(module: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """The program `module`, run to its end."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)


def next_event(process: subprocess.Popen[str], event: str) -> dict[str, Any]:
    """The next JSON line that `xspress3 serve --json` prints of that event."""
    for line in process.stdout:
        told = json.loads(line)
        if told["event"] == event:
            return told
    raise AssertionError(f"ended without {event}: {process.communicate()[1]}")


def serve(*arguments: object) -> Any:
    """`xspress3 serve` with the simulator, on ports of its own, telling in JSON."""
    ports = ("--port", 0, "--monitor-port", 0)
    return running("xspress3.cli", "serve", "--json", "--library", "sim", *ports, *arguments)


def data_port(server: subprocess.Popen[str]) -> int:
    """Port that a server listens on."""
    port = urlsplit(next_event(server, "listening")["data"]).port
    assert port is not None
    return port


def write_session(server: subprocess.Popen[str], directory: Path, *arguments: object) -> dict[str, Any]:
    """Write one session of `server` with `xspress3-receiver write`; what it said of it."""
    options = ("--port", data_port(server), "--directory", directory, "--sessions", 1, "--quiet", "--json")
    done = run("receivers.cli", "write", *options, *arguments)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)["sessions"][0]
    return report
