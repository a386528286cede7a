"""Updates: what the page's typed arrays need, by hand."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest

from receivers.liveview.updates import decode_update, encode_update

ARRAYS = {
    "a": np.arange(3, dtype="<u4"),
    "b": np.array([[1.5, np.nan]]),
    "c": np.arange(4, dtype="<f4").reshape(2, 2),
    "d": np.zeros((0, 2), dtype="<i4"),
}


def test_the_bytes_are_where_the_header_says():
    message = encode_update({"kind": "test"}, ARRAYS)

    (size,) = struct.unpack("<I", message[:4])
    header = json.loads(message[4 : 4 + size])
    assert header["kind"] == "test"
    assert [info["name"] for info in header["arrays"]] == ["a", "b", "c", "d"]
    offset = header["arrays"][0]["offset"]
    assert message[offset : offset + 12] == struct.pack("<III", 0, 1, 2)
    assert len(message) % 8 == 0


@pytest.mark.parametrize("length", range(20))
def test_every_array_begins_at_a_multiple_of_eight_bytes(length):
    message = encode_update({"text": "x" * length}, ARRAYS)

    header, arrays = decode_update(message)
    assert all(info["offset"] % 8 == 0 for info in header["arrays"])
    assert (4 + struct.unpack("<I", message[:4])[0]) % 8 == 0
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array)


def test_what_is_not_contiguous_is_sent_in_order():
    array = np.arange(12, dtype="<u4").reshape(3, 4)[::2, ::-1]

    _, arrays = decode_update(encode_update({}, {"a": array}))

    assert arrays["a"].tolist() == [[3, 2, 1, 0], [11, 10, 9, 8]]


def test_a_header_without_json_is_refused():
    with pytest.raises(ValueError, match="JSON"):
        encode_update({"time": float("nan")}, {})
