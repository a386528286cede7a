"""Other processes for the tests of shared memory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from xspress3.stream.shared.segment import DIRECTORY_VARIABLE, sweep

REPOSITORY = Path(__file__).resolve().parents[3]


class Peer:
    """A process of `peers.py`."""

    def __init__(self, what: str, **arguments: Any) -> None:
        command = [sys.executable, "-m", "tests.stream.shared.peers", what, json.dumps(arguments)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
        )
        self.pid = self.process.pid

    def hear(self) -> dict[str, Any]:
        """The next thing that it says."""
        line = self.process.stdout.readline()
        assert line, "the other process ended"
        return json.loads(line)

    def kill(self) -> None:
        """As with kill -9."""
        os.kill(self.pid, signal.SIGKILL)
        self.process.wait()

    def end(self) -> None:
        """Let it end by itself."""
        self.process.communicate()


@pytest.fixture
def peer() -> Iterator[Callable[..., Peer]]:
    """Starts a process of `peers.py`: `peer("read", ring_id=...)`."""
    peers: list[Peer] = []

    def start(what: str, **arguments: Any) -> Peer:
        peers.append(Peer(what, **arguments))
        return peers[-1]

    yield start
    for one in peers:
        one.process.kill()
        one.process.wait()
        one.process.stdin.close()
        one.process.stdout.close()
    sweep()


@pytest.fixture
def folder() -> Path:
    """Where segments are."""
    return Path(os.environ[DIRECTORY_VARIABLE])
