"""Our ingester, worker and reducer in a real cluster: no loss and no abort hangs a scan."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

import h5py
import hdf5plugin  # noqa: F401  # makes the filter known
import numpy as np
import pytest

from tests import programs
from tests.receivers.dranspose.conftest import FOUR, OLD, ONE, PATIENCE
from xspress3.config import DetectorConfig, StreamerConfig
from xspress3.detector import Xspress3Detector
from xspress3.model import Acquisition
from xspress3.sim import library_path
from xspress3.stream import EndReason
from xspress3.streamer import Streamer
from xspress3.testing import FakeDetector

pytestmark = pytest.mark.timeout(150)
STREAMS = (OLD, ONE, FOUR)

NAN = np.nan


def window0(site):
    """Counts in window 0 of both channels together; the truth is twice the number of the frame."""
    return site.cluster.published("/counts/in_window0").reshape(-1)


def expect(site, frames, length):
    truth = np.full(length, NAN)
    truth[list(frames)] = 2.0 * np.array(list(frames))
    np.testing.assert_array_equal(window0(site), truth)


def counts(state):
    return {name: state[name] for name in ("state", "frames", "lost", "outside")}


def test_every_frame_is_one_event_and_the_sums_are_right(site, cluster_sender):
    site.post(cluster_sender, 10)
    cluster_sender.start(10)
    for first, n_frames in ((0, 4), (4, 4), (8, 2)):
        cluster_sender.block(first, n_frames)
    cluster_sender.end(10)

    state = site.finish(cluster_sender)

    assert counts(state) == {"state": "complete", "frames": 10, "lost": 0, "outside": 0}
    expect(site, range(10), 10)
    assert site.cluster.progress()["completed_events"] == 12


def test_ten_scans_in_a_row_are_whole(site, cluster_sender):
    for _ in range(10):
        site.post(cluster_sender, 10)
        cluster_sender.session_id += 1
        cluster_sender.start(10)
        for first, n_frames in ((0, 4), (4, 4), (8, 2)):
            cluster_sender.block(first, n_frames)
        cluster_sender.end(10)

        state = site.finish(cluster_sender)

        assert state["session_id"] == cluster_sender.session_id
        assert counts(state) == {"state": "complete", "frames": 10, "lost": 0, "outside": 0}


@pytest.mark.parametrize("place", ["middle", "tail", "head"])
def test_lost_frames_are_empty_events(site, cluster_sender, place):
    lost = {"head": range(4), "middle": range(4, 8), "tail": range(8, 12)}[place]
    site.post(cluster_sender, 12)
    cluster_sender.start(12)
    for first in (0, 4, 8):
        if first == lost.start:
            cluster_sender.loss(first, 4)
        else:
            cluster_sender.block(first)
    cluster_sender.end(8, lost=4)

    state = site.finish(cluster_sender)

    assert counts(state) == {"state": "complete", "frames": 8, "lost": 4, "outside": 0}
    assert "overrun" in state["text"]
    expect(site, set(range(12)) - set(lost), 12)


def test_frames_that_nobody_announced_as_lost_are_empty_events(site, cluster_sender):
    site.post(cluster_sender, 12)
    cluster_sender.start(12)
    cluster_sender.block(0)
    cluster_sender.sequence += 1
    cluster_sender.block(8)
    cluster_sender.end(12)

    state = site.finish(cluster_sender)

    assert counts(state) == {"state": "complete", "frames": 8, "lost": 4, "outside": 0}
    expect(site, [*range(4), *range(8, 12)], 12)


def test_an_early_abort_ends_the_scan(site, cluster_sender):
    site.post(cluster_sender, 12)
    cluster_sender.start(12)
    cluster_sender.block(0)
    cluster_sender.end(4, reason=EndReason.STOPPED)

    state = site.finish(cluster_sender)

    assert counts(state) == {"state": "stopped", "frames": 4, "lost": 0, "outside": 0}
    expect(site, range(4), 12)


def test_an_abort_before_the_first_frame_ends_the_scan(site, cluster_sender):
    site.post(cluster_sender, 3)
    cluster_sender.start(3)
    cluster_sender.end(0, reason=EndReason.STOPPED)

    assert counts(site.finish(cluster_sender)) == {"state": "stopped", "frames": 0, "lost": 0, "outside": 0}


def test_fewer_frames_than_were_mapped_end_the_scan(site, cluster_sender):
    site.post(cluster_sender, 9)
    cluster_sender.start(4)
    cluster_sender.block(0)
    cluster_sender.end(4)

    assert counts(site.finish(cluster_sender)) == {"state": "complete", "frames": 4, "lost": 0, "outside": 0}


def test_more_frames_than_were_mapped_hold_up_nobody(site, cluster_sender):
    site.post(cluster_sender, 4)
    cluster_sender.start(400)
    for first in range(0, 400, 4):
        cluster_sender.block(first)
    cluster_sender.end(400)

    state = site.finish(cluster_sender)

    assert state["frames"] == 5  # four, and one in the event that was meant for the end
    assert state["state"] == "unfinished"
    cluster_sender.wait_left()


def test_a_sender_that_is_killed_ends_the_scan(site):
    options = ("--frames", 300, "--exposure", 0.02, "--wait-readers", 1)
    ports = ("--port", site.ports[ONE], "--monitor-port", 0)
    with programs.running("xspress3.cli", "serve", "--json", "--library", "sim", *ports, *options) as server:
        programs.next_event(server, "listening")
        site.cluster.post_map(ONE, 300)
        site.cluster.wait(lambda: site.cluster.state()["frames"] > 5, PATIENCE, "frames come")
        server.kill()
        server.wait()

        site.cluster.wait_finished(PATIENCE)

    state = site.cluster.state()
    assert state["state"] == "failed"
    assert state["text"].startswith("silent: ")
    assert state["frames"] + state["lost"] == 300 > state["frames"]


def test_four_frames_in_an_event_give_the_same_map(site, fours_sender):
    site.post(fours_sender, 4, FOUR)
    fours_sender.start(14)
    for first, n_frames in ((0, 3), (3, 4)):
        fours_sender.block(first, n_frames)
    fours_sender.loss(7, 2)
    fours_sender.block(9, 5)
    fours_sender.end(12, lost=2)

    state = site.finish(fours_sender)

    assert counts(state) == {"state": "complete", "frames": 12, "lost": 2, "outside": 0}
    expect(site, [*range(7), *range(9, 14)], 14)


def test_regions_are_set_by_a_parameter(site, cluster_sender):
    cluster, truth = site.cluster, cluster_sender.truth.histogram(0, 4)
    site.meanwhile(lambda: _set(cluster, "rois", "low: 3-17"), cluster_sender)
    site.meanwhile(lambda: _set(cluster, "channels", "1"), cluster_sender)
    try:
        site.post(cluster_sender, 4)
        cluster_sender.start(4)
        cluster_sender.block(0)
        cluster_sender.end(4)
        site.finish(cluster_sender)

        found = cluster.published("/counts/low").reshape(-1)
        assert found.tolist() == truth[:, 1, 3:18].sum(axis=1, dtype="u8").tolist()
    finally:
        _set(cluster, "rois", "")
        _set(cluster, "channels", "")


def _set(cluster, name, value):
    """Set a parameter, and wait until every part of the cluster has it."""
    cluster.set_parameter(name, value)

    def all_have_it():
        config = cluster.controller("config")
        parts = [*config["workers"], *config["ingesters"], config["reducer"]]
        return {part["parameters_hash"] for part in parts} == {config["parameters_hash"]}

    cluster.wait(all_have_it, PATIENCE, "all have the parameter")


def test_a_session_that_cannot_be_mapped_says_why_and_ends(site, cluster_sender):
    site.post(cluster_sender, 4)
    cluster_sender.start(4, metadata={"scan": {"shape": [0, 4]}})
    cluster_sender.block(0)
    cluster_sender.end(4)

    state = site.finish(cluster_sender)

    assert state["state"] == "failed"
    assert "scan: shape [0, 4]" in state["text"]
    assert "counts" not in site.cluster.names()


def test_the_map_equals_the_file_to_the_last_bit_and_h5pyd_reads_it(site, tmp_path):
    if importlib.util.find_spec("h5pyd") is None:
        pytest.skip("h5pyd is not installed: pip install 'h5pyd<1'")
    config = StreamerConfig(data_port=site.ports[ONE], monitor_port=0, linger=2)
    scan = {"shape": [4, 6], "snake": True, "names": ["y", "x"], "ranges": [[0, 3], [0, 10]]}
    with (
        Xspress3Detector.open(DetectorConfig(library=str(library_path()), n_channels=3)) as detector,
        Streamer(detector, config) as streamer,
        programs.running("receivers.cli", *_write_options(site.ports[ONE], tmp_path)) as writer,
    ):
        streamer.wait_readers(1, timeout=PATIENCE)
        site.cluster.post_map(ONE, 24)
        streamer.wait_readers(2, timeout=PATIENCE)
        session = streamer.arm(
            Acquisition(exposure_time=0.005, frames_per_trigger=24),
            metadata={"scan": scan, "rois": {"fe_ka": [620, 660]}},
        )
        session.wait(PATIENCE)
        site.cluster.wait_finished(PATIENCE)
        path = json.loads(writer.communicate(timeout=PATIENCE)[0])["sessions"][0]["path"]

    with h5py.File(path) as file:
        data = file["entry/instrument/xspress3/data"][()].astype("u8")
        factors = file["entry/instrument/xspress3/dead_time_correction"][()]
    counts = data[:, :, 620:661].sum(axis=2)
    corrected = [
        sum(float(n) * float(factor) for n, factor in zip(*row, strict=True))
        for row in zip(counts, factors, strict=True)
    ]
    for name, values in (("counts", counts.sum(axis=1)), ("corrected", corrected)):
        truth = np.array(values, dtype=float).reshape(4, 6)
        truth[1::2] = truth[1::2, ::-1]
        np.testing.assert_array_equal(site.cluster.published(f"/{name}/fe_ka"), truth)
        assert truth.min() > 0
        assert _by_h5pyd(site, f"/{name}/fe_ka") == truth.tolist()
    assert site.cluster.published("/counts/x").tolist() == [0, 2, 4, 6, 8, 10]


def _write_options(port, directory):
    return ("write", "--port", port, "--directory", directory, "--sessions", 1, "--quiet", "--json")


def _by_h5pyd(site, path):
    """What that client reads, in a process of its own: it keeps connections, and warns."""
    script = (
        "import sys, json, h5pyd\n"
        "file = h5pyd.File('/', 'r', endpoint=sys.argv[1])\n"
        "print(json.dumps(file[sys.argv[2]][()].tolist()))"
    )
    command = [sys.executable, "-c", script, site.cluster.reducer_url, path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_its_own_ingester_gets_ten_scans_of_ten_frames_whole(site):
    config = StreamerConfig(
        data_port=site.ports[ONE], monitor_port=0, linger=0.2, old_dialects={"multipart": site.ports[OLD]}
    )
    detector = FakeDetector()
    detector.finish(10)
    cluster = site.cluster
    with Streamer(detector, config) as streamer:

        def n_old_readers():
            return [reader.name for reader in streamer.status().readers].count("multipart")

        for _ in range(10):
            # A map without it lets it leave, so that whoever joins afterwards is there for the next scan.
            cluster.post_map(ONE, 1)
            cluster.wait(lambda: n_old_readers() == 0, PATIENCE, "it has left")
            cluster.post_map(OLD, 10)
            cluster.wait(lambda: n_old_readers() == 1, PATIENCE, "it has joined")
            streamer.arm(Acquisition(exposure_time=0.001, frames_per_trigger=10))
            cluster.wait_finished(PATIENCE)
            streamer.wait(timeout=PATIENCE)

            found = {name: cluster.published(f"/old/{name}") for name in cluster.names("/old")}
            sums = {str(frame): _sum_of_fake(frame) for frame in range(10)}
            assert found == {"header": 0, **sums, "series_end": 0}


def _sum_of_fake(frame):
    """Of all bins of a frame of the fake detector: `frame << 16 | channel << 12 | bin`."""
    return sum((frame << 16) + (channel << 12) + number for channel in range(2) for number in range(64))
