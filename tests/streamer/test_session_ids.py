"""Numbers of sessions grow, whoever gives them."""

from __future__ import annotations

import time

from xspress3.streamer.session_ids import SessionIds


def test_numbers_grow_faster_than_the_clock_when_they_must():
    numbers = SessionIds("fast")

    given = [numbers.next() for _ in range(100)]

    assert given == sorted(set(given))
    assert abs(given[0] - time.time()) < 5


def test_numbers_go_on_where_a_program_before_left_off():
    before = [SessionIds("restarted").next() for _ in range(1)]
    numbers = SessionIds("restarted")
    before += [numbers.next() for _ in range(50)]

    assert SessionIds("restarted").next() > max(before)


def test_streams_have_numbers_of_their_own():
    busy = SessionIds("busy")
    for _ in range(1000):
        busy.next()

    assert SessionIds("calm").next() < time.time() + 5


def test_without_a_place_to_keep_them_numbers_come_all_the_same(monkeypatch, tmp_path, caplog):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    numbers = SessionIds("homeless")

    assert numbers.next() < numbers.next()
    assert [record.message for record in caplog.records if "cannot be kept" in record.message] != []


def test_a_name_that_is_a_path_stays_in_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    SessionIds("../../outside").next()

    assert [path.name for path in tmp_path.iterdir()] == ["state"]
