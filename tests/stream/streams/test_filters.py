"""Filters keep sample numbers, say what they give, and are named when they fail."""

from __future__ import annotations

import numpy as np
import pytest

from xspress3.errors import ConfigurationError, StreamError
from xspress3.stream.streams import Cast, Filter, Reshape, Scale, Select, apply_filters, describe_filters


def test_filters_are_applied_one_after_the_other():
    filters = [Scale(2.0), Cast("float32"), lambda array: array + 1]

    result = apply_filters(filters, np.arange(6).reshape(3, 2))

    assert result.dtype == np.float32
    assert result.tolist() == [[1, 3], [5, 7], [9, 11]]


def test_without_filters_the_array_itself_is_passed_on():
    array = np.zeros((3, 2))

    assert apply_filters([], array) is array


def test_the_filter_that_failed_is_named_and_its_error_kept():
    def divide(_array):
        raise ZeroDivisionError("by zero")

    with pytest.raises(
        StreamError, match=r"filter 2 of 2, .*divide, failed on float64 \(3, 2\): by zero"
    ) as failure:
        apply_filters([Reshape((2,)), divide], np.zeros((3, 2)))

    assert isinstance(failure.value.__cause__, ZeroDivisionError)
    with pytest.raises(StreamError, match=r"filter 1 of 1, Select\(channels=\(5,\), axis=1\)"):
        apply_filters([Select([5])], np.zeros((3, 2)))


@pytest.mark.parametrize("gives", [lambda a: a[::2], lambda a: a.sum(), lambda a: None, lambda a: a.tolist()])
def test_a_filter_that_changes_the_number_of_samples_is_refused(gives):
    with pytest.raises(StreamError, match="allowed is an array of as many samples"):
        apply_filters([gives], np.zeros((4, 2)))


CHAINS = [
    [],
    [Reshape((-1,)), Select([0, 2])],
    [Scale(2), Reshape((3, 2)), Select([1], axis=2)],
    [Cast("f4"), Scale(0.5), Cast("i8")],
    [Select(range(2)), Scale([1, 2, 3]), Cast("c16")],
]


@pytest.mark.parametrize("filters", CHAINS, ids=str)
@pytest.mark.parametrize("n_samples", [0, 1, 5])
def test_what_filters_say_is_what_they_give(filters, n_samples):
    array = np.arange(n_samples * 6, dtype="i2").reshape(n_samples, 2, 3)

    dtype, shape = describe_filters(filters, "i2", [-1, 2, 3])
    result = apply_filters(filters, array)

    assert (result.dtype, (-1, *result.shape[1:])) == (dtype, shape)
    assert all(isinstance(one, Filter) for one in filters)


def test_a_chain_with_a_plain_function_does_not_say():
    assert describe_filters([Cast("f4"), np.abs], "i2", (-1, 1)) is None


def test_a_chain_that_cannot_work_says_so_before_the_first_chunk():
    with pytest.raises(ConfigurationError, match="do not have these channels"):
        describe_filters([Reshape((4,)), Select([4])], "f4", (-1, 2, 2))


def test_reshape_gives_views_and_other_shapes_of_samples():
    array = np.arange(24).reshape(4, 6)

    assert Reshape((2, -1))(array).shape == (4, 2, 3)
    assert np.shares_memory(Reshape((2, 3))(array), array)
    assert Reshape((-1, 2))(array[:0]).shape == (0, 3, 2)
    assert Reshape(())(np.zeros((4, 1))).shape == (4,)


@pytest.mark.parametrize("shape", [(4,), (4, -1), (7, 1)])
def test_reshape_refuses_samples_of_another_size(shape):
    with pytest.raises(ConfigurationError, match="the sizes differ"):
        Reshape(shape)(np.zeros((2, 6)))


@pytest.mark.parametrize("shape", [(-1, -1), (0,), (-2, 3)])
def test_reshape_refuses_lengths_that_cannot_be(shape):
    with pytest.raises(ConfigurationError, match="Reshape"):
        Reshape(shape)


@pytest.mark.parametrize("channels", [[0], [5], [1, 3, 5], range(6), [5, 4, 3, 2, 1, 0], [4, 2, 0]])
def test_channels_at_equal_distances_are_a_view(channels):
    array = np.arange(24).reshape(4, 6)

    chosen = Select(channels)(array)

    assert chosen.tolist() == array[:, list(channels)].tolist()
    assert np.shares_memory(chosen, array)


@pytest.mark.parametrize("channels", [[0, 1, 3], [2, 2], [1, 1, 1], [3, 0, 3]])
def test_channels_of_any_order_are_chosen(channels):
    array = np.arange(24).reshape(4, 6)

    assert Select(channels)(array).tolist() == array[:, channels].tolist()
    assert Select(channels, axis=2)(array[:, None]).tolist() == array[:, None][:, :, channels].tolist()


@pytest.mark.parametrize(
    "arguments", [{"channels": []}, {"channels": [-1]}, {"channels": [0], "axis": 0}], ids=str
)
def test_channels_that_cannot_be_are_refused(arguments):
    with pytest.raises(ConfigurationError):
        Select(**arguments)


@pytest.mark.parametrize("arguments", [{"channels": [6]}, {"channels": [0], "axis": 2}], ids=str)
def test_channels_that_are_not_there_are_refused(arguments):
    with pytest.raises(ConfigurationError, match="do not have these channels"):
        Select(**arguments)(np.zeros((4, 6)))
