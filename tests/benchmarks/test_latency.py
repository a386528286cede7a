"""The time from a frame's end to its reader is measured for each frame."""

from __future__ import annotations

import pytest

from benchmarks.latency import measure_latency
from xspress3.config import StreamerConfig


@pytest.mark.parametrize(("block_time", "frames_per_block"), [(0.05, 32), (0.002, 2)])
def test_each_frame_has_a_latency_and_waits_for_its_block(block_time, frames_per_block):
    config = StreamerConfig(data_port=0, monitor_port=0, block_time=block_time, latency=0.05)

    found = measure_latency(160, config)

    assert found.frames_per_block == frames_per_block
    assert len(found.seconds) == 80  # half of so few frames are there to get warm
    assert found.seconds.min() > 0
    # The first frame of a block was complete so much before its last one; reading cannot change that.
    blocks = found.seconds[-64:].reshape(-1, frames_per_block)
    assert blocks[:, 0] - blocks[:, -1] == pytest.approx((frames_per_block - 1) * 0.001, abs=1e-6)
