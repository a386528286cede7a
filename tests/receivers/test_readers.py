"""Files in the programs that people open them with: the default plot is there, and it is the right one."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import h5py
import hdf5plugin  # noqa: F401  # registers the filter
import numpy as np
import pytest

from receivers.hdf5.layout import DETECTOR
from receivers.hdf5.writer import Hdf5Sink

SAME = {"offset": 0.1, "gain": 0.01}


def needs(package):
    """Skip without `package`, which is not imported here: it would bring its own HDF5 and Qt."""
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{package} is not installed: pip install '.[test]'")


def ask(code, path):
    """What a program of its own prints about the file."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def file(sender, run, tmp_path):
    """Writes a session of 8 frames, with what else the start says."""

    def write(**said):
        sink = Hdf5Sink(tmp_path)

        def say():
            sender.start(8, **said)
            sender.block(0)
            sender.block(4)
            sender.end(8)

        run(say, sink)
        return sink.finished[0][1]

    return write


@pytest.fixture
def growing(sender, tmp_path):
    """Begins a session of 8 frames, and gives its file, in which 4 are so far; it ends with the test."""
    sink = Hdf5Sink(tmp_path, flush_interval=0)

    def begin(**said):
        sink.begin(sender.start_message(8, **said))
        sink.write(sender.block_message(0, 4))
        sink.tick()
        (path,) = tmp_path.glob("*.h5")
        return path

    yield begin
    if sink._series is not None:
        sink._series.roll()


def calibrated(sender, calibration):
    return {"detector": {**sender.start_message(8).detector, "calibration": calibration}}


@pytest.mark.parametrize("calibration", [None, SAME], ids=["bins", "energy"])
def test_the_nexus_validator_finds_no_error(sender, file, calibration):
    needs("nexusformat")
    path = file() if calibration is None else file(**calibrated(sender, calibration))

    code = (
        "import sys; from nexusformat.nexus.validate import validate_file;"
        "found = validate_file(sys.argv[1]); print('errors', found[1] if isinstance(found, tuple) else found)"
    )
    said = ask(code, path).split()

    with h5py.File(path) as opened:
        assert opened["/entry"].attrs["NX_class"] == "NXentry"  # without it nothing is looked at
    assert said[-2:] == ["errors", "0"]


def test_silx_opens_with_the_spectra_over_their_energy(sender, file):
    needs("silx")
    path = file(**calibrated(sender, SAME))

    code = (
        "import sys, hdf5plugin, silx.io, silx.io.nxdata as nx\n"
        "with silx.io.open(sys.argv[1]) as file:\n"
        "    plot = nx.get_default(file)\n"
        "    print(plot.is_valid, plot.signal.shape, plot.axes_dataset_names, plot.interpretation,"
        " plot.axes[-1][10], plot.title, plot.axes_names, sep='\\n')"
    )
    said = ask(code, path).splitlines()

    assert said[:4] == ["True", "(8, 2, 256)", "[None, 'channel', 'energy']", "spectrum"]
    assert float(said[4]) == pytest.approx(0.2)  # by hand: 0.1 + 10 * 0.01
    assert said[5:] == ["Fe map", "[None, 'channel', 'energy (keV)']"]


def test_silx_reads_the_spectra_of_a_file_that_grows(sender, growing):
    needs("silx")
    path = growing()

    code = (
        "import sys, hdf5plugin, silx.io, silx.io.nxdata as nx\n"
        "with silx.io.open(sys.argv[1]) as file:\n"
        "    plot = nx.get_default(file)\n"
        "    print(plot.is_valid, plot.signal.shape[0], plot.signal[()].sum(dtype='u8'),"
        " file['/entry/xspress3_ch01/data'][()].sum(dtype='u8'))"
    )
    said = ask(code, path).split()

    truth = sender.truth.histogram(0, 4)
    assert said == ["True", "4", str(truth.sum(dtype="u8")), str(truth[:, 1].sum(dtype="u8"))]


