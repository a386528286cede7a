"""Take frames from a script, without Tango: `python examples/acquire.py`.

Opens the simulated detector, takes 20 frames of 50 ms, and prints what the last one says. For a real one,
give the path of the vendor's library instead of the simulator's. The same frames leave as a stream, for any
number of receivers, on the port that is printed.
"""

from xspress3.config import DetectorConfig, StreamerConfig
from xspress3.dead_time import dead_time_correction
from xspress3.detector import Xspress3Detector
from xspress3.model import SCALER_DTYPE, Acquisition
from xspress3.sim import library_path
from xspress3.streamer import Streamer

with (
    Xspress3Detector.open(DetectorConfig(library=str(library_path()))) as detector,
    Streamer(detector, StreamerConfig(data_port=0, monitor_port=0)) as streamer,
):
    print(f"{detector.info.n_channels} channels; the stream is at {streamer.data_endpoint}")
    streamer.arm(Acquisition(exposure_time=0.05, frames_per_trigger=20))
    print("counts:", streamer.wait(timeout=10))

    frame = streamer.latest()
    scalers = frame.scalers.view(SCALER_DTYPE)[..., 0]
    factors = dead_time_correction(scalers, detector.info.event_widths)[0]
    for channel, spectrum in enumerate(frame.histogram[0]):
        print(
            f"frame {frame.frame}, channel {channel}: {spectrum.sum()} counts, most in bin "
            f"{spectrum.argmax()}, dead-time correction {factors[channel]:.3f}"
        )
