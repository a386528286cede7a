"""Simulated systems, and small libraries compiled for a test that behave as the vendor's may."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from xspress3 import sim
from xspress3.sdk import Sdk, open_library
from xspress3.sdk.constants import GapMode, ItfgTrigger, RunFlag, TimingSource

Compile = Callable[..., Path]
CIRCULAR = RunFlag.HIST | RunFlag.SCALERS | RunFlag.CIRCULAR_BUFFER


@pytest.fixture
def compile_library(tmp_path: Path) -> Compile:
    """Make a shared library of C text in the test's own folder."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")

    def compile_text(name: str, text: str, *options: str) -> Path:
        source = tmp_path / f"{name}.c"
        source.write_text(text)
        library = tmp_path / name
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, *options], check=True)
        return library

    return compile_text


@pytest.fixture
def open_sdk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Sdk]]:
    """Open simulated systems with frames on demand; keywords describe them."""
    opened: list[Sdk] = []

    def make(n_cards: int = 1, ring_frames: int = 16, **description: object) -> Sdk:
        for name, value in sim.environment(**{"source": "pattern", "clock": "demand", **description}).items():
            monkeypatch.setenv(name, value)
        library = open_library(sim.library_path())
        opened.append(Sdk.config(library, n_cards=n_cards, ring_frames=ring_frames))
        return opened[-1]

    yield make
    for sdk in opened:
        sdk.close()


@pytest.fixture
def sdk(open_sdk: Callable[..., Sdk]) -> Sdk:
    return open_sdk()


def run_frames(sdk: Sdk, n_frames: int, ticks: int = 1000) -> None:
    """Frames of the internal generator into the ring."""
    sdk.set_run_flags(CIRCULAR)
    sdk.format_run()
    sdk.set_glob_timeA(TimingSource.INTERNAL)
    sdk.itfg_setup(n_frames, ticks, ItfgTrigger.BURST, GapMode.GAP_1US)
    sdk.histogram_start()
