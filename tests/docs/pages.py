"""The pages of the documentation, as their sources."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
DOC = REPOSITORY / "doc"
GENERATED = DOC / "reference" / "python"
_FENCE = re.compile(
    r"^(?:<!-- not run: (?P<reason>.+?) -->\n)?```(?P<language>\w+)\n(?P<text>.*?)^```$", re.M | re.S
)


@dataclass(frozen=True)
class Snippet:
    """A fenced block of a page.

    Parameters
    ----------
    line
        Where it begins, from 1 on.
    reason
        Why it is not run; empty for one that is.
    """

    page: Path
    line: int
    language: str
    text: str
    reason: str

    @property
    def name(self) -> str:
        """Page and line."""
        return f"{self.page.relative_to(REPOSITORY)}:{self.line}"


def pages() -> list[Path]:
    """Every page that people read, but for those made from docstrings."""
    found = [*REPOSITORY.glob("*.md"), *DOC.rglob("*.md")]
    return sorted(page for page in found if GENERATED not in page.parents)


def snippets(page: Path) -> list[Snippet]:
    """The fenced blocks of a page, in order."""
    text = page.read_text()
    return [
        Snippet(page, text.count("\n", 0, one.start()) + 1, one["language"], one["text"], one["reason"] or "")
        for one in _FENCE.finditer(text)
    ]
