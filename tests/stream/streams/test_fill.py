"""What stands for a missing sample cannot be taken for a measured one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from xspress3.errors import ConfigurationError
from xspress3.stream.streams.fill import missing_value


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        ("u1", 255),
        ("<u8", (1 << 64) - 1),
        ("i2", -(1 << 15)),
        (">i8", -(1 << 63)),
        ("S5", b""),
        ("U5", ""),
    ],
)
def test_types_without_a_word_for_missing_have_the_end_of_their_range(dtype, value):
    missing = missing_value(dtype)

    assert missing.value == value
    assert missing.value.dtype == np.dtype(dtype)
    assert missing.is_telling


@pytest.mark.parametrize("dtype", ["f2", "f4", ">f8", "c8", "c16"])
def test_floats_have_nan(dtype):
    assert np.isnan(missing_value(dtype).value)
    assert np.isnan(missing_value(dtype).value.imag) == (np.dtype(dtype).kind == "c")


@pytest.mark.parametrize("dtype", ["M8[ns]", "m8[us]"])
def test_times_have_nat(dtype):
    assert np.isnat(missing_value(dtype).value)


def test_a_bool_has_nothing_alone_or_in_a_record():
    assert not missing_value(bool).is_telling
    assert not missing_value([("n", "i4"), ("flags", [("a", "?")], (2,))]).is_telling
    assert missing_value(bool, True).is_telling
    assert missing_value([("n", "i4"), ("flag", "?")], [None, False]).is_telling


def test_a_record_has_what_its_fields_have_or_what_was_chosen():
    dtype = [("x", "f4", (2,)), ("n", "u2"), ("where", [("t", "M8[s]")])]

    assert np.isnan(missing_value(dtype).value["x"]).all()
    assert missing_value(dtype).value["n"] == 65535
    assert np.isnat(missing_value(dtype).value["where"]["t"])
    chosen = missing_value(dtype, (-1, None, ["1970-01-01"])).value
    assert chosen["x"].tolist() == [-1, -1]
    assert chosen["n"] == 65535
    assert chosen["where"]["t"] == np.datetime64(0, "s")


@pytest.mark.parametrize(
    ("dtype", "fill", "value"),
    [
        ("u1", 7, 7),
        ("i4", -5.0, -5),
        ("i4", np.int64(-5), -5),
        ("f4", 0.1, np.float32(0.1)),
        ("f8", math.inf, math.inf),
        ("c8", 1j, 1j),
        ("S3", "ab", b"ab"),
        ("U3", "ab", "ab"),
        ("?", True, True),
        ("M8[D]", "2020-02-03", np.datetime64("2020-02-03")),
    ],
)
def test_a_fill_that_fits_is_taken(dtype, fill, value):
    assert missing_value(dtype, fill).value == value


@pytest.mark.parametrize(
    ("dtype", "fill"),
    [
        ("u1", -1),
        ("u1", 256),
        ("i4", 1.5),
        ("i4", math.nan),
        ("i4", True),
        ("i4", "7"),
        ("f4", 1e39),
        ("f4", "1"),
        ("f4", 1j),
        ("f4", [1.0, 2.0]),
        ("S3", "abcd"),
        ("S3", 5),
        ("S3", "ä"),
        ("U3", b"ab"),
        ("?", 1),
        ("M8[D]", "some day"),
        ([("a", "i4"), ("b", "i4")], 0),
        ([("a", "i4"), ("b", "i4")], [0]),
        ([("a", "i4"), ("b", "u4")], [0, -1]),
    ],
)
def test_a_fill_that_numpy_would_bend_is_refused(dtype, fill):
    with pytest.raises(ConfigurationError, match="fill: "):
        missing_value(dtype, fill)


def test_objects_have_no_place_here():
    with pytest.raises(ConfigurationError, match="dtype: object"):
        missing_value(object)
