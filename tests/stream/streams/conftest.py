"""Pairs of streams over every way that there is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from xspress3.stream import InputStream, OutputStream

WAYS = {
    "tcp": {"protocol": "tcp"},
    "ipc": {"protocol": "ipc"},
    "inproc": {"protocol": "inproc"},
    "shared by tcp": {"protocol": "tcp", "transfermode": "sharedmem", "buffer_size": 4096},
    "shared by inproc": {"protocol": "inproc", "transfermode": "sharedmem", "buffer_size": 4096},
}
SHARED = [way for way in WAYS if way.startswith("shared")]
ELSEWHERE = ["tcp", "ipc", "shared by tcp"]
"""Ways to other processes."""


@pytest.fixture(params=list(WAYS))
def way(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Options of one way after the other."""
    return WAYS[request.param]


@pytest.fixture
def make_output() -> Iterator[Callable[..., OutputStream]]:
    """Configured streams, closed after the test; floats in two channels unless said otherwise."""
    made: list[OutputStream] = []

    def make(name: str | None = None, filters: Any = (), **options: Any) -> OutputStream:
        output = OutputStream(name=name)
        made.append(output)
        output.filters.extend(filters)
        # Readers that keep a test's arrays shall not make its end wait.
        output.configure(**{"dtype": "float32", "shape": (-1, 2), "linger": 0.3, **options})
        return output

    yield make
    for output in made:
        output.close()


@pytest.fixture
def join() -> Iterator[Callable[..., InputStream]]:
    """Connected readers, closed after the test."""
    made: list[InputStream] = []

    def make(output: Any, name: str | None = None, **options: Any) -> InputStream:
        reader = InputStream(name=name)
        made.append(reader)
        reader.connect(output, **options)
        return reader

    yield make
    for reader in made:
        reader.close()
