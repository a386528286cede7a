"""The web server of the live view: a page, and a websocket for each browser that has it open.

It runs in a thread of its own with an event loop; the model is fed by another. Each browser is served
by two tasks, one that listens and one that pushes: whoever is slow holds up its own only.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers, QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from receivers.liveview import report
from receivers.liveview.access import Access, make_access
from receivers.liveview.assets import Asset, load_assets
from receivers.liveview.calibration import Calibration, calibrations_of
from receivers.liveview.commands import (
    MAX_COMMAND_BYTES,
    Command,
    Drawn,
    ResetSum,
    SetCalibration,
    SetView,
    SetWindow,
    kind_of,
    parse_command,
)
from receivers.liveview.control import Control
from receivers.liveview.feed import Feed
from receivers.liveview.viewer import Encoder, Viewer
from xspress3.errors import ConfigurationError, ShutdownTimeoutError, StateError, Xspress3Error

__all__ = ["LiveServer"]

logger = logging.getLogger(__name__)

STATUS_INTERVAL = 0.5
MAX_BROWSERS = 100
MAX_COMMANDS = 50
"""Messages a second that a page may send."""
START_TIME = 10.0
CLOSE_TIME = 10.0
TOO_MANY, FAILED, TRY_LATER = 1008, 1011, 1013
"""Codes with which a websocket is closed."""


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
        self._hub = _Hub(feed, calibration, control)
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
        try:
            await self._server.serve(sockets=[self._socket])
        finally:
            self._hub.end()

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


def _application(hub: _Hub, access: Access, assets: Mapping[str, Asset]) -> ASGIApp:
    async def page(request: Request) -> Response:
        asset = assets.get(request.url.path)
        if asset is None:
            return PlainTextResponse("the live view has no such page\n", status_code=404)
        return Response(asset.content, media_type=asset.media_type)

    async def status(_request: Request) -> JSONResponse:
        return JSONResponse(report.status(hub.feed))

    routes = [
        WebSocketRoute("/ws", hub.serve),
        Route("/status.json", status),
        Route("/{path:path}", page),
    ]
    return _Guard(Starlette(routes=routes), access)


class _Guard:
    """Refuses who may not look, and puts headers on the answers to who may."""

    def __init__(self, application: ASGIApp, access: Access) -> None:
        self._application = application
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers, query = Headers(scope=scope), QueryParams(scope.get("query_string", b""))
        is_socket = scope["type"] == "websocket"
        refusal = self._access.refusal(headers, query, is_socket=is_socket)
        if refusal is not None:
            await _refuse(refusal, scope, receive, send)
        elif not is_socket and "token" in query and self._access.knows_token(query["token"]):
            await self._redirect()(scope, receive, _with_headers(send, headers))
        else:
            await self._application(scope, receive, send if is_socket else _with_headers(send, headers))

    def _redirect(self) -> RedirectResponse:
        """The page without the token in its address, which would be passed on by a copied link."""
        response = RedirectResponse("/", status_code=303)
        assert self._access.token is not None  # it is known
        response.set_cookie(self._access.cookie, self._access.token, httponly=True, samesite="lax")
        return response


async def _refuse(refusal: str, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await WebSocket(scope, receive, send).close(TOO_MANY, refusal[:120])
        return
    await PlainTextResponse(f"{refusal}\n", status_code=403)(scope, receive, send)


def _with_headers(send: Send, headers: Headers) -> Send:
    """`send` that says what the page may load: nothing but what comes from here."""
    host = headers.get("host", "")
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        f"font-src 'self'; connect-src 'self' ws://{host} wss://{host}; manifest-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    more = {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-cache",
        "cross-origin-resource-policy": "same-origin",
    }
    encoded = [(name.encode(), value.encode("latin-1", "replace")) for name, value in more.items()]

    async def send_more(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), *encoded]
        await send(message)

    return send_more


class _Hub:
    """All browsers; lives in the event loop, but for `leave` and what wakes it."""

    def __init__(self, feed: Feed, calibration: object, control: Control | None) -> None:
        self.feed = feed
        self._encoder = Encoder(feed.model)
        self._calibration = calibration
        self._control = control
        self._windows: dict[int, Any] = {}
        self._windows_of: int | None = None
        self._browsers: set[_Browser] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_woken = False

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take part in the loop that runs."""
        self._loop = loop
        self.feed.model.on_change = self._wake_from_thread

    def end(self) -> None:
        """The loop is over."""
        self.leave()

    def leave(self) -> None:
        """Hear no more of the model."""
        self.feed.model.on_change = lambda: None

    def _wake_from_thread(self) -> None:
        loop = self._loop
        if loop is None or self._is_woken:
            return
        self._is_woken = True
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._is_woken = False
        for browser in self._browsers:
            browser.wake.set()

    async def serve(self, websocket: WebSocket) -> None:
        """One browser, until it has gone."""
        await websocket.accept()
        if len(self._browsers) >= MAX_BROWSERS:
            await websocket.close(TRY_LATER, f"{MAX_BROWSERS} browsers are looking already")
            return
        browser = _Browser(websocket, Viewer(self._encoder), self)
        self._browsers.add(browser)
        try:
            await browser.run()
        finally:
            self._browsers.discard(browser)

    def hello(self, viewer: Viewer) -> dict[str, Any]:
        """What a page is told of what there is."""
        return report.hello(self.feed, self._calibration_of(viewer), self._control, self._known_windows())

    def _calibration_of(self, viewer: Viewer) -> tuple[Calibration, ...] | None:
        """That of the page, else the one the server began with; `None` where it does not fit."""
        source = self.feed.model.source
        if source is None:
            return None
        geometry = source.geometry
        if viewer.has_calibration:
            fits = viewer.calibration is not None and len(viewer.calibration) == geometry.n_channels
            return viewer.calibration if fits else None
        if self._calibration is None:
            return None
        try:
            return calibrations_of(self._calibration, geometry.n_channels, geometry.n_bins)
        except ConfigurationError:
            return None

    def set_calibration(self, viewer: Viewer, command: SetCalibration) -> None:
        """Let one page have other energies."""
        source = self.feed.model.source
        if source is None:
            raise StateError("calibration before a session was seen: the channels are not known yet")
        if command.calibration is None:
            viewer.calibration, viewer.has_calibration = None, True
            return
        geometry = source.geometry
        command.calibration.check(geometry.n_bins)
        known = self._calibration_of(viewer) or (command.calibration,) * geometry.n_channels
        chosen = _channels(command.channel, geometry.n_channels)
        viewer.calibration = tuple(
            command.calibration if channel in chosen else one for channel, one in enumerate(known)
        )
        viewer.has_calibration = True

    async def set_window(self, command: SetWindow) -> str:
        """Write limits to the detector; what it said to it."""
        source = self.feed.model.source
        if self._control is None:
            raise StateError(
                "windows cannot be written from here: the live view was started without --control"
            )
        if source is None:
            raise StateError("window before a session was seen: the channels are not known yet")
        geometry = source.geometry
        if command.limits.high >= geometry.n_bins:
            raise ConfigurationError(
                f"window {command.window}: high={command.limits.high} outside 0..{geometry.n_bins - 1}"
            )
        channels = _channels(command.channel, geometry.n_channels)
        text = await asyncio.to_thread(self._control.set_window, channels, command.window, command.limits)
        self._remember(source.session_id, channels, command)
        return text

    def _remember(self, session_id: int, channels: Sequence[int], command: SetWindow) -> None:
        """What was written holds until a session says what is in force."""
        known = self._known_windows() or [[None, None]] * (max(channels) + 1)
        windows = [list(pair) for pair in known]
        for channel in channels:
            windows[channel][command.window] = (command.limits.low, command.limits.high)
        self._windows = dict(enumerate(windows))
        self._windows_of = session_id
        self._wake()

    def _known_windows(self) -> list[Any] | None:
        source = self.feed.model.source
        if source is None:
            return None
        if source.session_id == self._windows_of:
            return list(self._windows.values())
        return None if source.geometry.windows is None else list(source.geometry.windows)


