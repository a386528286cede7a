"""Scans of a real run engine over a real device; documents are compared with what is in the files."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401  # registers the filter
import numpy as np
import pytest
from tango import DeviceProxy, DevState

from receivers.hdf5.summary import open_file
from tests.conftest import REPOSITORY
from tests.tango_device.device.servers import wait_for

pytest.importorskip("bluesky")
pytest.importorskip("ophyd_async.tango.core")

import bluesky.plan_stubs as bps
import bluesky.plans as bp
import bluesky.preprocessors as bpp
from bluesky import RunEngine
from bluesky.utils import FailedStatus, RunEngineInterrupted
from ophyd_async.core import (
    DetectorTrigger,
    StaticFilenameProvider,
    StaticPathProvider,
    TriggerInfo,
    init_devices,
    soft_signal_rw,
)

from tango_device.clients.ophyd.acquiring import SessionEndedError
from tango_device.clients.ophyd.detector import OphydXspress3

pytestmark = [
    pytest.mark.timeout(90),
    # Not ours: what these packages and their dependencies warn of.
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module")
def engine():
    made = RunEngine({}, call_returns_result=True)
    yield made
    made.loop.call_soon_threadsafe(made.loop.stop)


@pytest.fixture
def connect(engine, tmp_path):
    def make(url):
        paths = StaticPathProvider(StaticFilenameProvider("run"), tmp_path)
        with init_devices():
            xs = OphydXspress3(url, paths, name="xs")
            x = soft_signal_rw(float, name="x")
        return xs, x

    return make


@pytest.fixture
def xs(connect, device, server):
    for channel in range(4):
        device.write_attribute(f"Window1_Ch{channel}", [600, 700])
    made, _ = connect(server.url)
    return made


@pytest.fixture
def documents(engine):
    kept = []
    token = engine.subscribe(lambda name, document: kept.append((name, document)))
    yield kept
    engine.unsubscribe(token)


def of(documents, kind):
    return [document for name, document in documents if name == kind]


def rows(documents, key):
    """What the documents say that the events have under `key`, read from the files: event number -> value."""
    resources = {one["uid"]: one for one in of(documents, "stream_resource") if one["data_key"] == key}
    found = {}
    for datum in of(documents, "stream_datum"):
        resource = resources.get(datum["stream_resource"])
        if resource is None:
            continue
        assert resource["mimetype"] == "application/x-hdf5"
        with open_file(Path(resource["uri"].removeprefix("file://localhost"))) as file:
            values = file[resource["parameters"]["dataset"]]
            numbers, indices = range(*datum["seq_nums"].values()), range(*datum["indices"].values())
            for number, index in zip(numbers, indices, strict=True):
                assert number not in found
                assert index < len(values)
                found[number] = values[index]
    return found


def finished(path):
    """Frames in a file that was closed, and whether all that belong there are."""
    with h5py.File(path) as file:  # refused while a writer has it
        return len(file["/entry/instrument/xspress3/data"]), bool(file["/entry/complete"][()])


def test_a_step_scan_has_a_row_in_the_file_for_each_event(engine, xs, device, documents, tmp_path):
    x = soft_signal_rw(float, name="x")
    engine(bps.mv(xs.ExposureTime, 0.02))
    engine(bp.scan([xs], x, 0, 1, 5))

    events = of(documents, "event")
    counts = rows(documents, "xs-in_window0")
    assert [event["seq_num"] for event in events] == [1, 2, 3, 4, 5] == list(counts)
    for event in events:
        np.testing.assert_array_equal(event["data"]["xs-Window1Sum"], counts[event["seq_num"]])
    assert sum(map(np.sum, counts.values())) > 0
    spectra = rows(documents, "xs")
    np.testing.assert_array_equal(
        [s[:, 600:701].sum(axis=1) for s in spectra.values()], list(counts.values())
    )
    assert finished(tmp_path / "run.h5") == (5, True)
    assert device.state() == DevState.STANDBY


def test_documents_come_in_order_with_one_resource_for_each_quantity(engine, xs, documents):
    engine(bp.count([xs], 2))

    names = [name for name, _ in documents]
    n = len(of(documents, "stream_resource"))
    assert names == [
        *("start", "descriptor", *["stream_resource"] * n),
        *([*["stream_datum"] * n, "event"] * 2),
        "stop",
    ]
    (descriptor,) = of(documents, "descriptor")
    external = {key for key, one in descriptor["data_keys"].items() if "external" in one}
    assert external == {one["data_key"] for one in of(documents, "stream_resource")}
    assert descriptor["data_keys"]["xs"]["shape"] == [1, 4, 4096]
    assert descriptor["configuration"]["xs"]["data"]["xs-ExposureTime"] == 0.002


def test_times_of_a_prepared_trigger_are_those_in_which_the_detector_counts(engine, xs, device):
    info = TriggerInfo(livetime=0.003, deadtime=1e-6, collections_per_event=2)

    def plan():
        yield from bps.stage(xs, wait=True)
        yield from bps.prepare(xs, info, wait=True)
        yield from bps.trigger(xs, wait=True)
        yield from bps.unstage(xs, wait=True)

    engine(plan())

    assert device.CountingTime == pytest.approx(0.003, abs=25e-9)
    assert device.FramePeriod == pytest.approx(0.003001, abs=25e-9)


def test_a_pause_that_the_hardware_cannot_make_is_refused(engine, xs):
    info = TriggerInfo(livetime=0.003, deadtime=0.001, collections_per_event=2)

    with pytest.raises(FailedStatus, match="longest pause"):
        engine(bps.prepare(xs, info, wait=True))


def fly(xs, info, fire):
    """A fly scan, as plans of ophyd-async make one, started by `fire` in the place of a moving stage."""

    @bpp.stage_decorator([xs])
    @bpp.run_decorator()
    def inner():
        yield from bps.prepare(xs, info, wait=True)
        yield from bps.declare_stream(xs, name="main", collect=True)
        yield from bps.kickoff(xs, wait=True)
        yield from bps.wait_for([fire])
        yield from bps.collect_while_completing([xs], [xs], flush_period=0.05, stream_name="main")

    return inner()


@pytest.mark.parametrize("trigger", [DetectorTrigger.EXTERNAL_EDGE, DetectorTrigger.EXTERNAL_LEVEL])
def test_a_fly_scan_that_hardware_triggers_has_all_frames(trigger, engine, xs, device, documents, tmp_path):
    livetime = 0.002 if trigger is DetectorTrigger.EXTERNAL_EDGE else 0.0
    info = TriggerInfo(trigger=trigger, livetime=livetime, number_of_events=50)
    engine(fly(xs, info, lambda: xs.SimulateHardwareTriggers.execute(50).task))

    spectra = rows(documents, "xs")
    assert list(spectra) == list(range(1, 51))
    in_ring = device.ReadHistogram([0, 50]).reshape(50, 4, 4096)
    np.testing.assert_array_equal(list(spectra.values()), in_ring)
    assert finished(tmp_path / "run.h5") == (50, True)
    assert of(documents, "stop")[0]["num_events"] == {"main": 50}
    assert device.state() == DevState.STANDBY


def test_a_fly_scan_with_several_frames_for_each_event(engine, xs, documents):
    info = TriggerInfo(livetime=0.002, number_of_events=4, collections_per_event=5)

    async def nothing():
        pass

    engine(fly(xs, info, nothing))

    datums = [d for d in of(documents, "stream_datum") if d["stream_resource"] == _resource(documents, "xs")]
    assert datums[0]["indices"]["start"] == 0
    assert datums[-1]["indices"]["stop"] == 4
    assert of(documents, "descriptor")[0]["data_keys"]["xs"]["shape"] == [5, 4, 4096]


def described(documents):
    """What bluesky's own reader of documents makes of each quantity, and the dataset that it stands for."""
    consolidators = pytest.importorskip("bluesky.consolidators")
    (descriptor,) = of(documents, "descriptor")
    for resource in of(documents, "stream_resource"):
        made = consolidators.consolidator_factory(resource, descriptor)
        for datum in of(documents, "stream_datum"):
            if datum["stream_resource"] == resource["uid"]:
                made.consume_stream_datum(datum)
        source = made.get_data_source()
        (asset,) = source.assets
        with open_file(Path(asset.data_uri.removeprefix("file://localhost"))) as file:
            yield source, file[source.parameters["dataset"]]


