"""Real senders in processes of their own, senders of raw bytes, and recorders."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from receivers.g3.recorder import G3Recorder
from receivers.g3.source import G3Source
from receivers.recorder.options import Options
from tests.receivers.g3.frames import tags

PROGRAM = Path(__file__).with_name("sender_program.py")
TIMEOUT = 30.0


def wait_for(is_so: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)  # a poll with a deadline


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Sender:
    """Speaks through the library's own sender."""

    def __init__(self, port: int | None = None) -> None:
        self.port = free_port() if port is None else port
        self._process = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(self.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout.readline() == "ready\n"

    def send(self, *commands: dict[str, Any]) -> None:
        self._process.stdin.write(json.dumps(list(commands)) + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "sent\n"

    def flow(self, value: int, kind: str = "none") -> None:
        self.send({"kind": kind, "values": {"sostream_flowcontrol": value}})

    def start(self) -> None:
        self.flow(1)

    def end(self) -> None:
        self.flow(2)
        self.flow(3, "Observation")
        self.flow(3, "Wiring")

    def begin(self, **ids: Any) -> None:
        self.start()
        self.send({"kind": "Observation", "values": tags(0, **ids)})
        self.send({"kind": "Wiring", "values": {"status": '{"a": 1}', "dump": True, **tags(1, **ids)}})

    def scans(self, first: int, end: int, size: int = 8, **ids: Any) -> None:
        self.send(*({"kind": "Scan", "values": tags(at, **ids), "size": size} for at in range(first, end)))

    def kill(self) -> None:
        self._process.kill()
        self.close()

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.stdin.close()
            try:
                self._process.wait(TIMEOUT)
            finally:
                self._process.kill()
        self._process.wait(TIMEOUT)
        self._process.stdin.close()
        self._process.stdout.close()


class RawSender:
    """Sends any bytes, to one reader after the other."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(TIMEOUT)
        self.port = int(self._listener.getsockname()[1])

    def serve(self, data: bytes) -> None:
        """Give one reader `data`, and leave."""
        with self.hold(data):
            pass

    def hold(self, data: bytes) -> socket.socket:
        """Give one reader `data`, and stay."""
        connection, _ = self._listener.accept()
        connection.sendall(data)
        return connection

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def sender() -> Iterator[Sender]:
    made = Sender()
    yield made
    made.close()


@pytest.fixture
def raw_sender() -> Iterator[RawSender]:
    made = RawSender()
    yield made
    made.close()


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def record(tmp_path: Path, told: list[str]) -> Iterator[Callable[..., G3Recorder]]:
    """Start a recorder of what is sent at `port`."""
    made: list[G3Recorder] = []

    def start(port: int, **options: Any) -> G3Recorder:
        directory = options.pop("directory", tmp_path / "data")
        directory.mkdir(exist_ok=True)
        how = Options((directory,), min_free_bytes=0, **options)
        made.append(G3Recorder(G3Source("127.0.0.1", port), how, told.append))
        made[-1].start()
        return made[-1]

    yield start
    for recorder in made:
        recorder.close()
