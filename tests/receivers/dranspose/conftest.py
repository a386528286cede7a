"""One cluster for all tests, with its own ingester and two of ours; and who sends to them."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from examples.dranspose.cluster import Cluster, Ingester, free_port
from tests.receivers.conftest import Sender

OLD, ONE, FOUR = "old", "xspress3", "fours"
"""Streams: the old dialect, ours with one frame in an event, and with four."""
HERE = "tests.receivers.dranspose.old_worker"
PATIENCE = 60.0


class Site:
    """A cluster, and the addresses at which its ingesters look for streams."""

    def __init__(self, cluster: Cluster, ports: dict[str, int]) -> None:
        self.cluster = cluster
        self.ports = ports

    def post(self, sender: Sender, n_events: int, stream: str = ONE) -> None:
        """Post a map while `sender` answers whoever joins; they have joined afterwards."""
        self.meanwhile(lambda: self.cluster.post_map(stream, n_events), sender)
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


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    pytest.importorskip("dranspose", reason="dranspose is not installed: pip install dranspose")
    if shutil.which("redis-server") is None:
        pytest.skip("no redis-server: apt-get install redis-server")
    ports = {stream: free_port() for stream in (OLD, ONE, FOUR)}
    urls = {stream: f"tcp://127.0.0.1:{port}" for stream, port in ports.items()}
    ours = "receivers.dranspose:Xspress3Ingester"
    quick = {"XSPRESS3_SILENCE_TIMEOUT": "1", "XSPRESS3_PATIENCE": "60"}
    ingesters = [
        Ingester(OLD, "ZmqSubXspressIngester", urls[OLD]),
        Ingester(ONE, ours, urls[ONE], quick),
        Ingester(FOUR, ours, urls[FOUR], {**quick, "XSPRESS3_FRAMES_PER_EVENT": "4"}),
    ]
    names = {"worker": f"{HERE}:OldWorker", "reducer": f"{HERE}:OldReducer"}
    directory = Path(tmp_path_factory.mktemp("cluster"))
    with Cluster(directory, ingesters, **names) as cluster:
        yield Site(cluster, ports)


@pytest.fixture
def cluster_sender(site: Site) -> Iterator[Sender]:
    """A stream where the ingester for single frames looks for it; a new one for each test."""
    yield from _sender(site, ONE)


@pytest.fixture
def fours_sender(site: Site) -> Iterator[Sender]:
    """The same for the ingester with four frames in an event."""
    yield from _sender(site, FOUR)


_SESSIONS = iter(range(1763683200, 1 << 31))


def _sender(site: Site, stream: str) -> Iterator[Sender]:
    made = Sender(f"tcp://127.0.0.1:{site.ports[stream]}")
    made.session_id = next(_SESSIONS)
    yield made
    made.close()
