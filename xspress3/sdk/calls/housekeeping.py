"""Temperatures, voltages, fans."""

from __future__ import annotations

from typing import Any

from xspress3.model import Generation
from xspress3.sdk._sdk import ffi
from xspress3.sdk.calls.base import Calls
from xspress3.sdk.check import require_between

__all__ = ["HousekeepingCalls"]

_ROOM = 16
"""More places than any build fills: four or five."""
N_XADC = 11
FAN_STEP = 0.5
"""Degrees Celsius of one unit of the fan controller."""


class HousekeepingCalls(Calls):
    """How the electronics are."""

    def read_adc_temperatures(self, generation: Generation, card: int = 0) -> list[float]:
        """Temperatures of the converters in degrees Celsius: four, or five on an Xspress 4."""
        n = 5 if generation is Generation.XSPRESS4 else 4
        return self._temperatures("xsp3_i2c_read_adc_temp", n, card)

    def read_fem_temperatures(self, card: int = 0) -> list[float]:
        """Temperatures of board and FPGA in degrees Celsius; Xspress 3 only."""
        return self._temperatures("xsp3_i2c_read_fem_temp", 2, card)

    def read_mid_plane_temperatures(self) -> list[float]:
        """Three temperatures of the mid-plane of an Xspress 4 rack in degrees Celsius."""
        return self._temperatures("xsp3_i2c_read_mid_plane_temp", 3)

    def set_adc_temperature_limit(self, limit: int, card: int = 0) -> None:
        """Choose the temperature in degrees Celsius at which the converters are switched off."""
        self._call("xsp3_i2c_set_adc_temp_limit", card, limit)

    def read_xadc(self, card: int = 0, first: int = 0, number: int = N_XADC) -> list[int]:
        """Temperatures in 0.001 degrees Celsius and voltages in mV of a Mini or an Xspress 4."""
        call = "xsp3_read_xadc"
        require_between(call, "first", first, 0, N_XADC - 1)
        require_between(call, "number", number, 1, N_XADC - first)
        return self._words(call, number, card, first, number)

    def read_fan_controller(self, offset: int, size: int = 1, card: int = 0) -> list[int]:
        """Words of the fan controller, in units of `FAN_STEP`."""
        call = "xsp3_read_fan_cont"
        require_between(call, "size", size, 1, _ROOM)
        return self._words(call, size, card, offset, size)

    def write_fan_controller(self, offset: int, values: list[int], card: int = 0) -> None:
        """Write words of the fan controller."""
        call = "xsp3_write_fan_cont"
        require_between(call, "number of values", len(values), 1, _ROOM)
        self._call(call, card, offset, len(values), ffi.new("uint32_t[]", values))

    def _temperatures(self, call: str, number: int, *arguments: Any) -> list[float]:
        room = ffi.new("float[]", _ROOM)
        self._call(call, *arguments, room)
        return [float(room[i]) for i in range(number)]

    def _words(self, call: str, number: int, *arguments: Any) -> list[int]:
        room = ffi.new("uint32_t[]", _ROOM)
        self._call(call, *arguments, room)
        return [int(room[i]) for i in range(number)]
