"""The recorder's status over http, for monitoring, and its start and stop."""

from __future__ import annotations

import hmac
import json
import logging
import threading
from collections.abc import Callable, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from receivers.recorder.agent import Agent
from receivers.recorder.metrics import prometheus_text
from xspress3.errors import ConfigurationError, ShutdownTimeoutError, SinkError

__all__ = ["CONTROL_HEADER", "WebServer"]

logger = logging.getLogger(__name__)

CONTROL_HEADER = "X-Xspress3-Control"
"""Must come with a POST: no form and no image of a web page can send it."""
LOOPBACK = ("127.0.0.1", "localhost", "::1", "[::1]")
REQUEST_TIMEOUT = 5.0


class WebServer:
    """Answers `GET /status`, `/metrics`, `/healthz` and `POST /start`, `/stop`::

        with WebServer(agent, "127.0.0.1", 8642) as server:
            print(server.address)

    Parameters
    ----------
    host, port
        Where to listen; port 0 takes any.
    token
        Asked of everybody as `Authorization: Bearer TOKEN`; needed to listen elsewhere than on loopback.

    Raises
    ------
    ConfigurationError
        Without a token on an address that others reach, or when the port cannot be had.
    """

    def __init__(self, agent: Agent, host: str, port: int, token: str | None = None) -> None:
        if host not in LOOPBACK and not token:
            raise ConfigurationError(f"http on {host} needs a token, without one allowed is 127.0.0.1")
        control = threading.Lock()  # one start or stop at a time

        class Handler(_Handler):
            pass

        Handler.agent, Handler.token, Handler.control = agent, token, control
        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except OSError as error:
            raise ConfigurationError(f"http on {host}:{port}: {error.strerror}") from error
        self._server.daemon_threads = False
        self.address: tuple[str, int] = (host, self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="xsp3-record-web"
        )
        self._thread.start()

    def close(self) -> None:
        """Stop to answer; a second call does nothing."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def __enter__(self) -> WebServer:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


class _Handler(BaseHTTPRequestHandler):
    agent: Agent
    token: str | None
    control: threading.Lock
    timeout = REQUEST_TIMEOUT
    server_version = "xspress3-recorder"
    sys_version = ""

    def do_GET(self) -> None:  # the base class wants this name
        """Say what is asked for."""
        answers: dict[str, Callable[[], None]] = {
            "/status": lambda: self._say_json(HTTPStatus.OK, self.agent.snapshot()),
            "/metrics": lambda: self._say(
                HTTPStatus.OK,
                "text/plain; version=0.0.4; charset=utf-8",
                prometheus_text(self.agent.status()),
            ),
            "/healthz": self._say_health,
        }
        self._answer(answers)

    def do_POST(self) -> None:
        """Start or stop; answers with the status after it."""
        if self.token is None and CONTROL_HEADER not in self.headers:
            self._say_json(HTTPStatus.FORBIDDEN, {"error": f"a POST needs the header {CONTROL_HEADER}"})
            return
        self._answer(
            {"/start": lambda: self._steer(self.agent.start), "/stop": lambda: self._steer(self.agent.stop)}
        )

    def _answer(self, answers: dict[str, Callable[[], None]]) -> None:
        answer = answers.get(self.path.partition("?")[0])
        if not self._is_admitted():
            self._say_json(HTTPStatus.UNAUTHORIZED, {"error": "a token is needed, or another host name"})
        elif answer is None:
            self._say_json(HTTPStatus.NOT_FOUND, {"error": f"allowed are {', '.join(answers)}"})
        else:
            answer()

    def _is_admitted(self) -> bool:
        """With a token whoever has it; else only who asks for this machine by its own name.

        A web page can make its own name mean 127.0.0.1, and would otherwise read the answers.
        """
        if self.token is not None:
            said = self.headers.get("Authorization", "")
            return hmac.compare_digest(said.encode(), f"Bearer {self.token}".encode())
        host = self.headers.get("Host", "")
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        return name in LOOPBACK

    def _say_health(self) -> None:
        reasons = [reason for status in self.agent.status() for reason in status.degraded]
        code = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
        self._say(code, "text/plain; charset=utf-8", "\n".join(reasons or ["ok"]) + "\n")

    def _steer(self, action: Callable[[], None]) -> None:
        try:
            with self.control:
                action()
        except (ShutdownTimeoutError, SinkError) as error:
            self._say_json(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": str(error)})
        else:
            self._say_json(HTTPStatus.OK, self.agent.snapshot())

    def _say_json(self, code: HTTPStatus, values: dict[str, Any]) -> None:
        self._say(code, "application/json", json.dumps(values) + "\n")

    def _say(self, code: HTTPStatus, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(code)
        headers: Sequence[tuple[str, str]] = (
            ("Content-Type", kind),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
        )
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # as the base class calls it
        logger.debug(format, *args)
