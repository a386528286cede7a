"""`xspress3-receiver record` with a stream of G3 frames."""

from __future__ import annotations

import signal

from tests.receivers.g3.conftest import wait_for
from tests.receivers.g3.frames import SESSION, STREAM, encode, numbers, scan


def test_the_command_records_a_real_sender_until_a_signal_comes(program, sender, tmp_path):
    endpoint = f"g3://127.0.0.1:{sender.port}"
    recording = program(
        "record", "--data-dir", tmp_path, "--stream", endpoint, "--min-free-bytes", 0, "--json"
    )
    directory = tmp_path / str(SESSION)[:5] / STREAM

    def is_recorded():
        sender.begin()  # each time a new start, and maybe a new file, until the recorder has joined
        return list(directory.glob("*.g3"))

    def scans():
        return [number for path in sorted(directory.glob("*.g3")) for number in numbers(path)]

    wait_for(is_recorded, "nothing was recorded")
    sender.scans(2, 20)
    wait_for(lambda: scans() == list(range(2, 20)), "frames are missing")
    recording.process.send_signal(signal.SIGTERM)
    code, out, error = recording.wait(30)

    assert code == 128 + signal.SIGTERM, error
    assert endpoint in out


def test_what_was_recorded_is_whole_when_the_recorder_is_killed(program, raw_sender, tmp_path):
    endpoint = f"g3://127.0.0.1:{raw_sender.port}"
    recording = program(
        "record", "--data-dir", tmp_path, "--stream", endpoint, "--min-free-bytes", 0, "--quiet"
    )
    path = tmp_path / str(SESSION)[:5] / STREAM / f"{SESSION}_000.g3"
    frames = encode(*(scan(number, 500) for number in range(200)))
    with raw_sender.hold(frames):
        wait_for(lambda: path.exists() and path.stat().st_size > len(frames) // 2, "nothing was recorded")
        recording.process.kill()
        recording.wait(30)

    found = numbers(path, may_be_torn=True)  # a kill can end a write between two pages
    assert found == list(range(len(found)))
    assert len(found) >= 100


def test_an_address_that_cannot_be_is_refused_in_words(program, tmp_path):
    code, _, error = program("record", "--data-dir", tmp_path, "--stream", "g3://nowhere").wait(30)

    assert code == 2
    assert "allowed is g3://HOST:PORT" in error
    assert "Traceback" not in error
