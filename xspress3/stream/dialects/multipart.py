"""The dialect of senders from 2024 on: one message of three parts for each frame."""

from __future__ import annotations

from typing import ClassVar

from xspress3.stream.dialects.old_form import OldForm, Parts

__all__ = ["MultipartDialect"]


class MultipartDialect(OldForm):
    """Header and end are messages of one part, a frame is one of JSON, spectra, and nine scalers."""

    name: ClassVar[str] = "multipart"
    messages_per_frame: ClassVar[int] = 1
    _separators: ClassVar[tuple[str, str]] = (", ", ": ")

    def _pack(self, text: bytes, spectrum: memoryview, scalers: bytes) -> list[Parts]:
        return [[text, spectrum, scalers]]