def test_pymca_lists_the_spectra_and_takes_their_live_time(sender, file):
    needs("PyMca5")
    path = file(**calibrated(sender, SAME))

    code = (
        "import sys, hdf5plugin, h5py\n"
        "from PyMca5.PyMcaCore.NexusTools import getMcaList, getMcaObjectPaths\n"
        "with h5py.File(sys.argv[1], 'r') as file:\n"
        "    for name in getMcaList(file, '/entry'): print(name)\n"
        "    found = getMcaObjectPaths(file, '/entry/xspress3_ch01/data')\n"
        "    for key in sorted(found): print(key + '=' + str(found[key]))"
    )
    said = ask(code, path).split()

    assert {f"{DETECTOR}/data", "/entry/xspress3_ch00/data", "/entry/xspress3_ch01/data"} <= set(said)
    assert "live_time=/entry/xspress3_ch01/live_time" in said
    assert "calibration=/entry/xspress3_ch01/calibration" in said


def test_pymca_reads_a_channel_with_its_energy_also_of_a_file_that_grows(sender, growing):
    needs("PyMca5")
    path = growing(**calibrated(sender, SAME))

    code = (
        "import sys, hdf5plugin\n"
        "from PyMca5.PyMcaIO.HDF5Stack1D import HDF5Stack1D\n"
        "what = {'entry': ['/entry'], 'y': ['/xspress3_ch01/data'], 'x': [], 'm': []}\n"
        "stack = HDF5Stack1D([sys.argv[1]], what)\n"
        "print(*stack.data.shape, int(stack.data.sum(dtype='f8')), *stack.info['McaCalib'][:2])"
    )
    said = ask(code, path).split()

    truth = sender.truth.histogram(0, 4)[:, 1]
    assert said == ["1", "4", "256", str(truth.sum(dtype="u8")), "0.1", "0.01"]


def test_each_channel_has_its_own_spectra_and_energy(sender, file):
    path = file(**calibrated(sender, [SAME, {"offset": 0, "gain": 0.02, "quadratic": 1e-6}]))

    with h5py.File(path) as opened:
        plot = opened["/entry/data"]
        assert plot.attrs["axes"].tolist() == [".", "channel", "bin"]  # there is no energy for all of them
        for channel in (0, 1):
            group = opened[f"/entry/xspress3_ch{channel:02d}"]
            np.testing.assert_array_equal(group["data"][()], sender.truth.histogram(0, 8)[:, channel])
            np.testing.assert_array_equal(
                group["live_time"][()], opened[DETECTOR]["live_time"][()][:, channel]
            )
            assert group["data"].attrs["interpretation"] == "spectrum"
        # By hand: 0 + 0.02 * 100 + 1e-6 * 100 * 100
        assert opened["/entry/xspress3_ch01/energy"][100] == pytest.approx(2.01)
        assert opened["/entry/xspress3_ch00/energy"].attrs["units"] == "keV"


@pytest.mark.parametrize(
    "calibration",
    [5, {"gain": -1}, {"gain": 1e9}, {"gain": True}, [SAME], {"gain": 0.01, "x": 1}],
)
def test_what_is_no_calibration_leaves_the_bins(sender, file, calibration):
    with h5py.File(file(**calibrated(sender, calibration))) as opened:
        assert opened["/entry/data"].attrs["axes"].tolist()[-1] == "bin"
        assert "energy" not in opened[DETECTOR]


def test_counts_in_windows_are_there_raw_and_without_dead_time(file):
    # Frame 3, channel 1: 3 and 1 counts; of 80016 ticks 80000 counted, 500 in resets, 1108 events of 5 each.
    with h5py.File(file()) as opened:
        detector = opened[DETECTOR]
        assert detector["in_window0"][3, 1] == 3
        assert detector["in_window0_corrected"][3, 1] == pytest.approx(3 * 80016 / (80000 - 500 - 1108 * 5))
        assert detector["in_window1_corrected"][3, 1] == pytest.approx(80016 / (80000 - 500 - 1108 * 5))
        assert detector["window_limits"][1].tolist() == [[10, 20], [30, 40]]
