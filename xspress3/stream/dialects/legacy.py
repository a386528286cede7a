"""The dialect of senders up to 2023: three messages for each frame."""

from __future__ import annotations

from typing import ClassVar

from xspress3.stream.dialects.old_form import OldForm, Parts
from xspress3.stream.dialects.scaler_lists import LEGACY_NAMES

__all__ = ["LegacyDialect"]


class LegacyDialect(OldForm):
    """Every message has one part; a frame is a message of JSON, one of spectra, one of eight scalers."""

    name: ClassVar[str] = "legacy"
    names: ClassVar[tuple[str, ...]] = LEGACY_NAMES
    messages_per_frame: ClassVar[int] = 3
    _separators: ClassVar[tuple[str, str]] = (",", ":")

    def _pack(self, text: bytes, spectrum: memoryview, scalers: bytes) -> list[Parts]:
        return [[text], [spectrum], [scalers]]
