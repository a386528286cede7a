"""Samples leave in order, each once, in chunks that are large enough, old enough, or the last."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xspress3.errors import ConfigurationError
from xspress3.stream.streams import Chunker


def samples(first, stop):
    return np.arange(first, stop)[:, None]


def spans(chunks):
    """Ranges of sample numbers, after a look that the samples are those."""
    for chunk in chunks:
        assert chunk.data[:, 0].tolist() == list(range(chunk.first_index, chunk.index))
    return [(chunk.first_index, chunk.index) for chunk in chunks]


def test_samples_wait_until_there_are_enough():
    chunker = Chunker(min_samples=10)

    assert spans(chunker.add(samples(0, 4), now=0.0)) == []
    assert spans(chunker.add(samples(4, 9), now=0.0)) == []
    assert (chunker.n_waiting, chunker.index()) == (9, 9)
    assert spans(chunker.add(samples(9, 13), now=0.0)) == [(0, 10)]
    assert spans(chunker.flush()) == [(10, 13)]
    assert spans(chunker.flush()) == []


def test_an_array_that_suffices_is_not_copied():
    array = samples(0, 25)

    (chunk,) = Chunker(min_samples=10).add(array, now=0.0)

    assert chunk.data.base is array.base
    assert spans([chunk]) == [(0, 25)]


def test_by_default_every_array_is_a_chunk():
    chunker = Chunker()

    assert spans(chunker.add(samples(0, 1), 0.0) + chunker.add(samples(1, 8), 0.0)) == [(0, 1), (1, 8)]


def test_what_waits_is_topped_up_and_the_rest_leaves_as_it_is():
    chunker = Chunker(min_samples=10)
    chunker.add(samples(0, 6), 0.0)
    array = samples(6, 30)

    first, second = chunker.add(array, 0.0)

    assert spans([first, second]) == [(0, 10), (10, 30)]
    assert np.shares_memory(second.data, array)
    assert not np.shares_memory(first.data, array)


def test_an_array_that_waits_may_be_used_again():
    chunker = Chunker(min_samples=4)
    array = samples(0, 2).copy()
    chunker.add(array, 0.0)

    array[:] = samples(2, 4)
    chunks = chunker.add(array, 0.0)
    array[:] = -1

    assert spans(chunks) == [(0, 4)]


def test_chunks_can_all_have_one_size():
    chunker = Chunker(min_samples=33, max_samples=33)

    chunks = [chunk for i in range(5) for chunk in chunker.add(samples(100 * i, 100 * i + 100), 0.0)]

    assert spans(chunks) == [(33 * i, 33 * i + 33) for i in range(15)]
    assert spans(chunker.flush()) == [(495, 500)]


def test_long_arrays_are_cut():
    chunker = Chunker(min_samples=5, max_samples=20)

    assert spans(chunker.add(samples(0, 47), 0.0)) == [(0, 20), (20, 40), (40, 47)]
    assert spans(chunker.add(samples(47, 70), 0.0)) == [(47, 67)]
    assert chunker.n_waiting == 3


def test_samples_do_not_wait_longer_than_the_age():
    chunker = Chunker(min_samples=10, max_age=0.5)
    assert chunker.deadline is None
    chunker.add(samples(0, 3), now=7.0)
    chunker.add(samples(3, 5), now=7.25)

    assert chunker.deadline == 7.5
    assert spans(chunker.due(now=7.25)) == []
    assert spans(chunker.due(now=7.5)) == [(0, 5)]
    assert spans(chunker.due(now=99.0)) == []
    assert chunker.deadline is None


def test_adding_late_lets_go_of_what_is_due():
    chunker = Chunker(min_samples=10, max_age=0.5)
    chunker.add(samples(0, 3), now=0.0)

    assert spans(chunker.add(samples(3, 5), now=1.0)) == [(0, 5)]


def test_the_age_of_the_rest_begins_when_it_came():
    chunker = Chunker(min_samples=10, max_age=0.5)
    chunker.add(samples(0, 8), now=0.0)

    assert spans(chunker.add(samples(8, 13), now=0.25)) == [(0, 10)]
    assert chunker.deadline == 0.75


def test_without_an_age_samples_wait_for_ever():
    chunker = Chunker(min_samples=10)
    chunker.add(samples(0, 3), now=0.0)

    assert chunker.deadline is None
    assert chunker.due(now=1e9) == []


def test_a_jump_of_the_index_is_between_chunks():
    chunker = Chunker(min_samples=10)
    chunker.add(samples(0, 3), 0.0)

    assert spans(chunker.add(samples(20, 24), 0.0, index=24)) == [(0, 3)]
    assert spans(chunker.add(samples(24, 30), 0.0, index=30)) == [(20, 30)]
    assert spans(chunker.add(samples(50, 62), 0.0, index=62)) == [(50, 62)]
    assert chunker.index() == 62


def test_a_jump_without_samples_lets_go_of_what_waits():
    chunker = Chunker(min_samples=10)
    chunker.add(samples(0, 3), 0.0)

    assert spans(chunker.add(samples(0, 0), 0.0, index=9)) == [(0, 3)]
    assert chunker.index() == 9
    assert chunker.add(samples(0, 0), 0.0) == []


@pytest.mark.parametrize(
    ("array", "index"),
    [
        (samples(0, 3), 5),
        (samples(0, 3), 1 << 63),
        (samples(0, 3).astype("f4"), None),
        (samples(0, 3).repeat(2, axis=1), None),
        (np.arange(3), None),
        (np.array(5), None),
    ],
    ids=["back", "beyond all numbers", "type", "shape", "axes", "no axes"],
)
def test_what_does_not_follow_is_refused_and_changes_nothing(array, index):
    chunker = Chunker(min_samples=10)
    chunker.add(samples(0, 3), 0.0)

    with pytest.raises(ConfigurationError):
        chunker.add(array, 0.0, index=index)

    assert (chunker.index(), chunker.n_waiting) == (3, 3)
    assert spans(chunker.flush()) == [(0, 3)]


@pytest.mark.parametrize(
    "arguments",
    [{"min_samples": 0}, {"max_age": -1}, {"min_samples": 5, "max_samples": 4}, {"min_samples": 1.5}],
    ids=str,
)
def test_a_chunker_that_cannot_be_is_refused(arguments):
    with pytest.raises(ConfigurationError):
        Chunker(**arguments)


def test_beginning_again_gives_what_waited_and_counts_from_zero():
    chunker = Chunker(min_samples=10)
    chunker.add(samples(0, 3), 0.0)

    assert spans(chunker.reset_index()) == [(0, 3)]
    assert chunker.index() == 0
    assert chunker.add(np.zeros((2, 7), "f4"), 0.0) == []


def test_what_waits_keeps_its_axes_in_memory():
    chunker = Chunker(min_samples=4)
    array = np.arange(12.0).reshape(3, 4).T  # time is the fastest axis

    chunker.add(array[:2], 0.0)
    (chunk,) = chunker.add(array[2:], 0.0)

    assert np.argsort(chunk.data.strides).tolist() == np.argsort(array.strides).tolist()
    assert chunk.data.tolist() == array.tolist()


def test_records_are_gathered_too():
    chunker = Chunker(min_samples=3)
    events = np.array([(1, b"a"), (2, b"b"), (3, b"c")], [("t", "i8"), ("label", "S4")])

    chunker.add(events[:2], 0.0)
    (chunk,) = chunker.add(events[2:], 0.0)

    assert chunk.data.dtype == events.dtype
    assert chunk.data.tolist() == events.tolist()


@settings(deadline=None)
@given(
    st.integers(1, 20),
    st.none() | st.integers(0, 20),
    st.none() | st.floats(0, 3),
    st.lists(st.tuples(st.integers(0, 50), st.sampled_from([0, 0, 0, 1, 9]), st.floats(0, 2)), max_size=12),
)
def test_every_sample_leaves_once_under_its_number(min_samples, more, max_age, steps):
    max_samples = None if more is None else min_samples + more
    chunker = Chunker(min_samples, max_age, max_samples)
    sent, whole, now = [], [], 0.0
    expected: list[int] = []
    jumps = {0}
    for n_samples, skipped, passed in steps:
        now += passed
        first = chunker.index() + skipped
        if skipped:
            jumps.add(first)
        expected += range(first, first + n_samples)
        chunks = chunker.add(samples(first, first + n_samples), now, index=first + n_samples)
        sent += chunks
        whole += chunks if max_age is None and not skipped else []
        sent += chunker.due(now)
        assert chunker.n_waiting < min_samples
        assert chunker.deadline is None or chunker.deadline > now
    sent += chunker.flush()

    spans(sent)
    assert [n for chunk in sent for n in chunk.data[:, 0].tolist()] == expected
    assert all(len(chunk.data) >= min_samples for chunk in whole)
    assert all(0 < len(chunk.data) <= (max_samples or 10**6) for chunk in sent)
