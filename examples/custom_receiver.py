"""Read the stream with a loop of your own, the last 20 lines: `python examples/custom_receiver.py`.

This receiver wants the newest frames only, so nobody ever waits for it; what it passes over is told. It
prints a line for each block that it gets. `xspress3 serve` is the sender here; with the endpoint of a real
one the loop is the same.
"""

import json
import subprocess
import sys

from xspress3.stream import Block, Loss, SessionEnd, SessionStart, Subscriber

COMMAND = "-m xspress3.cli serve --library sim --port 0 --monitor-port 0 --frames 40 --exposure 0.02"
SENDER = [sys.executable, *COMMAND.split(), "--wait-readers", "1", "--json"]

with subprocess.Popen(SENDER, stdout=subprocess.PIPE, text=True) as sender:
    listening = json.loads(sender.stdout.readline())
    with Subscriber(listening["data"], name="print", contract="latest") as subscriber:
        message = None
        while not isinstance(message, SessionEnd):
            message = subscriber.receive(timeout=10)
            if message is None:
                raise TimeoutError("nothing was heard for 10 s")
            if isinstance(message, SessionStart):
                print(f"session {message.envelope.session_id}: {message.n_frames} frames will come")
            if isinstance(message, Block):
                counts = message["histogram"].decode()[-1].sum(axis=-1)
                print(f"frame {message.end_frame - 1}: counts of the channels {counts.tolist()}")
            if isinstance(message, Loss):
                last = message.first_frame + message.n_frames - 1
                print(f"frames {message.first_frame} to {last} passed over: {message.reason}")
        print(f"the end: {message.reason.value}, {message.acquired} frames were acquired")
    sender.communicate()
