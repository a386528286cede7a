"""A ring buffer in shared memory: one writes, others see."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from xspress3.errors import ConfigurationError, StateError, StreamError, Xspress3Error
from xspress3.stream.shared import SharedMem
from xspress3.stream.streams import RingBuffer

LAYOUTS = [
    {"double": True, "axisorder": (0, 2, 1)},
    {"double": False, "axisorder": (2, 1, 0)},
    {"double": True},
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_an_attached_ring_shows_the_same_samples(layout):
    with (
        RingBuffer((10, 5, 7), np.ubyte, shmem=True, **layout) as ring,
        RingBuffer((10, 5, 7), np.ubyte, shmem=ring.shm_id, **layout) as seen,
    ):
        ring.new_chunk(np.arange(350).astype("u1").reshape(10, 5, 7)[:7], index=1005)

        assert (seen.first_index(), seen.index(), seen.shm_id) == (995, 1005, ring.shm_id)
        np.testing.assert_array_equal(seen[:], ring[:])
        np.testing.assert_array_equal(seen[995:998], np.full((3, 5, 7), 255))
        assert seen.received(995, 1005).tolist() == [False] * 3 + [True] * 7
        assert seen[-3:].strides == ring[-3:].strides


def test_an_attached_ring_cannot_be_written_to():
    with (
        RingBuffer((4, 2), "f4", shmem=True) as ring,
        RingBuffer((4, 2), "f4", shmem=ring.shm_id) as seen,
    ):
        with pytest.raises(StateError, match="only who made it"):
            seen.new_chunk(np.zeros((1, 2), "f4"))
        with pytest.raises(StateError, match="only who made it"):
            seen.reset_index()
        with pytest.raises(ValueError, match="read-only"):
            seen[:][:] = 1
        assert np.isnan(ring[:]).all()


@pytest.mark.parametrize(
    "other",
    [
        {"shape": (2, 4)},
        {"dtype": "i4"},
        {"double": False},
        {"axisorder": (1, 0)},
        {"shape": (400, 2)},
    ],
    ids=str,
)
def test_a_ring_that_was_made_otherwise_is_not_misread(other):
    with (
        RingBuffer((4, 2), "f4", shmem=True) as ring,
        pytest.raises(Xspress3Error),
    ):
        RingBuffer(**{"shape": (4, 2), "dtype": "f4", "shmem": ring.shm_id, **other})


def test_other_shared_memory_is_not_taken_for_a_ring():
    with SharedMem(1 << 16) as memory, pytest.raises(StreamError, match="is no ring buffer"):
        RingBuffer((4, 2), "f4", shmem=memory.shm_id)


def test_a_name_that_cannot_be_is_refused():
    with pytest.raises(ConfigurationError, match="shm_id"):
        RingBuffer((4, 2), "f4", shmem="../../etc/passwd")


def test_samples_stay_with_those_who_attached_when_the_maker_is_gone():
    ring = RingBuffer((4, 2), "f4", shmem=True)
    with RingBuffer((4, 2), "f4", shmem=ring.shm_id) as seen:
        ring.new_chunk(np.ones((4, 2), "f4"))

        ring.close()
        ring.close()

        assert np.all(seen[:] == 1)
        with pytest.raises(Xspress3Error, match="gone"):
            RingBuffer((4, 2), "f4", shmem=ring.shm_id)


READER = """
import json, sys
from xspress3.stream.streams import RingBuffer
with RingBuffer((16, 4), "i4", shmem=sys.argv[1], axisorder=(1, 0)) as ring:
    json.dump([ring.index(), ring[:].tolist()], sys.stdout)
"""


def test_another_process_sees_the_samples():
    with RingBuffer((16, 4), "i4", shmem=True, axisorder=(1, 0)) as ring:
        ring.new_chunk(np.arange(40, dtype="i4").reshape(10, 4), index=100)

        done = subprocess.run(
            [sys.executable, "-c", READER, ring.shm_id], capture_output=True, text=True, check=True
        )

        index, samples = json.loads(done.stdout)
        assert index == 100
        assert samples[-10:] == np.arange(40).reshape(10, 4).tolist()
        assert samples[:6] == [[-(1 << 31)] * 4] * 6
