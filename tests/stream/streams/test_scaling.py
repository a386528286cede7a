"""Numbers are scaled and cast without being bent."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from xspress3.errors import ConfigurationError
from xspress3.stream.streams import Cast, Scale

INTEGERS = st.sampled_from(["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8"])


@settings(deadline=None)
@given(INTEGERS, st.integers(-(1 << 20), 1 << 20).filter(bool), st.integers(-(1 << 40), 1 << 40), st.data())
def test_whole_scales_of_integers_are_exact_or_refused(dtype, scale, offset, data):
    array = data.draw(hnp.arrays(dtype, st.integers(0, 5)))
    filter_ = Scale(scale, offset)

    into, _ = filter_.describe(array.dtype, array.shape)
    expected = [n * scale + offset for n in array.tolist()]

    try:
        result = filter_(array)
    except ConfigurationError:
        assert dtype in ("u8", "i8")
        limits = np.iinfo(into)
        numbers = [0, scale, offset, *array.tolist(), *(n * scale for n in array.tolist()), *expected]
        assert min(expected) < limits.min or max(numbers) > (1 << 63) - 1 or min(numbers) < -(1 << 63)
    else:
        assert result.dtype == into
        assert result.tolist() == expected


@pytest.mark.parametrize(
    ("dtype", "scale", "offset", "into"),
    [
        ("u1", 1, 0, "u1"),
        ("u1", 2, 0, "u2"),
        ("u1", 1, -1, "i2"),
        ("i2", -1, 0, "i4"),
        ("u4", 1000, 0, "u8"),
        ("u4", 1 << 40, 0, "i8"),
        ("i8", 2, 0, "i8"),
        ("u8", 2, -1, "u8"),
        ("?", 1, 0, "?"),
        ("?", 3, 0, "u1"),
        ("i2", 0.5, 0, "f8"),
        ("u8", 1, 0.5, "f8"),
        ("f4", 2, 0, "f4"),
        ("f2", 0.1, 0, "f2"),
        ("c8", 2, 1, "c8"),
    ],
)
def test_types_of_scaled_numbers(dtype, scale, offset, into):
    assert Scale(scale, offset).describe(np.dtype(dtype), (-1,)) == (np.dtype(into), (-1,))
    assert Scale(scale, offset)(np.ones(2, dtype)).dtype == np.dtype(into)


@settings(deadline=None)
@given(
    st.lists(st.floats(-1e6, 1e6, width=32), min_size=1),
    st.floats(-1e3, 1e3).filter(lambda x: abs(x) > 1e-3),
    st.floats(-1e3, 1e3),
)
def test_floats_are_rounded_as_their_own_type_only(values, scale, offset):
    array = np.array(values, "f4")

    result = Scale(scale, offset)(array)

    assert result.dtype == np.float32
    for got, value in zip(result.tolist(), values, strict=True):
        exact = Fraction(value) * Fraction(scale) + Fraction(offset)
        # Half a step of float32, and two roundings of float64 for numbers that cancel.
        allowed = Fraction(float(np.spacing(np.float32(abs(got))))) * Fraction(51, 100)
        allowed += (abs(Fraction(value) * Fraction(scale)) + abs(Fraction(offset))) / (1 << 51)
        assert abs(Fraction(got) - exact) <= allowed


def test_each_channel_has_its_own_scale():
    array = np.array([[1, 2], [3, 4]], "i2")

    assert Scale([10, 100], offset=[0, 1])(array).tolist() == [[10, 201], [30, 401]]
    assert Scale((0.5, 0.25))(array).tolist() == [[0.5, 0.5], [1.5, 1.0]]
    for shape in ((2,), (2, 3), (2, 2, 1)):
        with pytest.raises(ConfigurationError, match="2 numbers for chunks of shape"):
            Scale([10, 100])(np.zeros(shape))


def test_the_data_given_are_not_changed():
    array = np.arange(4.0)

    Scale(2.0, 1.0)(array)

    assert array.tolist() == [0, 1, 2, 3]
    assert Scale()(array) is array


def test_a_type_that_was_named_is_given_or_refused():
    assert Scale(2, dtype="u1")(np.array([1, 127], "u1")).dtype == np.uint8
    assert Scale(2, dtype="i8")(np.array([1 << 40])).tolist() == [1 << 41]
    assert Scale(2, dtype="i8").describe(np.dtype("i8"), (-1,)) == (np.dtype("i8"), (-1,))
    assert Scale(0.5, dtype="i4")(np.array([1.0, 5.0, 7.0])).tolist() == [0, 2, 4]
    assert Scale(2, dtype="i8")(np.zeros(0, "i8")).dtype == np.int64
    with pytest.raises(ConfigurationError, match=r"values 2\.\.256 to uint8, allowed are 0\.\.255"):
        Scale(2, dtype="u1")(np.array([1, 128], "u1"))
    with pytest.raises(ConfigurationError, match="64 bits"):
        Scale(4, dtype="i8")(np.array([1 << 62]))


@pytest.mark.parametrize(
    "array", [np.zeros(2, "M8[s]"), np.zeros(2, "S3"), np.zeros(2, [("a", "i4")])], ids=repr
)
def test_what_is_no_number_is_not_scaled(array):
    with pytest.raises(ConfigurationError, match="allowed are numbers"):
        Scale(2)(array)


@pytest.mark.parametrize(
    ("scale", "array"), [(1e300, np.array([1e300])), (1e30, np.array([1e30], "f4"))], ids=str
)
def test_a_number_that_becomes_too_large_is_not_made_infinite(scale, array):
    with pytest.raises(ConfigurationError, match="too large"):
        Scale(scale)(array)


@pytest.mark.parametrize("scale", [0, [1, 0], float("nan"), "2", True])
def test_a_scale_that_cannot_be_is_refused(scale):
    with pytest.raises(ConfigurationError, match="scale"):
        Scale(scale)


@pytest.mark.parametrize(
    ("values", "dtype", "into", "expected"),
    [
        ([1, 255], "i8", "u1", [1, 255]),
        ([0.5, 1.5, -0.4], "f8", "i2", [0, 2, 0]),
        ([255.4], "f4", "u1", [255]),
        ([1, 2], "u1", "f4", [1.0, 2.0]),
        ([0.1], "f8", "f4", [float(np.float32(0.1))]),
        ([np.inf], "f8", "f4", [np.inf]),
        ([1], "i4", "c8", [1 + 0j]),
        ([True], "?", "u1", [1]),
        ([b"ab"], "S2", "S4", [b"ab"]),
    ],
)
def test_casts_that_lose_nothing_but_digits(values, dtype, into, expected):
    result = Cast(into)(np.array(values, dtype))

    assert result.dtype == np.dtype(into)
    assert result.tolist() == expected


def test_times_are_cast_to_other_units():
    assert Cast("M8[s]")(np.array(["2020-01-01"], "M8[D]"))[0] == np.datetime64("2020-01-01T00:00:00")


def test_what_has_the_type_is_not_copied():
    array = np.zeros(3)

    assert Cast("f8")(array) is array


@pytest.mark.parametrize(
    ("values", "dtype", "into"),
    [
        ([256], "i4", "u1"),
        ([-1], "i4", "u8"),
        ([1 << 63], "u8", "i8"),
        ([2.0**63], "f8", "i8"),
        ([np.nan], "f8", "i4"),
        ([np.inf], "f4", "i4"),
        ([255.5], "f8", "u1"),
        ([1e39], "f8", "f4"),
        ([1j], "c8", "f4"),
        ([1], "i4", "S4"),
        ([1], "i4", "?"),
        ([b"abcd"], "S4", "S2"),
        (["2020-01-01"], "M8[D]", "i8"),
        ([(1,)], [("a", "i4")], [("b", "i4"), ("c", "i4")]),
    ],
    ids=str,
)
def test_casts_that_would_change_values_are_refused(values, dtype, into):
    with pytest.raises(ConfigurationError, match="Cast"):
        Cast(into)(np.array(values, dtype))


def test_a_cast_to_what_cannot_travel_is_refused():
    with pytest.raises(ConfigurationError):
        Cast(object)