def check_described(documents):
    n_described = 0
    for source, dataset in described(documents):
        n_described += 1
        structure = source.structure
        assert structure.shape == dataset.shape
        assert structure.data_type.to_numpy_dtype() == dataset.dtype
        assert tuple(sizes[0] for sizes in structure.chunks) == tuple(
            map(min, dataset.chunks, dataset.shape)
        ), dataset.name
    assert n_described == 6


def test_readers_of_documents_know_shape_type_and_chunks_of_what_a_fly_scan_wrote(engine, xs, documents):
    info = TriggerInfo(trigger=DetectorTrigger.EXTERNAL_EDGE, livetime=0.0002, number_of_events=100)

    engine(fly(xs, info, lambda: xs.SimulateHardwareTriggers.execute(100).task))

    check_described(documents)
    with open_file(Path(of(documents, "stream_resource")[0]["uri"].removeprefix("file://localhost"))) as file:
        assert file["/entry/instrument/xspress3/data"].chunks[0] > 1


def test_readers_of_documents_know_what_several_frames_for_each_event_are(engine, xs, documents):
    async def nothing():
        pass

    engine(fly(xs, TriggerInfo(livetime=0.002, number_of_events=4, collections_per_event=5), nothing))

    check_described(documents)


def test_readers_of_documents_know_what_a_step_scan_wrote(engine, xs, documents):
    engine(bp.count([xs], 3))

    check_described(documents)


