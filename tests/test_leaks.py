"""The check that a test leaves nothing open works: each of these must fail, and say what was left."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]

LEAKS = {
    "thread": "import threading; threading.Thread(target=threading.Event().wait, args=(30,)).start()",
    "file": "global kept; kept = open(__file__)",
    "socket": "import socket; global kept; kept = socket.create_server(('127.0.0.1', 0))",
    "zmq socket": "import zmq; global kept; kept = zmq.Context().socket(zmq.PUB)",
    "zmq context": "import zmq; global kept; kept = zmq.Context(); kept.socket(zmq.PUB).close()",
    "process": "import subprocess; global kept; kept = subprocess.Popen(['sleep', '30'])",
}


@pytest.mark.parametrize("kind", LEAKS)
def test_what_a_test_leaves_open_fails_it(tmp_path, kind):
    (tmp_path / "conftest.py").write_text("from tests.conftest import *")
    (tmp_path / "test_it.py").write_text(f"def test_that_leaves_something_open():\n    {LEAKS[kind]}\n")
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", str(tmp_path)]

    # -W default: the guard must find it, not the warning of the interpreter.
    with subprocess.Popen(
        [*command, "-W", "default"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, "XSPRESS3_TEST_CLOSING_TIME": "0.2"},
    ) as process:
        output = read_until(process, "short test summary")
        process.kill()

    assert "left open" in output


def read_until(process: subprocess.Popen[str], mark: str) -> str:
    """Output up to the line with `mark`: a thread that was left keeps the process from ending."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if mark in line:
            break
    return "".join(lines)
