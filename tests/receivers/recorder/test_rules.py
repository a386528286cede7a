"""When a file is closed and which one is opened next; expected names are worked out by hand."""

import pytest

from receivers.recorder.names import Shelf, file_name, session_directory
from receivers.recorder.rules import AGGREGATOR, NOTHING, RECORDER, Part, Rules
from xspress3.errors import ConfigurationError

BEGIN = 1763683200
"""Unix time; its day of 100000 s ends 16800 s later."""


class Disk:
    """Does what the rules say, with empty files; the clock is moved by hand."""

    def __init__(self, data_dir, preset=RECORDER, **options):
        self.data_dir = data_dir
        self.now = 0.0
        self._open_again(preset, options)

    def _open_again(self, preset, options):
        self.rules = Rules(preset, Shelf([self.data_dir], "xsp3"), **options)
        self.frames = {}
        self._directory = None

    def frame(self, after=1.0, session_id=None):
        self.now += after
        self.do(self.rules.frame(self.now, BEGIN + self.now, session_id))
        self.frames[self._name] += 1

    def do(self, decision):
        if decision.open is not None:
            part = decision.open
            directory = session_directory(self.data_dir, part.session_id, "xsp3")
            directory.mkdir(parents=True, exist_ok=True)
            with (directory / file_name(part.session_id, part.number)).open("x"):
                self._name = f"{directory.parent.name}/{file_name(part.session_id, part.number)}"
            self.frames[self._name] = 0

    @property
    def names(self):
        return list(self.frames)


@pytest.fixture
def disk(tmp_path):
    return lambda *arguments, **options: Disk(tmp_path, *arguments, **options)


def test_three_days_at_one_frame_a_second_give_the_names_worked_out_by_hand(disk):
    recorder = disk()

    for _ in range(72 * 3600):
        recorder.frame(session_id=BEGIN)

    # A file takes frames up to and with 600 s after its first: 601 of them. 259200 = 431 * 601 + 169.
    assert recorder.names == [f"17636/1763683200_{part:03d}.h5" for part in range(432)]
    assert list(recorder.frames.values()) == [601] * 431 + [169]


def test_three_days_of_hourly_runs_change_the_directory_with_the_first_frame_only(disk):
    recorder = disk()

    for _hour in range(72):
        recorder.do(recorder.rules.start())
        for _ in range(1800):
            recorder.frame()
        recorder.do(recorder.rules.end())
        recorder.now += 1800

    # Run n has its first frame at BEGIN + 1 + 3600 n, and 1800 frames: files of 601, 601 and 598.
    firsts = [1763683201 + 3600 * hour for hour in range(72)]
    assert recorder.names == [
        f"{first // 100000}/{first}_{part:03d}.h5" for first in firsts for part in range(3)
    ]
    # 1763699401 begins in day 17636 and ends in 17637: its files stay together.
    assert {"17636/1763697601_002.h5", "17637/1763701201_000.h5"} <= set(recorder.names)
    assert {name[:5] for name in recorder.names} == {"17636", "17637", "17638", "17639"}
    assert list(recorder.frames.values()) == [601, 601, 598] * 72


def test_a_run_across_the_end_of_a_day_stays_in_the_directory_of_its_first_frame(disk):
    recorder = disk()
    recorder.now = 16700.0

    for _ in range(1000):
        recorder.frame()

    assert recorder.names == ["17636/1763699901_000.h5", "17636/1763699901_001.h5"]


def test_a_start_closes_the_file_and_its_first_frame_opens_the_next(disk):
    recorder = disk()
    recorder.frame()

    decision = recorder.rules.start()

    assert (decision.close, decision.open) == (True, None)
    recorder.frame()
    assert recorder.names == ["17636/1763683201_000.h5", "17636/1763683202_000.h5"]


def test_frames_without_a_start_are_recorded(disk):
    recorder = disk()

    recorder.frame()

    assert recorder.names == ["17636/1763683201_000.h5"]


def test_sessions_that_begin_in_the_same_second_get_ids_of_their_own(disk):
    recorder = disk()

    for _ in range(4):
        recorder.do(recorder.rules.start())
        recorder.frame(after=0.1)

    assert recorder.names == [f"17636/{1763683200 + n}_000.h5" for n in range(4)]


def test_a_rotation_and_a_start_in_the_same_second_overwrite_nothing(disk):
    recorder = disk(time_per_file=0.1)
    recorder.frame(after=0.1)
    recorder.frame(after=0.2)
    recorder.do(recorder.rules.start())

    recorder.frame(after=0.1)

    assert recorder.names == [
        "17636/1763683200_000.h5",
        "17636/1763683200_001.h5",
        "17636/1763683201_000.h5",
    ]


