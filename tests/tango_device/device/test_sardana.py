"""The controller in the pool of Sardana, without its servers, by its own helpers for tests."""

from __future__ import annotations

import copy
import importlib.util
import time
import warnings
from pathlib import Path
from types import SimpleNamespace

import h5py
import hdf5plugin  # noqa: F401  # registers the filter
import numpy as np
import pytest
from tango import DevFailed, DevState

import tango_device.clients
from tests.tango_device.device.servers import wait_for

pytestmark = [
    pytest.mark.timeout(90),
    # Not ours: what Sardana, Taurus and their dependencies warn of.
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(not importlib.util.find_spec("sardana"), reason="Sardana is not installed"),
]

FOLDER = Path(tango_device.clients.__file__).parent / "sardana_pool"
LIBRARY = "xspress3_ctrl.py"
COUNTING, SPECTRA = "Xspress3CounterController", "Xspress3SpectrumController"
QUANTITIES = ("Window1", "Window1Corrected", "Window2")
TIMER, COUNTERS = "timer", QUANTITIES
SLOW = 1.0
"""Seconds from one software trigger to the next; Sardana passes over triggers that come too early."""


@pytest.fixture(scope="module")
def sardana():
    """What is used of Sardana; imported here, because it warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import sardana.pool
        import sardana.pool.test
        from sardana.pool.poolonedexpchannel import Pool1DExpChannel

    return SimpleNamespace(
        State=sardana.State,
        pool=sardana.pool,
        test=sardana.pool.test,
        Pool1DExpChannel=Pool1DExpChannel,
    )


@pytest.fixture
def pool(sardana):
    made = sardana.test.FakePool([str(FOLDER)])
    yield made
    made.cleanup()


@pytest.fixture
def controller(sardana, pool, server, device):
    for channel in range(4):
        device.write_attribute(f"Window1_Ch{channel}", [600, 700])
        device.write_attribute(f"Window2_Ch{channel}", [0, 4095])
    return make_controller(sardana, pool, server, COUNTING)


def make_controller(sardana, pool, server, controller_class):
    conf = sardana.test.createCtrlConf(
        pool, f"xs_{controller_class}", controller_class, LIBRARY, {"TangoDevice": server.url}
    )
    made = sardana.test.createPoolController(pool, conf)
    pool.add_element(made)
    assert made.is_online(), made.ctrl_error_str
    return made


@pytest.fixture
def spectra(sardana, pool, server, device):
    """Spectra of channels 0 and 2."""
    controller = make_controller(sardana, pool, server, SPECTRA)
    made = {}
    for channel in (0, 2):
        name = f"spectrum{channel}"
        conf = sardana.test.createElemConf(pool, channel + 1, name)
        made[name] = sardana.Pool1DExpChannel(**{**conf, "pool": pool, "ctrl": controller})
        controller.add_element(made[name])
        pool.add_element(made[name])
    return made


@pytest.fixture
def channels(sardana, pool, controller):
    """The timer, and a counter of channel 2 for each quantity."""
    made = {}
    for axis, name in enumerate((TIMER, *COUNTERS), start=1):
        conf = sardana.test.createElemConf(pool, axis, name)
        made[name] = sardana.test.createPoolCounterTimer(pool, controller, conf)
        pool.add_element(made[name])
        if name != TIMER:
            made[name].set_extra_par("Channel", 2)
            made[name].set_extra_par("Quantity", name)
    return made


@pytest.fixture
def trigger(sardana, pool):
    """A trigger element; its controller is Sardana's dummy, edges come from the simulator."""
    conf = sardana.test.createCtrlConf(
        pool, "tg_ctrl", "DummyTriggerGateController", "DummyTriggerGateController.py"
    )
    made = sardana.test.createPoolController(pool, conf)
    pool.add_element(made)
    element = sardana.test.createPoolTriggerGate(pool, made, sardana.test.createElemConf(pool, 1, "tg"))
    made.add_element(element)
    pool.add_element(element)
    return element.full_name


