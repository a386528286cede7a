"""Controllers of simulated detectors, on ports of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from tango_device.controller import Controller, DeviceState
from tango_device.properties import Properties

SIMULATED = Properties(
    library="sim", channels=2, ring_frames=256, streamer_port=0, monitor_port=0, stream_id="test"
)


class Told:
    """A listener that keeps what it was told."""

    def __init__(self) -> None:
        self.states: list[tuple[str, str]] = []
        self.n_progress = 0
        self.lock = threading.Lock()

    def state_changed(self, state: DeviceState, reason: str) -> None:
        with self.lock:
            self.states.append((state.value, reason))

    def progressed(self) -> None:
        self.n_progress += 1


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def make_controller(told: Told) -> Iterator[Callable[..., Controller]]:
    """Controllers that are open, closed after the test."""
    made: list[Controller] = []

    def make(properties: Properties = SIMULATED) -> Controller:
        made.append(Controller(told))
        made[-1].open(properties)
        assert made[-1].wait_open(10)
        return made[-1]

    yield make
    for controller in made:
        assert controller.close(15)


@pytest.fixture
def controller(make_controller: Callable[..., Controller]) -> Controller:
    """One that is ready, for frames of 2 ms started by software, without a file."""
    controller = make_controller()
    assert controller.state is DeviceState.STANDBY, controller.reason
    controller.settings.exposure_time = 0.002
    return controller
