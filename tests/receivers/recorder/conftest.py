"""Recorders in this process, and what they leave on the disk."""

from __future__ import annotations

import time

import h5py
import pytest

from receivers.recorder.loop import StreamRecorder
from receivers.recorder.options import Options, Source
from receivers.sessions.index import SessionIndex, index_path

PATIENCE = 20.0


class Bench:
    """Makes recorders of one sender, serves that sender while it waits, and looks at the files."""

    def __init__(self, sender, data_dir):
        self.sender = sender
        sender._publisher._heartbeat = 1e9  # its own signs of life would say that no session is on
        self.data_dir = data_dir
        self.lines = []
        self._made = []

    def record(self, endpoint=None, **options):
        said = {"data_dirs": (self.data_dir,), "min_free_bytes": 0, "flush_interval": 0.05, **options}
        source = Source(endpoint or self.sender.endpoint)
        self._made.append(StreamRecorder(source, Options(**said), self.lines.append))
        self._made[-1].start()
        return self._made[-1]

    def join(self, **options):
        recorder = self.record(**options)
        self.sender.wait_joined()
        return recorder

    def until(self, condition, what="it"):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"{what} did not happen; {self.lines}"
            self.sender._publisher.serve(0.02)

    def until_written(self, recorder, n_frames):
        self.until(lambda: recorder.status().counts.written >= n_frames, f"{n_frames} frames written")

    def until_closed(self, session_id, state="closed"):
        self.until(lambda: self.index_state(session_id) == state, f"session {session_id} {state}")
        return self.index(session_id)

    def index(self, session_id):
        return SessionIndex.read(index_path(self.data_dir, "xsp3", session_id))

    def index_state(self, session_id):
        if not index_path(self.data_dir, "xsp3", session_id).exists():
            return None
        return self.index(session_id).state.value

    def names(self):
        return sorted(str(path.relative_to(self.data_dir)) for path in self.data_dir.rglob("*.h5"))

    def frames(self):
        """Numbers of all frames in all files, in order; checks each against the truth."""
        found = []
        for name in self.names():
            with h5py.File(self.data_dir / name, "r", swmr=True) as file:
                first = int(file["/entry/first_frame"][()])
                group = file["/entry/instrument/xspress3"]
                for row, number in enumerate(group["frame_number"][()]):
                    if number >= 0:
                        assert (group["data"][row] == self.sender.truth.histogram(first + row, 1)[0]).all()
                        found.append(first + row)
        return found

    def close(self):
        for recorder in self._made:
            recorder.close()


@pytest.fixture
def bench(sender, tmp_path):
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    made = Bench(sender, data_dir)
    yield made
    made.close()
