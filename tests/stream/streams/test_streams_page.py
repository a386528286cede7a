"""The snippets of doc/how-to/streams.md run, each by itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[3] / "doc" / "how-to" / "streams.md"
SNIPPETS = re.findall(r"## ([^\n]+)\n(?:(?!\n## ).)*?```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.mark.parametrize(("title", "text"), SNIPPETS, ids=[title for title, _ in SNIPPETS])
def test_a_snippet_runs(title, text):
    exec(compile(text, f"{PAGE.name}: {title}", "exec"), {})  # noqa: S102


def test_no_snippet_was_passed_over():
    assert len(SNIPPETS) == PAGE.read_text().count("```python")