@pytest.fixture
def inputs(device):
    """Has the simulator give edges, or gates as long as a frame, once the device waits for them."""

    def give(n):
        def fire(group):
            wait_for(device, DevState.RUNNING)
            device.SimulateHardwareTriggers(n)

        return fire

    return give


@pytest.fixture
def measure(measure_groups, channels):
    """A measurement of a group of all counters: gives the values of each."""

    def run(*arguments, **options):
        return measure_groups([channels], *arguments, **options)

    return run


@pytest.fixture
def measure_groups(sardana, pool):
    """A measurement of a group of channels of one or more controllers: gives the values of each."""

    def run(
        groups, synchronization, synchronizer, repeats=1, active=0.01, total=0.02, fire=lambda group: None
    ):
        ways = [[(name, synchronizer, synchronization) for name in group] for group in groups]
        user_conf, ids, _ = sardana.test.createMGUserConfiguration(pool, ways)
        conf = copy.deepcopy(sardana.test.dummyMeasurementGroupConf01)
        conf.update(name="group", full_name="group", user_elements=ids, id=pool.get_free_id())
        group = sardana.test.createPoolMeasurementGroup(pool, conf)
        pool.add_element(group)
        group.set_configuration_from_user(user_conf)
        group.set_synch_description(_times(sardana, repeats, active, total))
        listener = sardana.test.AttributeListener()
        for element in group.get_user_elements():
            element.add_listener(listener)
        group.prepare()
        group.start_acquisition()
        if fire is not None:
            fire(group)
        deadline = time.monotonic() + 30
        while group.acquisition.is_running():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return {name: list(values) for name, values in listener.data.items()}

    return run


def _times(sardana, repeats, active, total):
    parameter, time_ = sardana.pool.SynchParam, sardana.pool.SynchDomain.Time
    return [
        {
            parameter.Delay: {time_: 0},
            parameter.Active: {time_: active},
            parameter.Total: {time_: total},
            parameter.Repeats: repeats,
        }
    ]


def truth(device, n_frames):
    """Counts of channel 2 in both windows, from the frames that the detector still has."""
    spectra = device.ReadHistogram([0, n_frames]).reshape(n_frames, 4, 4096)[:, 2]
    return spectra[:, 600:701].sum(axis=1), spectra.sum(axis=1)


def test_the_pool_finds_both_controllers_and_nothing_else_in_the_folder(pool):
    library = pool.ctrl_manager.getControllerLib(LIBRARY)

    assert {one.name for one in library.get_controllers()} == {COUNTING, SPECTRA}


def test_a_count_gives_the_numbers_of_the_frame(channels, device):
    timer = channels[TIMER]
    timer.integration_time = 0.02
    timer.start_acquisition()
    _wait(timer)

    assert timer.value.value == pytest.approx(0.02, abs=25e-9)
    assert device.CountingTime == pytest.approx(0.02, abs=25e-9)


def _wait(element):
    deadline = time.monotonic() + 20
    while element.acquisition.is_running():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_counters_of_a_point_are_those_of_the_spectrum(sardana, measure, device):
    values = measure(sardana.pool.AcqSynchType.Trigger, "software", active=0.05, total=0.06)

    in_window, in_all = truth(device, 1)
    assert values["Window1"] == in_window.tolist()
    assert values["Window2"] == in_all.tolist()
    assert values["Window1Corrected"][0] >= in_window[0] > 0


def test_a_scan_triggered_by_hardware_has_a_value_for_each_edge(sardana, measure, trigger, device, inputs):
    values = measure(sardana.pool.AcqSynchType.Trigger, trigger, 40, 0.002, 0.004, fire=inputs(40))

    in_window, in_all = truth(device, 40)
    np.testing.assert_array_equal(values["Window1"], in_window)
    np.testing.assert_array_equal(values["Window2"], in_all)
    assert values[TIMER] == pytest.approx([0.002] * 40, abs=25e-9)


