"""Positions that come as a second stream, by the ingesters of dranspose: in a real cluster."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.receivers.dranspose.conftest import ONE, PANDA, PANDA_RAW, PATIENCE, Panda, RawPanda

pytestmark = pytest.mark.timeout(150)
STREAMS = (ONE, PANDA, PANDA_RAW)

SCAN = {"shape": [2, 4], "names": ["y", "x"], "ranges": [[1.0, 2.0], [0.0, 0.3]], "units": "mm"}
FIELDS = {"row": "INENC2.VAL.Mean", "column": "INENC1.VAL.Mean"}
ROWS = [2, 2, 2, 2, 1, 1, 1, 1]
COLUMNS = [0.3, 0.2, 0.1, 0.0, 0.01, 0.09, 0.21, 0.3]
"""Backwards through the second row, then through the first, with the error of an encoder."""
TRUTH = [[8, 10, 12, 14], [6, 4, 2, 0]]
"""Counts in window 0 of both channels together are twice the number of the frame."""


def send_frames(sender, stream, **fields):
    sender.start(8, metadata={"scan": SCAN, "positions": {"stream": stream, **FIELDS, **fields}})
    sender.block(0)
    sender.block(4)
    sender.end(8)


def counts(state):
    return {name: state[name] for name in ("state", "frames", "unplaced", "outside", "lost", "repeated")}


@pytest.fixture
def panda(site, cluster_sender):
    """Opened once a map of both streams is posted, and its ingester listens."""
    site.post(cluster_sender, 8, others=[PANDA])
    made = Panda(site.ports[PANDA])
    try:
        made.start()
        yield made
    finally:
        made.close()


def test_frames_go_where_the_second_stream_says(site, cluster_sender, panda):
    panda.positions(0, ROWS[:3], COLUMNS[:3])
    panda.positions(3, ROWS[3:], COLUMNS[3:])
    panda.end()
    send_frames(cluster_sender, PANDA)

    state = site.finish(cluster_sender)

    assert counts(state) == {
        "state": "complete", "frames": 8, "unplaced": 0, "outside": 0, "lost": 0, "repeated": 0,
    }  # fmt: skip
    assert site.cluster.published("/counts/in_window0").tolist() == TRUTH
    assert site.cluster.published("/counts/y").tolist() == [1, 2]


def test_positions_that_are_missing_or_none_put_frames_nowhere(site, cluster_sender, panda):
    panda.positions(0, [2, math.nan, 2], COLUMNS[:3])
    panda.positions(4, ROWS[4:], COLUMNS[4:])  # nothing of frame 3: all others stand one event too early
    panda.end()
    send_frames(cluster_sender, PANDA)

    site.meanwhile(
        lambda: site.cluster.wait(lambda: site.cluster.state()["unplaced"] == 6, PATIENCE, "all came"),
        cluster_sender,
    )

    # The ingester of dranspose has nothing for the last event, which it therefore never sends.
    assert not site.cluster.progress()["finished"]
    site.cluster.stop()
    state = site.finish(cluster_sender)
    assert counts(state) == {
        "state": "unfinished", "frames": 2, "unplaced": 6, "outside": 0, "lost": 0, "repeated": 0,
    }  # fmt: skip
    truth = np.full((2, 4), np.nan)
    truth[1, 3], truth[1, 1] = 0, 4
    np.testing.assert_array_equal(site.cluster.published("/counts/in_window0"), truth)
    assert "has no place: " in state["text"]


def test_frames_go_where_the_lines_of_the_box_say(site, cluster_sender):
    panda = RawPanda(site.ports[PANDA_RAW])
    try:
        site.post(cluster_sender, 8, others=[PANDA_RAW])
        panda.accept()
        panda.send(
            "arm_time: 2024-10-07T08:49:10.627Z\nmissed: 0\nprocess: Scaled\nformat: ASCII\nfields:\n"
            " INENC1.VAL double Mean 1 0 mm\n INENC2.VAL double Mean 1 0 mm\n COUNTER1.OUT uint32 Value\n\n"
        )
        for number, (row, column) in enumerate(zip(ROWS, COLUMNS, strict=True)):
            panda.send(f" {column} {row} {number + 1}\n")
        panda.send("END 8 Ok\n")
        send_frames(cluster_sender, PANDA_RAW, frame="COUNTER1.OUT.Value", first=1)

        state = site.finish(cluster_sender)
    finally:
        panda.close()

    assert (state["state"], state["frames"], state["unplaced"]) == ("complete", 8, 0)
    assert site.cluster.published("/counts/in_window0").tolist() == TRUTH


def test_a_map_without_the_second_stream_places_nothing(site, cluster_sender):
    site.post(cluster_sender, 8, ONE)
    send_frames(cluster_sender, PANDA)

    state = site.finish(cluster_sender)

    assert (state["state"], state["frames"], state["unplaced"]) == ("complete", 0, 8)
    assert np.isnan(site.cluster.published("/counts/in_window0")).all()
    assert state["text"].endswith("no panda in the event")
