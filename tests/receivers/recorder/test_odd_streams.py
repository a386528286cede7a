"""Streams with odd names, numbers and clocks: what comes is recorded, where it belongs."""

import pytest

from receivers.hdf5.naming import safe_name
from receivers.sessions.index import SessionIndex, index_path
from receivers.sessions.loader import load_session
from tests.receivers.conftest import SESSION

FAR = 10**7


@pytest.mark.parametrize("stream_id", ["a b", "a.b.c", "../../up", "/etc", ".", "x" * 300, "ü\n\x1b[2J"])
def test_no_name_of_a_stream_leads_out_of_the_directory(bench, sender, stream_id):
    sender.stream_id = stream_id
    bench.join()
    sender.start(4)
    sender.block(0)
    sender.end(4)

    path = index_path(bench.data_dir, stream_id, SESSION)
    bench.until(lambda: path.exists() and SessionIndex.read(path).complete, "the session is complete")
    assert bench.names() == [f"{str(SESSION)[:5]}/{safe_name(stream_id)}/{SESSION}_000.h5"]
    assert bench.frames() == [0, 1, 2, 3]
    outside = {path.name for path in bench.data_dir.parent.iterdir()}
    assert outside == {bench.data_dir.name}


def test_a_hole_of_ten_million_frames_is_told_and_takes_no_space(bench, sender):
    recorder = bench.join()
    sender.start(None)
    sender.block(0)
    bench.until_written(recorder, 4)

    sender.loss(4, FAR - 4)
    sender.block(FAR)
    sender.end(FAR + 4)
    index = bench.until_closed(SESSION)

    assert (index.frames_written, index.frames_lost, index.complete) == (8, FAR - 4, False)
    taken = sum((bench.data_dir / name).stat().st_blocks * 512 for name in bench.names())
    assert taken < 64 << 20, taken
    assert recorder.status().restarts == 0


def test_sessions_of_a_clock_that_was_set_back_are_recorded_under_their_own_ids(bench, sender):
    bench.join()
    for session_id in (SESSION, SESSION - 3600, SESSION + 1):
        sender.session_id = session_id
        sender.start(4, start_time_ns=session_id * 10**9)
        sender.block(0)
        sender.end(4)
        assert bench.until_closed(session_id).complete

    for session_id in (SESSION, SESSION - 3600, SESSION + 1):
        with load_session("xsp3", session_id, bench.data_dir) as dataset:
            assert dataset.is_recorded.all()
            assert dataset.sizes["frame"] == 4