def test_each_gate_is_a_frame_as_long_as_it(sardana, measure, trigger, device, inputs):
    values = measure(sardana.pool.AcqSynchType.Gate, trigger, 20, 0.003, 0.005, fire=inputs(20))

    in_window, in_all = truth(device, 20)
    np.testing.assert_array_equal(values["Window1"], in_window)
    np.testing.assert_array_equal(values["Window2"], in_all)
    ticks = device.ReadScalers([0, 20]).reshape(20, 4, 9)[..., 0]
    assert (np.abs(ticks - 0.003 * 80e6) <= 0.003 * 80e6 * 0.2).all()
    assert np.isnan(values[TIMER]).all()
    assert len(values[TIMER]) == 20


def test_one_edge_starts_all_frames(sardana, measure, trigger, device, inputs):
    values = measure(sardana.pool.AcqSynchType.Start, trigger, 8, 0.004, 0.004, fire=inputs(1))

    in_window, _ = truth(device, 8)
    np.testing.assert_array_equal(values["Window1"], in_window)
    assert values[TIMER] == pytest.approx([0.004] * 8, abs=25e-9)


def spectra_in_ring(device, n_frames):
    return device.ReadHistogram([0, n_frames]).reshape(n_frames, 4, 4096)


def test_a_spectrum_has_the_counts_of_its_channel(sardana, measure_groups, spectra, device):
    values = measure_groups([spectra], sardana.pool.AcqSynchType.Trigger, "software", active=0.02, total=0.03)

    (frame,) = spectra_in_ring(device, 1)
    (of_0,), (of_2,) = values["spectrum0"], values["spectrum2"]
    np.testing.assert_array_equal(of_0, frame[0])
    np.testing.assert_array_equal(of_2, frame[2])
    assert of_2.sum() > 0
    assert spectra["spectrum2"].get_shape() == [4096]


@pytest.mark.parametrize("way", ["Trigger", "Gate"])
def test_a_scan_by_hardware_has_a_spectrum_of_each_frame(
    way, sardana, measure_groups, spectra, trigger, device, inputs
):
    synchronization = getattr(sardana.pool.AcqSynchType, way)
    values = measure_groups([spectra], synchronization, trigger, 100, 0.002, 0.004, fire=inputs(100))

    frames = spectra_in_ring(device, 100)
    np.testing.assert_array_equal(values["spectrum0"], frames[:, 0])
    np.testing.assert_array_equal(values["spectrum2"], frames[:, 2])


def test_counters_and_spectra_of_one_measurement_are_of_the_same_frames(
    sardana, measure_groups, controller, channels, spectra, device, tmp_path
):
    controller.set_ctrl_attr("FileName", str(tmp_path / "scan.h5"))
    before = device.SessionId
    values = measure_groups([channels, spectra], sardana.pool.AcqSynchType.Trigger, "software", 3, total=SLOW)

    with h5py.File(tmp_path / "scan.h5") as file:
        data = file["/entry/instrument/xspress3/data"][:]
        n_sessions = len(file["/entry/sessions/session_id"])
    assert len(data) == n_sessions == 3
    assert device.SessionId > before
    np.testing.assert_array_equal(values["spectrum2"], data[:, 2])
    np.testing.assert_array_equal(values["Window1"], data[:, 2, 600:701].sum(axis=-1))


