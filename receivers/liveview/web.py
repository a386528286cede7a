"""The web server of the live view: a page, and a websocket for each browser that has it open.

It runs in a thread of its own with an event loop; the model is fed by another. Each browser is served
by two tasks, one that listens and one that pushes: whoever is slow holds up its own only.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from types import TracebackType

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from receivers.liveview import report
from receivers.liveview.access import Access, make_access
from receivers.liveview.assets import Asset, load_assets
from receivers.liveview.browser import serve_browser
from receivers.liveview.commands import MAX_COMMAND_BYTES
from receivers.liveview.control import Control
from receivers.liveview.feed import Feed
from receivers.liveview.guard import Guard
from receivers.liveview.hub import Hub
from xspress3.errors import ConfigurationError, ShutdownTimeoutError

__all__ = ["LiveServer"]

START_TIME = 10.0
CLOSE_TIME = 10.0


class LiveServer:
    """Serves what `feed` brings, from opening to closing::

        with Feed(LiveModel(), endpoint) as feed, LiveServer(feed) as server:
            print(server.url)

    Parameters
    ----------
    host, port
        Where to listen; elsewhere than on loopback a token is needed, which is part of `url`. Port 0
        takes any.
    names
        More names by which browsers may call this server.
    calibration
        Energies to begin with, as `calibrations_of` takes them.
    control
        Writes windows; `None` where nobody may.

    Raises
    ------
    ConfigurationError
        When it cannot listen there.
    """

    def __init__(
        self,
        feed: Feed,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        names: Sequence[str] = (),
        calibration: object = None,
        control: Control | None = None,
    ) -> None:
        assets = load_assets()
        self._socket = _listen(host, port)
        port = self._socket.getsockname()[1]
        self.access = make_access(host, port, tuple(names))
        self.address = f"http://{_for_address(host)}:{port}/"
        self.url = self.address if self.access.token is None else f"{self.address}?token={self.access.token}"
        self._hub = Hub(feed, calibration, control)
        self._server = uvicorn.Server(_uvicorn_config(_application(self._hub, self.access, assets)))
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="xsp3-view-web")
        self._thread.start()
        self._wait_started()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # raised by whoever closes
            self._error = error

    async def _serve(self) -> None:
        self._hub.begin(asyncio.get_running_loop())
        await self._server.serve(sockets=[self._socket])

    def _wait_started(self) -> None:
        deadline = time.monotonic() + START_TIME
        while not self._server.started and self._thread.is_alive():
            if time.monotonic() > deadline:
                self.close()
                raise ShutdownTimeoutError(f"the web server did not start within {START_TIME} s")
            time.sleep(0.005)  # uvicorn has nothing to wait on
        if self._error is not None:
            self.close()

    def close(self) -> None:
        """Close all connections and end the thread, then raise what it died of; again does nothing."""
        self._hub.leave()
        self._server.should_exit = True
        self._thread.join(CLOSE_TIME)
        if self._thread.is_alive():
            raise ShutdownTimeoutError(f"{self._thread.name} still runs after {CLOSE_TIME} s")
        self._socket.close()
        error, self._error = self._error, None
        if error is not None:
            raise error

    def __enter__(self) -> LiveServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, number, _, address = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, kind, number)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(address)
        except BaseException:
            made.close()
            raise
    except OSError as error:
        raise ConfigurationError(f"cannot listen at {host}:{port}: {error.strerror or error}") from None
    return made


def _for_address(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _uvicorn_config(application: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        http="h11",
        ws="websockets-sansio",
        ws_max_size=MAX_COMMAND_BYTES,
        ws_per_message_deflate=False,  # counts are sent ten times a second: no time to compress
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=2,
    )


def _application(hub: Hub, access: Access, assets: Mapping[str, Asset]) -> ASGIApp:
    async def page(request: Request) -> Response:
        asset = assets.get(request.url.path)
        if asset is None:
            return PlainTextResponse("the live view has no such page\n", status_code=404)
        return Response(asset.content, media_type=asset.media_type)

    async def status(_request: Request) -> JSONResponse:
        return JSONResponse(report.status(hub.feed))

    async def browser(websocket: WebSocket) -> None:
        await serve_browser(websocket, hub)

    routes = [
        WebSocketRoute("/ws", browser),
        Route("/status.json", status),
        Route("/{path:path}", page),
    ]
    return Guard(Starlette(routes=routes), access)
