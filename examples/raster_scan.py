"""A raster scan triggered by hardware, on the simulator: `python examples/raster_scan.py [DIRECTORY]`.

A stage gives an edge for each point of a line; here the simulator does. The whole scan is one session: the
detector is armed once, nothing is asked of it between the lines, and each edge is a frame of the file.
"""

import sys
import tempfile
import threading
from pathlib import Path

from receivers.hdf5.writer import Hdf5Sink
from receivers.receiver import Receiver
from xspress3.config import DetectorConfig, StreamerConfig
from xspress3.detector import Xspress3Detector
from xspress3.model import Acquisition, TriggerMode
from xspress3.sim import library_path
from xspress3.sim.control import SimControl
from xspress3.stream import Subscriber
from xspress3.streamer import Streamer

LINES, POINTS, DWELL = 10, 30, 0.005
SCAN = Acquisition(DWELL, n_triggers=LINES * POINTS, trigger_mode=TriggerMode.EXTERNAL_MULTI)
sink = Hdf5Sink(Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()))

with (
    Xspress3Detector.open(DetectorConfig(library=str(library_path()))) as detector,
    Streamer(detector, StreamerConfig(data_port=0, monitor_port=0)) as streamer,
    Subscriber(streamer.data_endpoint, name="writer") as subscriber,
):
    subscriber.wait_joined(timeout=10)
    streamer.arm(SCAN, readers=1)
    stage = threading.Thread(target=lambda: SimControl().edges(LINES * POINTS, DWELL + 0.001))
    stage.start()
    (report,) = Receiver(subscriber, [sink]).run(sessions=1)
    stage.join()
print(f"{LINES} lines of {POINTS} points: {report.frames_received} frames, {report.frames_lost} lost")
print(f"file: {sink.finished[0][1]}")
