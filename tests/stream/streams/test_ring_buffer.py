"""A ring buffer gives samples by their number, and never a number that nobody measured."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from xspress3.errors import ConfigurationError, SequenceGapError, Xspress3Error
from xspress3.stream.streams import RingBuffer

KINDS = {
    "single": {"dtype": "u1", "double": False},
    "double": {"dtype": "u1"},
    "double of floats": {"dtype": "f8"},
    "double, time fastest": {"dtype": "u1", "axisorder": (1, 2, 0)},
    "single of floats, time fastest": {"dtype": "f4", "double": False, "axisorder": (1, 2, 0)},
}


@pytest.fixture(params=KINDS.values(), ids=KINDS.keys())
def ring(request):
    return RingBuffer(shape=(10, 5, 7), **request.param)


def chunk(ring, n_samples, value):
    return np.full((n_samples, *ring.shape[1:]), value, ring.dtype)


def is_missing(ring, samples):
    return np.all(np.isnan(samples) if ring.dtype.kind == "f" else samples == 255)


def same(found, expected):
    np.testing.assert_array_equal(found, expected)
    return True


def test_before_the_first_sample_all_is_missing(ring):
    assert (ring.first_index(), ring.index()) == (-10, 0)
    assert ring[-10:].shape == (10, 5, 7)
    assert is_missing(ring, ring[-10:])
    for outside in (-11, 1, 0):
        with pytest.raises(IndexError):
            ring[outside]


def test_samples_are_found_from_both_ends(ring):
    ring.new_chunk(chunk(ring, 5, 1))

    assert ring.index() == 5
    assert ring[1].shape == (5, 7)
    assert ring[:].shape == (10, 5, 7)
    assert ring[:, 2, 1:3].shape == (10, 2)
    assert ring[0:].shape == ring[-5:].shape == (5, 5, 7)
    assert ring[0:].dtype == ring.dtype
    assert np.all(ring[0:] == 1)
    assert np.all(ring[-5:] == 1)
    assert is_missing(ring, ring[-10:-5])


def test_the_oldest_samples_make_room_for_new_ones(ring):
    for n_samples, value in ((5, 1), (3, 2), (5, 3)):
        ring.new_chunk(chunk(ring, n_samples, value))

    assert (ring.first_index(), ring.index()) == (3, 13)
    assert same(ring[:, 0, 0], [1, 1, 2, 2, 2, 3, 3, 3, 3, 3])
    assert same(ring[5:8, 4, 6], [2, 2, 2])
    assert same(ring[-5:], ring[8:])
    for outside in (-11, 0, 2, 13):
        with pytest.raises(IndexError, match="holds 3 to 1"):
            ring[outside]


def test_skipped_samples_are_missing_and_the_others_stay(ring):
    ring.new_chunk(chunk(ring, 10, 3))

    ring.new_chunk(chunk(ring, 5, 4), index=ring.index() + 7)

    assert ring.index() == 17
    assert np.all(ring[-5:] == 4)
    assert is_missing(ring, ring[-7:-5])
    assert np.all(ring[-10:-7] == 3)
    assert ring.received(7, 17).tolist() == [True] * 3 + [False] * 2 + [True] * 5


def test_skipping_more_than_the_ring_holds_leaves_nothing_old(ring):
    ring.new_chunk(chunk(ring, 10, 3))

    ring.new_chunk(chunk(ring, 5, 5), index=10**12)

    assert (ring.first_index(), ring.index()) == (10**12 - 10, 10**12)
    assert np.all(ring[-5:] == 5)
    assert is_missing(ring, ring[-10:-5])


def test_a_skip_without_samples_after_it_shows_too(ring):
    ring.new_chunk(chunk(ring, 4, 3))

    ring.new_chunk(chunk(ring, 0, 0), index=6)

    assert ring.index() == 6
    assert is_missing(ring, ring[4:])
    assert np.all(ring[:4][-4:] == 3)


@pytest.fixture
def numbered():
    """Sample i is (i, i + 0.5), for i from 3 to 12."""
    ring = RingBuffer((10, 2), "f8", double=False)
    ring.new_chunk(np.arange(13.0)[3:, None] + [0, 0.5], index=13)
    return ring


@pytest.mark.parametrize(
    "wanted",
    [
        slice(None, None, -1),
        slice(None, None, -2),
        slice(None, None, 3),
        slice(8, None, -3),
        slice(None, 10, -1),
        slice(11, 4, -2),
        slice(4, 11, 2),
        slice(-2, 3, -1),
        slice(-4, -1),
        slice(5, 5),
        slice(9, 5),
        slice(5, 9, -1),
    ],
)
def test_slices_mean_what_they_mean_for_the_whole_stream(numbered, wanted):
    """As for the array of all 13 samples, with open ends at the oldest sample that is left."""
    stream = np.arange(13.0)[:, None] + [0, 0.5]
    stop = 2 if wanted.stop is None and (wanted.step or 1) < 0 else wanted.stop
    start = 3 if wanted.start is None and (wanted.step or 1) > 0 else wanted.start

    assert same(numbered[wanted], stream[start : stop : wanted.step])
    assert same(numbered[wanted, 1], stream[start : stop : wanted.step, 1])
    assert same(numbered[wanted, ::-1], stream[start : stop : wanted.step, ::-1])


def test_one_sample_takes_further_axes(ring):
    ring.new_chunk(np.arange(350).astype(ring.dtype).reshape(10, 5, 7))

    assert same(ring[2, 3, ::-2], ring[:][2, 3, ::-2])
    assert same(ring[np.int64(2)], ring[:][2])
    assert ring[-1, 4, 6] == ring[:][-1, 4, 6]


@pytest.mark.parametrize(
    "outside", [slice(2, 5), slice(0, None), slice(5, 14), slice(None, -20), slice(-11, -3)]
)
def test_a_slice_that_is_partly_outside_is_an_error_and_not_cut(numbered, outside):
    with pytest.raises(IndexError, match="holds 3 to 13"):
        numbered[outside]


def test_what_is_no_place_is_refused(numbered):
    with pytest.raises(TypeError):
        numbered["5"]
    with pytest.raises(TypeError):
        numbered[4.0]
    with pytest.raises(TypeError):
        numbered[5:"6"]
    with pytest.raises(ValueError, match="step 0"):
        numbered[::0]
    with pytest.raises(TypeError):
        iter(numbered)


REFUSED = {
    "too many samples": (ValueError, (20, 5, 7), None, None),
    "another sample": (ValueError, (10, 5, 8), None, None),
    "a sample that numpy would repeat": (ValueError, (10, 1, 7), None, None),
    "fewer axes": (ValueError, (5, 7), None, None),
    "no axes": (ValueError, (), None, None),
    "another type": (TypeError, (10, 5, 7), "uint", None),
    "another byte order": (TypeError, (10, 5, 7), ">f4", None),
    "samples that came before": (ValueError, (5, 5, 7), None, 9),
    "an index that is no number": (TypeError, (5, 5, 7), None, 20.0),
    "an index beyond all numbers": (ValueError, (5, 5, 7), None, 1 << 63),
}


@pytest.mark.parametrize(("error", "shape", "dtype", "index"), REFUSED.values(), ids=REFUSED.keys())
def test_a_chunk_that_does_not_fit_is_refused_and_changes_nothing(ring, error, shape, dtype, index):
    ring.new_chunk(np.arange(245).astype(ring.dtype).reshape(7, 5, 7))
    before = ring[:].copy()

    with pytest.raises(error):
        ring.new_chunk(np.ones(shape, dtype or ring.dtype), index=index)

    assert (ring.first_index(), ring.index()) == (-3, 7)
    assert same(ring[:], before)
    ring.new_chunk(chunk(ring, 3, 2))
    assert same(ring[:7], before[-7:])
    assert np.all(ring[7:] == 2)


def test_what_is_refused_is_named():
    ring = RingBuffer((10, 2), "f4")
    ring.new_chunk(np.zeros((4, 2), "f4"))

    with pytest.raises(ConfigurationError, match=r"index=5 after 4 with 2 samples, allowed is 6\.\."):
        ring.new_chunk(np.zeros((2, 2), "f4"), index=5)
    with pytest.raises(
        ConfigurationError, match=r"chunk of shape \(2, 3\), allowed are up to 10 samples of \(2,\)"
    ):
        ring.new_chunk(np.zeros((2, 3), "f4"))
    with pytest.raises(TypeError, match="chunk of float64, this ring buffer takes float32"):
        ring.new_chunk(np.zeros((2, 2)))


def test_memory_has_the_axes_in_the_order_asked_for(ring):
    for n_samples in (5, 8, 7):  # at the start, across the end, and in one piece
        ring.new_chunk(chunk(ring, n_samples, 1))

        for samples in (ring[:], ring[-3:], ring.get_data(ring.index() - 4, ring.index(), copy=True)):
            assert tuple(np.argsort(samples.strides)[::-1]) == ring.axisorder


def test_reads_are_views_wherever_samples_stand_in_one_piece(ring):
    ring.new_chunk(chunk(ring, 5, 1), index=1005)  # rows 0 to 4 are the newest

    assert np.shares_memory(ring[-4:], ring.buffer)
    assert np.shares_memory(ring[-4:], ring[-3:])
    assert np.shares_memory(ring[1003], ring.buffer)
    assert np.shares_memory(ring[-8:], ring.buffer) == ring.double
    assert not np.shares_memory(ring.get_data(1001, 1005, copy=True), ring.buffer)


def test_views_of_the_own_ring_can_be_written_to(ring):
    ring.new_chunk(chunk(ring, 10, 1), index=1005)

    ring[-4:][:] = 9

    assert np.all(ring[-4:] == 9)


@pytest.mark.parametrize("copy", [False, True])
def test_two_pieces_are_given_without_joining_them(ring, copy):
    ring.new_chunk(np.arange(350).astype(ring.dtype).reshape(10, 5, 7), index=1005)

    first, second = ring.get_data(995, 1005, copy=copy, join=False)

    assert len(first) == (10 if ring.double else 5)
    assert same(np.concatenate([first, second]), ring[:])
    assert np.shares_memory(first, ring.buffer) != copy
    assert tuple(np.argsort(first.strides)[::-1]) == ring.axisorder


def test_get_data_takes_the_numbers_of_samples_only(ring):
    ring.new_chunk(chunk(ring, 5, 1))

    assert same(ring.get_data(ring.first_index(), ring.index()), ring[:])
    assert is_missing(ring, ring.get_data(-5, 0))
    assert ring.get_data(5, 5).shape == (0, 5, 7)
    for start, stop in ((-6, 0), (0, 6), (4, 2), (6, 6)):
        with pytest.raises(IndexError):
            ring.get_data(start, stop)


def test_beginning_again_forgets_what_was_there(ring):
    ring.new_chunk(chunk(ring, 8, 1))

    ring.reset_index()

    assert (ring.first_index(), ring.index()) == (-10, 0)
    assert is_missing(ring, ring[:])
    assert not ring.received(-10, 0).any()
    ring.new_chunk(chunk(ring, 2, 4))
    assert np.all(ring[0:] == 4)


def test_whoever_holds_a_view_learns_that_it_was_overwritten(ring):
    ring.new_chunk(chunk(ring, 10, 1))
    held = ring[2:5]

    ring.new_chunk(chunk(ring, 2, 2))
    assert ring.holds(2, 5)
    assert np.all(held == 1)

    ring.new_chunk(chunk(ring, 1, 2))
    assert not ring.holds(2, 5)
    assert not ring.holds(12, 14)


def test_a_chunk_of_the_ring_itself_is_appended_unharmed(ring):
    ring.new_chunk(np.arange(350).astype(ring.dtype).reshape(10, 5, 7))
    expected = ring.get_data(0, 6, copy=True)

    ring.new_chunk(ring.get_data(0, 6))

    assert same(ring[-6:], expected)
    assert same(ring[10:16], expected)


RECORD = np.dtype([("time", "M8[ms]"), ("label", "S32"), ("where", [("x", "f4"), ("n", "u2", (3,))])])


def test_records_are_kept_and_missing_ones_have_missing_fields():
    ring = RingBuffer((8,), RECORD)
    events = np.zeros(5, RECORD)
    events["time"] = np.datetime64("2020-01-01", "ms") + np.arange(5)
    events["where"]["n"] = np.arange(15).reshape(5, 3)

    ring.new_chunk(events, index=7)

    assert same(ring[2:], events)
    assert np.isnat(ring[0]["time"])
    assert ring[0]["label"] == b""
    assert np.isnan(ring[1]["where"]["x"])
    assert ring[1]["where"]["n"].tolist() == [65535] * 3


def test_missing_bools_are_not_made_up():
    ring = RingBuffer((8, 2), bool)
    ring.new_chunk(np.ones((4, 2), bool), index=6)

    assert ring[2:6].all()
    with pytest.raises(SequenceGapError, match="never came"):
        ring[:]
    assert ring.received(0, 6).tolist() == [False, False, True, True, True, True]
    assert same(RingBuffer((8, 2), bool, fill=False)[:], np.zeros((8, 2), bool))


def test_what_stands_for_missing_samples_can_be_chosen():
    assert np.all(RingBuffer((4, 3), "i4", fill=0)[:] == 0)
    assert np.all(RingBuffer((4, 3), "f4", fill=-1.0)[:] == -1)
    with pytest.raises(ConfigurationError, match="fill: -1"):
        RingBuffer((4, 3), "u2", fill=-1)


@pytest.mark.parametrize(
    "arguments",
    [
        {"shape": ()},
        {"shape": (0, 3)},
        {"shape": (10, -1)},
        {"shape": (10, 2.5)},
        {"shape": (10, 3), "dtype": object},
        {"shape": (10, 3), "dtype": "no type"},
        {"shape": (10, 3), "axisorder": (0, 0)},
        {"shape": (10, 3), "axisorder": (0,)},
    ],
    ids=str,
)
def test_a_ring_that_cannot_be_is_refused(arguments):
    with pytest.raises(ConfigurationError):
        RingBuffer(**{"dtype": "f4", **arguments})


@pytest.mark.parametrize("double", [False, True])
def test_readers_in_other_threads_never_see_half_a_chunk(double):
    """Every sample says its number in every place; copies must be whole or an IndexError."""
    ring = RingBuffer((64, 512), "i8", double=double)
    wrong, read, is_over = [], [], threading.Event()

    def read_newest():
        while not is_over.is_set() or not read:
            stop = ring.index()
            try:
                samples = ring.get_data(stop - 20, stop, copy=True)
                came = ring.received(stop - 20, stop)
            except IndexError:
                continue
            numbers = np.arange(stop - 20, stop)[:, None]
            read.append(stop)
            if not np.all((samples == numbers) | ~came[:, None]):
                wrong.append(stop)

    def write():
        for start in range(0, 7 * 3000, 7):
            ring.new_chunk(np.broadcast_to(np.arange(start, start + 7)[:, None], (7, 512)))

    threads = [threading.Thread(target=read_newest, name=f"reader {i}") for i in range(2)]
    for thread in threads:
        thread.start()
    try:
        write()
    finally:
        is_over.set()
        for thread in threads:
            thread.join()

    assert read
    assert not wrong


def test_errors_of_the_ring_are_errors_of_this_software():
    with pytest.raises(Xspress3Error):
        RingBuffer((0,), "f4")
