"""One device server for all tests that leave it usable; others start one of their own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

tango = pytest.importorskip("tango")

from tests.tango_device.device.servers import Server, wait_for  # noqa: E402

DEFAULTS = {
    "ExposureTime": 0.002,
    "LatencyTime": 0.0,
    "nTriggers": 1,
    "nFramesPerTrigger": 1,
    "TriggerMode": "SOFTWARE",
    "DestinationFileName": "",
    "DestinationFileOverwritable": False,
    "WriteHdf5": True,
}


@pytest.fixture(autouse=True)
def nothing_is_left_open() -> None:
    """Not looked at here: Tango's client keeps connections and threads for the life of the process."""


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("server"))
    yield made
    made.close()


@pytest.fixture
def device(server: Server) -> Iterator[tango.DeviceProxy]:
    """The device at rest, with known settings; it must be usable after each test."""
    proxy = tango.DeviceProxy(server.url)
    proxy.Stop()
    if proxy.state() != tango.DevState.STANDBY:
        proxy.Reset()
    wait_for(proxy, tango.DevState.STANDBY)
    for name, value in DEFAULTS.items():
        setattr(proxy, name, value)
    yield proxy
    proxy.Stop()
    wait_for(proxy, tango.DevState.STANDBY)


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Servers of a test's own; one after the other they share the folder, and so what is memorized."""
    made: list[Server] = []
    folder = tmp_path / "server"

    def start(**properties: object) -> Server:
        folder.mkdir(exist_ok=True)
        made.append(Server(folder, **properties))
        return made[-1]

    yield start
    for one in made:
        if one.process.poll() is None:
            one.close()


@pytest.fixture
def take(device: tango.DeviceProxy) -> Callable[..., None]:
    """One session of the shared device, waited for."""

    def run(**settings: object) -> None:
        for name, value in settings.items():
            setattr(device, name, value)
        device.Arm()
        if device.TriggerMode == "SOFTWARE":
            for n in range(device.nTriggers):
                _wait_ready(device, n)
                device.SoftwareTrigger()
        wait_for(device, tango.DevState.STANDBY)

    return run


def _wait_ready(device: tango.DeviceProxy, n: int) -> None:
    deadline = time.monotonic() + 10
    while not device.ReadyForSwTrigger:
        assert time.monotonic() < deadline, f"not ready for trigger {n}"
        time.sleep(0.002)
