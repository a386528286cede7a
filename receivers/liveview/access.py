"""Who may open the page: by token, by the name that was asked for, by the page that asks."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

__all__ = ["Access", "is_loopback", "make_access"]

_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]", "::1")
_EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104  # compared with, not listened at


def is_loopback(host: str) -> bool:
    """Whether `host` is reached from this machine only."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class Access:
    """Decides about requests.

    Parameters
    ----------
    token
        What a page must know; `None` lets in everybody who reaches the server.
    names
        What the server may be called in `Host`, without the port; `None` for any: with a token that
        no other page knows, the name protects nothing more.
    cookie
        Name of the cookie that keeps the token; two servers of one machine have different ones.
    """

    token: str | None
    names: frozenset[str] | None
    cookie: str = "xspress3-view"

    def refusal(self, headers: Mapping[str, str], query: Mapping[str, str], *, is_socket: bool) -> str | None:
        """Why a request is refused, `None` when it is not. Keys of `headers` are lower case."""
        host = headers.get("host", "")
        if self.names is not None and _name_of(host) not in self.names:
            return f"this server is not called {host[:100]!r}"
        origin = headers.get("origin")
        if is_socket and origin is not None and _address_of(origin) != host.lower():
            return f"the page at {origin[:100]!r} may not look"
        if self.token is not None and not (
            self.knows_token(query.get("token")) or self.knows_token(self._cookie(headers))
        ):
            return "the address is not complete: use the one with ?token=... that the server has printed"
        return None

    def knows_token(self, said: str | None) -> bool:
        """Whether `said` is the token."""
        if self.token is None or said is None:
            return False
        return hmac.compare_digest(said.encode("utf-8", "replace"), self.token.encode())

    def _cookie(self, headers: Mapping[str, str]) -> str | None:
        try:
            cookies = SimpleCookie(headers.get("cookie", "")[:4096])
        except CookieError:
            return None
        return cookies[self.cookie].value if self.cookie in cookies else None


def make_access(host: str, port: int, names: tuple[str, ...] = ()) -> Access:
    """Access to a server that listens at `host`: on loopback by name only, elsewhere by token."""
    if is_loopback(host):
        return Access(None, frozenset(_LOOPBACK_NAMES) | {host} | {name.lower() for name in names})
    allowed = None if host in _EVERYWHERE and not names else frozenset({host.lower(), *map(str.lower, names)})
    if allowed is not None:
        allowed |= frozenset(_LOOPBACK_NAMES)
    return Access(secrets.token_urlsafe(24), allowed, f"xspress3-view-{port}")


def _address_of(origin: str) -> str:
    """Host and port of an origin; empty where it has none, as `null`."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _name_of(host: str) -> str:
    """The name in `NAME:PORT` or `[ADDRESS]:PORT`."""
    if host.startswith("["):
        return host.partition("]")[0].lower() + "]"
    return host.partition(":")[0].lower()
