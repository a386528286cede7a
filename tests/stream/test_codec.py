"""Messages go to bytes and come back; bytes that are no message are refused."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xspress3.errors import ConfigurationError, ProtocolError
from xspress3.stream import (
    Alive,
    ArrayInfo,
    Block,
    EncodedArray,
    EndReason,
    Envelope,
    Loss,
    SessionEnd,
    SessionStart,
    UnknownMessage,
    decode,
    encode,
)
from xspress3.stream.codec import MAX_ARRAY_BYTES, MAX_HEADER_BYTES
from xspress3.stream.contract import MAX_STEP

ENVELOPE = Envelope(stream_id="xspress3", session_id=1763683200, sequence=17, time_ns=1763683201000000000)


def block(array: np.ndarray) -> Block:
    encoded = EncodedArray("histogram", array.dtype, array.shape, "none", array.tobytes())
    return Block(ENVELOPE, first_frame=1024, n_frames=len(array), arrays=(encoded,))


@pytest.mark.parametrize(
    "message",
    [
        SessionStart(
            ENVELOPE,
            n_frames=None,
            frames_per_block=64,
            arrays=(ArrayInfo("histogram", "<u4", (4, 4096), "counts"),),
            acquisition={"exposure_time": 0.1},
            detector={"event_widths": [6, 6, 6, 6]},
            metadata={"sample": "Fe foil, 5 µm"},
            next_frame=3,
            is_repeat=True,
            contract="every:10",
        ),
        Loss(ENVELOPE, first_frame=3, n_frames=2, reason="overwritten"),
        Loss(ENVELOPE, first_frame=3, n_frames=2, reason="not asked for", first_sequence=12),
        Alive(replace(ENVELOPE, epoch="k3J9x"), "idle"),
        Alive(ENVELOPE, "idle"),
        Alive(Envelope("xspress3", None, 0, 1), "idle"),
        SessionEnd(ENVELOPE, EndReason.STOPPED, acquired=10, streamed=8, lost=2, text="why"),
        block(np.arange(24, dtype="<u4").reshape(2, 3, 4)),
        replace(block(np.arange(24, dtype="<u4").reshape(2, 3, 4)), step=10),
    ],
    ids=lambda message: type(message).__name__,
)
def test_a_message_comes_back_as_it_was(message):
    parts = [bytes(part) for part in encode(message)]

    assert decode(parts) == message


def test_an_array_comes_back_as_numbers_that_cannot_be_changed():
    array = np.arange(24, dtype="<u4").reshape(2, 3, 4)

    received = decode(encode(block(array)))["histogram"].decode()

    np.testing.assert_array_equal(received, array)
    assert not received.flags.writeable


def test_unknown_keys_are_passed_over():
    parts = [change(encode(Alive(ENVELOPE, "idle"))[0], colour="blue")]

    assert decode(parts) == Alive(ENVELOPE, "idle")


@pytest.mark.parametrize(
    ("message", "keys"),
    [
        (block(np.zeros((2, 1), "<u4")), {"step"}),
        (Loss(ENVELOPE, 0, 1, "overwritten"), {"first_sequence"}),
        (SessionStart(ENVELOPE, None, 64, ()), {"contract"}),
    ],
    ids=["block", "loss", "start"],
)
def test_what_is_as_usual_is_not_said(message, keys):
    header = json.loads(encode(message)[0])

    assert not keys & set(header)


def test_a_sender_that_names_no_epoch_has_an_empty_one():
    fields = json.loads(encode(Alive(ENVELOPE, "idle"))[0])
    del fields["epoch"]

    assert decode([json.dumps(fields).encode()]).envelope.epoch == ""


@pytest.mark.parametrize(
    ("message", "changes", "complaint"),
    [
        (Alive(ENVELOPE, "idle"), {"epoch": "x" * 65}, "up to 64 characters"),
        (Loss(ENVELOPE, 0, 1, "why"), {"first_sequence": 18}, "allowed is 0..17"),
        (Loss(ENVELOPE, 0, 1, "why"), {"first_frame": 1 << 62}, "go beyond frame"),
        (SessionStart(ENVELOPE, None, 64, ()), {"contract": "every:0"}, "allowed are 'lossless'"),
        (block(np.zeros((2, 1), "<u4")), {"step": 0}, "step: 0, expected an integer in 1..2147483648"),
        (block(np.zeros((2, 1), "<u4")), {"step": (1 << 31) + 1}, "expected an integer in 1..2147483648"),
        (block(np.zeros((2, 1), "<u4")), {"first_frame": (1 << 62) - 3, "step": 2}, "go beyond frame"),
    ],
)
def test_a_field_outside_its_range_is_refused(message, changes, complaint):
    header, *payloads = encode(message)

    with pytest.raises(ProtocolError, match=complaint):
        decode([change(header, **changes), *payloads])


def test_a_type_of_a_later_version_is_told_apart_from_rubbish():
    parts = [change(encode(Alive(ENVELOPE, "idle"))[0], type="calibration")]

    assert decode(parts) == UnknownMessage("calibration")


def change(header: bytes, **values: object) -> bytes:
    return json.dumps({**json.loads(header), **values}).encode()


def change_array(header: bytes, **values: object) -> bytes:
    fields = json.loads(header)
    fields["arrays"][0].update(values)
    return json.dumps(fields).encode()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"schema": "xspress3/2"}, "schema 'xspress3/2', this reader knows 'xspress3/1'"),
        ({"type": 5}, "type: '5', expected a text"),
        ({"session_id": None}, "session_id: None, expected an integer"),
        ({"sequence": -1}, "sequence: -1, expected an integer"),
        ({"first_frame": 1.5}, "first_frame: 1.5, expected an integer"),
        ({"n_frames": True}, "n_frames: True, expected an integer"),
        ({"n_frames": 3}, r"shape \(2, 3, 4\) in a block of 3 frames"),
        ({"arrays": {}}, "arrays: expected a list"),
        ({"arrays": []}, "0 arrays described, 1 came"),
    ],
)
def test_a_block_with_a_wrong_field_is_refused_by_name(changes, complaint):
    header, payload = encode(block(np.zeros((2, 3, 4), "<u4")))

    with pytest.raises(ProtocolError, match=complaint):
        decode([change(header, **changes), payload])


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"dtype": "O"}, "dtype 'O', allowed are '<u4'"),
        ({"dtype": "<f4,<f4"}, "allowed are '<u4'"),
        ({"dtype": "<u3"}, "allowed are '<u4'"),
        ({"dtype": 4}, "dtype 4, allowed are '<u4'"),
        ({"shape": [2, -3, 4]}, "each length must be"),
        ({"shape": [2, 1 << 29, 1 << 29]}, "allowed are"),
        ({"shape": [2] * 9}, "up to 8 integers"),
        ({"shape": [2, 3, 5]}, r"shape \(2, 3, 5\) uint32: 96 bytes, expected 120"),
        ({"shape": [2, 3, 4.0]}, "each length must be an integer"),
        ({"shape": [2, 3, True]}, "each length must be an integer"),
        ({"compression": "zip"}, "known here are"),
        ({"compression": "bslz4"}, "bslz4: holds"),
    ],
)
def test_an_array_that_is_not_what_it_says_is_refused(changes, complaint):
    header, payload = encode(block(np.zeros((2, 3, 4), "<u4")))

    with pytest.raises(ProtocolError, match=complaint):
        decode([change_array(header, **changes), payload])


def test_a_header_in_another_order_or_with_spaces_means_the_same():
    array = np.arange(24, dtype="<u4").reshape(2, 3, 4)
    usual, payload = encode(replace(block(array), step=3))
    fields = json.loads(usual)

    unusual = json.dumps(dict(reversed(fields.items()))).encode()

    assert decode([unusual, payload]) == decode([usual, payload])


@pytest.mark.parametrize(
    "said",
    [
        b'{"schema":"xspress3/1","schema":"xspress3/1"}',
        b'{"schema":"xspress3/1","type":"alive","stream_id":"\\ud800"}',
        b'{"schema":"xspress3/1","type":NaN}',
        b'{"schema":"xspress3/1","type":-Infinity}',
        b'{"schema":"xspress3/1","type":1e999}',
        b'{"schema":"xspress3/1","type":' + b"[" * 40 + b"]" * 40 + b"}",
        '{"schema":"xspress3/1"}'.encode("utf-16"),
    ],
    ids=["twice", "half a character", "nan", "minus infinity", "infinity", "nested", "utf-16"],
)
def test_json_that_not_everybody_reads_alike_is_refused(said):
    with pytest.raises(ProtocolError, match="header is"):
        decode([said])


def test_metadata_that_readers_would_refuse_are_refused_at_the_sender():
    deep: list = []
    for _ in range(40):
        deep = [deep]
    start = SessionStart(ENVELOPE, None, 64, (), metadata={"notes": deep})

    with pytest.raises(ConfigurationError, match="nested deeper than 32 levels"):
        encode(start)


def test_an_array_without_elements_comes_back():
    received = decode(encode(block(np.zeros((2, 0, 3), "<u4"))))["histogram"].decode()

    assert received.shape == (2, 0, 3)


@pytest.mark.parametrize(
    "parts",
    [[], [b""], [b"GET / HTTP/1.1"], [b"[1]"], [b"[" * 100_000], [b"\xff\xfe"], [b'{"schema": 1e999}']],
    ids=["none", "empty", "http", "list", "nested", "binary", "infinite"],
)
def test_foreign_bytes_are_refused(parts):
    with pytest.raises(ProtocolError):
        decode(parts)


def test_a_start_that_can_be_sent_can_be_repeated_for_any_reader():
    def start(n):
        return SessionStart(ENVELOPE, None, 64, (), metadata={"note": "x" * n})

    with pytest.raises(ConfigurationError, match="allowed is") as refused:
        encode(start(MAX_HEADER_BYTES))
    allowed = int(str(refused.value).split()[-1])
    longest = start(allowed - len(encode(start(0))[0]))
    envelope = replace(ENVELOPE, sequence=10**18, time_ns=10**18)
    ring = {"shared_memory_ring": "xspress3-4294967295-0123456789abcdef"}
    repeated = replace(
        longest,
        envelope=envelope,
        next_frame=10**18,
        is_repeat=True,
        contract=f"every:{MAX_STEP}",
        metadata={**longest.metadata, **ring},
    )

    assert len(encode(longest)[0]) == allowed
    assert decode(encode(repeated)) == repeated


def test_a_header_above_the_limit_is_refused_unread():
    with pytest.raises(ProtocolError, match="allowed are"):
        decode([b" " * (MAX_HEADER_BYTES + 1)])


@given(st.lists(st.binary(max_size=200), max_size=4))
def test_any_bytes_give_a_message_or_a_protocol_error(parts):
    with contextlib.suppress(ProtocolError):
        decode(parts)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
FIELDS = ["type", "session_id", "sequence", "first_frame", "n_frames", "arrays", "stream_id", "time_ns"]


@given(st.dictionaries(st.sampled_from(FIELDS), JSON, min_size=1))
def test_a_header_with_any_values_gives_a_message_or_a_protocol_error(changes):
    header, payload = encode(block(np.zeros((2, 3, 4), "<u4")))

    with contextlib.suppress(ProtocolError):
        decode([change(header, **changes), payload])


@given(st.sampled_from(["name", "dtype", "shape", "compression"]), JSON)
def test_an_array_described_by_any_value_gives_a_message_or_a_protocol_error(field, value):
    header, payload = encode(block(np.zeros((2, 3, 4), "<u4")))

    try:
        message = decode([change_array(header, **{field: value}), payload])
    except ProtocolError:
        return
    assert message.arrays[0].nbytes <= MAX_ARRAY_BYTES
