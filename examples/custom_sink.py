"""Do something of your own with each frame: `python examples/custom_sink.py`.

A sink has five methods. The receiver joins the stream, keeps account of frames, and calls them from one
thread; what a sink raises ends the run, so nothing goes wrong in silence. This one sums spectra, and would do
so in a process and on a host of its own: only the endpoint changes.
"""

import numpy as np

from receivers.receiver import Receiver
from xspress3.config import DetectorConfig, StreamerConfig
from xspress3.detector import Xspress3Detector
from xspress3.model import Acquisition
from xspress3.sim import library_path
from xspress3.stream import Subscriber
from xspress3.streamer import Streamer


class SumSink:
    def begin(self, start):
        self.sum, self.n_lost = 0, 0

    def write(self, block):
        self.sum = self.sum + block["histogram"].decode().sum(axis=0, dtype=np.int64)

    def lost(self, gap):
        self.n_lost += gap.n_frames

    def tick(self): ...

    def end(self, report):
        for channel, spectrum in enumerate(self.sum):
            print(f"channel {channel}: {spectrum.sum()} counts, most in bin {spectrum.argmax()}")
        print(f"{report.frames_received} frames, {self.n_lost} lost")


with Xspress3Detector.open(DetectorConfig(library=str(library_path()))) as detector:
    with Streamer(detector, StreamerConfig(data_port=0, monitor_port=0)) as streamer:
        with Subscriber(streamer.data_endpoint, name="sum") as subscriber:
            subscriber.wait_joined(timeout=10)
            streamer.arm(Acquisition(exposure_time=0.005, frames_per_trigger=100), readers=1)
            Receiver(subscriber, [SumSink()]).run(sessions=1)
