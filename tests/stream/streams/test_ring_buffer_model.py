"""A ring buffer against what it stands for: the array of all samples, of which only the end is left."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from xspress3.stream.streams import RingBuffer

DTYPES = st.sampled_from(["u1", "i2", "f4", "c8", "M8[us]", "S3", [("n", "i4"), ("x", "f8", (2,))]])
MISSING = {"u1": 255, "i2": -32768, "f4": np.nan, "c8": complex(np.nan, np.nan), "M8[us]": "NaT", "S3": b""}


@st.composite
def rings(draw):
    n_axes = draw(st.integers(1, 3))
    shape = (draw(st.integers(1, 12)), *draw(st.tuples(*[st.integers(1, 3)] * (n_axes - 1))))
    order = draw(st.none() | st.permutations(range(n_axes)))
    return RingBuffer(shape, draw(DTYPES), double=draw(st.booleans()), axisorder=order)


def missing(ring, n_samples):
    """Worked out beside the code under test."""
    samples = np.zeros((n_samples, *ring.shape[1:]), ring.dtype)
    if ring.dtype.names:
        samples["n"], samples["x"] = -(1 << 31), np.nan
    else:
        samples[...] = np.array(MISSING[ring.dtype.str.replace("<", "").replace("|", "")], ring.dtype)
    return samples


def measured(ring, first, n_samples):
    """Samples whose bytes follow from their number."""
    n_bytes = int(np.prod(ring.shape[1:], dtype=int)) * ring.dtype.itemsize
    numbers = (np.arange(first, first + n_samples)[:, None] * 7 + np.arange(n_bytes)) % 63 + 1
    return numbers.astype("u1").reshape(-1).view(ring.dtype).reshape(n_samples, *ring.shape[1:])


@settings(deadline=None, max_examples=150)
@given(rings(), st.data())
def test_a_ring_is_the_end_of_all_samples(ring, data):
    length = ring.shape[0]
    stream, came = (
        missing(ring, length),
        np.zeros(length, bool),
    )  # before sample 0 stand `length` missing ones

    for _ in range(data.draw(st.integers(1, 6))):
        n_samples = data.draw(st.integers(0, length))
        skipped = data.draw(st.sampled_from([0, 0, 1, 3, length + 2]))
        chunk = measured(ring, ring.index() + skipped, n_samples)
        if data.draw(st.booleans()):
            chunk = np.asfortranarray(chunk)
        ring.new_chunk(chunk, index=ring.index() + skipped + n_samples if skipped else None)
        stream = np.concatenate([stream, missing(ring, skipped), chunk])
        came = np.concatenate([came, np.zeros(skipped, bool), np.ones(n_samples, bool)])

    end = len(stream) - length
    assert (ring.first_index(), ring.index()) == (end - length, end)
    assert_same_bytes(ring[:], stream[-length:])
    assert ring.received(end - length, end).tolist() == came[-length:].tolist()

    start = data.draw(st.integers(end - length, end))
    stop = data.draw(st.integers(start, end))
    expected = stream[start + length : stop + length]
    samples = ring.get_data(start, stop)
    assert_same_bytes(samples, expected)
    assert_same_bytes(ring.get_data(start, stop, copy=True), expected)
    assert_same_bytes(np.concatenate(ring.get_data(start, stop, join=False)), expected)
    if ring.double and samples.size:
        assert np.shares_memory(samples, ring.buffer)

    step = data.draw(st.sampled_from([1, 2, 3, 7]))
    assert_same_bytes(ring[::-step], stream[-length:][::-step])
    if start < end:
        assert_same_bytes(ring[start - end : stop - end or None : step], expected[::step])
        assert_same_bytes(ring[start - end], stream[start + length])
    if start >= 0:
        assert_same_bytes(ring[start:stop:step], expected[::step])


def assert_same_bytes(found, expected):
    """Equal, where NaN is equal to NaN."""
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    assert found.tobytes() == expected.tobytes()
