"""The agent under the real framework, with a real router that dies and comes back."""

from __future__ import annotations

import pytest

from tests.receivers.g3.conftest import Sender
from tests.receivers.g3.frames import SESSION, STREAM, numbers
from tests.receivers.ocs.conftest import wait_for
from xspress3.errors import SinkError

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def g3_sender():
    made = Sender()
    yield made
    made.close()


@pytest.fixture
def connect(tmp_path, monkeypatch):
    """Gives a client of the agent once both it and the router answer."""
    ocs_client = pytest.importorskip("ocs.ocs_client")
    http = pytest.importorskip("ocs.client_http")
    monkeypatch.setenv("OCS_CONFIG_DIR", str(tmp_path / "site"))

    def client():
        try:
            return ocs_client.OCSClient("recorder", args=[])
        except (RuntimeError, http.ControlClientError):
            return None

    return lambda: wait_for(client, "the agent does not answer")


def stream_of(client):
    streams = (client.record.status().session or {}).get("data", {}).get("streams")
    return streams[0] if streams else {}


@pytest.fixture
def data(tmp_path):
    """Where recordings go."""
    made = tmp_path / "data"
    made.mkdir()
    return made


def test_an_operator_starts_looks_at_and_stops_a_recording(launch, connect, g3_sender, data):
    launch(["--data-dir", str(data)], ["--address", "127.0.0.1"], ["--port", str(g3_sender.port)])
    client = connect()
    assert not client.record.status().session

    client.record.start()
    wait_for(lambda: stream_of(client).get("is_connected"), "not connected")
    g3_sender.begin()
    g3_sender.scans(2, 20)
    wait_for(lambda: stream_of(client)["counts"]["written"] == 20, "frames are not shown")
    assert client.set_monitored_channels(channels=[1]).session["success"] is False
    client.record.stop()
    ended = client.record.wait(timeout=30)

    assert ended.session["success"] is True
    assert ended.session["data"]["streams"][0]["state"] == "stopped"
    assert numbers(data / "17636" / STREAM / f"{SESSION}_000.g3") == list(range(2, 20))


def test_an_agent_without_its_directory_ends_and_says_so(launch, tmp_path):
    agent = launch(["--data-dir", str(tmp_path / "nowhere")])

    assert agent.process.wait(60) == SinkError.exit_code
    assert f"directory {tmp_path / 'nowhere'} does not exist" in agent.text
    assert "Traceback" not in agent.text


def test_recording_goes_on_while_the_router_is_dead_and_the_agent_comes_back(
    launch, connect, router, g3_sender, data
):
    agent = launch(
        ["--auto-start", "True"],
        ["--data-dir", str(data)],
        ["--address", "127.0.0.1"],
        ["--port", str(g3_sender.port)],
    )
    client = connect()
    wait_for(lambda: stream_of(client).get("is_connected"), "not connected")
    g3_sender.begin()
    path = data / "17636" / STREAM / f"{SESSION}_000.g3"

    router.kill()
    wait_for(lambda: "waiting for reconnection" in agent.text, "the loss was not seen")
    g3_sender.scans(2, 50)
    wait_for(lambda: path.exists() and len(numbers(path)) == 48, "nothing was recorded without a router")

    router.start()
    back = connect()
    assert back.record.status().session["status"] == "running"
    wait_for(lambda: stream_of(back)["counts"]["written"] == 50, "the count is not shown")
    assert agent.process.poll() is None
