"""Who reads the stream of a device: old readers in their dialect, and readers with keys."""

from __future__ import annotations

import shutil
import socket
from contextlib import contextmanager

import h5py
import hdf5plugin  # noqa: F401  # registers the filter
import numpy as np
import pytest
import zmq
from tango import DevState

from receivers.hdf5.summary import read_summary
from tests.keyring import make_keyring
from tests.programs import running
from tests.tango_device.device.servers import wait_for
from xspress3.stream.dialects import DialectReader, Frame, SeriesEnd, SeriesHeader

DATA = "/entry/instrument/xspress3/data"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def old_reader(port):
    """A plain SUB socket, as old readers have it."""
    with zmq.Context() as context, context.socket(zmq.SUB) as reader:
        reader.linger, reader.rcvtimeo = 0, 15_000
        reader.connect(f"tcp://127.0.0.1:{port}")
        reader.subscribe(b"")
        yield reader


def read_series(reader):
    dialect, found = DialectReader(), []
    while not found or not isinstance(found[-1], SeriesEnd):
        said = dialect.feed(reader.recv_multipart())
        if said is not None:
            found.append(said)
    return found


def take(proxy, path, n_frames=20):
    proxy.ExposureTime, proxy.nFramesPerTrigger = 0.002, n_frames
    proxy.DestinationFileName = str(path)
    proxy.Arm()
    proxy.SoftwareTrigger()
    wait_for(proxy, DevState.STANDBY)


@pytest.mark.parametrize("dialect", ["multipart", "legacy"])
@pytest.mark.parametrize("has_own_port", [False, True])
def test_an_old_reader_gets_every_frame_that_is_in_the_file(
    start_server, tmp_path, eventually, dialect, has_own_port
):
    port = free_port()
    ports = {"DialectPort": port} if has_own_port else {"StreamerPort": port}
    proxy = start_server(StreamDialect=dialect, **ports).proxy
    assert proxy.state() == DevState.STANDBY, proxy.status()
    path = tmp_path / "x.h5"

    with old_reader(port) as reader:
        eventually(lambda: dialect in proxy.ConnectedReceivers, timeout=15)
        take(proxy, path)
        header, *frames, end = read_series(reader)

    assert isinstance(header, SeriesHeader)
    assert isinstance(end, SeriesEnd)
    assert all(isinstance(frame, Frame) for frame in frames)
    assert [frame.frame for frame in frames] == list(range(20))
    with h5py.File(path) as file:
        assert np.array_equal([frame.histogram for frame in frames], file[DATA])


def test_stopping_ends_the_series_once(start_server, eventually):
    port = free_port()
    proxy = start_server(StreamDialect="multipart", StreamerPort=port).proxy
    with old_reader(port) as reader:
        eventually(lambda: "multipart" in proxy.ConnectedReceivers, timeout=15)
        proxy.ExposureTime = 0.002
        proxy.StartStream()
        eventually(lambda: proxy.nFramesAcquired > 3, timeout=15)
        proxy.Stop()
        proxy.Stop()
        proxy.TakeData(0.004)
        wait_for(proxy, DevState.STANDBY)
        stopped, taken = read_series(reader), read_series(reader)

    assert [type(said) for said in (stopped[0], stopped[-1])] == [SeriesHeader, SeriesEnd]
    assert len(stopped) > 5
    assert [type(said) for said in taken] == [SeriesHeader, Frame, Frame, SeriesEnd]


def test_our_stream_goes_on_at_its_port_beside_a_dialect_with_one_of_its_own(start_server):
    ours, theirs = free_port(), free_port()
    proxy = start_server(StreamDialect="multipart", StreamerPort=ours, DialectPort=theirs).proxy

    assert proxy.StreamEndpoint == f"tcp://127.0.0.1:{ours}"


@pytest.fixture
def keys(tmp_path):
    """Directory for the property CurveKeys, and all keys; `reader` and `writer` are listed."""
    ring = make_keyring(tmp_path / "keys")
    folder = tmp_path / "curve"
    (folder / "clients").mkdir(parents=True)
    for path in (ring.secret("server"), ring.public("server")):
        shutil.copy2(path, folder)
    shutil.copy2(ring.secret("reader"), folder / "writer.key_secret")
    shutil.copy2(ring.public("reader"), folder / "clients" / "writer.key")
    return folder, ring


def reader_program(proxy, *arguments):
    port = proxy.StreamEndpoint.rpartition(":")[2]
    return running("receivers.cli", "print", "--port", port, "--sessions", 1, "--name", "guest", *arguments)


def test_a_reader_with_keys_gets_data_and_so_does_the_writer(start_server, tmp_path, eventually, keys):
    folder, ring = keys
    proxy = start_server(CurveKeys=folder).proxy
    assert proxy.state() == DevState.STANDBY, proxy.status()
    own_keys = ("--key", ring.secret("reader"), "--server-key", ring.public("server"))
    with reader_program(proxy, *own_keys) as reader:
        eventually(lambda: "guest" in proxy.ConnectedReceivers, timeout=20)
        take(proxy, tmp_path / "x.h5")
        told, complaints = reader.communicate(timeout=15)

    assert reader.returncode == 0, complaints
    assert "20 of 20 frames" in told
    assert read_summary(tmp_path / "x.h5").is_complete


@pytest.mark.parametrize(
    ("has_keys", "reason"), [(False, "one side uses CURVE"), (True, "does not list the public key")]
)
def test_readers_that_are_not_listed_get_nothing_and_a_reason(start_server, tmp_path, keys, has_keys, reason):
    folder, ring = keys
    proxy = start_server(CurveKeys=folder).proxy
    strange_keys = ("--key", ring.secret("stranger"), "--server-key", ring.public("server"))

    with reader_program(proxy, *(strange_keys if has_keys else ())) as reader:
        assert reader.wait(30) != 0
        assert reason in reader.stderr.read()

    assert list(proxy.ConnectedReceivers) == ["writer"]
    take(proxy, tmp_path / "x.h5", 3)
    assert read_summary(tmp_path / "x.h5").is_complete


def test_keys_that_are_not_there_are_a_fault_that_names_them(start_server, tmp_path):
    proxy = start_server(CurveKeys=tmp_path / "nowhere").proxy

    assert proxy.state() == DevState.FAULT
    assert "nowhere/server.key_secret" in proxy.status()
