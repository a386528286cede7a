"""The checks of a transport by name, one function each; see `transport`."""

from xspress3.testing.checks import contracts, delivery, endings
from xspress3.testing.transport_tools import Check

__all__ = ["CHECKS"]

CHECKS: dict[str, Check] = {**delivery.CHECKS, **contracts.CHECKS, **endings.CHECKS}
