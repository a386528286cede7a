"""Whatever comes from outside gives a message or a `ProtocolError`, and takes no more memory than said."""

from __future__ import annotations

import json
import struct
import tracemalloc

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.fuzz_codec import check_parts, decoded, seeds
from xspress3.stream.codec import MAX_HEADER_BYTES

SEEDS = seeds()
BYTES_PER_HEADER_BYTE = 40
"""Memory that JSON takes for each of its bytes, at most: `[],` is an object of 56 bytes in a list."""
FIXED_BYTES = 1 << 18
NUMBERS = st.sampled_from(
    [0, -1, 1, 2, 63, 1 << 31, (1 << 31) + 1, 1 << 62, (1 << 62) + 1, 10**400, 1.5, -0.0]
)
WORDS = st.sampled_from(
    ["", "none", "bslz4", "blosc-lz4", "<u4", "|O", "<M8[ns]", "block", "start", "\ud800"]
)
LEAVES = st.none() | st.booleans() | NUMBERS | WORDS | st.integers() | st.floats() | st.text(max_size=8)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def changed_fields(draw):
    """Parts of a valid message with values in its header replaced, taken out or put in."""
    header, *payloads = draw(st.sampled_from(SEEDS))
    fields = json.loads(header)
    for _ in range(draw(st.integers(1, 3))):
        change_somewhere(draw, fields)
    return [json.dumps(fields, separators=draw(st.sampled_from([(",", ":"), None]))).encode(), *payloads]


def change_somewhere(draw, value):
    """Walk into `value` and change what is there."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    if not keys:
        return
    key = draw(st.sampled_from(keys))
    if isinstance(value[key], (dict, list)) and draw(st.booleans()):
        change_somewhere(draw, value[key])
    elif draw(st.integers(0, 4)) == 0:
        del value[key]
    else:
        value[key] = draw(JSON)


@st.composite
def changed_bytes(draw):
    """Parts of a valid message with bytes replaced, taken out or put in, or in another order."""
    parts = [bytearray(part) for part in draw(st.sampled_from(SEEDS))]
    for _ in range(draw(st.integers(0, 4))):
        part = draw(st.sampled_from(parts))
        at = draw(st.integers(0, len(part)))
        part[at : at + draw(st.integers(0, 4))] = draw(st.binary(max_size=4))
    kept = draw(st.lists(st.sampled_from(parts), max_size=4)) if draw(st.integers(0, 3)) == 0 else parts
    return [bytes(part) for part in kept]


@given(st.lists(st.binary(max_size=200), max_size=4))
def test_any_bytes_are_a_message_or_refused(parts):
    check_parts(parts)


@settings(max_examples=400)
@given(changed_fields())
def test_a_message_with_changed_fields_is_a_message_or_refused(parts):
    check_parts(parts)


@settings(max_examples=400)
@given(changed_bytes())
@example([b"[" * (MAX_HEADER_BYTES - 1)])
@example([b'{"a":' * 100_000])
@example([b'{"schema":"xspress3/1","type":' + b"[" * 950 + b"]" * 950 + b"}"])
@example([b'{"schema":"xspress3/1","type":"alive","sequence":' + b"9" * 4000 + b"}"])
@example([b'{"schema":"xspress3/1","type":"alive","sequence":' + b"9" * 100_000 + b"}"])
@example([b'{"schema":"xspress3/1","type":"block","stream_id":"a","sequence":1,"sequence":2,"arrays":[]}'])
def test_a_message_with_changed_bytes_is_a_message_or_refused(parts):
    check_parts(parts)


@pytest.mark.parametrize("parts", SEEDS, ids=lambda parts: json.loads(parts[0])["type"])
def test_what_is_mutated_here_is_valid_before(parts):
    assert decoded(parts) is not None
    check_parts(parts)


def test_a_header_that_looks_usual_again_and_again_is_refused_in_time():
    usual = b',"sequence":1,"time_ns":1,"first_frame":1,"n_frames":1,"arrays":['
    head = b'{"schema":"xspress3/1","type":"block",'

    check_parts([head + usual * 60])
    check_parts([head + usual * 15_000])


def memory_of(parts) -> int:
    """Bytes that decoding takes at most, beyond the parts."""
    decoded(parts)
    tracemalloc.start()
    try:
        decoded(parts)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


HUGE = 1 << 30


@pytest.mark.parametrize(
    "header",
    [
        b"[" + b"[]," * 300_000 + b"[]]",
        b'{"schema":"xspress3/1","type":"start","arrays":[' + b"{}," * 300_000 + b"{}]}",
        b'{"schema":"xspress3/1","type":"start","metadata":{' + b'"a":0,' * 150_000 + b'"b":0}}',
        b'{"schema":"xspress3/1","type":"alive","state":"' + b"x" * 1_000_000 + b'"}',
        b'{"schema":"xspress3/1","type":"alive","state":"' + "\U0001f600".encode() * 250_000 + b'"}',
        b'{"schema":"xspress3/1","type":' + b"9" * 4000 + b"}",
    ],
    ids=["lists", "objects", "twice", "text", "wide text", "digits"],
)
def test_a_header_takes_a_bounded_multiple_of_its_size(header):
    assert memory_of([header]) <= BYTES_PER_HEADER_BYTE * len(header) + FIXED_BYTES


@pytest.mark.parametrize(
    ("dtype", "shape", "compression", "payload"),
    [
        ("<u4", [1, HUGE // 4], "none", b""),
        ("<u4", [1, HUGE // 4], "bslz4", struct.pack(">QI", HUGE, 1 << 20) + bytes(4096)),
        ("<u4", [1, HUGE // 4], "blosc-lz4", bytes(32)),
        ("<u4", [1, 1 << 31, 1 << 31, 1 << 31], "none", b""),
        ([["a", "<u4", [1 << 14]]] * 256, [1], "none", b""),
        ([["a", "<u4", [HUGE]]], [1], "none", b""),
    ],
)
def test_an_array_takes_no_memory_before_it_was_checked(dtype, shape, compression, payload):
    array = {"name": "a", "dtype": dtype, "shape": shape, "compression": compression}
    fields = {
        "n_frames": 1,
        "first_frame": 0,
        "arrays": [array],
        "stream_id": "x",
        "epoch": "",
        "type": "block",
    }
    header = {"schema": "xspress3/1", "session_id": 1, "sequence": 0, "time_ns": 0, **fields}

    assert memory_of([json.dumps(header).encode(), payload]) <= FIXED_BYTES


@given(changed_fields() | changed_bytes())
def test_a_changed_message_takes_a_bounded_amount_of_memory(parts):
    assert memory_of(parts) <= BYTES_PER_HEADER_BYTE * len(b"".join(parts)) + FIXED_BYTES
