"""Types of elements are named on the wire and come back as they were, within limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from xspress3.errors import ConfigurationError, ProtocolError
from xspress3.stream import ArrayInfo, Block, EncodedArray, Envelope, SessionStart, decode, encode
from xspress3.stream.compression import canonical_name, compression_methods, find_method
from xspress3.stream.dtypes import MAX_ITEM_BYTES, dtype_from_wire, dtype_to_wire

ENVELOPE = Envelope(stream_id="x", session_id=1, sequence=0, time_ns=1)
PLAIN = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(endianness="?"),
    hnp.unsigned_integer_dtypes(endianness="?"),
    hnp.floating_dtypes(sizes=(16, 32, 64), endianness="?"),
    hnp.complex_number_dtypes(sizes=(64, 128), endianness="?"),
    hnp.datetime64_dtypes(endianness="?"),
    hnp.timedelta64_dtypes(endianness="?"),
    hnp.byte_string_dtypes(min_len=1, max_len=20),
    hnp.unicode_string_dtypes(min_len=1, max_len=8, endianness="?"),
)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


def records(inner):
    shapes = st.just(()) | st.lists(st.integers(1, 3), min_size=1, max_size=2).map(tuple)
    fields = st.tuples(NAMES, inner, shapes)
    return st.lists(fields, min_size=1, max_size=4, unique_by=lambda field: field[0]).map(np.dtype)


DTYPES = PLAIN | records(PLAIN) | records(PLAIN | records(PLAIN | records(PLAIN)))


@given(DTYPES)
def test_any_type_that_may_travel_comes_back(dtype):
    assert dtype_from_wire(dtype_to_wire(dtype)) == dtype


@given(DTYPES, st.sampled_from(compression_methods), st.integers(1, 40), st.data())
def test_an_array_of_any_type_comes_back_by_any_compression(dtype, compression, n_frames, data):
    size = n_frames * 3 * dtype.itemsize
    octets = np.frombuffer(data.draw(st.binary(min_size=1, max_size=64)) * size, np.uint8, size).copy()
    array = octets.view(dtype).reshape(n_frames, 3)
    payload = find_method(compression).compress(array)
    sent = Block(ENVELOPE, 0, n_frames, (EncodedArray("a", dtype, array.shape, compression, payload),))

    received = decode([bytes(part) for part in encode(sent)])["a"].decode()

    assert received.dtype == dtype
    assert received.shape == array.shape
    assert received.tobytes() == octets.tobytes()


@given(DTYPES)
def test_the_start_of_a_session_names_the_type(dtype):
    start = SessionStart(ENVELOPE, None, 64, (ArrayInfo("a", dtype, (3,)),))

    assert decode(encode(start)) == start


def test_a_record_is_a_list_of_its_fields():
    dtype = np.dtype([("time", "<M8[ns]"), ("spectrum", ">u2", (2, 8)), ("at", [("x", "<f4"), ("y", "<f4")])])

    assert dtype_to_wire(dtype) == [
        ["time", "<M8[ns]"],
        ["spectrum", ">u2", [2, 8]],
        ["at", [["x", "<f4"], ["y", "<f4"]]],
    ]


@pytest.mark.parametrize("said", ["<u4", "|S16", "<U8", "<M8[ns]", "<m8[us]", "|b1", ">f8", "<c16"])
def test_a_plain_type_is_its_text(said):
    assert dtype_to_wire(dtype_from_wire(said)) == said


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ("O", "allowed are"),
        ("|V8", "allowed are"),
        ("|S0", "allowed are"),
        ("|u4", "allowed are"),
        ("<f16", "allowed are"),
        ("<M8[fortnight]", "allowed are"),
        ("<U20000", "has 80000 bytes"),
        ([], "0 fields"),
        ([["a", "<u4"], ["a", "<f4"]], "not unique"),
        ([["", "<u4"]], "expected 1..64 characters"),
        ([["a" * 65, "<u4"]], "expected 1..64 characters"),
        ([["a"]], "expected \\[name, type\\]"),
        ([["a", "|O"]], "allowed are"),
        ([["a", "<u4", 3]], "list of 1..8 integers"),
        ([["a", "<u4", [1.0]]], "list of 1..8 integers"),
        ([["a", "<u4", [0]]], "begin at 1"),
        ([["a", "<u4", [1 << 40] * 8]], "allowed are 1..65536"),
        ([["a", "|S40000"], ["b", "|S40000"]], "has 80000 bytes"),
        ([["a", [["b", [["c", [["d", "<u4"]]]]]]]], "3 levels"),
        ([[f"f{i}", "<u4"] for i in range(257)], "257 fields"),
        ([["a" * 60 + str(i), [["b" * 64, "<u4"]]] for i in range(150)], "characters"),
    ],
)
def test_a_type_outside_the_limits_is_refused(said, complaint):
    with pytest.raises(ProtocolError, match=complaint):
        dtype_from_wire(said)


@pytest.mark.parametrize(
    "dtype",
    [
        np.dtype("O"),
        np.dtype("V8"),
        np.dtype("<g"),
        np.dtype([("a", "u1"), ("b", "<f8")], align=True),
        np.dtype([(("title", "a"), "<u4")]),
        np.dtype([("a", "O")]),
        np.dtype((("<u4"), (3,))),
    ],
    ids=str,
)
def test_a_type_that_cannot_travel_is_refused_at_the_sender(dtype):
    with pytest.raises(ConfigurationError, match="cannot be sent"):
        dtype_to_wire(dtype)


def test_an_integer_and_a_float_in_a_shape_are_told_apart_though_they_are_equal():
    assert dtype_from_wire([["a", "<u4", [1]]])["a"].shape == (1,)

    with pytest.raises(ProtocolError, match="integers"):
        dtype_from_wire([["a", "<u4", [True]]])


@pytest.mark.parametrize("name", [name for name in compression_methods if name != "bslz4"])
def test_the_largest_items_are_taken(name):
    assert canonical_name(name, f"S{MAX_ITEM_BYTES}") == name
