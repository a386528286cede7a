"""Snapshots of what a recorder does."""

import json

from receivers.recorder.status import Meter, State, StreamStatus, free_bytes, seconds_to_full


def test_a_status_is_json(tmp_path):
    status = StreamStatus(
        5.0, "a", "tcp://x:1", "xsp3", "recorder", State.IDLE, True, degraded=("disk full",)
    )

    said = json.loads(json.dumps(status.as_dict(), allow_nan=False))

    assert said["state"] == "idle"
    assert said["is_degraded"] is True
    assert said["counts"]["written"] == 0


def test_a_steady_rate_is_measured_as_it_is():
    meter = Meter()
    for step in range(1000):
        meter.add(step * 0.01, 5)

    assert abs(meter.rate(10.0) - 500) < 30


def test_a_rate_falls_to_zero_when_nothing_comes():
    meter = Meter()
    meter.add(0.0, 1000)

    assert meter.rate(100.0) == 0.0


def test_two_directories_on_one_disk_are_counted_once(tmp_path):
    one = free_bytes([tmp_path], 0)

    both = free_bytes([tmp_path, tmp_path], 0)

    assert one is not None
    assert abs(both - one) < one / 2


def test_below_the_floor_there_is_no_room(tmp_path):
    assert free_bytes([tmp_path], 1 << 62) == 0


def test_space_of_a_directory_that_is_not_there_is_not_known(tmp_path):
    assert free_bytes([tmp_path / "none"], 0) is None


def test_time_to_full_is_not_known_while_nothing_comes():
    assert seconds_to_full(1000, 0.0) is None
    assert seconds_to_full(1000, 100.0) == 10.0
