"""What a reader wants of a stream: all of it, the newest only, or each n-th frame."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Union

from xspress3.errors import ConfigurationError

__all__ = ["LATEST", "LOSSLESS", "Contract", "Delivery", "every"]

MAX_STEP = 1 << 31
_EVERY = re.compile(r"every:([0-9]{1,10})")


class Delivery(str, Enum):
    """Who yields when a reader is slower than its sender."""

    LOSSLESS = "lossless"
    """The sender waits."""
    LATEST = "latest"
    """What the reader has not taken makes room for what is newer."""
    EVERY = "every"
    """Frames that come while the reader has no room are left out, and it is told which."""


@dataclass(frozen=True)
class Contract:
    """How one reader is served::

        Contract.parse("lossless"), Contract.parse("latest"), Contract.parse("every:10")

    Parameters
    ----------
    step
        With `Delivery.EVERY`: frames whose number is a multiple of it are sent, 1 for all.
    """

    delivery: Delivery = Delivery.LOSSLESS
    step: int = 1

    @classmethod
    def parse(cls, said: Union[str, Contract]) -> Contract:
        """The contract in words.

        Raises
        ------
        ConfigurationError
            For anything but `lossless`, `latest` or `every:N` with N in 1..2^31.
        """
        if isinstance(said, Contract):
            return said
        if said in (Delivery.LOSSLESS.value, Delivery.LATEST.value):
            return cls(Delivery(said))
        match = _EVERY.fullmatch(said)
        if match is None or not 1 <= int(match[1]) <= MAX_STEP:
            raise ConfigurationError(
                f"contract: {said[:40]!r}, allowed are 'lossless', 'latest' and 'every:N' "
                f"with N in 1..{MAX_STEP}"
            )
        return cls(Delivery.EVERY, int(match[1]))

    @property
    def is_lossless(self) -> bool:
        """Whether the sender waits for this reader."""
        return self.delivery is Delivery.LOSSLESS

    def __str__(self) -> str:
        return f"every:{self.step}" if self.delivery is Delivery.EVERY else self.delivery.value


LOSSLESS = Contract()
LATEST = Contract(Delivery.LATEST)


def every(step: int) -> Contract:
    """The contract for each `step`-th frame."""
    return Contract.parse(f"every:{step}")
