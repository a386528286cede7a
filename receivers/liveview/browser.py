"""One browser at its websocket: its commands are obeyed, and what is due is pushed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from receivers.liveview import report
from receivers.liveview.commands import (
    Command,
    Drawn,
    ResetSum,
    SetCalibration,
    SetView,
    kind_of,
    parse_command,
)
from receivers.liveview.hub import Hub
from xspress3.errors import StateError, Xspress3Error

__all__ = ["serve_browser"]

logger = logging.getLogger(__name__)

STATUS_INTERVAL = 0.5
MAX_COMMANDS = 50
"""Messages a second that a page may send."""
TOO_MANY, FAILED, TRY_LATER = 1008, 1011, 1013
"""Codes with which a websocket is closed."""


async def serve_browser(websocket: WebSocket, hub: Hub) -> None:
    """Serve one browser until it has gone."""
    await websocket.accept()
    try:
        browser = Browser(websocket, hub)
    except StateError as error:
        await websocket.close(TRY_LATER, str(error))
        return
    await browser.run()


class Browser:
    """One websocket: hears commands, and pushes what is due."""

    def __init__(self, websocket: WebSocket, hub: Hub) -> None:
        self._websocket = websocket
        self._hub = hub
        self._wake = asyncio.Event()
        self._viewer = hub.join(self._wake)
        self._hello: dict[str, Any] = {}
        self._status_at = 0.0
        self._second, self._n_commands = 0, 0

    async def run(self) -> None:
        """Until the page is closed, or something fails: then it is closed, and the page comes again."""
        tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._push())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._hub.part(self._wake)
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
            self._wake.clear()
            await self._tell()
            message = self._viewer.next(time.monotonic())
            if message is not None:
                await self._websocket.send_bytes(message)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._patience())
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
        self._wake.set()

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
