"""Return codes to exceptions, and arguments checked before the library sees them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from enum import Enum, IntEnum, IntFlag
from typing import TypeVar

from xspress3.errors import ConfigurationError, SdkBusyError, SdkConnectionError, SdkError, SdkRangeError
from xspress3.sdk.constants import ErrorCode

__all__ = [
    "check",
    "known",
    "require_address",
    "require_between",
    "require_flags",
    "require_mac",
    "require_member",
]

Result = TypeVar("Result", int, float)
Member = TypeVar("Member", bound=IntEnum)
Flags = TypeVar("Flags", bound=IntFlag)
Known = TypeVar("Known", bound=Enum)


_BY_CODE: dict[int, type[SdkError]] = {
    ErrorCode.XSP3_RANGE_CHECK: SdkRangeError,
    ErrorCode.XSP3_ERR_DEV_NOT_FOUND: SdkConnectionError,
    ErrorCode.XSP3_WOULD_BLOCK: SdkBusyError,
}
_MAC = re.compile(r"[0-9A-Fa-f]{2}([.:])[0-9A-Fa-f]{2}(\1[0-9A-Fa-f]{2}){4}")
_NAMES = {code.value: code.name for code in ErrorCode}
_NO_ANSWER = "cannot initialise"
"""How the library says that nobody answers; the code is only the general one."""


def check(result: Result, call: str, last_error: Callable[[], str]) -> Result:
    """Return `result` when it is not negative, else raise the matching `SdkError`.

    Parameters
    ----------
    last_error
        Fetches the library's text; called at once, and only on failure.
    """
    if result >= 0:
        return result
    text = last_error()
    code = int(result)
    error = _BY_CODE.get(code, SdkError)
    if code == ErrorCode.XSP3_ERROR and _NO_ANSWER in text.lower():
        error = SdkConnectionError
    raise error(call, code, _NAMES.get(code, "XSP3_UNKNOWN"), text)


def require_between(call: str, name: str, value: int, low: int, high: int) -> int:
    """`value`, when it lies in low..high; the library would write it unchecked into a register.

    Raises
    ------
    ConfigurationError
        Naming the call, the argument, the value and what is allowed.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ConfigurationError(f"{call}: {name}={value}, allowed is {low}..{high}")
    return int(value)


def require_member(call: str, name: str, value: int, kind: type[Member]) -> Member:
    """`value` as one of the numbers that `kind` names.

    Raises
    ------
    ConfigurationError
        Naming the call, the argument, the value and what is allowed.
    """
    try:
        return kind(value)
    except ValueError:
        raise ConfigurationError(f"{call}: {name}={value}, allowed is {_names(kind)}") from None


def require_flags(call: str, name: str, value: int, kind: type[Flags]) -> Flags:
    """`value` as bits that `kind` names; no others.

    Raises
    ------
    ConfigurationError
        Naming the call, the argument, the value and what is allowed.
    """
    every = sum(kind)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0 or value & ~every:
        raise ConfigurationError(f"{call}: {name}={value!r}, allowed are the bits {_names(kind)}")
    return kind(value)


def known(call: str, name: str, value: int, kind: type[Known]) -> Known:
    """What the library gave, as one of the numbers that `kind` names.

    Raises
    ------
    SdkError
        Naming the call, what was asked for, the value and what is known: a build or a firmware that is
        newer than this package. Its `code` is the value.
    """
    try:
        return kind(value)
    except ValueError:
        text = f"{name}={value}, known is {_names(kind)}"
        raise SdkError(call, value, "XSP3_UNKNOWN", text) from None


def _names(kind: type[Enum]) -> str:
    """Members with their numbers, as in `BURST (0), SOFTWARE (1)`."""
    return ", ".join(f"{member.name} ({member.value})" for member in kind)


def require_mac(call: str, name: str, value: str) -> str:
    """`value`, when it is six hexadecimal bytes with colons or points between.

    Raises
    ------
    ConfigurationError
        Naming the value.
    """
    if not _MAC.fullmatch(value):
        raise ConfigurationError(f"{call}: {name}={value!r}, allowed is such as 02.00.00.00.00.00")
    return value


def require_address(call: str, name: str, value: str) -> str:
    """`value`, when it is an IPv4 address; the library reads anything else as 0.0.0.1.

    Raises
    ------
    ConfigurationError
        Naming the value.
    """
    try:
        return str(ipaddress.IPv4Address(value))
    except ValueError:
        raise ConfigurationError(
            f"{call}: {name}={value!r}, allowed is an address such as 192.168.0.1"
        ) from None
