"""What becomes of frames, by hand-made sequences of real frames and a clock that the test moves."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from receivers.g3.framing import FrameSplitter
from receivers.g3.intake import Intake
from receivers.g3.loop import TURN
from receivers.recorder.lock import StreamInUseError
from receivers.recorder.rules import Preset
from receivers.sessions.index import IndexState, SessionIndex, index_path
from tests.receivers.g3.frames import (
    SESSION,
    STREAM,
    core,
    encode,
    flow,
    make,
    numbers,
    observation,
    read,
    scan,
    wiring,
)

ALIVE, START, END, CLEANSE = range(4)


class Hand:
    """An intake that frames are handed to, and its clock."""

    def __init__(self, directory: Path, **options) -> None:
        self.directory = directory
        self.now = 0.0
        self.wall = 1700000000.0
        self.told: list[str] = []
        flow, gap = options.pop("obeys_flow", True), options.pop("gap", 10.0)
        self.intake = Intake(
            options.pop("data_dirs", [directory]),
            "configured",
            Preset("test", flow, gap),
            self.told.append,
            min_free_bytes=0,
            clock=lambda: self.now,
            wall_clock=lambda: self.wall,
            **options,
        )
        self.intake.connected()

    def take(self, *frames) -> None:
        for frame in frames:
            for cut in FrameSplitter().feed(encode(frame)):
                self.intake.take(cut)

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.wall += seconds
        self.intake.tick()

    def reconnect(self) -> None:
        self.intake.disconnected()
        self.intake.connected()

    def files(self) -> list[str]:
        return sorted(str(path.relative_to(self.directory)) for path in self.directory.rglob("*.g3"))

    def path(self, part: int, session: int = SESSION, stream: str = STREAM) -> Path:
        return self.directory / str(session)[:5] / stream / f"{session}_{part:03d}.g3"


@pytest.fixture
def hand(tmp_path):
    made = []

    def make_hand(**options) -> Hand:
        made.append(Hand(tmp_path, **options))
        return made[-1]

    yield make_hand
    for each in made:
        each.intake.close()


def begin(hand: Hand, session_id: int = SESSION) -> None:
    ids = {"session_id": session_id}
    hand.take(flow(START), observation(0, **ids), wiring(1, '{"a": 1}', dump=True, **ids))


def test_a_session_goes_to_a_file_named_by_its_id_frame_by_frame_and_byte_by_byte(hand):
    hand = hand()
    frames = [observation(0), wiring(1, "{}", dump=True), scan(2), scan(3)]

    hand.take(flow(START), *frames, flow(END))

    assert hand.files() == [f"17636/{STREAM}/{SESSION}_000.g3"]
    assert hand.path(0).read_bytes() == encode(*frames)


def test_what_was_written_is_there_before_the_file_is_closed(hand):
    hand = hand()
    begin(hand)
    hand.take(scan(2))

    assert numbers(hand.path(0)) == [2]


def test_flow_control_is_never_written_and_does_not_end_an_acquisition_by_itself(hand):
    hand = hand()
    begin(hand)
    hand.take(scan(2), flow(ALIVE), flow(CLEANSE, "Observation"), flow(CLEANSE, "Wiring"), scan(3))

    assert len(read(hand.path(0))) == 4
    assert not any("sostream_flowcontrol" in frame for frame in read(hand.path(0)))


def test_a_none_frame_without_the_key_is_recorded(hand):
    hand = hand()
    begin(hand)
    hand.take(make("none", note="kept"))

    assert [frame["note"] for frame in read(hand.path(0)) if "note" in frame] == ["kept"]


def test_frames_about_programs_are_not_recorded(hand):
    hand = hand()
    begin(hand)
    hand.take(make("PipelineInfo"))
    hand.intake.take(next(FrameSplitter().feed(b"\1\1\0\0\0\0\0\0\0Z\0\0\0\0\0\0\0")))

    assert len(read(hand.path(0))) == 2
    assert hand.intake.counts.passed_over == 3


def test_a_start_while_a_file_is_open_closes_it(hand):
    hand = hand()
    begin(hand)
    hand.take(scan(2))
    begin(hand, SESSION + 1)
    hand.take(scan(2, session_id=SESSION + 1))

    assert [len(read(hand.path(0, SESSION + each))) for each in (0, 1)] == [3, 3]


def test_frames_without_a_start_are_recorded_with_what_came_before_them(hand):
    hand = hand()

    hand.take(observation(0), wiring(1, "{}", dump=True), scan(2))

    assert len(read(hand.path(0))) == 3


def test_metadata_of_a_session_long_over_begin_no_file(hand):
    hand = hand()

    hand.take(
        flow(ALIVE),
        observation(0, session_id=SESSION - 100),
        wiring(1, "{}", dump=True, session_id=SESSION - 100),
    )
    hand.take(scan(0))

    assert hand.files() == [f"17636/{STREAM}/{SESSION}_000.g3"]
    assert len(read(hand.path(0))) == 1


def test_a_file_ends_before_the_frame_past_the_limit_and_the_next_repeats_observation_and_status(hand):
    hand = hand(time_per_file=600)
    begin(hand)
    hand.take(wiring(2, '{"b": 2}', dump=False))
    for number in range(3, 6):
        hand.now += 300.5
        hand.take(scan(number))

    assert numbers(hand.path(0)) == [3]
    assert numbers(hand.path(1)) == [4, 5]
    repeated = read(hand.path(1))[:3]
    assert [frame["frame_num"] for frame in repeated] == [0, 1, 2]
    assert [frame["status"] for frame in repeated[1:]] == ['{"a": 1}', '{"b": 2}']
    assert [part.n_frames for part in hand.intake.session.series.files] == [4, 2]
    assert [part.first_frame for part in hand.intake.session.series.files] == [0, 4]


def test_a_whole_status_replaces_the_changes_before_it(hand):
    hand = hand(time_per_file=600)
    begin(hand)
    hand.take(wiring(2, '{"b": 2}', dump=False), wiring(3, '{"a": 9}', dump=True), scan(4))
    hand.now += 601
    hand.take(scan(5))

    assert [frame["frame_num"] for frame in read(hand.path(1))] == [0, 3, 5]


def test_a_gap_ends_the_file_and_the_session_goes_on_in_the_next_one(hand):
    hand = hand(gap=10)
    begin(hand)
    hand.take(scan(2))
    hand.wait(10)
    assert hand.intake.session.series.is_open
    hand.take(flow(ALIVE))
    hand.wait(0.1)
    assert not hand.intake.session.series.is_open

    hand.take(scan(3))

    assert numbers(hand.path(1)) == [3]
    assert hand.intake.counts.missing == 0


def test_without_ids_names_are_the_second_and_the_configured_stream_and_a_gap_begins_another(hand):
    hand = hand(gap=10)
    hand.take(flow(START), make("Observation", x=1), make("Scan", x=2))
    hand.wait(11)
    hand.take(make("Scan", x=3))

    assert hand.files() == [f"17000/configured/{second}_000.g3" for second in (1700000000, 1700000011)]
    assert [frame["x"] for frame in read(hand.path(0, 1700000011, "configured"))] == [1, 3]


def test_a_session_id_of_zero_names_no_session(hand):
    hand = hand()
    for _ in range(3):
        hand.take(flow(START), observation(0, session_id=0), scan(1, session_id=0), flow(END))

    assert hand.files() == [f"17000/{STREAM}/{1700000000 + each}_000.g3" for each in range(3)]
    assert hand.intake.counts.missing == 0


def test_the_directory_stays_when_the_day_changes(hand):
    hand = hand(time_per_file=10)
    hand.wall = 1700099999.0
    hand.take(flow(START), observation(0, session_id=0), scan(1, session_id=0))
    hand.now, hand.wall = 20, 1700100019.0
    hand.take(scan(2, session_id=0))

    assert hand.files() == [f"17000/{STREAM}/1700099999_00{part}.g3" for part in (0, 1)]


def test_files_of_an_earlier_run_are_left_as_they_are(hand, tmp_path):
    first = hand()
    begin(first)
    first.take(scan(2))
    first.intake.close()
    before = first.path(0).read_bytes()

    second = Hand(tmp_path)
    second.take(observation(0), wiring(1, '{"a": 1}', dump=True), scan(3))
    second.intake.close()

    assert first.path(0).read_bytes() == before
    assert numbers(second.path(1)) == [3]


def test_a_second_recorder_is_refused_until_the_first_ends_and_goes_on_behind_it(hand):
    one, other = hand(), hand()
    begin(one)
    one.take(scan(2))
    with pytest.raises(StreamInUseError, match="another recorder"):
        begin(other)
    one.take(scan(3))
    one.intake.close()

    other.reconnect()
    begin(other)
    other.take(scan(3), scan(4))
    other.intake.close()

    assert numbers(one.path(0)) == [2, 3]
    assert numbers(one.path(1)) == [4]
    index = SessionIndex.read(index_path(one.directory, STREAM, SESSION))
    assert [(file.part, file.frames_written) for file in index.files] == [(0, 4), (1, 1)]


def test_a_recorder_that_is_started_again_goes_on_behind_what_another_wrote_meanwhile(hand):
    one, other = hand(), hand()
    begin(one)
    one.take(scan(2))
    one.intake.close()
    begin(other)
    other.take(scan(3))
    other.intake.close()

    one.reconnect()
    begin(one)
    one.take(scan(4))
    one.intake.close()

    assert [numbers(one.path(part)) for part in range(3)] == [[2], [3], [4]]
    assert len(SessionIndex.read(index_path(one.directory, STREAM, SESSION)).files) == 3


def test_frames_that_a_sender_repeats_to_a_reader_that_joins_again_are_known(hand):
    hand = hand()
    begin(hand)
    hand.take(scan(2))
    hand.reconnect()

    hand.take(flow(START), observation(0), wiring(1, '{"a": 1}', dump=True), scan(3))

    assert [frame["frame_num"] for frame in read(hand.path(1))] == [0, 1, 3]
    assert (hand.intake.counts.repeated, hand.intake.counts.missing) == (2, 0)


def test_a_frame_that_comes_twice_is_written_once(hand):
    hand = hand()
    begin(hand)
    hand.take(scan(2), scan(2), scan(3))

    assert numbers(hand.path(0)) == [2, 3]


def test_another_frame_under_a_used_number_is_written_and_told(hand):
    hand = hand()
    begin(hand)
    hand.take(scan(2), scan(3), scan(0, 99), scan(1, 99))

    assert numbers(hand.path(0)) == [2, 3, 0, 1]
    assert hand.intake.counts.restarts == 1
    assert hand.intake.counts.missing == 0
    assert "anew" in hand.told[-1]


def test_holes_are_counted_and_told(hand):
    hand = hand()
    begin(hand)
    hand.take(scan(2), scan(5), scan(6), scan(10))

    assert hand.intake.counts.missing == 5
    assert hand.intake.session.numbering.ranges == [(3, 5), (7, 10)]
    assert hand.told == [
        f"session {SESSION}: 2 frames before 5 did not come",
        f"session {SESSION}: 3 frames before 10 did not come",
    ]


def test_a_frame_that_comes_late_is_not_missing_any_more(hand):
    hand = hand()
    hand.take(wiring(5, "{}", dump=True), observation(0), scan(6))

    assert hand.intake.session.numbering.ranges == [(1, 5)]
    assert hand.intake.counts.missing == 4


@pytest.mark.parametrize("value", [4, 7, -1, "text"])
def test_an_unknown_flow_value_is_told_and_stops_nothing(hand, value):
    hand = hand()
    begin(hand)
    hand.take(make("none", sostream_flowcontrol=value), scan(2))

    assert len(read(hand.path(0))) == 3
    assert hand.intake.counts.unknown_flow == 1
    assert "flow control" in hand.told[0]


def test_data_with_an_unknown_flow_value_are_kept(hand):
    hand = hand()
    begin(hand)
    frame = scan(2)
    frame["sostream_flowcontrol"] = 9
    hand.take(frame)

    assert numbers(hand.path(0)) == [2]


def test_the_end_forgets_what_files_begin_with(hand):
    hand = hand()
    begin(hand)
    hand.take(scan(2), flow(END), scan(0, session_id=SESSION + 1))

    assert [frame["frame_num"] for frame in read(hand.path(0, SESSION + 1))] == [0]


def test_another_session_without_a_word_gets_its_own_file_and_nothing_of_the_one_before(hand):
    hand = hand()
    begin(hand)
    hand.take(scan(2), scan(0, session_id=SESSION + 1))

    assert [frame["frame_num"] for frame in read(hand.path(0, SESSION + 1))] == [0]


def test_an_aggregator_does_not_obey_flow_control(hand):
    hand = hand(obeys_flow=False, gap=5)
    begin(hand)
    hand.take(scan(2), flow(END), flow(START), scan(3))
    hand.wait(5.1)
    hand.take(scan(4))

    assert numbers(hand.path(0)) == [2, 3]
    assert numbers(hand.path(1)) == [4]


def test_a_stream_id_never_leads_out_of_the_directory(hand):
    hand = hand()
    hand.take(scan(0, stream_id="../../etc"))

    assert hand.files() == [f"17636/_._.._etc/{SESSION}_000.g3"]


def test_a_part_that_cannot_be_made_waits_in_memory_and_comes_first(hand, tmp_path):
    blocked = tmp_path / "data"
    blocked.write_text("a file where a directory should be")
    hand = hand(data_dirs=[blocked])
    begin(hand)
    hand.take(scan(2))
    assert hand.intake.room.waiting_bytes > 0
    assert "data" in hand.intake.room.why

    blocked.unlink()
    hand.wait(1)
    hand.take(scan(3))

    (path,) = blocked.rglob("*.g3")
    assert [frame["frame_num"] for frame in read(path)] == [0, 1, 2, 3]
    assert (hand.intake.room.why, hand.intake.room.waiting_bytes, hand.intake.room.lost) == ("", 0, 0)


def test_frames_beyond_what_may_wait_are_counted_as_lost_with_the_reason(hand, tmp_path):
    blocked = tmp_path / "data"
    blocked.write_text("")
    size = len(encode(scan(0)))
    hand = hand(data_dirs=[blocked], queue_bytes=3 * size)

    hand.take(*(scan(number) for number in range(5)))
    assert hand.intake.room.lost == 2
    assert hand.told[-1].startswith("1 frames are lost: ")
    assert (hand.intake.room.n_waiting, hand.intake.room.waiting_bytes) == (3, 3 * size)
    blocked.unlink()
    hand.wait(1)

    (path,) = blocked.rglob("*.g3")
    assert numbers(path) == [0, 1, 2]
    assert hand.intake.room.written == 3


@pytest.fixture
def small_disk(tmp_path):
    path = tmp_path / "small"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(path)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a file system can be mounted by root only")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


def test_recording_goes_on_within_two_seconds_after_space_has_come_back(hand, small_disk):
    hand = hand(data_dirs=[small_disk])
    begin(hand)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(900 << 10))
    hand.take(*(scan(number, size=1000) for number in range(2, 100)))
    assert hand.intake.room.waiting_bytes > 0

    ballast.unlink()
    freed = hand.now
    while hand.intake.room.waiting_bytes and hand.now < freed + 60:
        hand.wait(TURN)  # as often as the loop asks

    assert hand.now - freed < 2.0
    hand.intake.close()
    paths = sorted(small_disk.rglob("*.g3"))
    assert [number for path in paths for number in numbers(path)] == list(range(2, 100))


def test_a_second_directory_takes_over(hand, tmp_path):
    blocked = tmp_path / "first"
    blocked.write_text("")
    hand = hand(data_dirs=[blocked, tmp_path / "second"])
    begin(hand)

    assert [path.name for path in (tmp_path / "second").rglob("*.g3")] == [f"{SESSION}_000.g3"]
    assert hand.told == []


def test_the_end_waits_behind_frames_that_wait_for_room(hand, tmp_path):
    blocked = tmp_path / "data"
    blocked.write_text("")
    hand = hand(data_dirs=[blocked])
    begin(hand)
    hand.take(scan(2), flow(END))
    begin(hand, SESSION + 1)
    blocked.unlink()
    hand.wait(1)

    files = sorted(path.name for path in blocked.rglob("*.g3"))
    assert files == [f"{SESSION}_000.g3", f"{SESSION + 1}_000.g3"]


def test_types_that_the_library_does_not_name_are_recorded(hand):
    hand = hand()
    begin(hand)
    hand.take(core.G3Frame(core.G3FrameType.GcpSlow))

    assert len(read(hand.path(0))) == 3


def index_of(hand, session=SESSION):
    return SessionIndex.read(index_path(hand.directory, STREAM, session))


def test_the_index_tells_files_and_holes_while_the_session_runs_and_when_it_is_over(hand):
    hand = hand(time_per_file=600)
    begin(hand)
    hand.take(scan(2), scan(5))
    hand.wait(0.1)
    running = index_of(hand)
    hand.wait(9)
    hand.now += 600
    hand.take(scan(6), flow(END))

    assert (running.state, running.frames_written, running.complete) == (IndexState.OPEN, 4, False)
    over = index_of(hand)
    assert (over.state, over.end_reason, over.complete) == (IndexState.CLOSED, "its sender ended it", False)
    assert (over.frames_written, over.frames_lost, over.missing) == (5, 2, ((3, 5, "never came"),))
    assert [(file.name, file.first_frame, file.frames_written) for file in over.files] == [
        (f"{SESSION}_000.g3", 0, 4),
        (f"{SESSION}_001.g3", 4, 1),
    ]


def test_a_session_without_a_hole_is_complete_when_its_sender_has_ended_it(hand):
    hand = hand()
    begin(hand)
    hand.take(scan(2), flow(END))

    assert index_of(hand).complete
    assert index_of(hand).files[0].complete


def test_a_recorder_that_comes_back_goes_on_counting_where_the_files_end(hand, tmp_path):
    first = hand()
    begin(first)
    first.take(scan(2), scan(4))
    first.intake.close()

    second = hand()
    second.take(flow(ALIVE), observation(0), wiring(1, '{"a": 1}', dump=True), scan(6), flow(END))

    assert [frame["frame_num"] for frame in read(second.path(1))] == [0, 1, 6]
    assert (second.intake.counts.repeated, second.intake.counts.restarts) == (2, 0)
    index = index_of(second)
    assert (index.frames_written, index.frames_lost) == (5, 2)
    assert [missing[:2] for missing in index.missing] == [(3, 4), (5, 6)]
    assert [(file.first_frame, file.frames_written) for file in index.files] == [(0, 4), (4, 1)]


def test_frames_without_a_place_are_named_in_the_index(hand, tmp_path):
    blocked = tmp_path / "data"
    blocked.write_text("")
    hand = hand(data_dirs=[blocked], queue_bytes=2 * len(encode(scan(0))))
    hand.directory = blocked
    hand.take(*(scan(number) for number in range(4)))
    blocked.unlink()
    hand.wait(1)
    hand.wait(1)

    index = index_of(hand)
    assert (index.frames_written, index.frames_lost) == (2, 2)
    assert index.missing == ((2, 4, "there was no room"),)
