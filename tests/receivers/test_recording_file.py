"""Files of raw messages: any CBOR tool reads them, and nothing in them takes memory that is not there."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from receivers.recording_file import RecordingWriter, looks_like_recording, read_messages
from xspress3.errors import ConfigurationError, ProtocolError, SinkError, StreamRefusedError

PARTS = st.lists(st.one_of(st.binary(max_size=40), st.integers(0, 70_000).map(bytes)), max_size=30)


def write(path, messages) -> None:
    with RecordingWriter(path) as writer:
        for parts in messages:
            writer.write(parts)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PARTS, max_size=4))
def test_what_was_written_is_read(tmp_path, messages):
    path = tmp_path / "a.cbors"
    path.unlink(missing_ok=True)

    write(path, messages)

    assert list(read_messages(path)) == messages


def test_an_error_before_the_first_message_leaves_no_file(tmp_path):
    path, begun = tmp_path / "a.cbors", tmp_path / "b.cbors"

    with pytest.raises(StreamRefusedError), RecordingWriter(path):
        raise StreamRefusedError("not listed")
    with pytest.raises(ProtocolError), RecordingWriter(begun) as writer:
        writer.write([b"ab"])
        raise ProtocolError("torn")

    assert not path.exists()
    assert list(read_messages(begun)) == [[b"ab"]]


def test_the_bytes_are_those_of_the_standard(tmp_path):
    path = tmp_path / "a.cbors"

    write(path, [[b"ab", bytes(24)], [b"x" * 300]])

    assert path.read_bytes() == b"\x82\x42ab\x58\x18" + bytes(24) + b"\x81\x59\x01\x2c" + b"x" * 300
    assert looks_like_recording(path.read_bytes())


def test_a_recorded_file_is_written_again_byte_for_byte(tmp_path, recordings):
    recorded = recordings / "xspress3-multipart.cbors"

    write(tmp_path / "a.cbors", read_messages(recorded))

    assert (tmp_path / "a.cbors").read_bytes() == recorded.read_bytes()


def test_a_file_is_never_overwritten(tmp_path):
    write(tmp_path / "a.cbors", [[b"a"]])

    with pytest.raises(SinkError, match="exists"):
        RecordingWriter(tmp_path / "a.cbors")
    with pytest.raises(SinkError, match="cannot create"):
        RecordingWriter(tmp_path / "missing" / "a.cbors")


def test_a_full_disk_is_told():
    from pathlib import Path

    full = Path("/dev/full")
    writer = RecordingWriter.__new__(RecordingWriter)
    writer.path, writer.n_messages, writer.size_bytes = full, 0, 0
    writer._file = full.open("wb")

    writer.write([bytes(10)])
    with pytest.raises(SinkError, match="No space left"):
        writer.flush()
    with pytest.raises(SinkError, match="No space left"):
        writer.close()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\x82\x41a", "ends within a message"),
        (b"\x81\x5b" + b"\x00\x00\x00\x00\x3f\xff\xff\xff", "ends within a message"),
        (b"\x81\x5b" + b"\xff" * 8, "allowed is"),
        (b"\x9b" + b"\xff" * 8, "allowed is"),
        (b"\x9f\x41a\xff", "stated length"),
        (b"\x81\x61a", "expected bytes"),
        (b"\xd9\xd9\xf7\x81\x41a", "expected an array"),
        (b"{}", "expected an array"),
        (b"\x81\x5c", "stated length"),
    ],
)
def test_what_is_no_recording_is_refused(tmp_path, content, told):
    path = tmp_path / "a.cbors"
    path.write_bytes(content)

    with pytest.raises(ProtocolError, match=told):
        list(read_messages(path))


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot read"):
        list(read_messages(tmp_path / "a.cbors"))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60))
def test_any_bytes_give_messages_or_a_protocol_error(tmp_path, content):
    path = tmp_path / "any.cbors"
    path.write_bytes(content)
    try:
        messages = list(read_messages(path))
    except ProtocolError:
        return
    assert sum(len(part) for parts in messages for part in parts) <= len(content)