def _channels(chosen: int | None, n_channels: int) -> range:
    if chosen is None:
        return range(n_channels)
    if chosen >= n_channels:
        raise ConfigurationError(f"channel {chosen}, allowed is 0..{n_channels - 1}")
    return range(chosen, chosen + 1)


class _Browser:
    """One websocket: hears commands, and pushes what is due."""

    def __init__(self, websocket: WebSocket, viewer: Viewer, hub: _Hub) -> None:
        self._websocket = websocket
        self._viewer = viewer
        self._hub = hub
        self.wake = asyncio.Event()
        self._hello: dict[str, Any] = {}
        self._status_at = 0.0
        self._second, self._n_commands = 0, 0

    async def run(self) -> None:
        """Until the page is closed, or something fails: then it is closed, and the page comes again."""
        tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._push())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, WebSocketDisconnect):
                logger.error("a browser was let go", exc_info=result)
        if self._websocket.client_state is WebSocketState.CONNECTED:
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # it is closed already
                await self._websocket.close(FAILED)

    async def _push(self) -> None:
        while True:
            self.wake.clear()
            await self._tell()
            message = self._viewer.next(time.monotonic())
            if message is not None:
                await self._websocket.send_bytes(message)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.wake.wait(), self._patience())
            await asyncio.sleep(0)

    def _patience(self) -> float:
        """Seconds after which there is something to do, whatever happens."""
        due = max(self._status_at + STATUS_INTERVAL - time.monotonic(), 0.0)
        if self._viewer.waits_for is None:
            due = min(due, self._viewer.due_in(time.monotonic()) or due)
        return due

    async def _tell(self) -> None:
        hello = self._hub.hello(self._viewer)
        if hello != self._hello:
            self._hello = hello
            await self._say(hello)
        now = time.monotonic()
        if now >= self._status_at + STATUS_INTERVAL:
            self._status_at = now
            await self._say(report.status(self._hub.feed))

    async def _say(self, values: dict[str, Any]) -> None:
        if self._websocket.application_state is WebSocketState.CONNECTED:
            await self._websocket.send_text(json.dumps(values, allow_nan=False))

    async def _listen(self) -> None:
        while True:
            message = await self._websocket.receive()
            if message["type"] != "websocket.receive":
                return
            if self._is_too_fast():
                await self._websocket.close(TOO_MANY, f"more than {MAX_COMMANDS} messages a second")
                return
            said = message.get("text")
            await self._obey(said if said is not None else message.get("bytes") or b"")

    def _is_too_fast(self) -> bool:
        second = int(time.monotonic())
        self._n_commands = self._n_commands + 1 if second == self._second else 1
        self._second = second
        return self._n_commands > MAX_COMMANDS

    async def _obey(self, said: str | bytes) -> None:
        try:
            command = parse_command(said)
            if command is not None:
                await self._do(command)
        except Xspress3Error as error:
            await self._say({"type": "error", "text": str(error), "about": kind_of(said)})
        self.wake.set()

    async def _do(self, command: Command) -> None:
        viewer = self._viewer
        if isinstance(command, Drawn):
            viewer.drawn(command.sequence)
        elif isinstance(command, SetView):
            viewer.set_view(command.apply(viewer.view))
        elif isinstance(command, ResetSum):
            viewer.reset_sum()
        elif isinstance(command, SetCalibration):
            self._hub.set_calibration(viewer, command)
        else:
            text = await self._hub.set_window(command)
            await self._say({"type": "done", "about": "window", "text": text})