def test_spectra_that_the_ring_has_no_more_are_nan_and_the_others_are_at_their_place(
    sardana, pool, start_server
):
    own = start_server(RingFrames=16)
    wait_for(own.proxy, DevState.STANDBY)
    plugin = make_controller(sardana, pool, own, SPECTRA).ctrl
    plugin.SetCtrlPar("synchronization", sardana.pool.AcqSynch.SoftwareStart)
    plugin.PrepareOne(1, 0.002, 50, 0, 1)
    plugin.LoadOne(1, 0.002, 50, 0)
    plugin.PreStartAll()
    plugin.StartAll()
    wait_for(own.proxy, DevState.STANDBY)

    plugin.PreReadAll()
    plugin.PreReadOne(2)
    plugin.ReadAll()
    spectra = np.array(plugin.ReadOne(2))

    assert spectra.shape == (50, 4096)
    assert np.isnan(spectra[:30]).all()
    newest = own.proxy.ReadHistogram([49, 1]).reshape(4, 4096)[1]
    np.testing.assert_array_equal(spectra[49], newest)


def test_a_channel_that_there_is_not_has_no_spectrum(sardana, pool, server, device):
    plugin = make_controller(sardana, pool, server, SPECTRA).ctrl

    with pytest.raises(ValueError, match=r"allowed is 1\.\.4"):
        plugin.AddDevice(5)


def test_frames_that_follow_one_software_start_have_a_value_each(sardana, measure, device):
    values = measure(sardana.pool.AcqSynchType.Start, "software", 5, active=0.01, total=0.01)

    in_window, _ = truth(device, 5)
    np.testing.assert_array_equal(values["Window1"], in_window)


def test_points_of_a_measurement_are_in_the_file_it_names(sardana, measure, controller, tmp_path):
    controller.set_ctrl_attr("FileName", str(tmp_path / "scan.h5"))
    measure(sardana.pool.AcqSynchType.Trigger, "software", 3, total=SLOW)

    with h5py.File(tmp_path / "scan.h5") as file:
        assert len(file["/entry/instrument/xspress3/data"]) == 3
        assert file["/entry/complete"][()] == 1


def test_a_stop_ends_the_session(sardana, measure_groups, trigger, channels, spectra, device):
    def stop(group):
        wait_for(device, DevState.RUNNING)
        group.stop()

    values = measure_groups(
        [channels, spectra], sardana.pool.AcqSynchType.Trigger, trigger, 40, 0.002, 0.004, fire=stop
    )

    assert device.state() == DevState.STANDBY
    assert not values.get("Window1")
    assert not values.get("spectrum2")


def test_controllers_with_two_synchronizations_are_refused(sardana, pool, controller, server, device):
    counting, spectra = controller.ctrl, make_controller(sardana, pool, server, SPECTRA).ctrl
    counting.SetCtrlPar("synchronization", sardana.pool.AcqSynch.HardwareTrigger)
    spectra.SetCtrlPar("synchronization", sardana.pool.AcqSynch.SoftwareTrigger)
    counting.LoadOne(1, 0.01, 5, 0)
    counting.PreStartAll()
    counting.StartAll()

    with pytest.raises(DevFailed, match="Arm after 0 of 5 frames"):
        spectra.LoadOne(1, 0.01, 1, 0)
        spectra.PreStartAll()
        spectra.StartAll()


def test_what_the_device_cannot_do_is_refused(sardana, controller, channels):
    plugin = controller.ctrl
    with pytest.raises(ValueError, match="monitors"):
        plugin.LoadOne(1, -100, 1, 0)
    plugin.SetCtrlPar("synchronization", sardana.pool.AcqSynch.SoftwareStart)
    with pytest.raises(ValueError, match="longest pause"):
        plugin.LoadOne(1, 0.01, 5, 0.001)
    plugin.SetCtrlPar("synchronization", sardana.pool.AcqSynch.SoftwareGate)
    with pytest.raises(ValueError, match="software gate"):
        plugin.LoadOne(1, 0.01, 5, 0)
    with pytest.raises(ValueError, match="allowed is Window1"):
        plugin.SetAxisExtraPar(2, "Quantity", "Window3")
    with pytest.raises(ValueError, match=r"allowed is 0\.\.3"):
        plugin.SetAxisExtraPar(2, "Channel", 4)
