"""What the system is."""

from __future__ import annotations

from xspress3.model import Generation
from xspress3.sdk.calls.base import Calls
from xspress3.sdk.check import known

__all__ = ["InformationCalls"]


class InformationCalls(Calls):
    """Revision, generation, channels, clock."""

    def get_revision(self) -> int:
        """Packed firmware revision of the first card: code, major, minor in 8, 12 and 12 bits."""
        return int(self._call("xsp3_get_revision"))

    def get_generation(self, card: int = 0) -> Generation:
        """Kind of electronics."""
        call = "xsp3_get_generation"
        return known(call, "generation", self._call(call, card), Generation)

    def get_num_chan(self) -> int:
        """Channels in use."""
        return int(self._call("xsp3_get_num_chan"))

    def get_max_num_chan(self) -> int:
        """Channels that the hardware has."""
        return int(self._call("xsp3_get_max_num_chan"))

    def get_num_cards(self) -> int:
        """Cards."""
        return int(self._call("xsp3_get_num_cards"))

    def get_chans_per_card(self) -> int:
        """Channels that each card has."""
        return int(self._call("xsp3_get_chans_per_card"))

    def get_num_chan_used(self, card: int = 0) -> int:
        """Channels in use on one card."""
        return int(self._call("xsp3_get_num_chan_used", card))

    def get_bins_per_mca(self) -> int:
        """Bins of a full MCA, whatever the format of the run is."""
        return int(self._call("xsp3_get_bins_per_mca"))

    def get_clock_period(self, card: int = 0) -> float:
        """Length of a tick in s."""
        return float(self._call("xsp3_get_clock_period", card))

    def measure_clock_frequency(self, card: int = 0) -> int:
        """Frequency of the clock in Hz, counted against a timer."""
        return int(self._call("xsp3_measure_clock_frequency", card))
