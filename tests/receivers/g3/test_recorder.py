"""The recorder against a real sender on loopback, and against one that sends what none should."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess

import pytest

from receivers.g3.recorder import G3Recorder
from receivers.g3.source import G3Source
from receivers.recorder.options import Options
from receivers.recorder.rules import Preset
from receivers.recorder.status import State
from tests.receivers.g3.conftest import Sender, free_port, wait_for
from tests.receivers.g3.frames import SESSION, STREAM, encode, numbers, observation, read, scan, wiring
from xspress3.errors import ConfigurationError


def folder(tmp_path):
    return tmp_path / "data" / "17636" / STREAM


def wait_connected(recorder):
    wait_for(lambda: recorder.status().is_connected, "not connected")


def wait_written(recorder, n_frames):
    wait_for(lambda: recorder.status().counts.written >= n_frames, f"{recorder.status()}")


def test_a_session_of_a_real_sender_is_recorded_whole(sender, record, tmp_path, told):
    recorder = record(sender.port)
    wait_connected(recorder)
    sender.begin()
    sender.scans(2, 500, size=100)
    sender.end()
    wait_written(recorder, 500)
    wait_for(lambda: recorder.status().state is State.IDLE, "the file stays open")

    status = recorder.status()
    assert numbers(folder(tmp_path) / f"{SESSION}_000.g3") == list(range(2, 500))
    assert (status.counts.lost, status.counts.duplicates, status.counts.files) == (0, 0, 1)
    assert (status.session_id, status.stream_id, status.last_frame) == (SESSION, STREAM, 499)
    assert told == [f"connected to g3://127.0.0.1:{sender.port}"]


def test_it_may_start_before_its_sender(record, tmp_path, told):
    port = free_port()
    recorder = record(port)
    wait_for(lambda: recorder.status().last_error, "nothing was tried")
    assert recorder.status().state is State.WAITING

    sender = Sender(port)
    try:
        wait_connected(recorder)
        sender.begin()
        sender.scans(2, 4)
        wait_written(recorder, 4)
    finally:
        sender.close()
    assert sum("refused" in line for line in told) == 1


def test_a_sender_that_is_killed_and_comes_back_goes_on_in_the_next_file(record, tmp_path):
    sender = Sender()
    recorder = record(sender.port)
    wait_connected(recorder)
    sender.begin()
    sender.scans(2, 10)
    wait_written(recorder, 10)
    sender.kill()
    wait_for(lambda: not recorder.status().is_connected, "the end was not seen")

    again = Sender(sender.port)
    try:
        wait_connected(recorder)
        again.scans(12, 15)
        wait_written(recorder, 13)
    finally:
        again.close()
    recorder.stop()

    assert numbers(folder(tmp_path) / f"{SESSION}_000.g3") == list(range(2, 10))
    second = read(folder(tmp_path) / f"{SESSION}_001.g3")
    assert [frame["frame_num"] for frame in second] == [0, 1, 12, 13, 14]
    assert recorder.status().counts.lost == 2


def test_a_recorder_that_joins_late_has_observation_and_status_and_says_what_it_missed(
    sender, record, tmp_path
):
    sender.begin()
    sender.scans(2, 10)
    recorder = record(sender.port)
    wait_connected(recorder)
    sender.scans(10, 12)
    wait_written(recorder, 4)

    frames = read(folder(tmp_path) / f"{SESSION}_000.g3")
    assert [frame["frame_num"] for frame in frames] == [0, 1, 10, 11]
    assert recorder.status().counts.lost == 8


def test_frames_repeated_on_joining_again_are_known(sender, record, tmp_path):
    recorder = record(sender.port)
    wait_connected(recorder)
    sender.begin()
    sender.scans(2, 4)
    wait_written(recorder, 4)
    recorder.stop()
    recorder.start()
    wait_connected(recorder)
    sender.scans(4, 6)
    wait_written(recorder, 6)

    assert [frame["frame_num"] for frame in read(folder(tmp_path) / f"{SESSION}_001.g3")] == [0, 1, 4, 5]
    assert recorder.status().counts.duplicates == 2
    assert recorder.status().counts.lost == 0


def test_a_torn_frame_is_told_and_the_next_connection_taken(raw_sender, record, tmp_path, told):
    recorder = record(raw_sender.port)
    whole = encode(observation(0), wiring(1, "{}", dump=True), scan(2))
    raw_sender.serve(whole + encode(scan(3))[:-7])
    raw_sender.serve(encode(scan(4)))
    wait_written(recorder, 4)

    assert any("inside a frame" in line for line in told)
    assert numbers(folder(tmp_path) / f"{SESSION}_000.g3") == [2]
    assert numbers(folder(tmp_path) / f"{SESSION}_001.g3") == [4]
    assert recorder.status().counts.lost == 1


def test_bytes_that_are_no_frame_are_told_and_the_next_connection_taken(raw_sender, record, told):
    recorder = record(raw_sender.port)
    damaged = bytearray(encode(scan(3)))
    damaged[40] ^= 1
    raw_sender.serve(encode(scan(0)) + bytes(damaged))
    raw_sender.serve(b"HTTP/1.0 400 Bad Request\r\n\r\n")
    raw_sender.serve(encode(scan(1)))
    wait_written(recorder, 2)

    assert any("checksum" in line or "allowed" in line for line in told)
    assert any("begins with" in line for line in told)


def test_a_sender_that_falls_silent_is_left_and_tried_again(raw_sender, record, told):
    recorder = record(raw_sender.port, preset=Preset("test", True, gap=0.3, silence=0.3))
    with raw_sender.hold(encode(scan(0))):
        with raw_sender.hold(encode(scan(1))):
            wait_written(recorder, 2)

    assert any("silent for 0.3 s" in line for line in told)


def test_a_host_that_never_answers_freezes_nobody_and_is_given_up(record):
    # A full backlog: the system drops further attempts without a word, as a dead host does.
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    address = listener.getsockname()
    fillers = [socket.socket() for _ in range(4)]
    try:
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        recorder = record(address[1])
        wait_for(lambda: recorder.status().last_error, "the attempt never ended")
        assert "no answer within" in recorder.status().last_error
    finally:
        for each in (*fillers, listener):
            each.close()


def test_a_file_system_that_fills_up_and_is_freed_loses_no_frame(sender, record, tmp_path, told):
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        ballast = small / "ballast"
        recorder = record(sender.port, directory=small)
        wait_connected(recorder)
        sender.begin()
        ballast.write_bytes(bytes(900 << 10))
        sender.scans(2, 100, size=1000)
        wait_for(lambda: recorder.status().queue_bytes, "the disk never filled up")
        assert recorder.status().degraded
        ballast.unlink()
        wait_written(recorder, 100)
        recorder.stop()

        paths = sorted(small.rglob("*.g3"))
        assert [number for path in paths for number in numbers(path)] == list(range(2, 100))
        assert recorder.status().counts.lost == 0
    finally:
        recorder.close()
        subprocess.run(["umount", str(small)], check=True)


def test_a_listener_that_fails_does_not_end_the_recording(raw_sender, tmp_path):
    def refuse(line):
        raise ValueError(line)

    source, options = G3Source("127.0.0.1", raw_sender.port), Options((tmp_path,), min_free_bytes=0)
    with G3Recorder(source, options, refuse) as recorder:
        recorder.start()
        raw_sender.serve(encode(scan(0)))
        raw_sender.serve(encode(scan(5)))
        wait_written(recorder, 2)


def test_a_second_recorder_of_the_same_directory_says_so_and_takes_over(sender, record, tmp_path):
    first = record(sender.port)
    wait_connected(first)
    sender.begin()
    sender.scans(2, 4)
    wait_written(first, 4)
    second = record(sender.port)
    coming = itertools.count(4)

    def sent():
        at = next(coming)
        sender.scans(at, at + 1)
        return True

    wait_for(lambda: sent() and "another recorder" in " ".join(second.status().degraded), "both record")
    first.stop()
    wait_for(lambda: sent() and second.status().counts.written, f"{second.status()}")
    wait_for(lambda: not second.status().is_degraded, "it stays degraded")
    second.stop()
    earlier, later = (numbers(folder(tmp_path) / f"{SESSION}_{part:03d}.g3") for part in (0, 1))
    assert earlier == list(range(2, 2 + len(earlier)))
    assert later[0] > earlier[-1]


def test_it_stops_while_nobody_sends_and_may_be_started_again(record):
    recorder = record(free_port())
    recorder.stop()
    recorder.stop()
    assert recorder.status().state is State.STOPPED
    recorder.start()
    wait_for(lambda: recorder.status().state is State.WAITING, "it does not run")


@pytest.mark.parametrize(
    "text", ["tcp://a:1", "g3://a", "g3://:1", "g3://a:0", "g3://a:65536", "g3://a:x", "a:1"]
)
def test_addresses_that_cannot_be_are_refused(text):
    with pytest.raises(ConfigurationError, match="allowed is"):
        G3Source.parse(text)


def test_addresses_are_understood():
    assert G3Source.parse("g3://smurf:4536") == G3Source("smurf", 4536, "stream")
    assert G3Source.parse("g3://[::1]:4536=crate1slot2") == G3Source("::1", 4536, "crate1slot2")
