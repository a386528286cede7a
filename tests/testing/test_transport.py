"""Our transports keep to what every transport must, and the checks find one that does not."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
import time

import pytest
import zmq

from xspress3.stream import Block, Loss, Numbering, SessionEnd, Subscriber
from xspress3.stream.contract import Contract
from xspress3.stream.ipc import socket_path
from xspress3.stream.local import LocalPublisher, LocalSubscriber
from xspress3.stream.messages import ArrayInfo, EncodedArray, SessionStart
from xspress3.stream.publisher import Publisher
from xspress3.stream.shared import RingWriter
from xspress3.stream.shared.segment import sweep
from xspress3.stream.shm import ShmPublisher, ShmSubscriber
from xspress3.stream.streams.sources import open_source
from xspress3.testing import TransportPair, check_transport, transport_checks

_names = itertools.count()

KILLED_READER = """
import sys
from xspress3.stream.streams.sources import open_source
reader = open_source({"url": sys.argv[1]}, name="victim", contract="lossless", timeout=10)
print("joined", flush=True)
sys.stdin.read()
"""
KILLED_SENDER = """
import sys
import zmq
from xspress3.stream import ArrayInfo, Numbering, Publisher, SessionStart
from xspress3.stream.shared import RingWriter
from xspress3.stream.shm import ShmPublisher
numbering = Numbering("orphan")
sender = Publisher(zmq.Context(), sys.argv[1], numbering, heartbeat=0.1)
if sys.argv[2] == "shared":
    sender = ShmPublisher(sender, RingWriter(8, 1 << 16))
numbering.begin(1)
sender.send(SessionStart(numbering.envelope(), None, 1, (ArrayInfo("data", "<u4", (16,)),)))
print(sender.endpoint, flush=True)
while True:
    sender.serve(0.05)
"""


def program(text, *arguments):
    command = [sys.executable, "-c", text, *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def put_away(process):
    process.kill()
    process.communicate()


def kill_reader(endpoint, serve):
    process = program(KILLED_READER, endpoint)
    reader = threading.Thread(target=process.stdout.readline)
    reader.start()
    while reader.is_alive():
        serve()
    put_away(process)


def over_socket(make_endpoint, kind="plain"):
    """Makes pairs over tcp or ipc, or with their blocks in shared memory."""

    def make():
        context = zmq.Context()
        sender = Publisher(context, make_endpoint(), Numbering("check"), backlog_bytes=1 << 20, linger=0.5)
        make_reader = Subscriber
        if kind == "shared":
            sender, make_reader = shared(sender)
        orphans = []

        def make_orphan():
            process = program(KILLED_SENDER, make_endpoint(), kind)
            orphans.append(process)
            url = process.stdout.readline().strip()
            reader = open_source({"url": url}, name="orphan", contract="lossless", timeout=5)
            put_away(process)
            return reader

        def cleanup():
            context.term()
            sweep()

        return TransportPair(
            sender,
            lambda **options: make_reader(sender.endpoint, **options),
            lambda serve: kill_reader(sender.endpoint, serve),
            make_orphan,
            cleanup,
        )

    return make


def in_process(kind="plain"):
    def make():
        endpoint = f"inproc://check-{next(_names)}"
        sender = LocalPublisher(endpoint, Numbering("check"), backlog_bytes=1 << 20)
        make_reader = LocalSubscriber
        if kind == "shared":
            sender, make_reader = shared(sender)
        return TransportPair(sender, lambda **options: make_reader(endpoint, **options))

    return make


def shared(control):
    """A ring of 16 slots, of which readers are told by `control`; who joins between sessions waits there."""
    sender = ShmPublisher(control, RingWriter(16, 2 << 20))

    info = ArrayInfo("data", "<u4", (16,))

    def make_reader(endpoint, *, name, contract):
        start = SessionStart(
            Numbering("check").envelope(), None, 1, (info,), metadata={"shared_memory_ring": sender.ring.ring_id}
        )
        return ShmSubscriber(endpoint, start, name=name, contract=Contract.parse(contract))

    return sender, make_reader


TRANSPORTS = {
    "tcp": over_socket(lambda: "tcp://127.0.0.1:0"),
    "ipc": over_socket(lambda: f"ipc://{socket_path()}"),
    "inproc": in_process(),
    "shared by tcp": over_socket(lambda: "tcp://127.0.0.1:0", "shared"),
    "shared by inproc": in_process("shared"),
}


@pytest.mark.parametrize("name", transport_checks())
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_our_transports_keep_to_what_every_transport_must(transport, name):
    check_transport(TRANSPORTS[transport], name)
