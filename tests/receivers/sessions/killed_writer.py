"""Writes 12 of 20 frames of a session to the directory it is given, 8 of them flushed, and kills itself."""

import os
import signal
import sys
from pathlib import Path

from receivers.hdf5.writer import Hdf5Sink
from tests.receivers.conftest import Sender

sender = Sender()
sink = Hdf5Sink(Path(sys.argv[1]), flush_interval=0)
sink.begin(sender.start_message(20))
for first in (0, 4):
    sink.write(sender.block_message(first, 4))
sink.tick()
sink.write(sender.block_message(8, 4))
os.kill(os.getpid(), signal.SIGKILL)
