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
            Numbering("check").envelope(),
            None,
            1,
            (info,),
            metadata={"shared_memory_ring": sender.ring.ring_id},
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


# Transports that are broken on purpose


class Broken:
    """The transport within a process, with one thing wrong at each of its ends."""

    def __init__(self, **wrong):
        self.wrong = wrong
        self.released = threading.Event()

    def __call__(self):
        pair = in_process()()
        sender = BrokenSender(pair.sender, self.wrong, self.released)

        def make_reader(**options):
            reader = BrokenReader(pair.make_reader(**options), self.wrong)
            sender.made.append(reader)
            return reader

        return TransportPair(sender, make_reader, cleanup=self.released.set)


class BrokenSender:
    def __init__(self, sender, wrong, released):
        self._sender = sender
        self._wrong = wrong
        self._released = released
        self._n_sent = 0
        self.made = []

    def __getattr__(self, name):
        return getattr(self._sender, name)

    @property
    def readers(self):
        return [] if self._wrong.get("lists nobody") else self._sender.readers

    def send(self, message, *, give_up=lambda: False):
        self._n_sent += 1
        if self._wrong.get("never waits"):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(self._sender, "wait_room", lambda _give_up=None: None)
                patch.setattr(self._sender, "_who_is_full", lambda: None)
                return self._sender.send(message, give_up=give_up)
        if self._wrong.get("never gives up"):
            return self._sender.send(message, give_up=self._released.is_set)
        if self._wrong.get("waits for viewers"):
            give_up_or_full = any(
                reader.n_on_the_way >= 20 for reader in self._sender.readers if reader.contract != "lossless"
            )
            if give_up_or_full:
                while not give_up():
                    time.sleep(0.01)
                raise zmq.Again
        if self._wrong.get("sends what it gave up") and give_up():
            for reader in self.made:
                reader.extra = message
        return self._sender.send(message, give_up=give_up)

    def close(self):
        if self._wrong.get("hangs on close"):
            self._released.wait()
        if self._wrong.get("closes once") and self._sender.is_closed:
            raise RuntimeError("closed already")
        self._sender.close()


class BrokenReader:
    def __init__(self, reader, wrong):
        self._reader = reader
        self._wrong = wrong
        self._n = 0
        self._kept = None
        self.extra = None

    def __getattr__(self, name):
        return getattr(self._reader, name)

    @property
    def is_connected(self):
        return True

    def receive(self, timeout):
        if self._kept is not None:
            message, self._kept = self._kept, None
            return message
        message = self._take(timeout)
        if message is None and self.extra is not None:
            message, self.extra = self.extra, None
        self._n += isinstance(message, Block)
        if isinstance(message, Block) and self._n == 3:
            return self._spoil(message, timeout)
        is_wrong = isinstance(message, Loss) and self._wrong.get("forgets losses")
        if is_wrong or (isinstance(message, SessionEnd) and self._wrong.get("forgets the end")):
            return None
        if isinstance(message, SessionStart) and message.is_repeat and self._wrong.get("forgets late starts"):
            return None
        return message

    def _take(self, timeout):
        try:
            return self._reader.receive(timeout)
        except Exception:
            if self._wrong.get("never notices"):
                return None
            raise

    def _spoil(self, message, timeout):
        if self._wrong.get("drops"):
            return None
        if self._wrong.get("repeats"):
            self._kept = message
        if self._wrong.get("reorders"):
            self._kept, message = message, self._take(timeout) or message
        if self._wrong.get("tears"):
            array = message["data"]
            torn = bytes(array.payload[:-4]) + b"torn"
            spoilt = EncodedArray("data", array.dtype, array.shape, "none", torn)
            return Block(message.envelope, message.first_frame, message.n_frames, (spoilt,), message.step)
        return message


WRONG = {
    "drops": "order",
    "repeats": "order",
    "reorders": "back-pressure",
    "tears": "whole messages",
    "forgets the end": "sessions",
    "forgets late starts": "late join",
    "forgets losses": "loss",
    "never waits": "back-pressure",
    "sends what it gave up": "back-pressure",
    "waits for viewers": "slow viewers",
    "never gives up": "close while blocked",
    "hangs on close": "close",
    "closes once": "close",
    "never notices": "close",
    "lists nobody": "several readers",
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_transport_that_is_broken_fails_the_check_for_it(wrong, eventually):
    make_pair = Broken(**{wrong: True})

    with pytest.raises((AssertionError, RuntimeError), match=WRONG[wrong]) as failed:
        check_transport(make_pair, WRONG[wrong], patience=0.3)

    make_pair.released.set()
    eventually(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("check-")])
    LocalPublisher._by_endpoint.clear()  # of senders that could not be closed
    assert len(str(failed.value)) > 40


def test_a_transport_that_is_broken_in_one_thing_passes_the_other_checks():
    names = [name for name in transport_checks() if name not in ("loss", "latest", "announced loss")]

    check_transport(Broken(**{"forgets losses": True}), *names)


def test_a_pair_may_be_a_plain_tuple_and_all_checks_run_when_none_is_named():
    pairs = []

    def make_pair():
        pair = in_process()()
        pairs.append(pair)
        return pair.sender, pair.make_reader

    check_transport(make_pair)

    assert len(pairs) == len(transport_checks())
    assert all(pair.sender.is_closed for pair in pairs)


def test_a_check_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match=r"checks \['ordre'\], there are \['order',"):
        check_transport(in_process(), "ordre")
