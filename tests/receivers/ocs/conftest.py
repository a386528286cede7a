"""A real router and agents in processes of their own, and the parts of OCS that an agent class touches."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ocs", reason="OCS is not installed (extra ocs)")
pytest.importorskip("ocs.ocs_agent")  # opens what the whole process keeps, so not within a test

REPOSITORY = Path(__file__).resolve().parents[3]
CROSSBAR = REPOSITORY / "build" / "crossbar" / "bin" / "crossbar"
TIMEOUT = 60.0
ALL = {"call": True, "register": True, "publish": True, "subscribe": True}


def wait_for(is_so: Callable[[], Any], what: str, timeout: float = TIMEOUT) -> Any:
    deadline = time.monotonic() + timeout
    while not (found := is_so()):
        assert time.monotonic() < deadline, what
        time.sleep(0.05)  # a poll with a deadline
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Process:
    """A program whose output goes to a file."""

    def __init__(self, log: Path, *command: object, **environment: str) -> None:
        self._log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                start_new_session=True,
            )

    @property
    def text(self) -> str:
        return self._log.read_text(errors="replace")

    def end(self, how: int = signal.SIGTERM) -> int:
        """End it, and whatever it has started; gives its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            code = self.process.wait(TIMEOUT)
        finally:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()
        return code


class Router:
    """A crossbar on loopback, and the configuration of a site that uses it."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.directory = directory
        directory.mkdir()
        (directory / "config.json").write_text(json.dumps(self._config()))
        self._process: Process | None = None

    def start(self) -> None:
        log = self.directory / "log"
        log.unlink(missing_ok=True)
        command = (CROSSBAR, "start", "--cbdir", self.directory, "--loglevel", "info", "--color", "false")
        self._process = Process(log, *command)
        wait_for(lambda: "NODE_BOOT_COMPLETE" in self._process.text, "the router does not start")

    def kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.end(signal.SIGKILL)
            (self.directory / "node.pid").unlink(missing_ok=True)

    def write_site(self, path: Path, arguments: list[list[str]]) -> None:
        hub = f"127.0.0.1:{self.port}"
        site = {
            "hub": {
                "wamp_server": f"ws://{hub}/ws",
                "wamp_http": f"http://{hub}/call",
                "wamp_realm": "test_realm",
                "address_root": "observatory",
            },
            "hosts": {
                "localhost": {
                    "agent-instances": [
                        {"agent-class": "OcsRecorder", "instance-id": "recorder", "arguments": arguments}
                    ]
                }
            },
        }
        path.mkdir()
        (path / "default.yaml").write_text(json.dumps(site))  # JSON is YAML

    def _config(self) -> dict[str, Any]:
        roles = [
            {"name": name, "permissions": [{"uri": "observatory.", "match": "prefix", "allow": ALL}]}
            for name in ("iocs_agent", "iocs_controller")
        ]
        anonymous = {"anonymous": {"type": "static", "role": "iocs_agent"}}
        call = {"type": "caller", "realm": "test_realm", "role": "iocs_controller", "options": {}}
        transport = {
            "type": "web",
            "endpoint": {"type": "tcp", "port": self.port, "interface": "127.0.0.1"},
            "paths": {
                "info": {"type": "nodeinfo"},
                "ws": {"type": "websocket", "auth": anonymous},
                "call": call,
            },
        }
        realm = {"name": "test_realm", "roles": roles}
        worker = {"type": "router", "realms": [realm], "transports": [transport]}
        return {"version": 2, "controller": {}, "workers": [worker]}


@pytest.fixture
def router(tmp_path: Path) -> Iterator[Router]:
    if not CROSSBAR.exists():
        pytest.skip("no router: make build/crossbar")
    made = Router(tmp_path / "crossbar")
    made.start()
    yield made
    made.kill()


@pytest.fixture
def launch(tmp_path: Path, router: Router) -> Iterator[Callable[..., Process]]:
    """Start the agent as OCS does, with the arguments of a site configuration."""
    processes: list[Process] = []

    def start(*arguments: list[str]) -> Process:
        router.write_site(tmp_path / "site", list(arguments))
        command = (Path(sys.executable).with_name("ocs-agent-cli"), "--instance-id", "recorder")
        processes.append(Process(tmp_path / "agent.log", *command, OCS_CONFIG_DIR=str(tmp_path / "site")))
        return processes[-1]

    yield start
    for process in processes:
        process.end()


class StubAgent:
    """What `OcsRecorder` uses of the agent of OCS."""

    def __init__(self) -> None:
        self.log = logging.getLogger("stub")
        self.feeds: dict[str, dict[str, Any]] = {}
        self.published: list[dict[str, Any]] = []

    def register_feed(self, name: str, **options: Any) -> None:
        self.feeds[name] = options

    def publish_to_feed(self, name: str, message: dict[str, Any]) -> None:
        assert name in self.feeds
        self.published.append(message)


class StubSession:
    def __init__(self) -> None:
        self.data: dict[str, Any] = {}
        self.degraded = False
        self.status = "running"

    def set_status(self, status: str) -> None:
        self.status = status


@pytest.fixture
def stub_agent() -> StubAgent:
    return StubAgent()


@pytest.fixture
def session() -> StubSession:
    return StubSession()