def _resource(documents, key):
    (uid,) = [one["uid"] for one in of(documents, "stream_resource") if one["data_key"] == key]
    return uid


def pausing(xs, before_pause):
    """Four points, and a pause once the third has been triggered and `before_pause` has been done."""
    has_paused = []

    @bpp.stage_decorator([xs])
    @bpp.run_decorator()
    def inner():
        for point in range(4):
            yield from bps.checkpoint()
            yield from bps.trigger(xs, group="point")
            if point == 2 and not has_paused:
                has_paused.append(True)
                yield from before_pause()
                yield from bps.pause()
            yield from bps.wait("point")
            yield from bps.create("primary")
            yield from bps.read(xs)
            yield from bps.save()

    return inner()


def pause_in_mid_frame(engine, xs, device):
    def until_it_counts():
        while device.state() != DevState.RUNNING:
            yield from bps.sleep(0.005)

    engine(bps.mv(xs.ExposureTime, 0.4))
    with pytest.raises(RunEngineInterrupted):
        engine(pausing(xs, until_it_counts))


def check_events(documents):
    counts = rows(documents, "xs-in_window0")
    assert list(counts) == [event["seq_num"] for event in of(documents, "event")]
    for event in of(documents, "event"):
        np.testing.assert_array_equal(event["data"]["xs-Window1Sum"], counts[event["seq_num"]])


def test_a_pause_in_mid_frame_stops_it_and_it_is_taken_again(engine, xs, device, documents, tmp_path):
    pause_in_mid_frame(engine, xs, device)
    assert device.state() == DevState.STANDBY
    engine.resume()

    assert len(of(documents, "event")) == 4
    check_events(documents)
    assert finished(tmp_path / "run.h5")[0] == 4
    assert of(documents, "stop")[0]["exit_status"] == "success"


def test_a_frame_that_is_taken_again_is_left_in_a_file_of_its_own(engine, xs, device, documents, tmp_path):
    engine(bps.mv(xs.ExposureTime, 0.3))
    with pytest.raises(RunEngineInterrupted):
        engine(pausing(xs, until_frame_is_written(device)))
    engine.resume()

    check_events(documents)
    assert finished(tmp_path / "run.h5")[0] == 3
    assert finished(tmp_path / "run_1.h5")[0] == 2
    assert sorted({Path(one["uri"]).name for one in of(documents, "stream_resource")}) == [
        "run.h5",
        "run_1.h5",
    ]


def until_frame_is_written(device):
    """Wait for the frame of the trigger that was just given."""

    def wait():
        before = device.SessionId
        while device.SessionId == before or device.state() != DevState.STANDBY:
            yield from bps.sleep(0.005)

    return wait


@pytest.mark.parametrize("end", ["abort", "stop"])
def test_an_interrupted_scan_leaves_device_and_file_in_order(end, engine, xs, device, documents, tmp_path):
    pause_in_mid_frame(engine, xs, device)
    getattr(engine, end)()

    assert device.state() == DevState.STANDBY
    assert of(documents, "stop")[0]["exit_status"] == {"abort": "abort", "stop": "success"}[end]
    assert len(of(documents, "event")) == 2
    check_events(documents)
    assert finished(tmp_path / "run.h5")[0] == 2


def test_an_aborted_fly_scan_keeps_the_frames_that_came(engine, xs, device, documents, tmp_path):
    async def ten_of_fifty():
        await xs.SimulateHardwareTriggers.execute(10)

    info = TriggerInfo(trigger=DetectorTrigger.EXTERNAL_EDGE, livetime=0.002, number_of_events=50)
    with pytest.raises(FailedStatus) as raised:
        engine(fly(xs, info.model_copy(update={"exposure_timeout": 1.0}), ten_of_fifty))

    assert isinstance(raised.value.__cause__, TimeoutError)
    assert device.state() == DevState.STANDBY
    assert list(rows(documents, "xs")) == list(range(1, 11))
    assert finished(tmp_path / "run.h5")[0] == 10


