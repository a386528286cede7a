"""Python's logging, handed to Tango's: its targets and levels then hold for all of us."""

from __future__ import annotations

import logging
from typing import Any

__all__ = ["TangoHandler"]

LOGGERS = ("xspress3", "receivers", "tango_device")


class TangoHandler(logging.Handler):
    """Hands records to a device's streams; there from `attach` to `detach`."""

    def __init__(self, device: Any) -> None:
        super().__init__()
        self._device = device

    def attach(self) -> None:
        """Take the records of all our packages, whatever their level: Tango chooses."""
        for name in LOGGERS:
            logging.getLogger(name).addHandler(self)
            logging.getLogger(name).setLevel(logging.DEBUG)

    def detach(self) -> None:
        """Take no more; a second call does nothing."""
        for name in LOGGERS:
            logging.getLogger(name).removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Hand over one record, at the level of Tango that is nearest."""
        try:
            # A percent sign in the text is no place for an argument.
            self._stream(record.levelno)("%s", f"{record.name}: {self.format(record)}")
        except Exception:  # logging must not raise into what logs
            self.handleError(record)

    def _stream(self, level: int) -> Any:
        device = self._device
        if level >= logging.CRITICAL:
            return device.fatal_stream
        if level >= logging.ERROR:
            return device.error_stream
        if level >= logging.WARNING:
            return device.warn_stream
        return device.info_stream if level >= logging.INFO else device.debug_stream
