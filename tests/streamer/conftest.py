"""Streamers on ports of their own, and readers that keep all they get."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from xspress3.config import StreamerConfig
from xspress3.stream import Block, Message, SessionEnd, Subscriber
from xspress3.streamer import Streamer
from xspress3.testing import FakeDetector


@pytest.fixture
def detector() -> FakeDetector:
    return FakeDetector()


@pytest.fixture
def make_streamer(detector: FakeDetector) -> Iterator[Callable[..., Streamer]]:
    """Streamers of the fake detector, closed after the test."""
    made: list[Streamer] = []

    def make(**fields: object) -> Streamer:
        config = StreamerConfig(**{"data_port": 0, "monitor_port": 0, "linger": 0.2, **fields})
        made.append(Streamer(detector, config))
        return made[-1]

    yield make
    for streamer in made:
        streamer.close()


@pytest.fixture
def streamer(make_streamer: Callable[..., Streamer]) -> Streamer:
    return make_streamer()


@pytest.fixture
def join() -> Iterator[Callable[[Streamer], Subscriber]]:
    """Readers that have joined."""
    with ExitStack() as stack:

        def make(streamer: Streamer, **options: int) -> Subscriber:
            before = streamer.status().n_readers
            reader = stack.enter_context(Subscriber(streamer.data_endpoint, **options))
            streamer.wait_readers(before + 1, timeout=5)
            return reader

        yield make


def read_session(reader: Subscriber) -> list[Message]:
    """Everything up to the end of the next session, without signs of life."""
    messages: list[Message] = []
    while not messages or not isinstance(messages[-1], SessionEnd):
        message = reader.receive(timeout=5)
        assert message is not None, f"the end did not come after {len(messages)} messages"
        if hasattr(message, "envelope") and message.envelope.session_id is not None:
            messages.append(message)
    return messages


def frames_of(messages: list[Message]) -> list[int]:
    """Numbers of the frames that came, in order."""
    blocks = [m for m in messages if isinstance(m, Block)]
    return [frame for b in blocks for frame in range(b.first_frame, b.first_frame + b.n_frames)]