def test_another_clients_stop_ends_a_fly_scan_at_once(engine, xs, device, documents, server):
    async def stop():
        await xs.SimulateHardwareTriggers.execute(3)
        while await xs.nFramesAcquired.get_value() < 3:
            await asyncio.sleep(0.005)
        await xs.Stop.trigger()

    info = TriggerInfo(trigger=DetectorTrigger.EXTERNAL_EDGE, livetime=0.002, number_of_events=50)
    with pytest.raises(FailedStatus) as raised:
        engine(fly(xs, info, stop))

    assert isinstance(raised.value.__cause__, SessionEndedError)
    assert "3 of 50 frames" in str(raised.value.__cause__)


def test_runs_of_the_same_name_have_files_of_their_own_and_documents_name_them(
    engine, xs, documents, tmp_path
):
    engine(bp.count([xs], 1))
    documents.clear()
    engine(bp.count([xs], 2))

    assert {Path(one["uri"]).name for one in of(documents, "stream_resource")} == {"run_1.h5"}
    assert finished(tmp_path / "run.h5") == (1, True)
    assert finished(tmp_path / "run_1.h5") == (2, True)


def test_what_is_taken_after_a_run_is_not_appended_to_its_file(engine, xs, device, tmp_path):
    engine(bp.count([xs], 1))
    device.Arm()
    device.SoftwareTrigger()
    wait_for(device, DevState.STANDBY)

    assert finished(tmp_path / "run.h5") == (1, True)


def test_a_trigger_that_was_never_read_has_no_event(engine, xs, documents):
    @bpp.stage_decorator([xs])
    @bpp.run_decorator()
    def plan():
        yield from bps.trigger(xs, wait=True)
        yield from bps.trigger_and_read([xs])
        yield from bps.trigger_and_read([xs])

    engine(plan())

    assert len(of(documents, "event")) == 2
    check_events(documents)


def test_points_with_other_windows_are_found_in_the_file_that_the_device_gave_them(
    engine, xs, device, documents, tmp_path
):
    @bpp.stage_decorator([xs])
    @bpp.run_decorator()
    def plan():
        for limits in ([600, 700], [100, 900]):
            device.write_attribute("Window1_Ch0", limits)
            for _ in range(2):
                yield from bps.trigger_and_read([xs])

    engine(plan())

    check_events(documents)
    counts = rows(documents, "xs-in_window0")
    assert list(counts) == [1, 2, 3, 4]
    assert counts[3][0] > counts[2][0]
    assert [finished(tmp_path / name)[0] for name in ("run.h5", "run_1.h5")] == [2, 2]


def test_a_session_of_another_client_between_two_points_fails_the_scan(engine, xs, device, documents):
    async def count_something_else():
        device.Arm()
        device.SoftwareTrigger()
        wait_for(device, DevState.STANDBY)

    @bpp.stage_decorator([xs])
    @bpp.run_decorator()
    def plan():
        yield from bps.trigger_and_read([xs])
        yield from bps.wait_for([count_something_else])
        yield from bps.trigger_and_read([xs])

    with pytest.raises((FailedStatus, SessionEndedError), match="of another client"):
        engine(plan())

    assert len(of(documents, "event")) == 1
    check_events(documents)


def test_a_writer_that_dies_fails_the_scan(engine, connect, start_server, documents):
    own = start_server()
    made, _ = connect(own.url)
    wait_for(own.proxy, DevState.STANDBY)

    async def kill():
        while own.proxy.WriterState != "writing":  # from then on the file can be read whatever happens
            await asyncio.sleep(0.005)
        own.writer.kill()

    @bpp.stage_decorator([made])
    @bpp.run_decorator()
    def plan():
        yield from bps.mv(made.ExposureTime, 0.3)
        yield from bps.trigger_and_read([made])
        yield from bps.trigger(made, group="point")
        yield from bps.wait_for([kill])
        yield from bps.wait("point")

    with pytest.raises(FailedStatus) as raised:
        engine(plan())

    assert isinstance(raised.value.__cause__, SessionEndedError)
    assert own.proxy.state() == DevState.FAULT
    check_events(documents)
    with pytest.raises(FailedStatus, match="FAULT"):
        engine(bp.count([made]))
    assert isinstance(DeviceProxy(own.url).state(), DevState)


MOVE = """
def move():
    yield from bps.wait_for([lambda: xs.SimulateHardwareTriggers.execute(7).task])

engine(fly(7, 0.002, move))
"""


def test_the_page_about_it_runs(device, server, tmp_path):
    """In a process of its own: its engine becomes that of the process."""
    page = (REPOSITORY / "doc" / "how-to" / "bluesky.md").read_text()
    snippets = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    code = "\n".join(snippets).replace('"lab/xspress3/1"', repr(server.url))

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"directory = {str(tmp_path)!r}\n{code}{MOVE}"],
        capture_output=True,
        text=True,
        timeout=80,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert finished(tmp_path / "scan.h5") == (3, True)
    assert finished(tmp_path / "scan_1.h5") == (7, True)
