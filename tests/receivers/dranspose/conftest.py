"""A cluster for the tests of a module, with ingesters of dranspose and of ours; and who sends to them."""

from __future__ import annotations

import json
import shutil
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import zmq

from examples.dranspose.cluster import Cluster, Ingester, free_port
from tests.keyring import Keyring, make_keyring
from tests.receivers.conftest import Sender

OLD, ONE, FOUR = "old", "xspress3", "fours"
"""Streams: the old dialect, ours with one frame in an event, and with four."""
PANDA, PANDA_RAW, SECRET = "panda", "panda-raw", "secret"
"""Positions by two ingesters of dranspose, as JSON and as text; and ours, with keys."""
THEIRS = {OLD: "ZmqSubXspressIngester", PANDA: "ZmqSubPCAPIngester", PANDA_RAW: "TcpPcapIngester"}
"""Ingesters of dranspose by stream."""
HERE = "tests.receivers.dranspose.old_worker"
PATIENCE = 60.0
SESSIONS = iter(range(1763683200, 1 << 31))
"""Numbers of sessions, each used once."""


class Site:
    """A cluster, and the addresses at which its ingesters look for streams."""

    def __init__(self, cluster: Cluster, ports: dict[str, int]) -> None:
        self.cluster = cluster
        self.ports = ports

    def post(self, sender: Sender, n_events: int, stream: str = ONE, others: Sequence[str] = ()) -> None:
        """Post a map while `sender` answers whoever joins; they have joined afterwards."""
        self.meanwhile(lambda: self.cluster.post_map(stream, n_events, others=others), sender)
        assert sender._publisher.n_readers == 1

    def finish(self, sender: Sender) -> dict:
        """Wait for the end of the map; gives the state that the reducer publishes."""
        self.meanwhile(lambda: self.cluster.wait_finished(PATIENCE), sender)
        return self.cluster.state()

    @staticmethod
    def meanwhile(call: Callable[[], object], sender: Sender) -> None:
        errors: list[BaseException] = []

        def run() -> None:
            try:
                call()
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        while thread.is_alive():
            sender._publisher.serve(0.02)
        thread.join()
        if errors:
            raise errors[0]


class Panda:
    """The box that counts positions, as its sender of JSON messages; opened once a map is posted."""

    def __init__(self, port: int) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.XPUB)
        self._socket.linger = 2000
        self._socket.bind(f"tcp://127.0.0.1:{port}")

    def start(self) -> None:
        """Wait until dranspose listens, which makes a new socket for each map, and begin."""
        assert self._socket.poll(int(PATIENCE * 1000)), "the ingester did not subscribe"
        assert self._socket.recv() == b"\x01"
        self._send("series-start", arm_time="2024-10-07T08:49:10.627Z")

    def positions(self, first: int, rows: Sequence[float], columns: Sequence[float]) -> None:
        fields = {"INENC2.VAL.Mean": list(rows), "INENC1.VAL.Mean": list(columns)}
        self._send("data", frame_number=first, **fields)

    def end(self) -> None:
        self._send("series-end")

    def _send(self, kind: str, **said: Any) -> None:
        self._socket.send(json.dumps({"message_id": 1, "version": 1, "message_type": kind, **said}).encode())

    def close(self) -> None:
        self._socket.close()
        self._context.term()


class RawPanda:
    """The same as the box itself sends it: lines of text by TCP. It listens before a map is posted."""

    def __init__(self, port: int) -> None:
        self._listener = socket.create_server(("127.0.0.1", port))
        self._listener.settimeout(PATIENCE)
        self._socket: socket.socket | None = None

    def accept(self) -> None:
        """Wait for the ingester, which connects once a map has begun."""
        self._socket, _ = self._listener.accept()
        self._socket.settimeout(PATIENCE)
        assert self._socket.recv(1) == b"\n"
        self.send("OK\n")

    def send(self, text: str) -> None:
        assert self._socket is not None
        self._socket.sendall(text.encode())

    def close(self) -> None:
        self._listener.close()
        if self._socket is not None:
            self._socket.close()


def require_dranspose() -> None:
    """Skip the test where the cluster cannot run."""
    pytest.importorskip("dranspose", reason="dranspose is not installed: pip install dranspose")
    if shutil.which("redis-server") is None:
        pytest.skip("no redis-server: apt-get install redis-server")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keyring:
    """Of a server, and of the reader that our ingester is; it is listed when a test lets it in."""
    keyring = make_keyring(Path(tmp_path_factory.mktemp("keys")))
    (keyring.clients / "reader.key").unlink()
    return keyring


@pytest.fixture(scope="module")
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, keys: Keyring
) -> Iterator[Site]:
    """A cluster with the ingesters that the module names in `STREAMS`: even idle ones cost time."""
    require_dranspose()
    ports = {stream: free_port() for stream in request.module.STREAMS}
    ingesters = [_ingester(stream, f"tcp://127.0.0.1:{port}", keys) for stream, port in ports.items()]
    names = {"worker": f"{HERE}:OldWorker", "reducer": f"{HERE}:OldReducer"}
    directory = Path(tmp_path_factory.mktemp("cluster"))
    with Cluster(directory, ingesters, **names) as cluster:
        yield Site(cluster, ports)


def _ingester(stream: str, url: str, keys: Keyring) -> Ingester:
    if stream in THEIRS:
        return Ingester(stream, THEIRS[stream], url)
    options = {"XSPRESS3_SILENCE_TIMEOUT": "1", "XSPRESS3_PATIENCE": "60"}
    if stream == FOUR:
        options["XSPRESS3_FRAMES_PER_EVENT"] = "4"
    if stream == SECRET:
        options |= _reader_keys(keys)
    return Ingester(stream, "receivers.dranspose:Xspress3Ingester", url, options)


def _reader_keys(keys: Keyring) -> dict[str, str]:
    return {
        "XSPRESS3_READER_KEY": str(keys.secret("reader")),
        "XSPRESS3_SERVER_KEY": str(keys.public("server")),
    }


@pytest.fixture
def cluster_sender(site: Site) -> Iterator[Sender]:
    """A stream where the ingester for single frames looks for it; a new one for each test."""
    yield from _sender(site, ONE)


@pytest.fixture
def fours_sender(site: Site) -> Iterator[Sender]:
    """The same for the ingester with four frames in an event."""
    yield from _sender(site, FOUR)


def _sender(site: Site, stream: str) -> Iterator[Sender]:
    made = Sender(f"tcp://127.0.0.1:{site.ports[stream]}")
    made.session_id = next(SESSIONS)
    yield made
    made.close()
