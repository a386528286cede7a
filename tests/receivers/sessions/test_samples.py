"""Sessions of other streams load too: analog signals, video, records, times, as the sender had them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from receivers.cli import main
from receivers.hdf5.writer import Hdf5Sink
from receivers.receiver import Receiver
from receivers.sessions.loader import load_session
from receivers.sessions.part import sessions_in
from xspress3.stream import OutputStream, Subscriber

EVENT = np.dtype([("time", "<i8"), ("channel", "u1"), ("trace", "<i2", (3,))])
KINDS = {
    "analog": ("float32", (16,)),
    "video": ("uint16", (5, 7)),
    "event": (EVENT, ()),
    "times": ("datetime64[ns]", ()),
    "bool": ("bool", (2,)),
}


def send(tmp_path, truth):
    sink = Hdf5Sink(tmp_path)
    with OutputStream(name="signals") as output:
        output.configure(protocol="tcp", dtype=truth.dtype, shape=(-1, *truth.shape[1:]))
        with Subscriber(output.url) as subscriber, ThreadPoolExecutor(1) as other:
            subscriber.wait_joined(10)
            sending = other.submit(lambda: (output.send(truth), output.close()))
            Receiver(subscriber, [sink], notify=lambda _line: None).run(sessions=1, idle_timeout=10)
            sending.result(10)
    return sessions_in(sink.finished[0][1])[0]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_sample_loads_as_it_was_sent(tmp_path, capsys, kind):
    said, shape = KINDS[kind]
    dtype = np.dtype(said)
    raw = np.random.default_rng(1).integers(0, 2, 100 * int(np.prod(shape)) * dtype.itemsize, dtype="u1")
    truth = raw.view(dtype).reshape(100, *shape)
    stream_id, session_id = send(tmp_path, truth)

    dataset = load_session(stream_id, session_id, tmp_path)

    [array] = [v for name, v in dataset.data_vars.items() if not name.startswith("block_")]
    assert array.dtype == truth.dtype
    assert array.values.tobytes() == truth.tobytes()
    assert array.isel(frame=slice(40, 44)).values.tobytes() == truth[40:44].tobytes()
    assert dataset.is_recorded.all()
    assert dataset.block_n_frames.sum() == 100
    assert main(["sessions", "VERIFY", str(tmp_path), stream_id, str(session_id)]) == 0
    assert "100 frames read, 0 lost: sound, complete" in capsys.readouterr().out
