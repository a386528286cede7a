"""Errors that only the device has."""

from __future__ import annotations

from xspress3.errors import Xspress3Error

__all__ = ["WriterError"]


class WriterError(Xspress3Error, OSError):
    """The built-in writer does not run, or could not write what it was asked to."""
