"""A measured figure, and what was wanted of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["FLAT", "NOTHING", "Row", "Wanted", "missed"]


@dataclass(frozen=True)
class Wanted:
    """Bounds of a figure, both within; `None` where there is none."""

    least: float | None = None
    most: float | None = None

    def __str__(self) -> str:
        bounds = (("at least", self.least), ("at most", self.most))
        return ", ".join(f"{words} {bound:g}" for words, bound in bounds if bound is not None)

    def holds(self, figure: float) -> bool:
        """Whether a figure lies within; what is no number does not."""
        above = self.least is None or figure >= self.least
        below = self.most is None or figure <= self.most
        return above and below and figure == figure


NOTHING = Wanted(most=0)
FLAT = Wanted(most=50)
"""Growth of memory in MB that is none, over a run of some 15 s and more."""


@dataclass(frozen=True)
class Row:
    """A figure and, where it is to be held against another one, that and the ratio.

    What is `wanted` is so of the ratio, or of the value where there is none.
    """

    name: str
    value: float
    unit: str
    baseline: str = ""
    ratio: float | None = None
    wanted: Wanted | None = None

    @property
    def is_missed(self) -> bool:
        """Whether something was wanted and is not there."""
        figure = self.value if self.ratio is None else self.ratio
        return self.wanted is not None and not self.wanted.holds(figure)


def missed(rows: Iterable[Row]) -> list[Row]:
    """Rows that are not as wanted."""
    return [row for row in rows if row.is_missed]
