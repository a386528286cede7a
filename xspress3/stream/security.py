"""CURVE on sockets: who may read is decided by key, and what travels is encrypted.

The server's side, with one gate for all sockets of a context::

    security = CurveServer(Path("server.key_secret"), clients=Path("clients"))
    with ClientGate(context, security):
        security.apply(socket)
        socket.bind("tcp://*:9999")

The client's::

    CurveClient(Path("me.key_secret"), Path("server.key")).apply(socket)
    with HandshakeWatch(socket) as watch:
        socket.connect("tcp://host:9999")
        watch.wait(timeout=5)

`apply` comes before `bind` and `connect`, and does for sockets of every type.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Union

import zmq
from zmq.utils import z85

from xspress3.errors import ConfigurationError, ShutdownTimeoutError
from xspress3.stream.keys import read_pair, read_public, read_public_keys

__all__ = ["ClientGate", "CurveClient", "CurveServer", "client_keys", "no_keys", "server_keys"]

logger = logging.getLogger(__name__)

ZAP_ENDPOINT = "inproc://zeromq.zap.01"
"""Where libzmq asks whether a client may come in, RFC 27."""
_VERSION = b"1.0"
_POLL_MS = 100
"""How often the gate looks whether it shall close."""
_CLOSE_S = 5.0
_LOG_PERIOD_S = 1.0

Socket = zmq.Socket[bytes]
Context = zmq.Context[Socket]
Place = Union[str, PathLike[str]]


def _require_curve() -> None:
    if not zmq.has("curve"):
        raise ConfigurationError(
            f"this libzmq {zmq.zmq_version()} was built without CURVE; install pyzmq's wheel"
        )


@dataclass(frozen=True)
class CurveServer:
    """The side that binds: admits the clients whose public keys are listed, and no others.

    Parameters
    ----------
    secret_key
        `NAME.key_secret` of the server, for its owner only.
    clients
        Directory of `NAME.key` files, read anew at each handshake: to admit one more, put its file there.
    """

    secret_key: Path
    clients: Path

    @property
    def domain(self) -> str:
        """Name under which libzmq asks the gate about clients of this list."""
        return "xspress3-" + hashlib.sha256(str(self.clients.resolve()).encode()).hexdigest()[:32]

    @property
    def public_key(self) -> bytes:
        """By which clients know this server, 32 bytes as Z85 text."""
        return read_pair(self.secret_key)[0]

    def apply(self, socket: Socket) -> None:
        """Make `socket` admit listed clients only; without a `ClientGate` in its context it admits nobody.

        Raises
        ------
        ConfigurationError
            When a key or the list cannot be read, or others could change them.
        """
        _require_curve()
        public, secret = read_pair(self.secret_key)
        read_public_keys(self.clients)
        socket.setsockopt(zmq.CURVE_SERVER, 1)
        socket.setsockopt(zmq.CURVE_PUBLICKEY, public)
        socket.setsockopt(zmq.CURVE_SECRETKEY, secret)
        socket.setsockopt_string(zmq.ZAP_DOMAIN, self.domain)
        # Otherwise libzmq lets everybody in while there is no gate.
        socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)


@dataclass(frozen=True)
class CurveClient:
    """The side that connects, to the server with this public key and no other.

    Parameters
    ----------
    secret_key
        `NAME.key_secret` of the client, for its owner only.
    server_public_key
        `NAME.key` of the server, or the key in it, 32 bytes as Z85 text.
    """

    secret_key: Path
    server_public_key: Union[Path, bytes]

    def apply(self, socket: Socket) -> None:
        """Make `socket` say who it is, and talk to this server only.

        Raises
        ------
        ConfigurationError
            When a key cannot be read, or others could read the secret one.
        """
        _require_curve()
        said = self.server_public_key
        server = said if isinstance(said, bytes) else read_public(said)
        public, secret = read_pair(self.secret_key)
        socket.setsockopt(zmq.CURVE_PUBLICKEY, public)
        socket.setsockopt(zmq.CURVE_SECRETKEY, secret)
        socket.setsockopt(zmq.CURVE_SERVERKEY, server)


def no_keys(_socket: Socket) -> None:
    """Leave a socket open to everybody who reaches it."""


def server_keys(secret_key: Place | None, clients: Place | None) -> CurveServer | None:
    """What a server shall ask of its clients; `None`, everybody may come, where neither is given.

    Raises
    ------
    ConfigurationError
        When only one is given.
    """
    if secret_key is not None and clients is not None:
        return CurveServer(Path(secret_key), Path(clients))
    _both_or_neither({"the secret key of the server": secret_key, "the directory of client keys": clients})
    return None


def client_keys(secret_key: Place | None, server_key: Union[Place, bytes, None]) -> CurveClient | None:
    """What a client shows to which server; `None` where neither is given.

    Raises
    ------
    ConfigurationError
        When only one is given.
    """
    if secret_key is not None and server_key is not None:
        server = server_key if isinstance(server_key, bytes) else Path(server_key)
        return CurveClient(Path(secret_key), server)
    _both_or_neither(
        {"the secret key of this reader": secret_key, "the public key of the server": server_key}
    )
    return None


def _both_or_neither(given: dict[str, object]) -> None:
    missing = [name for name, value in given.items() if value is None]
    if len(missing) == 1:
        (there,) = given.keys() - missing
        raise ConfigurationError(f"{there} was given and {missing[0]} was not, allowed are both or neither")


class ClientGate:
    """Answers, in a thread of its own, which clients the servers of a context admit::

        with ClientGate(context, security):
            ...

    There can be one in a context. It is closed before the context is terminated. What a message of an
    admitted client came with names it: `frame.get("User-Id")` is the name of its file.
    """

    def __init__(self, context: Context, *servers: CurveServer) -> None:
        self._lists = {server.domain: server.clients for server in servers}
        self._logged_at = -_LOG_PERIOD_S
        self._stop = threading.Event()
        self._error: Exception | None = None
        is_open: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(context, is_open), name="curve-gate")
        self._thread.start()
        try:
            is_open.result()
        except zmq.ZMQError as error:
            self._thread.join()
            raise ConfigurationError(
                f"no gate for CURVE: {error.strerror}; allowed is one in each context, while that is open"
            ) from None

    def close(self, timeout: float = _CLOSE_S) -> None:
        """End the thread, and raise what it died of; a second call does nothing.

        Raises
        ------
        ShutdownTimeoutError
            When it did not end within `timeout` s.
        """
        self._stop.set()
        self._thread.join(timeout)
        if self._thread.is_alive():
            raise ShutdownTimeoutError(f"{self._thread.name} still runs after {timeout} s")
        error, self._error = self._error, None
        if error is not None:
            raise error

    def __enter__(self) -> ClientGate:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, context: Context, is_open: Future[None]) -> None:
        try:
            socket = context.socket(zmq.REP)
            try:
                socket.bind(ZAP_ENDPOINT)
                is_open.set_result(None)
                self._serve(socket)
            finally:
                socket.close(linger=0)
        except Exception as error:
            self._ended_by(error, is_open)

    def _serve(self, socket: Socket) -> None:
        while not self._stop.is_set():
            if socket.poll(_POLL_MS):
                socket.send_multipart(self._answer(socket.recv_multipart()))

    def _ended_by(self, error: Exception, is_open: Future[None]) -> None:
        if not is_open.done():
            is_open.set_exception(error)
        elif not isinstance(error, zmq.ContextTerminated):  # after that nobody can ask any more
            logger.error("the gate for CURVE is closed, nobody is admitted any more: %s", error)
            self._error = error

    def _answer(self, request: list[bytes]) -> list[bytes]:
        """Reply to a request of RFC 27: version, id, domain, address, identity, mechanism, credentials."""
        _, request_id, domain, address, _, mechanism, *credentials = request
        if mechanism != b"CURVE" or len(credentials) != 1:
            return [_VERSION, request_id, b"400", b"CURVE only", b"", b""]
        try:
            name = self._name_of(domain.decode(), z85.encode(credentials[0]))
        except ConfigurationError as error:
            self._log(f"a client at {address.decode()} could not be checked: {error}")
            return [_VERSION, request_id, b"500", b"the list cannot be read", b"", b""]
        if name is None:
            self._log(
                f"a client at {address.decode()} with the public key {z85.encode(credentials[0]).decode()} "
                f"is refused: not in {self._lists.get(domain.decode(), 'any list')}"
            )
            return [_VERSION, request_id, b"400", b"not listed", b"", b""]
        return [_VERSION, request_id, b"200", b"OK", name.encode(), b""]

    def _name_of(self, domain: str, public_key: bytes) -> str | None:
        directory = self._lists.get(domain)
        return None if directory is None else read_public_keys(directory).get(public_key)

    def _log(self, text: str) -> None:
        """Log once a second at most: whoever can connect can have it said."""
        if time.monotonic() - self._logged_at >= _LOG_PERIOD_S:
            self._logged_at = time.monotonic()
            logger.warning("%s", text)
