"""Finds and opens the vendor's library, or one with the same interface.

Order: the path given, else the environment variable `XSPRESS3_LIBRARY`, else the system's library.
What was tried is told when none is found.

The vendor's library does not name what it needs: `librt`, `libm` and `libpthread` are opened for it
beforehand, and `libimg_mod.so.1.0` where symbols of that one are missing.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from xspress3.errors import LibraryError
from xspress3.sdk._sdk import ffi
from xspress3.sdk.check import check

__all__ = ["ENVIRONMENT", "SYSTEM_NAMES", "SdkLibrary", "open_library"]

ENVIRONMENT = "XSPRESS3_LIBRARY"
SYSTEM_NAMES = ("libxspress3.so.1.0", "libxspress3.so")
_NEEDED = ("librt.so.1", "libm.so.6", "libpthread.so.0")
_IMAGE_MODULES = "libimg_mod.so.1.0"
_INEXACT = " (read without the lock: another thread may have written this text)"


class SdkLibrary:
    """An opened library: calls by name, checked.

    Parameters
    ----------
    raw
        The cffi library object.
    path
        The file, or the name by which the system knows it.
    """

    def __init__(self, raw: Any, path: str) -> None:
        self.path = path
        self._raw = raw
        # The library keeps one error text for the whole process and changes registers by reading
        # and writing them: this lock makes a control call and the fetching of its text one act.
        self._control = threading.RLock()

    def call(self, name: str, *arguments: Any) -> Any:
        """Result of the function `name`, called under the control lock.

        Raises
        ------
        SdkError
            When the result is negative.
        LibraryError
            When the library has no such function.
        """
        function = self._function(name)
        with self._control:
            return check(function(*arguments), name, self._last_error)

    def call_value(self, name: str, *arguments: Any, invalid: float) -> Any:
        """As `call`, for a function that gives any number, negative ones too, and `invalid` when it fails."""
        function = self._function(name)
        with self._control:
            result = function(*arguments)
            return result if result != invalid else check(result, name, self._last_error)

    def call_unlocked(self, name: str, *arguments: Any) -> Any:
        """As `call`, but without the lock, for reads and progress, which touch no registers."""
        result = self._function(name)(*arguments)
        return check(result, name, self._last_error_inexact)

    def has(self, name: str) -> bool:
        """Whether the library exports the function `name`."""
        return _symbol(self._raw, name) is not None

    def _function(self, name: str) -> Callable[..., Any]:
        function = _symbol(self._raw, name)
        if function is None:
            raise LibraryError(f"{self.path} has no function {name}")
        return function

    def _last_error(self) -> str:
        text = self._raw.xsp3_get_error_message()
        return "" if text == ffi.NULL else ffi.string(text).decode(errors="replace").strip()

    def _last_error_inexact(self) -> str:
        with self._control:
            return self._last_error() + _INEXACT


def open_library(path: str | os.PathLike[str] | None = None) -> SdkLibrary:
    """The library at `path`, or the one that the environment or the system names.

    Raises
    ------
    LibraryError
        Listing what was tried and what the loader said of each.
    """
    tried = []
    for candidate in _candidates(path):
        try:
            raw = _open(candidate)
        except OSError as error:
            tried.append(f"{candidate}: {error}")
            continue
        if _symbol(raw, "xsp3_get_error_message") is not None:
            return SdkLibrary(raw, candidate)
        tried.append(f"{candidate}: opened, but it has no function xsp3_get_error_message")
    raise LibraryError(
        "no Xspress3 library could be opened; tried "
        + "; ".join(tried)
        + f". Name one by argument or in {ENVIRONMENT}"
    )


def _candidates(path: str | os.PathLike[str] | None) -> tuple[str, ...]:
    """One name that somebody chose, or else those of the system: a choice is never second-guessed."""
    chosen = os.fspath(path) if path is not None else os.environ.get(ENVIRONMENT)
    return (chosen,) if chosen else SYSTEM_NAMES


def _symbol(raw: Any, name: str) -> Callable[..., Any] | None:
    """A function of an opened library, `None` when it has none of that name."""
    try:
        return getattr(raw, name)  # type: ignore[no-any-return]  # cffi gives Any
    except (AttributeError, ffi.error):
        return None


def _open(name: str) -> Any:
    for needed in _NEEDED:
        _open_globally(needed)
    try:
        return ffi.dlopen(name, ffi.RTLD_NOW)
    except OSError as error:
        if "undefined symbol" not in str(error):
            raise
        missing = error
    beside = Path(name).with_name(_IMAGE_MODULES)
    if not (_open_globally(str(beside)) or _open_globally(_IMAGE_MODULES)):
        raise OSError(f"{missing}; {_IMAGE_MODULES}, which may have it, is neither beside it nor known here")
    return ffi.dlopen(name, ffi.RTLD_NOW)


_kept_open: dict[str, Any] = {}
"""Libraries opened for others; cffi closes a library with its last reference."""


def _open_globally(name: str) -> bool:
    if name not in _kept_open:
        try:
            _kept_open[name] = ffi.dlopen(name, ffi.RTLD_NOW | ffi.RTLD_GLOBAL)
        except OSError:
            return False
    return True
