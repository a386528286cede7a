"""Keys on the way from the streamer into the cluster."""

from __future__ import annotations

import shutil

import pytest

from tests.receivers.dranspose.conftest import PATIENCE, SECRET
from xspress3.config import StreamerConfig
from xspress3.model import Acquisition
from xspress3.streamer import Streamer
from xspress3.testing import FakeDetector

pytestmark = pytest.mark.timeout(150)
STREAMS = (SECRET,)


@pytest.fixture
def guarded(site, keys):
    """A streamer that lets in whoever is listed, at the address of the ingester that has keys."""
    detector = FakeDetector()
    detector.finish(10)
    config = StreamerConfig(
        data_port=site.ports[SECRET],
        monitor_port=0,
        linger=2,
        curve_secret_key=str(keys.secret("server")),
        curve_allowed_keys=str(keys.clients),
    )
    with Streamer(detector, config) as streamer:
        yield streamer


@pytest.fixture
def listed(keys):
    place = keys.clients / "reader.key"
    shutil.copy(keys.public("reader"), place)
    yield
    place.unlink()


def test_a_listed_ingester_gets_every_frame(site, guarded, listed):
    site.cluster.post_map(SECRET, 10)
    guarded.wait_readers(1, timeout=PATIENCE)
    guarded.arm(Acquisition(exposure_time=0.001, frames_per_trigger=10)).wait(PATIENCE)
    site.cluster.wait_finished(PATIENCE)

    state = site.cluster.state()

    assert (state["state"], state["frames"], state["lost"]) == ("complete", 10, 0)


def test_an_ingester_that_is_not_listed_says_so_and_the_map_ends(site, guarded):
    site.cluster.post_map(SECRET, 10)
    site.cluster.wait_finished(PATIENCE)

    state = site.cluster.state()

    assert (state["state"], state["frames"]) == ("failed", 0)
    assert state["text"].startswith("StreamRefusedError: ")
    assert not guarded.status().readers
