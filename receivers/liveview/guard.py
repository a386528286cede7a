"""What stands before the web server: who may not look is refused, and a page loads nothing from elsewhere."""

from __future__ import annotations

import re

from starlette.datastructures import Headers, QueryParams
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from receivers.liveview.access import Access

__all__ = ["Guard"]

_HOST = re.compile(r"[A-Za-z0-9._:\[\]-]{1,255}")
POLICY_VIOLATED = 1008
"""Code with which a websocket is closed."""


class Guard:
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
        await WebSocket(scope, receive, send).close(POLICY_VIOLATED, refusal[:120])
        return
    await PlainTextResponse(f"{refusal}\n", status_code=403)(scope, receive, send)


def _with_headers(send: Send, headers: Headers) -> Send:
    """`send` that says what the page may load: nothing but what comes from here."""
    host = headers.get("host", "")
    host = host if _HOST.fullmatch(host) else "localhost"
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
