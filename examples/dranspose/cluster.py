"""A dranspose cluster on this machine: redis, controller, reducer, workers, ingesters as processes.

The sockets between ingester, workers and reducer listen on all interfaces, whatever their URL says, and
what workers send is unpacked with pickle: use it on networks that you trust, or in a network namespace.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

__all__ = ["Cluster", "Ingester", "free_port"]

REPOSITORY = Path(__file__).resolve().parents[2]
LOOPBACK = "127.0.0.1"
START_TIMEOUT = 90.0
END_TIMEOUT = 5.0
HTTP_TIMEOUT = 60.0
TURN = 0.05
ROOT = "/"
PORTS = 20000, 32768
_given: set[int] = set()


def free_port() -> int:
    """A port of this machine that nobody uses just now, another one each time.

    It is not one of those that the system gives to outgoing connections, which might take it before
    the program comes up that it is meant for.
    """
    while True:
        port = random.randrange(*PORTS)  # noqa: S311  # not a secret
        if port not in _given and _can_bind(port):
            _given.add(port)
            return port


def _can_bind(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
        return True


@dataclass(frozen=True)
class Ingester:
    """One ingester: name of its stream, its class, where the stream comes from, and its environment."""

    stream: str
    kind: str
    url: str
    environment: Mapping[str, str] = field(default_factory=dict)


class Cluster:
    """Started when it is entered, ended by process id when it is left::

        with Cluster(directory, [Ingester("xspress3", OURS, "tcp://127.0.0.1:9999")]) as cluster:
            cluster.post_map("xspress3", n_frames=600)
            ...                       # arm the detector
            cluster.wait_finished(timeout=60)
            counts = cluster.published("/counts/in_window0")

    Parameters
    ----------
    directory
        Where each process writes what it prints, in a file of its own.
    """

    def __init__(
        self,
        directory: Path,
        ingesters: list[Ingester],
        *,
        worker: str = "receivers.dranspose:XrfMapWorker",
        reducer: str = "receivers.dranspose:XrfMapReducer",
        n_workers: int = 2,
    ) -> None:
        self._directory = directory
        self._ingesters = ingesters
        self._worker, self._reducer = worker, reducer
        self._n_workers = n_workers
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._commands: dict[str, tuple[list[str], dict[str, str]]] = {}
        self.controller_url = f"http://{LOOPBACK}:{free_port()}"
        self.reducer_url = f"http://{LOOPBACK}:{free_port()}"
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(REPOSITORY),
            "PYTHONUNBUFFERED": "1",
            "REDUCER_URL": f"tcp://{LOOPBACK}:{free_port()}",
        }

    def __enter__(self) -> Cluster:
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _start(self) -> None:
        self._start_redis()
        module = [sys.executable, "-m"]
        address = ["--host", LOOPBACK, "--port"]
        # Not `dranspose controller`, whose port cannot be chosen.
        controller = [*module, "uvicorn", "dranspose.controller:app", *address, _port(self.controller_url)]
        self._run("controller", controller)
        dranspose = [*module, "dranspose.cli"]
        self._run("reducer", [*dranspose, "reducer", *address, _port(self.reducer_url), "-c", self._reducer])
        # A worker that looks for it too early drops its results for a second, and the map is never done.
        self.wait(self._has_reducer, START_TIMEOUT, "the reducer is known")
        for number in range(1, self._n_workers + 1):
            self._run(f"worker{number}", [*dranspose, "worker", "-n", f"w{number}", "-c", self._worker])
        for ingester in self._ingesters:
            self._run(
                f"ingester-{ingester.stream}",
                [*dranspose, "ingester", "-n", ingester.stream, "-c", ingester.kind, "-u", ingester.url],
                INGESTER_URL=f"tcp://{LOOPBACK}:{free_port()}",
                **ingester.environment,
            )
        self.wait(self._is_complete, START_TIMEOUT, "all parts know each other")

    def _start_redis(self) -> None:
        server = shutil.which("redis-server")
        if server is None:
            raise FileNotFoundError("no redis-server; install it, for example: apt-get install redis-server")
        port = free_port()
        options = {"--bind": LOOPBACK, "--port": port, "--save": "", "--appendonly": "no"}
        words = [str(word) for option in options.items() for word in option]
        self._run("redis", [server, *words, "--dir", str(self._directory)])
        self._environment["REDIS_URL"] = f"redis://{LOOPBACK}:{port}/0"
        self.wait(lambda: _listens(port), START_TIMEOUT, "redis listens")

    def _run(self, name: str, command: list[str], **environment: str) -> None:
        self._commands[name] = command, environment
        with (self._directory / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(  # programs named above
                command,
                cwd=REPOSITORY,
                env={**self._environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _has_reducer(self) -> bool:
        try:
            return self.controller("config")["reducer"] is not None
        except OSError:
            return False

    def _is_complete(self) -> bool:
        try:
            config = self.controller("config")
        except OSError:
            return False
        streams = {ingester.stream for ingester in self._ingesters}
        known = [{s for i in worker["ingesters"] for s in i["streams"]} for worker in config["workers"]]
        pinged = [len(ingester["connected_workers"]) for ingester in config["ingesters"]]
        return (
            len(known) == self._n_workers
            and all(names == streams for names in known)
            and pinged == [self._n_workers] * len(streams)
            and _have_parameters(config)
        )

    def wait(self, condition: Callable[[], object], timeout: float, what: str) -> None:
        """Wait until `condition` holds, as long as all processes live.

        Raises
        ------
        TimeoutError
            When it does not within `timeout` s.
        RuntimeError
            When a process has ended, with the last it printed.
        """
        deadline = time.monotonic() + timeout
        while not condition():
            for name, process in self._processes.items():
                if process.poll() is not None:
                    raise RuntimeError(f"{name} ended with {process.returncode}: {self.log(name)[-2000:]}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {timeout} s: {what}")
            time.sleep(TURN)

    def log(self, name: str) -> str:
        """What a process has printed."""
        return (self._directory / f"{name}.log").read_text(errors="replace")

    def kill(self, name: str) -> None:
        """End a process as a power cut does; what the others make of it is their affair."""
        process = self._processes.pop(name)
        process.kill()
        process.wait()

    def restart(self, name: str) -> None:
        """Start a killed process again, and wait until all parts know the new one.

        The controller knows the old one for 10 s longer, and takes no notice that it is gone; an event for
        a worker that has not found the new ingester yet would be lost.
        """
        before = self._identities()
        command, environment = self._commands[name]
        self._run(name, command, **environment)
        self.wait(
            lambda: self._identities() - before and self._is_complete(),
            START_TIMEOUT,
            f"{name} is known to all",
        )

    def _identities(self) -> set[str]:
        return {part["service_uuid"] for part in self._parts()}

    def _parts(self) -> list[dict[str, Any]]:
        """Workers, ingesters and reducer, as far as they are known to a controller that answers."""
        try:
            config = self.controller("config")
        except OSError:
            return []
        return [part for part in (*config["workers"], *config["ingesters"], config["reducer"]) if part]

    def pid(self, name: str) -> int:
        """Number of a process: `redis`, `controller`, `reducer`, `worker1`, `ingester-STREAM`."""
        return self._processes[name].pid

    def controller(self, path: str, said: Any = None) -> Any:
        """Answer of the controller to `/api/v1/` and `path`, asked with `said` as JSON where it is given."""
        return _ask(f"{self.controller_url}/api/v1/{path}", said)

    def post_map(
        self, stream: str, n_events: int, events_at_once: int = 1, others: Sequence[str] = ()
    ) -> None:
        """Let the cluster expect so many events of frames, `events_at_once` of them for the same worker.

        Each event has a part of the `others`, too, streams of positions for example.
        When it returns, our ingester has joined the stream: what is armed now is not missed.
        """
        # On a busy machine a part may not be heard of for some seconds; then its streams are not known.
        self.wait(self._is_complete, START_TIMEOUT, "all parts know each other")
        entries = [[{"constraint": number // events_at_once}] for number in range(n_events)]
        self.controller(
            "sequence", {"parts": {"main": dict.fromkeys((stream, *others), entries)}, "sequence": ["main"]}
        )
        # A controller that is asked for the next map before it began with this one may never answer.
        self.wait(lambda: self.progress()["last_assigned"], START_TIMEOUT, "the map is given out")

    def set_parameter(self, name: str, value: str) -> None:
        """Set a parameter of the workers, such as `rois`; it holds from the next session on."""
        _post(f"{self.controller_url}/api/v1/parameter/{name}", value.encode())

    def progress(self) -> dict[str, Any]:
        """How far the map is, see the controller of dranspose."""
        progress: dict[str, Any] = self.controller("progress")
        return progress

    def wait_finished(self, timeout: float) -> None:
        """Wait until all events of the map are done."""
        self.wait(lambda: self.progress()["finished"], timeout, "the map is done")

    def stop(self) -> None:
        """Give up what the map still waits for."""
        self.controller("stop", {})

    def published(self, path: str) -> Any:
        """A value or an array that the reducer publishes; `KeyError` where there is none."""
        dataset = _identifier("d", path)
        described = _ask(f"{self.reducer_url}/datasets/{dataset}")
        if described["shape"]["class"] == "H5S_SCALAR":
            return _ask(f"{self.reducer_url}/datasets/{dataset}/value")["value"]
        shape = described["shape"]["dims"]
        raw = _post(f"{self.reducer_url}/datasets/{dataset}/value", None)
        return np.frombuffer(raw, _DTYPES[described["type"]["base"]]).reshape(shape)

    def names(self, path: str = ROOT) -> list[str]:
        """What the reducer publishes in a group."""
        links = _ask(f"{self.reducer_url}/groups/{_identifier('g', path)}/links")["links"]
        return [link["title"] for link in links]

    def state(self) -> dict[str, Any]:
        """What `/state` says."""
        return {name: self.published(f"/state/{name}") for name in self.names("/state")}

    def close(self) -> None:
        """End all processes, redis last; a second call does nothing."""
        redis = self._processes.pop("redis", None)
        _end(list(self._processes.values()))
        self._processes.clear()
        _end([redis] if redis else [])


def _have_parameters(config: dict[str, Any]) -> bool:
    """Whether all have them.

    Otherwise the controller sends them again, and a part that hears of a map by that takes no part in it.
    """
    parts = (*config["workers"], *config["ingesters"], config["reducer"])
    return all(part and part["parameters_hash"] == config["parameters_hash"] for part in parts)


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    """Ask them to end, and make those that do not."""
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + END_TIMEOUT
    for process in processes:
        try:
            process.wait(max(deadline - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


_DTYPES = {"H5T_IEEE_F64LE": "<f8", "H5T_STD_U64LE": "<u8", "H5T_STD_I64LE": "<i8"}


def _identifier(kind: str, path: str) -> str:
    """By which dranspose knows a path, as h5pyd is told when it walks there."""
    return quote(f"{kind}-h5dict-{path.encode().hex().upper()}")


def _post(url: str, body: bytes | None) -> bytes:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=HTTP_TIMEOUT) as answer:  # noqa: S310
            raw: bytes = answer.read()
            return raw
    except urllib.error.HTTPError as error:
        text = error.read().decode(errors="replace")
        raise KeyError(f"{url}: {error.code} {text[:500]}") from None


def _ask(url: str, said: Any = None) -> Any:
    return json.loads(_post(url, None if said is None else json.dumps(said).encode()))


def _port(url: str) -> str:
    return url.rsplit(":", 1)[1]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0