def test_a_recorder_that_is_started_again_in_the_same_second_uses_no_name_twice(disk):
    disk().frame(after=0.1)
    again = disk()

    again.frame(after=0.2)

    assert again.names == ["17636/1763683201_000.h5"]


def test_a_recorder_that_joins_a_running_session_counts_its_parts_on(disk):
    disk().frame(session_id=BEGIN)
    again = disk()

    again.frame(session_id=BEGIN)

    assert again.names == ["17636/1763683200_001.h5"]


def test_signs_of_life_without_frames_close_the_file_after_the_gap(disk):
    recorder = disk()
    recorder.frame()

    decisions = [recorder.rules.alive(recorder.now + after) for after in (5.0, 10.0, 10.1, 11.0)]

    assert [decision.close for decision in decisions] == [False, False, True, False]
    recorder.frame(after=12.0)
    assert recorder.names == ["17636/1763683201_000.h5", "17636/1763683213_000.h5"]


def test_after_a_gap_frames_that_say_their_session_go_on_in_its_next_part(disk):
    recorder = disk()
    recorder.frame(session_id=BEGIN)

    recorder.frame(after=10.1, session_id=BEGIN)

    assert recorder.names == ["17636/1763683200_000.h5", "17636/1763683200_001.h5"]


def test_frames_just_within_the_gap_stay_in_one_file(disk):
    recorder = disk()

    for _ in range(5):
        recorder.frame(after=10.0)

    assert recorder.names == ["17636/1763683210_000.h5"]


def test_the_aggregator_gives_another_name_after_five_seconds(disk):
    recorder = disk(AGGREGATOR)
    recorder.frame(session_id=BEGIN)
    recorder.frame(after=5.0, session_id=BEGIN)

    recorder.frame(after=5.1, session_id=BEGIN)

    assert recorder.names == ["17636/1763683200_000.h5", "17636/1763683211_000.h5"]


def test_the_aggregator_knows_no_flow_control(disk):
    recorder = disk(AGGREGATOR)
    recorder.frame()

    assert (recorder.rules.end(), recorder.rules.start()) == (NOTHING, NOTHING)
    recorder.frame()
    assert recorder.names == ["17636/1763683201_000.h5"]


@pytest.mark.parametrize("preset", [RECORDER, AGGREGATOR])
def test_frames_of_another_session_never_share_a_file(disk, preset):
    recorder = disk(preset)
    recorder.frame(session_id=BEGIN)

    recorder.frame(session_id=BEGIN + 50)

    assert recorder.names == ["17636/1763683200_000.h5", "17636/1763683250_000.h5"]


def test_a_session_id_of_zero_is_none(disk):
    recorder = disk()

    recorder.frame(session_id=0)

    assert recorder.names == ["17636/1763683201_000.h5"]


def test_after_a_broken_connection_only_frames_that_say_so_are_of_the_same_session(disk):
    recorder = disk()
    for session_id in (BEGIN, BEGIN, None, None):
        recorder.frame(session_id=session_id)
        recorder.do(recorder.rules.disconnected())

    assert recorder.names == [
        "17636/1763683200_000.h5",
        "17636/1763683200_001.h5",
        "17636/1763683203_000.h5",
        "17636/1763683204_000.h5",
    ]


def test_a_stop_closes_what_is_open_once(disk):
    recorder = disk()
    recorder.frame()

    assert recorder.rules.stop().close
    assert recorder.rules.stop() == NOTHING


def test_the_decision_tells_what_to_open_and_why(disk):
    recorder = disk(time_per_file=1.5)
    recorder.frame(session_id=BEGIN)
    recorder.frame(session_id=BEGIN)

    decision = recorder.rules.frame(recorder.now + 1, BEGIN, BEGIN)

    assert (decision.close, decision.why, decision.open) == (True, "its time was over", Part(BEGIN, 1))
    assert not decision.is_end


def test_the_decision_tells_that_a_session_is_over_also_when_its_file_was_closed_before(disk):
    recorder = disk(AGGREGATOR)
    recorder.frame(session_id=BEGIN)
    recorder.do(recorder.rules.disconnected())

    decision = recorder.rules.frame(recorder.now + 5.1, BEGIN + 7, BEGIN)

    assert (decision.close, decision.is_end, decision.open) == (False, True, Part(BEGIN + 7, 0))


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_a_file_must_be_allowed_some_time(disk, seconds):
    with pytest.raises(ConfigurationError, match="time per file"):
        disk(time_per_file=seconds)
