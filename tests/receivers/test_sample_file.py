"""Streams of samples in files: from a real `OutputStream`, by the same sink as frames."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import h5py
import hdf5plugin  # noqa: F401  # registers the filter
import numpy as np
import pytest

from receivers import cli
from receivers.hdf5.layout import COUNTS
from receivers.hdf5.sample_file import BLOCKS, SAMPLES, fill_value, storage_type
from receivers.hdf5.summary import read_summary
from receivers.hdf5.writer import Hdf5Sink
from receivers.receiver import Receiver
from xspress3.stream import OutputStream, Subscriber

EVENT = np.dtype([("time", "<i8"), ("channel", "u1"), ("energy", "<f4"), ("trace", "<i2", (3,))])


@pytest.fixture
def record(tmp_path):
    """Records what `say` sends to a stream with the given options; gives the report and the file."""

    def receive(say, sessions=1, **options):
        sink = Hdf5Sink(tmp_path)
        with OutputStream(name="signals") as output:
            output.configure(protocol="tcp", **options)
            with Subscriber(output.url) as subscriber, ThreadPoolExecutor(1) as other:
                subscriber.wait_joined(10)
                sending = other.submit(lambda: (say(output), output.close()))
                receiver = Receiver(subscriber, [sink], notify=lambda _line: None)
                reports = receiver.run(sessions=sessions, idle_timeout=5)
                sending.result(10)
        return reports[0], sink

    return receive


SIGNALS = {
    "analog": ("float32", (-1, 16)),
    "digital": ("uint8", (-1, 1)),
    "video": ("uint16", (-1, 5, 7)),
    "event": (EVENT, (-1,)),
    "bool": ("bool", (-1, 2)),
    "complex": ("complex64", (-1,)),
    "times": ("datetime64[ns]", (-1,)),
    "texts": ("<U5", (-1,)),
}


@pytest.mark.parametrize("compression", ["none", "bslz4"])
@pytest.mark.parametrize("kind", SIGNALS)
def test_every_kind_of_sample_comes_back_exactly(record, kind, compression):
    said, shape = SIGNALS[kind]
    dtype = np.dtype(said)
    raw = np.random.default_rng(1).integers(0, 2, 100 * int(np.prod(shape[1:])) * dtype.itemsize, dtype="u1")
    truth = raw.view(dtype).reshape(100, *shape[1:])

    def say(output):
        for first in range(0, 100, 20):
            output.send(truth[first : first + 20])

    report, sink = record(say, dtype=dtype, shape=shape, compression=compression, sample_rate=1e4, units="uV")

    assert report.is_complete
    with h5py.File(sink.finished[0][1]) as file:
        dataset = file[SAMPLES]["data"]
        assert dataset[()].tobytes() == truth.tobytes()
        assert dataset.shape == truth.shape
        assert dataset.attrs["units"] == "uV"
        assert file[SAMPLES].attrs["sample_rate"] == 1e4
        assert file["/entry/stream_id"].asstr()[()] == "signals"
        assert file["/entry/complete"][()] == 1
        assert file[COUNTS]["frames_written"][()] == 100
        assert file[BLOCKS]["n_frames"][()].sum() == 100
        assert file[BLOCKS]["timestamp"][0] > 1.7e9


def test_samples_that_were_left_out_are_told_and_look_like_nothing(record):
    def say(output):
        output.send(np.ones((10, 2), "float32"))
        output.send(np.full((10, 2), 2, "float32"), index=30)

    report, sink = record(say, dtype="float32", shape=(-1, 2))

    assert report.frames_lost == 10
    with h5py.File(sink.finished[0][1]) as file:
        data = file[SAMPLES]["data"][()]
        assert np.isnan(data[10:20]).all()
        assert (data[:10] == 1).all()
        assert (data[20:] == 2).all()
        assert file[COUNTS]["missing"][()].tolist() == [[10, 20]]
        assert file["/entry/complete"][()] == 0
    summary = read_summary(sink.finished[0][1])
    assert (summary.frames_written, summary.frames_lost, summary.counts) == (20, 10, [])
    assert cli.main(["show", str(sink.finished[0][1])]) == 0


def test_numbers_that_begin_again_begin_a_new_file(record, tmp_path):
    def say(output):
        output.send(np.zeros((10, 1), "int16"))
        output.reset_buffer_index()
        output.send(np.ones((5, 1), "int16"))

    _, sink = record(say, sessions=2, dtype="int16", shape=(-1, 1))

    with h5py.File(sink.finished[0][1]) as file:
        assert file[SAMPLES]["data"].shape == (10, 1)
        assert file["/entry/end_reason"].asstr()[()].startswith("restarted")
    with h5py.File(sink.finished[1][1]) as file:
        assert file[SAMPLES]["data"][()].tolist() == [[1]] * 5


def test_a_growing_file_of_samples_can_be_read(tmp_path):
    sink = Hdf5Sink(tmp_path, flush_interval=0)
    with OutputStream(name="signals") as output:
        output.configure(protocol="tcp", dtype="float32", shape=(-1, 4))
        with Subscriber(output.url) as subscriber:
            subscriber.wait_joined(10)
            start = subscriber.receive(10)
            while not hasattr(start, "arrays"):
                start = subscriber.receive(10)
            sink.begin(start)
            output.send(np.arange(40, dtype="float32").reshape(10, 4))
            block = subscriber.receive(10)
            while not hasattr(block, "first_frame"):
                block = subscriber.receive(10)
            sink.write(block)
            sink.tick()

            (path,) = tmp_path.glob("*.h5")
            with h5py.File(path, "r", swmr=True) as file:
                assert file[SAMPLES]["data"][()].tolist() == np.arange(40.0).reshape(10, 4).tolist()
                plot = file["/entry/data"]
                assert plot[plot.attrs["signal"]].attrs["interpretation"] == "spectrum"
    sink._series.roll()


def test_nothing_is_said_as_well_as_a_type_can():
    assert np.isnan(fill_value(np.dtype("<f8")))
    assert fill_value(np.dtype("u1")) == 255
    assert fill_value(np.dtype("<i2")) == -32768
    record = fill_value(storage_type(EVENT))
    assert np.isnan(record["energy"])
    assert record["channel"] == 255
    assert record["trace"].tolist() == [-32768] * 3


def test_types_that_hdf5_lacks_keep_their_size():
    for dtype in (EVENT, np.dtype("<U5"), np.dtype("<M8[ns]"), np.dtype([("t", "<m8[s]"), ("n", "<U3")])):
        assert storage_type(dtype).itemsize == dtype.itemsize
