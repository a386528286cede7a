"""A simulated detector whose clock the test moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from xspress3 import sim
from xspress3.config import DetectorConfig
from xspress3.detector import Xspress3Detector
from xspress3.sim.control import SimControl


@pytest.fixture
def control() -> SimControl:
    return SimControl(sim.library_path())


@pytest.fixture
def open_detector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Xspress3Detector]]:
    """Open simulated detectors; keywords describe them, but for those of `DetectorConfig`."""
    opened: list[Xspress3Detector] = []

    def make(
        ring_frames: int = 64,
        n_channels: int | None = None,
        settings: str | None = None,
        n_cards: int = 1,
        **description: object,
    ) -> Xspress3Detector:
        for name, value in sim.environment(**{"clock": "manual", "source": "pattern", **description}).items():
            monkeypatch.setenv(name, value)
        config = DetectorConfig(
            library=str(sim.library_path()),
            ring_frames=ring_frames,
            n_channels=n_channels,
            settings=settings,
            n_cards=n_cards,
        )
        opened.append(Xspress3Detector.open(config))
        return opened[-1]

    yield make
    for detector in opened:
        detector.close()
